// What hosts must show: TLSA records where every step is signed, policies else; and what follows when they cannot be had.
import { expect, it } from 'vitest'
import type { Routed } from '../route.js'
import { harden, strictly } from './harden.js'
import type { StsPolicy } from './mta-sts.js'
import type { SecureAnswer, SecureDns } from './secure-dns.js'

const tlsa = { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32) }
const answer = (data: readonly unknown[], secure = true, name = 'x'): SecureAnswer => ({ kind: 'answer', secure, data, name })
const none: SecureAnswer = { kind: 'none', secure: true }
const failed: SecureAnswer = { kind: 'failed', why: 'SERVFAIL' }
const dnsOf = (zone: Record<string, SecureAnswer>): SecureDns => async (name, type) => zone[`${type} ${name}`] ?? none
const routed = (...names: string[]): Routed => ({ road: { hosts: names.map((name) => ({ name, port: 25, addresses: ['192.0.2.1'] })), tls: 'opportunistic', login: undefined }, steps: [] })
const shown = (found: Routed) => ('road' in found ? found.road.hosts.map((host) => `${host.name} ${host.tlsa ? 'dane' : host.tls ?? 'any'}${host.vouched ? ' vouched' : ''}`) : `${found.kind} ${found.status}`)
const signed = { 'MX far.test': answer([{}]), 'A a.test': answer(['192.0.2.1'], true, 'a.test'), 'A b.test': answer(['192.0.2.1'], true, 'b.test') }

it.each<[string, Record<string, SecureAnswer>, unknown]>([
  ['records for one host, none for the other', { ...signed, '_': none, 'TLSA _25._tcp.a.test': answer([tlsa]) }, ['a.test dane vouched', 'b.test any vouched']],
  ['MX records that are not signed', { ...signed, 'MX far.test': answer([{}], false), 'TLSA _25._tcp.a.test': answer([tlsa]) }, ['a.test any', 'b.test any']],
  ['an address that is not signed', { ...signed, 'A a.test': answer(['192.0.2.1'], false), 'TLSA _25._tcp.a.test': answer([tlsa]) }, ['a.test any vouched', 'b.test any vouched']],
  ['TLSA records that are not signed', { ...signed, 'TLSA _25._tcp.a.test': answer([tlsa], false) }, ['a.test any vouched', 'b.test any vouched']],
  ['TLSA records that cannot be had: the next host', { ...signed, 'TLSA _25._tcp.a.test': failed }, ['b.test any vouched']],
  ['of no host can they be had: the mail waits', { ...signed, 'TLSA _25._tcp.a.test': failed, 'A b.test': failed }, 'temporary 4.7.5'],
  ['MX records that cannot be believed: the mail waits', { 'MX far.test': failed }, 'temporary 4.7.5'],
  ['records of which none is usable', { ...signed, 'TLSA _25._tcp.a.test': answer([{ ...tlsa, usage: 1 }]) }, ['a.test required vouched', 'b.test any vouched']],
  ['an alias: where it leads goes first', { ...signed, 'A a.test': answer(['192.0.2.1'], true, 'real.test'), 'TLSA _25._tcp.real.test': answer([tlsa]) }, ['a.test dane vouched', 'b.test any vouched']],
  ['only an IPv6 address', { ...signed, 'A a.test': none, 'AAAA a.test': answer(['2001:db8::1'], true, 'a.test'), 'TLSA _25._tcp.a.test': answer([tlsa]) }, ['a.test dane vouched', 'b.test any vouched']],
])('%s', async (_, zone, wanted) => expect(shown(await harden(routed('a.test', 'b.test'), 'far.test', { secureDns: dnsOf(zone), policyOf: undefined }))).toEqual(wanted))

it('a policy is for the hosts that DANE does not decide about', async () => {
  const policyOf = async (): Promise<StsPolicy> => ({ mode: 'enforce', mx: ['*.test'] })
  expect(shown(await harden(routed('a.test', 'b.test', 'c.b.test'), 'far.test', { secureDns: dnsOf({ ...signed, 'TLSA _25._tcp.a.test': answer([tlsa]) }), policyOf }))).toEqual(['a.test dane vouched', 'b.test verified vouched'])
  expect(shown(await harden(routed('c.b.test'), 'far.test', { secureDns: undefined, policyOf }))).toBe('temporary 4.7.5')
})
it('hosts of the configuration are left alone; without TLS nothing is asked for', async () => {
  const parts = { secureDns: dnsOf({ 'MX far.test': failed }), policyOf: async (): Promise<StsPolicy> => ({ mode: 'enforce', mx: ['nobody.test'] }) }
  for (const more of [{ named: true }, { tls: 'off' as const }]) {
    const { road, steps } = routed('a.test') as Extract<Routed, { road: unknown }>
    expect(shown(await harden({ road: { ...road, ...more }, steps }, 'far.test', parts))).toEqual(['a.test any'])
  }
})
it('for a message that requires TLS only hosts that somebody vouches for are left, and each proves itself', async () => {
  const { road } = await harden(routed('a.test', 'b.b.test'), 'far.test', { secureDns: undefined, policyOf: async () => ({ mode: 'testing', mx: ['*.test'] }) }) as Extract<Routed, { road: unknown }>
  expect(strictly(road)).toMatchObject({ requireTls: true, hosts: [{ name: 'a.test', tls: 'verified' }] })
})
