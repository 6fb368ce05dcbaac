// Where mail goes: MX records, null MX, fallback to addresses, loops, roads of the configuration.
import { describe, expect, it } from 'vitest'
import { config } from './config.js'
import { routeOf, type MailDns, type Routed } from './route.js'

const fails = (code: string): never => { throw Object.assign(new Error(code), { code }) }
type Zone = Record<string, { mx?: [number, string][] | 'SERVFAIL'; a?: string[] | 'SERVFAIL'; aaaa?: string[] }>
const dnsOf = (zone: Zone): MailDns => {
  const find = <T>(name: string, kind: 'mx' | 'a' | 'aaaa'): T => {
    const found = zone[name]
    if (!found) return fails('ENOTFOUND')
    const answer = found[kind]
    if (answer === 'SERVFAIL') return fails('ESERVFAIL')
    return answer === undefined || answer.length === 0 ? fails('ENODATA') : answer as T
  }
  return {
    mx: async (name) => find<[number, string][]>(name, 'mx').map(([priority, exchange]) => ({ priority, exchange })),
    a: async (name) => find<string[]>(name, 'a'), aaaa: async (name) => find<string[]>(name, 'aaaa'),
  }
}
const route = (zone: Zone, { domain = 'far.test', sender = 'ann@here.test', settings = {}, random = () => 0 }: { domain?: string; sender?: string; settings?: object; random?: () => number } = {}): Promise<Routed> =>
  routeOf(domain, sender, { config: config.parse(settings), dns: dnsOf(zone), own: new Set(['mx.here.test']), permits: (address) => !address.startsWith('127.'), random })
const hosts = (routed: Routed): string[] => ('road' in routed ? routed.road.hosts.map(({ name, port, addresses }) => `${name}:${port} ${addresses.join(' ')}`) : [`${routed.kind} ${routed.status}`])
const mx = (exchange: string) => ({ [exchange]: { a: ['192.0.2.1'] } })

describe('mail exchangers', () => {
  it.each<[string, Zone, string[]]>([
    ['by preference; IPv6 first', { 'far.test': { mx: [[20, 'b.test'], [10, 'a.test']] }, 'a.test': { a: ['192.0.2.1'], aaaa: ['2001:db8::1'] }, 'b.test': { a: ['192.0.2.2'] } }, ['a.test:25 2001:db8::1 192.0.2.1', 'b.test:25 192.0.2.2']],
    ['none: the address of the domain itself', { 'far.test': { a: ['192.0.2.9'] } }, ['far.test:25 192.0.2.9']],
    ['none, and no address', { 'far.test': {} }, ['permanent 5.1.2']],
    ['no such domain', {}, ['permanent 5.1.2']],
    ['null MX', { 'far.test': { mx: [[0, '']], a: ['192.0.2.9'] } }, ['permanent 5.1.10']],
    ['DNS in trouble', { 'far.test': { mx: 'SERVFAIL' } }, ['temporary 4.4.3']],
    ['exchangers without addresses: the domain\'s own is not taken', { 'far.test': { mx: [[10, 'a.test']], a: ['192.0.2.9'] } }, ['permanent 5.4.4']],
    ['exchangers whose addresses nobody can tell', { 'far.test': { mx: [[10, 'a.test']] }, 'a.test': { a: 'SERVFAIL' } }, ['temporary 4.4.3']],
    ['one that cannot be told, one that can', { 'far.test': { mx: [[10, 'a.test'], [20, 'b.test']] }, 'a.test': { a: 'SERVFAIL' }, ...mx('b.test') }, ['b.test:25 192.0.2.1']],
    ['addresses that are not connected to', { 'far.test': { mx: [[10, 'a.test']] }, 'a.test': { a: ['127.0.0.1'] } }, ['permanent 5.4.4']],
    ['ourselves as a backup: only those before us', { 'far.test': { mx: [[10, 'a.test'], [20, 'MX.here.test.'], [30, 'b.test']] }, ...mx('a.test'), ...mx('b.test') }, ['a.test:25 192.0.2.1']],
    ['ourselves as the best: a circle', { 'far.test': { mx: [[10, 'mx.here.test'], [10, 'a.test']] }, ...mx('a.test') }, ['permanent 5.4.6']],
  ])('%s', async (_, zone, wanted) => expect(hosts(await route(zone))).toEqual(wanted))
  it('equal preferences share the load', async () => {
    const zone = { 'far.test': { mx: [[10, 'a.test'], [10, 'b.test']] as [number, string][] }, ...mx('a.test'), ...mx('b.test') }
    let n = 0
    expect(hosts(await route(zone, { random: () => [0.9, 0.1][n++ % 2] }))[0]).toContain('b.test')
    n = 1
    expect(hosts(await route(zone, { random: () => [0.9, 0.1][n++ % 2] }))[0]).toContain('a.test')
  })
})

describe('roads of the configuration', () => {
  const settings = { tls: 'required', routes: [
    { recipients: ['*.partner.test'], host: 'gate.test:2525', tls: 'verified' }, { senders: ['sales.test'], host: '[2001:db8::5]:587', user: 'u', password: 'p' }, { recipients: ['bank.test'], tls: 'verified' },
  ] }
  const zone: Zone = { 'gate.test': { a: ['127.0.0.1'] }, 'bank.test': { mx: [[1, 'a.test']] }, ...mx('a.test'), 'far.test': { mx: [[1, 'a.test']] } }
  it('by recipient, by sender, by both; MX with other settings; else the MX records', async () => {
    expect(await route(zone, { settings, domain: 'a.Partner.test' })).toMatchObject({ road: { hosts: [{ name: 'gate.test', port: 2525, addresses: ['127.0.0.1'] }], tls: 'verified', login: undefined } })
    expect(await route(zone, { settings, domain: 'partner.test' })).toMatchObject({ road: { hosts: [{ name: 'gate.test' }] } })
    expect(await route(zone, { settings, sender: 'x@Sales.test' })).toMatchObject({ road: { hosts: [{ port: 587, addresses: ['2001:db8::5'] }], login: { user: 'u', password: 'p' } } })
    expect(await route(zone, { settings, domain: 'bank.test' })).toMatchObject({ road: { hosts: [{ name: 'a.test' }], tls: 'verified' } })
    expect(await route(zone, { settings, domain: 'notpartner.test' })).toMatchObject({ kind: 'permanent' })
    expect(await route(zone, { settings })).toMatchObject({ road: { hosts: [{ name: 'a.test' }], tls: 'required' } })
  })
  it('a host of the configuration that has no address just now is no reason to return mail', async () => {
    expect(await route({}, { settings, domain: 'partner.test' })).toMatchObject({ kind: 'temporary' })
  })
})
