// `restante start`: runs the gateway until SIGINT or SIGTERM.
import { Command, InvalidArgumentError, Option } from 'commander'
import { exitCodes, print } from '../output.js'
import { run, type Running } from '../run.js'
import type { GlobalOptions } from '../settings.js'

interface StartOptions extends GlobalOptions { readonly ephemeral?: boolean; readonly accounts: number; readonly domain?: string }

export const startCommand = (exit: (code: number) => void): Command => new Command('start')
  .description('Run the gateway')
  .option('--ephemeral', 'throw-away gateway: temporary data folder, free loopback ports; everything is removed at exit')
  .addOption(new Option('--accounts <n>', 'with --ephemeral: how many accounts user0001@…, user0002@…, ...').default(1).argParser(countOf))
  .option('--domain <domain>', 'with --ephemeral: the local domain (default: example.test)')
  .action(async (options: StartOptions) => {
    const begun = performance.now()
    const running = await run(options)
    // Before anyone is told that it runs, and could ask it to stop.
    const stopped = untilStopped(running)
    surviveBugs(running)
    reloadOnHangUp(running)
    announce(running, options, performance.now() - begun)
    await stopped
    exit(exitCodes.ok)
  })

function countOf(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('accepted: 1 to 999999')
  return Number(text)
}

function announce(running: Running, options: StartOptions, ms: number): void {
  const { gateway, listeners, domain, created } = running
  if (options.json) {
    // The form is stable: docs/command-line.md.
    print(JSON.stringify({
      ready: true, domain: options.ephemeral ? domain : running.loaded.settings.domains[0], account: created?.account ?? null, password: created?.password ?? null,
      listeners, data: gateway.folder, pid: process.pid,
    }))
    return
  }
  const lines = ['', `Restante is ready (${Math.round(ms)} ms).`, '', '  Listeners']
  for (const [name, address] of Object.entries(listeners)) lines.push(`    ${name.padEnd(12)} ${address}`)
  lines.push('', `  Data folder    ${gateway.folder}`)
  lines.push(`  Configuration  ${running.loaded.file ?? 'none was found (config/restante.yaml, or --config): defaults'}`)
  if (Object.keys(listeners).length === 0) lines.push('', '  Nothing listens: no plugin is enabled. Write a configuration with: restante init')
  if (created) lines.push('', '  First account (shown only this once)', `    user name    ${created.account}`, `    password     ${created.password}`)
  const name = created?.account ?? `you@${running.loaded.settings.domains[0]}`
  const server = (...names: string[]): string | undefined => names.map((one) => listeners[one]).find((address) => address !== undefined)
    // All addresses of the machine have one name.
    ?.replace(/^(?:\[::\]|0\.0\.0\.0):/, `${running.loaded.settings.hostname}:`).replace(/:(\d+)$/, ' port $1')
  const clear = { imap: server('imap'), pop3: server('pop3'), submission: server('submission') }
  if (clear.imap || clear.pop3 || clear.submission) {
    lines.push('', '  In a mail client')
    if (clear.imap) lines.push(`    incoming     IMAP, server ${clear.imap}, STARTTLS, normal password, user name ${name}`)
    if (clear.pop3) lines.push(`    or           POP3, server ${clear.pop3}, STARTTLS, normal password`)
    if (clear.submission) lines.push(`    outgoing     SMTP, server ${clear.submission}, STARTTLS, normal password`)
    if (gateway.certificate.development) lines.push('    The certificate was made for development: the client will ask whether to trust it.')
  }
  lines.push('', '  Ctrl-C stops it.', '')
  print(lines.join('\n'))
}

/** A bug in one session must not end the others: it is logged with its stack, and what it owned is lost, nothing else. */
function surviveBugs({ log }: Running): void {
  process.on('uncaughtException', (error) => log.fatal({ err: error }, 'a bug: uncaught exception'))
  process.on('unhandledRejection', (error) => log.fatal({ err: error }, 'a bug: unhandled rejection'))
}

/** SIGHUP: certificates that were renewed, and another log level, without dropping a session. */
function reloadOnHangUp({ reload, log }: Running): void {
  process.on('SIGHUP', () => {
    reload().then(
      (later) => log.info(later.length > 0 ? { later } : {}, later.length > 0 ? 'configuration reloaded; some settings need a restart' : 'configuration reloaded'),
      (error: unknown) => log.error({ err: error }, 'the configuration cannot be used; nothing was changed'))
  })
}

/** The first signal drains, the second ends at once; whatever was accepted is in the database by then. */
function untilStopped(running: Running): Promise<void> {
  return new Promise((done, refuse) => {
    let stopping = false
    const stop = (signal: NodeJS.Signals): void => {
      if (stopping) process.exit(130)
      stopping = true
      if (process.stderr.isTTY) process.stderr.write(`\n${signal}: finishing open sessions; once more to stop at once\n`)
      running.stop().then(done, refuse)
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}
