// The command line `restante`: one file per command under commands/; no logic here.
import { Command, CommanderError, Option } from 'commander'
import { RestanteError } from '../errors/define.js'
import { exitCodeOf, exitCodes } from './output.js'
import { addressCommand } from './commands/address.js'
import { cancelCommand } from './commands/cancel.js'
import { checkCommand } from './commands/check.js'
import { decodeCommand } from './commands/decode.js'
import { dnsCommand } from './commands/dns.js'
import { doctorCommand } from './commands/doctor.js'
import { domainCommand } from './commands/domain.js'
import { initCommand } from './commands/init.js'
import { indexCommand } from './commands/index.js'
import { queueCommand } from './commands/queue.js'
import { readCommand } from './commands/read.js'
import { sendCommand } from './commands/send.js'
import { startCommand } from './commands/start.js'
import { trackCommand } from './commands/track.js'
import { userCommand } from './commands/user.js'
import { globalsOf, pluginCommands } from './plugin-commands.js'

/** Every command takes these. */
function withGlobals(command: Command): Command {
  for (const sub of command.commands) withGlobals(sub)
  if (command.commands.length > 0) return command.exitOverride()
  return command
    .option('-c, --config <file>', 'configuration file (default: config/restante.yaml)')
    .addOption(new Option('--set <key=value>', 'override a setting; may be repeated').argParser((value: string, all: string[] | undefined) => [...(all ?? []), value]))
    .option('--json', 'answer with one JSON value')
    .exitOverride()
}

/** Runs one command; answers the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command('restante').description('Mail gateway between SMTP, IMAP, POP3 and Internet Mail 2000').version('0.1.0').exitOverride().showHelpAfterError('(restante <command> --help says more)')
  let code: number = exitCodes.ok
  const made = [startCommand, checkCommand, initCommand, userCommand, addressCommand, domainCommand, trackCommand, cancelCommand, queueCommand, indexCommand, doctorCommand, decodeCommand, dnsCommand, sendCommand, readCommand]
  const exit = (wanted: number): void => { code = wanted }
  for (const make of made) program.addCommand(withGlobals(make(exit)))
  try {
    // Which commands plugins bring is known only from the configuration; core's own must work without reading it.
    if (!program.commands.some((command) => command.name() === argv[0]) && argv[0] !== '--version' && argv[0] !== '-V') {
      const wanted = pluginCommands(globalsOf(argv), exit)
      const helpOnly = argv[0] === undefined || argv[0].startsWith('-') || argv[0] === 'help'
      for (const command of await (helpOnly ? wanted.catch(() => []) : wanted)) program.addCommand(withGlobals(command))
    }
    await program.parseAsync(argv as string[], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    const json = argv.includes('--json')
    const known = error instanceof RestanteError
    if (json) process.stderr.write(`${JSON.stringify({ error: { code: known ? error.code : 'INTERNAL', message: (error as Error).message } })}\n`)
    else process.stderr.write(known ? `restante: ${error.message}\n` : `restante: ${(error as Error).stack ?? String(error)}\n`)
    return exitCodeOf(error)
  }
}
