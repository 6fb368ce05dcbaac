// The records to publish, and the look at what is published.
import { describe, expect, it } from 'vitest'
import { check, recordsOf, zoneLine, type Names, type Wanted } from './records.js'

const ports = { rnasp: 2703, rnasps: 2713, msrap: 2702, msraps: 2712, smtp: 25, imaps: 993, submissions: 465 }
const lines = (...args: Parameters<typeof recordsOf>): string[] => recordsOf(...args).map(zoneLine)

describe('what to publish', () => {
  it('agents for each domain, the store once, mail exchangers and mail programs', () => {
    expect(lines(['a.example', 'b.example'], { hostname: 'mail.a.example', store: { clear: 'mail.a.example', tls: 'mail.a.example' }, ports })).toEqual([
      '; mail.a.example. needs an A or AAAA record',
      '_rnasp-ssl._tcp.a.example. IN SRV 0 0 2713 mail.a.example.', '_rnasp._tcp.a.example. IN SRV 0 0 2703 mail.a.example.',
      '_rnasp-ssl._tcp.b.example. IN SRV 0 0 2713 mail.a.example.', '_rnasp._tcp.b.example. IN SRV 0 0 2703 mail.a.example.',
      '_msrap-ssl._tcp.mail.a.example. IN SRV 0 0 2712 mail.a.example.', '_msrap._tcp.mail.a.example. IN SRV 0 0 2702 mail.a.example.',
      'a.example. IN MX 10 mail.a.example.', '_imaps._tcp.a.example. IN SRV 0 0 993 mail.a.example.', '_submissions._tcp.a.example. IN SRV 0 0 465 mail.a.example.',
      'b.example. IN MX 10 mail.a.example.', '_imaps._tcp.b.example. IN SRV 0 0 993 mail.a.example.', '_submissions._tcp.b.example. IN SRV 0 0 465 mail.a.example.',
    ])
  })
  it('what is switched off is said not to be offered; a store named by addresses needs no record', () => {
    expect(lines(['a.example'], { hostname: 'h.example', store: { clear: undefined, tls: 's.example' }, ports: { rnasps: 1 } })).toEqual([
      '; h.example. needs an A or AAAA record', '_rnasp-ssl._tcp.a.example. IN SRV 0 0 1 h.example.', '_rnasp._tcp.a.example. IN SRV 0 0 0 .', '_msrap-ssl._tcp.s.example. IN SRV 0 0 0 .',
    ])
  })
})

describe('what is published', () => {
  const fails = (code: string) => async (): Promise<never> => { throw Object.assign(new Error(code), { code }) }
  const nobody: Names = { srv: fails('ENOTFOUND'), mx: fails('ENODATA'), a: fails('ENODATA'), aaaa: fails('ENODATA') }
  const srv: Wanted = { type: 'SRV', name: '_rnasp._tcp.a.example', port: 2703, target: 'h.example', why: '' }
  const none: Wanted = { ...srv, port: 0, target: '.' }
  const mx: Wanted = { type: 'MX', name: 'a.example', preference: 10, target: 'h.example', why: '' }
  const host: Wanted = { type: 'ADDRESS', name: 'h.example', why: '' }
  const one = (name: string, port: number) => ({ ...nobody, srv: async () => [{ name, port, priority: 0, weight: 5 }] })
  it.each<[string, Wanted, Names, string, string]>([
    ['SRV', srv, one('H.example.', 2703), 'published', 'SRV 0 5 2703 H.example.'],
    ['SRV of another port', srv, one('h.example', 2704), 'other', 'SRV 0 5 2704 h.example'],
    ['SRV of another host', srv, one('x.example', 2703), 'other', 'SRV 0 5 2703 x.example'],
    ['no SRV', srv, nobody, 'missing', ''],
    ['SRV that nobody can tell', srv, { ...nobody, srv: fails('ESERVFAIL') }, 'unknown', 'ESERVFAIL'],
    ['a service that is not offered', none, one('', 0), 'published', 'SRV 0 5 0 .'],
    ['a service that is offered after all', none, one('h.example', 2703), 'other', 'SRV 0 5 2703 h.example'],
    ['MX', mx, { ...nobody, mx: async () => [{ exchange: 'other.example', priority: 5 }, { exchange: 'h.example', priority: 20 }] }, 'published', 'MX 5 other.example, MX 20 h.example'],
    ['null MX', mx, { ...nobody, mx: async () => [{ exchange: '', priority: 0 }] }, 'other', 'MX 0 .'],
    ['no MX', mx, nobody, 'missing', ''],
    ['an IPv6 address alone', host, { ...nobody, aaaa: async () => ['2001:db8::1'] }, 'published', '2001:db8::1'],
    ['no address', host, nobody, 'missing', ''],
    ['an address that nobody can tell', host, { ...nobody, a: fails('ETIMEOUT'), aaaa: async () => [] }, 'unknown', 'ETIMEOUT'],
  ])('%s', async (_, wanted, names, state, found) => expect(await check(wanted, names)).toEqual({ state, found }))
})
