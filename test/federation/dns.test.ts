// Finding services (im2000.md C.1, C.2) through a real DNS server: what each of its answers, and its silence, means.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeNameResolver, systemClock, systemRandom } from '@restante/core'
import { locate, type Located, type LocateParts } from '../../core/dist/im2000/locate.js'
import { makeAddressGuard } from '../../core/dist/net/address-guard.js'
import { freePort } from '../support/ports.js'
import { Names } from './support/world.js'

let names: Names
let folder: string
let here: Server
let port: number
const tried: string[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'restante-dns-'))
  here = createServer()
  await new Promise<void>((done) => { here.listen(0, '127.0.0.1', done) })
  port = (here.address() as { port: number }).port
  names = new Names(folder, await freePort(), [
    '_rnasp._tcp.a SRV 0 0 1 gw.a', 'gw.a A 127.0.0.1', 'gw.a AAAA ::1', 'gw2.a A 127.0.0.2',
    '_rnasp._tcp.empty TXT "a name without SRV records"', '_rnasp._tcp.root SRV 0 0 0 .',
    `_rnasp._tcp.order SRV 20 0 ${port} gw.a`, '_rnasp._tcp.order SRV 10 0 2 gw.a', '_rnasp._tcp.order SRV 10 0 3 nothing.a', '_rnasp._tcp.order SRV 5 0 4 gw2.a',
    '_rnasp._tcp.weights SRV 0 300 11 gw.a', '_rnasp._tcp.weights SRV 0 100 12 gw.a',
    '_rnasp._tcp.alias CNAME _rnasp._tcp.a', '_rnasp._tcp.lost SRV 0 0 1 gw.broken.', '_rnasp._tcp.inside SRV 0 0 2703 gw.inside', 'gw.inside A 10.0.0.1', 'gw.inside A 169.254.169.254',
    ...Array.from({ length: 60 }, (_, i) => `_rnasp._tcp.many SRV ${i} 0 ${5000 + i} target-with-a-long-name-${i}.gw.a`), ...Array.from({ length: 60 }, (_, i) => `target-with-a-long-name-${i}.gw.a A 127.0.0.1`),
  ])
  await names.start()
})
afterAll(async () => {
  await names?.stop()
  here?.close()
  rmSync(folder, { recursive: true, force: true })
})

const look = (domain: string, more: Partial<LocateParts<number>> = {}): Promise<Located<number>> => {
  tried.length = 0
  return locate('_RNASP', domain, {
    dns: makeNameResolver({ servers: [names.address], timeoutMs: 300 }), random: systemRandom, clock: systemClock,
    connect: async (target) => {
      tried.push(`${target.address}:${target.port}`)
      if (target.port !== port) throw new Error('nobody there')
      return target.port
    }, ...more,
  })
}

describe('a real DNS server', () => {
  it('T24 a name that does not exist: permanent', async () => expect(await look('none.test')).toMatchObject({ kind: 'permanent', why: '_RNASP._TCP.none.test does not exist' }))
  it('T25 a name without SRV records: temporary', async () => expect(await look('empty.test')).toMatchObject({ kind: 'temporary', why: '_RNASP._TCP.empty.test has no SRV records' }))
  it('T26 SERVFAIL: temporary', async () => expect(await look('x.broken')).toMatchObject({ kind: 'temporary', why: expect.stringContaining('ESERVFAIL') }))
  it('T26 REFUSED: temporary', async () => expect(await look('elsewhere.example')).toMatchObject({ kind: 'temporary', why: expect.stringContaining('EREFUSED') }))
  it('T26 no answer: temporary', async () => {
    await names.pause()
    try {
      expect(await look('order.test')).toMatchObject({ kind: 'temporary', why: expect.stringContaining('ETIMEOUT') })
    } finally {
      names.resume()
    }
  })
  it('the root as the only target: permanent', async () => expect(await look('root.test')).toMatchObject({ kind: 'permanent', why: expect.stringContaining('decidedly not offered') }))
  it('T28 T30 T32 priorities in order, every address of a target, targets without any passed over', async () => {
    expect(await look('order.test')).toMatchObject({ kind: 'connected', value: port })
    expect(tried).toEqual(['127.0.0.2:4', '127.0.0.1:2', '::1:2', `127.0.0.1:${port}`])
  })
  it('T29 weights of 3 to 1: three quarters begin with the first', async () => {
    let first = 0
    const runs = 400
    for (let i = 0; i < runs; i++) {
      await look('weights.test')
      if (tried[0].endsWith(':11')) first++
    }
    expect(first / runs).toBeGreaterThan(0.65)
    expect(first / runs).toBeLessThan(0.85)
  })
  it('an alias is followed', async () => {
    await look('alias.test')
    expect(tried).toEqual(['127.0.0.1:1', '::1:1'])
  })
  it('a target whose addresses cannot be looked up: temporary', async () => expect(await look('lost.test')).toMatchObject({ kind: 'temporary' }))
  it('T105 addresses inside our network are not connected to, whoever names them', async () => {
    expect(await look('inside.test', { permits: makeAddressGuard().permits })).toMatchObject({ kind: 'temporary', why: expect.stringContaining('is not connected to') })
    expect(tried).toEqual([])
  })
  it('a set that needs TCP is read; no more than 16 of it are tried', async () => {
    expect(await look('many.test')).toMatchObject({ kind: 'temporary' })
    expect(tried).toEqual(Array.from({ length: 16 }, (_, i) => `127.0.0.1:${5000 + i}`))
  })
  it('T33 a changed record is followed at the next look', async () => {
    await names.change([...names.records, `_rnasp._tcp.none SRV 0 0 ${port} gw.a`])
    expect(await look('none.test')).toMatchObject({ kind: 'connected' })
  })
})
