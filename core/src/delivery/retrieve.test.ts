// A store that is slow, or changes what it gives: a scripted client, a clock of the test's own.
import { describe, expect, it } from 'vitest'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeSpool } from '../blobs/spool.js'
import type { StoreClient } from '../im2000/seams.js'
import { createScanner } from '../message/scan.js'
import { retrieveAll, retrieveHeader } from './retrieve.js'

const pace = { timeout: 300, minimumRate: 1024, messageLimit: 10_000_000 }
const spool = makeSpool({ folder: mkdtempSync(join(tmpdir(), 'restante-retrieve-')), memoryLimit: 65_536, messageLimit: 10_000_000, scanner: () => createScanner() })
const identifier = Buffer.alloc(16)

/** Gives `answers` of so many octets each, each after so many milliseconds. */
function store(octets: Buffer, { each = 512 * 1024, ms = 0, size = (_: number): number => octets.length } = {}) {
  let now = 1_000_000
  let asked = 0
  const client = {
    retrieve: async (_: Buffer, _type: string, offset: number, length: number) => {
      asked++
      now += ms
      return { data: octets.subarray(offset, offset + Math.min(each, length)), size: size(offset) }
    },
  } as unknown as StoreClient
  return { client, clock: { now: () => now }, asked: () => asked }
}
const message = Buffer.from(`Subject: x\r\n\r\n${'y'.repeat(100_000)}`)

describe('the whole message', () => {
  it('comes together from windows of any size', async () => {
    for (const each of [1, 7, 4096, 1e6]) {
      const octets = each === 1 ? message.subarray(0, 3000) : message
      const { client, clock } = store(octets, { each })
      const spooled = await retrieveAll(client, identifier, { spool, clock, pace })
      expect(spooled.summary).toMatchObject({ size: octets.length, headerSize: 14 })
      await spooled.discard()
    }
  })
  it('a store that gives one octet a second is given up after a while', async () => {
    const { client, clock, asked } = store(message, { each: 1, ms: 1000 })
    await expect(retrieveAll(client, identifier, { spool, clock, pace })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
    expect(asked()).toBeLessThan(15)
  })
  it('one that is slow but steady is waited for as long as its size allows', async () => {
    const { client, clock } = store(message, { each: 5000, ms: 4000 })
    await (await retrieveAll(client, identifier, { spool, clock, pace })).discard()
    const slower = store(message, { each: 1000, ms: 4000 })
    await expect(retrieveAll(slower.client, identifier, { ...slower, spool, pace })).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
  })
  it.each([
    ['a size that changes', { size: (offset: number) => message.length + (offset > 0 ? 1 : 0), each: 5000 }],
    ['fewer octets than it says', { size: () => message.length + 10 }],
    ['more octets than it says', { size: () => message.length - 10 }],
  ])('%s: refused', async (_, how) => {
    const { client, clock } = store(message, how)
    await expect(retrieveAll(client, identifier, { spool, clock, pace })).rejects.toMatchObject({ code: 'MESSAGE_CHANGED' })
  })
  it('one that is larger than may be taken costs one window', async () => {
    const { client, clock, asked } = store(message, { size: () => 20_000_000 })
    await expect(retrieveAll(client, identifier, { spool, clock, pace })).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
    expect(asked()).toBe(1)
  })
})

describe('the header', () => {
  it('comes whole, or not at all when it is too long', async () => {
    expect((await retrieveHeader(store(message.subarray(0, 14), { each: 3 }).client, identifier, 4096))?.toString()).toBe('Subject: x\r\n\r\n')
    const long = store(message)
    expect(await retrieveHeader(long.client, identifier, 4096)).toBeUndefined()
    expect(long.asked()).toBe(1)
  })
  it('that changes on the way is refused', () => expect(retrieveHeader(store(message.subarray(0, 14), { each: 3, size: (offset) => 14 + offset }).client, identifier, 4096)).rejects.toMatchObject({ code: 'MESSAGE_CHANGED' }))
})
