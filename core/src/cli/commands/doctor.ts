// `restante doctor`: looks for what will go wrong: data folder, database, disk space, ports, certificate, clock.
import { createConnection, createServer } from 'node:net'
import { Command } from 'commander'
import { exitCodes, print, size } from '../output.js'
import { perform } from '../perform.js'
import { loadSettings, type GlobalOptions } from '../settings.js'

interface Finding { readonly what: string; readonly state: 'ok' | 'warning' | 'trouble'; readonly text: string }

const enoughOctets = 1024 ** 3
const soonMs = 21 * 86_400_000

export const doctorCommand = (exit: (code: number) => void): Command => new Command('doctor')
  .description('Check data folder, database, disk space, ports, certificate and clock')
  .action(async (options: GlobalOptions) => {
    const { settings, plugins } = await loadSettings(options)
    const seen = await perform(options, 'inspect')
    const running = Object.keys(seen.listeners).length > 0
    const expires = new Date(seen.certificate.notAfter).getTime()
    const findings: Finding[] = [
      { what: 'data folder', state: 'ok', text: `${seen.folder} (${running ? 'a gateway runs on it' : 'no gateway runs'})` },
      { what: 'database', state: seen.integrity === 'ok' ? 'ok' : 'trouble', text: `${seen.database}, integrity ${seen.integrity}, a commit takes ${seen.commitMs} ms, ${seen.counts!.accounts} accounts, ${seen.counts!.mailboxes} mailboxes, ${seen.counts!.messages} messages` },
      { what: 'disk space', state: seen.freeOctets > enoughOctets ? 'ok' : 'warning', text: `${size(seen.freeOctets)} free` },
      { what: 'certificate', state: expires < Date.now() ? 'trouble' : seen.certificate.development || expires < Date.now() + soonMs ? 'warning' : 'ok',
        text: `${seen.certificate.file} for ${seen.certificate.names.join(', ')}, until ${seen.certificate.notAfter.slice(0, 10)}${seen.certificate.development ? '; made for development, clients will ask whether to trust it' : ''}` },
      { what: 'clock', state: Date.now() > Date.UTC(2025, 0) ? 'ok' : 'trouble', text: new Date().toISOString() },
      { what: 'jobs', state: seen.parkedJobs === 0 ? 'ok' : 'warning', text: seen.parkedJobs === 0 ? 'none is parked' : `${seen.parkedJobs} parked; restante queue lists them` },
      ...await ports(running ? seen.listeners : {}, plugins),
    ]
    if (settings.domains.includes('example.test')) findings.push({ what: 'domain', state: 'warning', text: 'example.test is only for trying things out; set domains in the configuration' })
    const worst = findings.some((finding) => finding.state === 'trouble')
    print(options.json ? JSON.stringify({ ok: !worst, findings }) : findings.map((finding) => `${finding.state.padEnd(8)} ${finding.what.padEnd(12)} ${finding.text}`).join('\n'))
    if (worst) exit(exitCodes.failed)
  })

/** A running gateway must answer on its ports; without one they must be free. */
async function ports(listening: Readonly<Record<string, string>>, plugins: readonly { config: unknown }[]): Promise<Finding[]> {
  const answering = await Promise.all(Object.entries(listening).map(async ([name, address]): Promise<Finding> =>
    (await answers(address) ? { what: `port ${name}`, state: 'ok', text: `${address} answers` } : { what: `port ${name}`, state: 'trouble', text: `${address} does not answer` })))
  if (answering.length > 0) return answering
  return Promise.all(plugins.flatMap(({ config }) => addresses(config)).map(async (address): Promise<Finding> => {
    const why = await busy(address)
    return { what: 'port', state: why === undefined ? 'ok' : 'trouble', text: `${address} ${why === undefined ? 'is free' : `cannot be had: ${why}`}` }
  }))
}

const addresses = (config: unknown): string[] => (typeof config !== 'object' || config === null ? [] : Object.entries(config).flatMap(([key, value]) =>
  (key.startsWith('listen') && typeof value === 'string' && value !== '' && value !== 'off' ? [value] : addresses(value))))
const split = (address: string): { host?: string; port: number } => {
  const at = address.lastIndexOf(':')
  const host = address.slice(0, at).replace(/^\[(.*)\]$/, '$1')
  return { ...(host ? { host } : {}), port: Number(address.slice(at + 1)) }
}
const answers = (address: string): Promise<boolean> => new Promise((done) => {
  const socket = createConnection(split(address))
  socket.setTimeout(3000, () => { socket.destroy(); done(false) })
  socket.once('connect', () => { socket.destroy(); done(true) }).once('error', () => done(false))
})
const busy = (address: string): Promise<string | undefined> => new Promise((done) => {
  const server = createServer()
  server.once('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
  server.listen(split(address), () => server.close(() => done(undefined)))
})
