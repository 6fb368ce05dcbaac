// Turns the commands that enabled plugins describe into commands of ours.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { failure } from '../errors/codes.js'
import type { Asked, PluginCommand, PluginCommands } from '../plugin/command-line.js'
import { confirm } from './ask.js'
import { print, table } from './output.js'
import { performPlugins } from './perform.js'
import { loadSettings, type GlobalOptions, type Loaded } from './settings.js'

/** `--config` and `--set` as they stand on the command line, before it is parsed: they say which plugins there are. */
export function globalsOf(argv: readonly string[]): GlobalOptions {
  const of = (...names: string[]): string[] => argv.flatMap((word, i) => (names.includes(word) && argv[i + 1] !== undefined ? [argv[i + 1]] : names.filter((name) => word.startsWith(`${name}=`)).map((name) => word.slice(name.length + 1))))
  const config = of('-c', '--config').at(-1)
  return { ...(config === undefined ? {} : { config }), set: of('--set') }
}

/** Commands of the plugins that this configuration enables. Throws CONFIG_INVALID. */
export async function pluginCommands(options: GlobalOptions, exit: (code: number) => void): Promise<Command[]> {
  const loaded = await loadSettings(options)
  return loaded.plugins.flatMap(({ plugin: { commands = [] } }) => [commands].flat().map((one) => group(one, loaded, exit)))
}

function group({ word, description, commands }: PluginCommands, loaded: Loaded, exit: (code: number) => void): Command {
  const top = new Command(word).description(description)
  for (const one of commands) {
    const words = one.usage.split(' ')
    const first = words.findIndex((part) => /^[<[]/.test(part))
    const [names, args] = first < 0 ? [words, []] : [words.slice(0, first), words.slice(first)]
    // No word of its own: it is what the first word does.
    if (names.length === 0) return made(one, word, args, loaded, exit)
    let parent = top
    for (const name of names.slice(0, -1)) parent = parent.commands.find((other) => other.name() === name) ?? parent.command(name).description(`${word} ${name}`)
    parent.addCommand(made(one, names.at(-1)!, args, loaded, exit))
  }
  return top
}

function made(one: PluginCommand, name: string, args: readonly string[], loaded: Loaded, exit: (code: number) => void): Command {
  const command = new Command(name).description(one.description)
  for (const arg of args) command.argument(arg)
  for (const [flags, description] of one.options ?? []) command.option(flags, description)
  return command.action(async (...given: unknown[]) => {
    const options = given[args.length] as GlobalOptions & { yes?: boolean }
    const named = Object.fromEntries(args.flatMap((arg, i) => (given[i] === undefined ? [] : [[arg.replace(/[<>[\].]/g, ''), given[i] as string]])))
    await one.run(asked(named, options, loaded, exit))
  })
}

const asked = (args: Record<string, string>, options: GlobalOptions & { yes?: boolean }, loaded: Loaded, exit: (code: number) => void): Asked => ({
  args, options, exit, table,
  perform: (operation, wanted) => performPlugins(loaded, operation, wanted),
  answer: (result, text) => { if (options.json) print(JSON.stringify(result)); else if (text !== '') print(text) },
  input: (file, most) => read(file === undefined || file === '-' ? undefined : file, most),
  confirm: (question) => confirm(question, options.yes),
  edit,
})

async function read(file: string | undefined, most: number): Promise<Buffer> {
  const shown = file ?? 'standard input'
  const chunks: Buffer[] = []
  let octets = 0
  try {
    const handle = file === undefined ? undefined : await open(file)
    for await (const chunk of (handle?.createReadStream() ?? process.stdin) as AsyncIterable<Buffer>) {
      octets += chunk.length
      if (octets > most) throw failure('CONFIG_INVALID', { report: `${shown}: longer than ${most} octets` })
      chunks.push(chunk)
    }
  } catch (error) {
    if ((error as { code?: string }).code === 'CONFIG_INVALID') throw error
    throw failure('CONFIG_INVALID', { report: `${shown}: cannot be read: ${(error as Error).message}` }, error)
  }
  return Buffer.concat(chunks)
}

async function edit(text: string, suffix: string): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'restante-edit-'))
  const file = join(folder, `restante${suffix}`)
  try {
    writeFileSync(file, text, { mode: 0o600 })
    const editor = process.env.VISUAL || process.env.EDITOR || 'vi'
    const code = await new Promise<number | null>((done, refuse) => {
      spawn(editor, [file], { stdio: 'inherit', shell: editor.includes(' ') }).once('error', refuse).once('close', done)
    })
    if (code !== 0) throw failure('NOT_PERMITTED', { what: `this: the editor ended with ${code}; nothing was changed` })
    const after = readFileSync(file, 'utf8')
    return after === text ? undefined : after
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
