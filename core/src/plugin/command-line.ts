// What a plugin adds to the command line: operations (functions of the running plugin, asked over the control socket) and
// the commands that ask them. Core's cli turns the descriptions into commands; a plugin needs no library for it.

/** Arguments and results are JSON. Throws our errors; their codes travel. */
export type Operation = (args: any) => Promise<unknown>

/** One command, `restante <plugin's word> <usage>`. */
export interface PluginCommand {
  /** Words and arguments as commander reads them: 'member add <name> <member>', 'list [user]'. Words first, then arguments. */
  readonly usage: string
  readonly description: string
  /** commander's flags, and what they mean: ['--dry-run', 'change nothing']. A flag with <value> takes one. */
  readonly options?: readonly (readonly [flags: string, description: string])[]
  run(asked: Asked): Promise<void>
}

export interface PluginCommands {
  /** The first word, normally the plugin's name. */
  readonly word: string
  readonly description: string
  readonly commands: readonly PluginCommand[]
}

/** What a command is given. */
export interface Asked {
  /** Arguments by the names in `usage`. */
  readonly args: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, any>>
  /** Asks an operation of the running gateway, or opens the data folder for this one act. */
  perform(operation: string, args?: unknown): Promise<any>
  /** Answers: one JSON value with --json, else the text. */
  answer(result: unknown, text: string): void
  /** Standard input, or a file's content when a name is given. Throws CONFIG_INVALID when it cannot be read, or is longer than `most` octets. */
  input(file: string | undefined, most: number): Promise<Buffer>
  /** Lets the person at the terminal change a text in $VISUAL or $EDITOR; undefined when it was left as it was. */
  edit(text: string, suffix: string): Promise<string | undefined>
  /** Throws NOT_PERMITTED unless the person says yes, or --yes was given. */
  confirm(question: string): Promise<void>
  /** A table with a header line. */
  table(rows: readonly Readonly<Record<string, string | number | boolean | null>>[], columns: readonly string[]): string
  /** The exit code, when it is not 0. */
  exit(code: number): void
}
