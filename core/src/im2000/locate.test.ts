// Looking services up, on a resolver of the test's own (im2000.md C.1, C.2; T24-T34 as far as look-ups go).
import { describe, expect, it } from 'vitest'
import { systemRandom } from '../base/random.js'
import { systemClock } from '../base/clock.js'
import { inOrder, locate, locateEither, type Dns, type LocateParts, type SrvRecord, type Target } from './locate.js'

const absent = Object.assign(new Error('NXDOMAIN'), { code: 'ENOTFOUND' })
const empty = Object.assign(new Error('no data'), { code: 'ENODATA' })
const servfail = Object.assign(new Error('SERVFAIL'), { code: 'ESERVFAIL' })
const timeout = Object.assign(new Error('timeout'), { code: 'ETIMEOUT' })
const record = (name: string, priority = 0, weight = 0, port = 2713): SrvRecord => ({ name, priority, weight, port })
type Answers = Record<string, readonly SrvRecord[] | Error>
type Hosts = Record<string, readonly string[] | Error>

function world(services: Answers, hosts: Hosts = {}, reachable: (target: Target) => boolean = () => true) {
  const asked: string[] = []
  const tried: string[] = []
  const answer = async <T>(kind: string, name: string, from: Readonly<Record<string, readonly T[] | Error>>): Promise<readonly T[]> => {
    asked.push(`${kind} ${name}`)
    const found = from[name] ?? absent
    if (found instanceof Error) throw found
    return found
  }
  const family = (hosts: Hosts, name: string, six: boolean): Hosts => {
    const all = hosts[name]
    return all === undefined || all instanceof Error ? hosts : { [name]: all.filter((one) => one.includes(':') === six) }
  }
  const dns: Dns = { srv: (name) => answer('SRV', name, services), a: (name) => answer('A', name, family(hosts, name, false)), aaaa: (name) => answer('AAAA', name, family(hosts, name, true)) }
  const parts: LocateParts<string> = {
    dns, random: systemRandom, clock: systemClock,
    connect: async (target) => {
      tried.push(`${target.address}:${target.port}`)
      if (!reachable(target)) throw new Error(`${target.address} does not answer`)
      return target.address
    },
  }
  return { parts, asked, tried }
}
const ssl = '_RNASP-SSL._TCP.example.org'
const clear = '_RNASP._TCP.example.org'
const both = { ssl: 'example.org', clear: 'example.org' }
const find = (of: ReturnType<typeof world>) => locateEither('RNASP', both, of.parts, () => true)
const one = { [ssl]: [record('a.example.org')] }

