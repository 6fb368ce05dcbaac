// `restante dns`: the records that lead others here, as a zone file has them, and whether they are published.
import { Command, InvalidArgumentError } from 'commander'
import { check, recordsOf, zoneLine, type Offered, type PortName } from '../../im2000/records.js'
import { isLoopback, splitAddress } from '../../net/addresses.js'
import { makeNameResolver, type NameResolver } from '../../net/resolver.js'
import { iprev } from '../../net/reverse-name.js'
import { exitCodes, print } from '../output.js'
import { perform } from '../perform.js'
import { loadSettings, type GlobalOptions, type Loaded } from '../settings.js'

/** Where each port stands in the settings. */
const places: readonly (readonly [name: PortName, plugin: string, ...path: string[]])[] = [
  ['rnasp', 'im2000', 'rnasp', 'listen'], ['rnasps', 'im2000', 'rnasp', 'listenTls'], ['msrap', 'im2000', 'msrap', 'listen'], ['msraps', 'im2000', 'msrap', 'listenTls'], ['smtp', 'smtp-ingress', 'mx', 'listen'],
  ['submission', 'smtp-ingress', 'submission', 'listen'], ['submissions', 'smtp-ingress', 'submission', 'listenTls'], ['imap', 'imap4', 'listen'], ['imaps', 'imap4', 'listenTls'], ['pop3', 'pop3', 'listen'], ['pop3s', 'pop3', 'listenTls'],
]

export const dnsCommand = (exit: (code: number) => void): Command => new Command('dns')
  .description('The DNS records to publish for each domain, and whether they are there')
  .argument('[domain...]', 'only these domains (default: all local ones)')
  .option('--no-check', 'only print them; ask nobody')
  .option('--port <service=port...>', 'port that others use, where it is not the one listened on (a firewall translates): smtp=25 rnasp=2703', (text: string, all: Record<string, number> | undefined) => {
    const [, name, port] = /^([a-z0-9]+)=(\d{1,5})$/.exec(text) ?? []
    if (!places.some(([known]) => known === name) || Number(port) > 65_535) throw new InvalidArgumentError(`accepted: ${places.map(([known]) => known).join(', ')}, each with =port`)
    return { ...all, [name]: Number(port) }
  })
  .action(async (domains: readonly string[], options: GlobalOptions & { check: boolean; port?: Record<string, number> }) => {
    const loaded = await loadSettings(options)
    const all = domains.length > 0 ? domains : (await perform(options, 'domain.list')).map((one) => one.name)
    const { offered, local } = listening(loaded, options.port ?? {})
    const records = recordsOf(all, offered)
    const { dnsServers, dnsTimeout } = loaded.settings.im2000.outbound
    const names = makeNameResolver({ servers: dnsServers, timeoutMs: dnsTimeout * 1000 })
    const rows = await Promise.all(records.map(async (record) => ({ record: zoneLine(record), why: record.why, ...(options.check ? await check(record, names) : {}) })))
    if (rows.some((row) => 'state' in row && row.state !== 'published')) exit(exitCodes.failed)
    const reverse = options.check && offered.ports.smtp !== undefined ? await reverseNames(offered.hostname, names) : []
    if (options.json) return print(JSON.stringify({ records: rows, loopbackOnly: local, reverse }))
    const marks = { published: 'ok', other: 'DIFFERENT', missing: 'MISSING', unknown: 'no answer' }
    const lines = rows.map((row) => `${row.record}${'state' in row && row.state ? `\n    ; ${marks[row.state]}${row.found && row.state !== 'published' ? `: ${row.found}` : ''} (${row.why})` : `\n    ; ${row.why}`}`)
    for (const { address, name, good } of reverse) lines.push(good ? `; ${address} leads back to ${offered.hostname}.` : `; ${address} ${name === undefined ? 'has no name' : `is called ${name}`}: many servers take mail only from addresses whose name leads back to them. Your provider can set it to ${offered.hostname}.`)
    if (!offered.hostname.includes('.')) lines.push(`; "${offered.hostname}" is no full name: set hostname in the configuration.`)
    if (local.length > 0) lines.push(`; Only this machine can reach ${local.join(', ')}: they listen on the loopback address.`)
    if (offered.ports.smtp !== undefined && offered.ports.smtp !== 25) lines.push(`; MX records mean port 25, and smtp listens on ${offered.ports.smtp}: --port smtp=25 where a firewall translates.`)
    print(lines.join('\n'))
  })

/** What the addresses of a host are called. @returns none when they cannot be asked for */
async function reverseNames(host: string, names: NameResolver): Promise<{ readonly address: string; readonly name?: string; readonly good: boolean }[]> {
  const addresses = (await Promise.all([names.a(host), names.aaaa(host)].map((asked) => asked.catch(() => [])))).flat()
  return Promise.all(addresses.map(async (address) => {
    const { result, name } = await iprev(address, (asked, type) => names.resolve(asked, type))
    return { address, ...(name === undefined ? {} : { name }), good: result === 'pass' && name?.replace(/\.$/, '').toLowerCase() === host.toLowerCase() }
  }))
}

/** From the configuration, whether or not the gateway runs. */
function listening({ settings, plugins }: Loaded, elsewhere: Record<string, number>): { offered: Offered; local: PortName[] } {
  const ports: Partial<Record<PortName, number>> = {}
  const local: PortName[] = []
  for (const [name, plugin, ...path] of places) {
    let value: unknown = plugins.find((one) => one.plugin.name === plugin)?.config
    for (const step of path) value = (value as Record<string, unknown> | undefined)?.[step]
    const address = typeof value === 'string' ? splitAddress(value) : undefined
    if (!address) continue
    ports[name] = elsewhere[name] ?? address.port
    if (address.host !== undefined && (isLoopback(address.host) || address.host === 'localhost')) local.push(name)
  }
  const { clear, tls } = settings.im2000.store.location
  const domain = (location: string | readonly string[]): string | undefined => (typeof location === 'string' ? location || settings.hostname : undefined)
  return { offered: { hostname: settings.hostname, store: { clear: domain(clear), tls: domain(tls) }, ports }, local }
}