describe('look-ups', () => {
  it('T24 T31 a name that does not exist, for both services, is permanent; the bare domain is not asked about', async () => {
    const of = world({}, { 'example.org': ['192.0.2.1'] })
    expect(await find(of)).toMatchObject({ kind: 'permanent' })
    expect(of.asked).toEqual([`SRV ${ssl}`, `SRV ${clear}`])
  })
  it('T25 a name without SRV records is temporary', async () => {
    expect(await find(world({ [ssl]: empty, [clear]: absent }))).toMatchObject({ kind: 'temporary' })
    expect(await find(world({ [ssl]: absent, [clear]: [] }))).toMatchObject({ kind: 'temporary' })
  })
  it('T26 T34 SERVFAIL and timeouts are temporary, also beside a permanent one', async () => {
    for (const error of [servfail, timeout]) for (const services of [{ [ssl]: error }, { [clear]: error }, { [ssl]: error, [clear]: error }] as Answers[]) expect(await find(world(services))).toMatchObject({ kind: 'temporary' })
  })
  it('T27 asks for TLS first, and for the clear service only when that led nowhere', async () => {
    const hosts = { 'a.example.org': ['192.0.2.1'] }
    const of = world({ ...one, [clear]: [record('a.example.org', 0, 0, 2703)] }, hosts)
    expect(await find(of)).toEqual({ kind: 'connected', value: '192.0.2.1', secure: true })
    expect(of.asked).not.toContain(`SRV ${clear}`)
    const fallen = world({ ...one, [clear]: [record('a.example.org', 0, 0, 2703)] }, hosts, ({ secure }) => !secure)
    expect(await find(fallen)).toMatchObject({ kind: 'connected', secure: false })
    expect(fallen.tried).toEqual(['192.0.2.1:2713', '192.0.2.1:2703'])
  })
  it('H9 where TLS is required the clear service is not asked for, and its lack is temporary', async () => {
    const of = world({ [clear]: [record('a.example.org')] }, { 'a.example.org': ['192.0.2.1'] })
    expect(await locateEither('RNASP', both, of.parts, () => false)).toMatchObject({ kind: 'temporary' })
    expect(of.asked).toEqual([`SRV ${ssl}`])
  })
  it('T28 takes lower priorities first, and passes over targets without addresses', async () => {
    const of = world({ [ssl]: [record('third', 20), record('none', 5), record('first', 10, 0, 1), record('broken', 1)] }, { third: ['192.0.2.3'], first: ['192.0.2.1'], broken: servfail })
    expect(await find(of)).toMatchObject({ kind: 'connected', value: '192.0.2.1' })
    expect(of.tried).toEqual(['192.0.2.1:1'])
  })
  it('T29 weights 3 to 1 choose the first about three times in four; weight 0 seldom, and never nobody', () => {
    let first = 0
    const runs = 4000
    for (let i = 0; i < runs; i++) if (inOrder([record('light', 0, 10), record('heavy', 0, 30)], systemRandom)[0].name === 'heavy') first++
    expect(Math.abs(first / runs - 0.75)).toBeLessThan(0.04)
    expect(inOrder([record('a', 0, 0), record('b', 0, 0)], { fraction: () => 0.999 })).toHaveLength(2)
    expect(inOrder([record('w', 0, 100), record('zero')], { fraction: () => 0 }).map((each) => each.name)).toEqual(['zero', 'w'])
    expect(inOrder([record('w', 0, 100), record('zero')], { fraction: () => 0.999 }).map((each) => each.name)).toEqual(['w', 'zero'])
  })
  it('T30 T32 tries every address of a target before the next record, on the port of the record', async () => {
    const of = world({ [ssl]: [record('a', 1, 0, 11), record('b', 2, 0, 22)] }, { a: ['192.0.2.1', '2001:db8::1', '192.0.2.2'], b: ['192.0.2.3'] }, ({ port }) => port === 22)
    expect(await find(of)).toMatchObject({ kind: 'connected', value: '192.0.2.3' })
    expect(of.tried).toEqual(['192.0.2.1:11', '192.0.2.2:11', '2001:db8::1:11', '192.0.2.3:22'])
  })
  it('T33 keeps nothing: the next look-up follows a changed record', async () => {
    const services: Answers = { ...one }
    const of = world(services, { 'a.example.org': ['192.0.2.1'], 'b.example.org': ['192.0.2.9'] })
    expect(await find(of)).toMatchObject({ value: '192.0.2.1' })
    services[ssl] = [record('b.example.org')]
    expect(await find(of)).toMatchObject({ value: '192.0.2.9' })
  })
  it('C.1.12 when nobody answers the result is temporary, and says what was last', async () => {
    expect(await find(world(one, { 'a.example.org': ['192.0.2.1'] }, () => false))).toMatchObject({ kind: 'temporary', why: expect.stringContaining('192.0.2.1 does not answer') as string })
  })
  it('C.1.15 a lone root target is permanent', async () => {
    expect(await find(world({ [ssl]: [record('')], [clear]: [record('.')] }))).toMatchObject({ kind: 'permanent' })
  })
  it('C.1.17 keeps to its limits: records, addresses, attempts, time', async () => {
    const many = Array.from({ length: 40 }, (_, i) => record(`h${i}`, i))
    const hosts = Object.fromEntries(many.map(({ name }, i) => [name, Array.from({ length: 20 }, (_, k) => `192.0.${i}.${k}`)]))
    const of = world({ [ssl]: many }, hosts, () => false)
    expect(await locate('_RNASP-SSL', 'example.org', of.parts)).toMatchObject({ kind: 'temporary' })
    expect(of.tried).toHaveLength(32)
    expect(of.tried[8]).toBe('192.0.1.0:2713')
    const single = world({ [ssl]: many }, Object.fromEntries(many.map(({ name }, i) => [name, [`192.0.${i}.1`]])), () => false)
    await locate('_RNASP-SSL', 'example.org', single.parts)
    expect(single.tried).toHaveLength(16)
    let now = 0
    const slow = world({ [ssl]: many }, hosts, () => { now += 40_000; return false })
    await locate('_RNASP-SSL', 'example.org', { ...slow.parts, clock: { now: () => now } })
    expect(slow.tried).toHaveLength(3)
  })
  it('H7 addresses that may not be connected to are passed over, each after resolution', async () => {
    const of = world(one, { 'a.example.org': ['127.0.0.1', '192.0.2.1'] })
    expect(await locateEither('RNASP', both, { ...of.parts, permits: (address) => !address.startsWith('127.') }, () => true)).toMatchObject({ value: '192.0.2.1' })
    expect(of.tried).toEqual(['192.0.2.1:2713'])
  })
  it('B33 hands on the name that was looked up, not the target', async () => {
    const of = world(one, { 'a.example.org': ['192.0.2.1'] })
    expect(await locate('_RNASP-SSL', 'example.org', { ...of.parts, connect: async ({ name }) => name })).toMatchObject({ value: 'example.org' })
  })
})
