// The reader's program: what it does first and what only then, whatever agents and stores do (im2000.md F.2).
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { connectStore } from '../../core/dist/im2000/client/wire-clients.js'
import { makeReach } from '../../core/dist/im2000/reach.js'
import { Inbox } from '../../core/dist/im2000/reader/inbox.js'
import { Reader } from '../../core/dist/im2000/reader/reader.js'
import type { StoreClient } from '../../core/dist/im2000/seams.js'
import { makeAddressGuard } from '../../core/dist/net/address-guard.js'
import { startIm2000, type Im2000 } from '../support/im2000.js'
import { fakeDns, publish, type Zone } from '../support/names.js'

let im: Im2000
const folder = mkdtempSync(join(tmpdir(), 'restante-reader-'))
let path: string
let inbox: Inbox
let count = 0
let now = 1e12
const said: string[] = []
/** What runs before a verb goes to the store. */
let before: Partial<Record<keyof StoreClient, () => unknown>> = {}

beforeAll(async () => { im = await startIm2000({ accounts: 3 }) })
afterAll(async () => {
  await im.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  path = join(folder, `inbox${++count}.json`)
  inbox = await Inbox.open(path)
  said.length = 0
  before = {}
})
const reopen = async (): Promise<Inbox> => {
  await inbox.close()
  return inbox = await Inbox.open(path)
}
const reader = (): Reader => new Reader({ inbox, now: () => now, store: async () => ({ kind: 'connected', secure: false, value: spied(await connectStore(im.where('msrap'))) }) })
const spied = (client: StoreClient): StoreClient => {
  const spy = <A extends unknown[], R>(verb: keyof StoreClient, run: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
    said.push(verb === 'retrieve' ? `retrieve ${String(args[1])}` : verb)
    await before[verb]?.()
    return run(...args)
  }
  return { retrieve: spy('retrieve', client.retrieve), silence: spy('silence', client.silence), unpin: spy('unpin', client.unpin), scan: client.scan, close: client.close }
}
/** A message of our own store, announced to our own agent once more, as a store elsewhere would. */
async function announced(text = 'From: toby@example.org\r\nSubject: hello\r\n\r\nHi\r\n'): Promise<Buffer> {
  const draft = await im.gateway.store.open({ account: null, name: 'toby', protocol: 'ESMTP' }, { recipients: [im.name(2)] })
  await draft.writer.write(Buffer.from(text))
  const { identifier } = (await draft.seal()).recipients[0]
  await repeat(identifier)
  return identifier
}
const repeat = (identifier: Buffer): Promise<void> => im.gateway.agent.notify([{ storeClear: { domain: 'store.example' }, recipient: im.name(2), identifier, sender: 'toby', size: 77 }], { address: '192.0.2.7', port: 4711, tls: false })
async function collect(): Promise<number[]> {
  const agent = await im.rnaqp(2)
  try {
    return (await reader().collect(agent)).map((entry) => entry.number)
  } finally {
    agent.close()
  }
}
const text = async (number: number): Promise<string> => {
  const pieces: Buffer[] = []
  for await (const piece of reader().read(number)) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}
const onDisk = (): any => JSON.parse(readFileSync(path, 'utf8'))

it('T100 what was collected is on disk before it is silenced', async () => {
  const identifier = await announced()
  let seen: unknown
  before.silence = () => { seen = onDisk().entries[0]?.identifier }
  expect(await collect()).toEqual([1])
  expect(seen).toBe(identifier.toString('hex'))
  expect(said).toEqual(['silence'])
  expect(onDisk().entries[0]).toMatchObject({ silenced: true, sender: 'toby', size: 77, submitter: { address: '192.0.2.7', port: 4711 } })
})
it('T99 killed after the save, the entry is there at the next start; killed before, the repeat brings it', async () => {
  const identifier = await announced()
  // Dies in the middle of silencing: nothing after the save happens.
  before.silence = () => { throw new Error('killed') }
  await expect(collect()).rejects.toThrow('killed')
  await reopen()
  expect(inbox.contents.entries).toMatchObject([{ identifier: identifier.toString('hex'), silenced: false }])
  before = {}
  expect(await collect()).toEqual([])
  expect(inbox.contents.entries).toMatchObject([{ silenced: true }])

  const second = await announced()
  inbox.save = () => Promise.reject(new Error('killed'))
  await expect(collect()).rejects.toThrow('killed')
  await reopen()
  expect(inbox.contents.entries).toHaveLength(1)
  expect(await collect()).toEqual([])
  // The store was not told to be silent, so it says it again.
  await repeat(second)
  expect(await collect()).toEqual([2])
  await repeat(second)
  expect(await collect()).toEqual([])
})
it('T101 a store may delete only when the copy is on disk, whole', async () => {
  const large = `Subject: large\r\n\r\n${'x'.repeat(1_500_000)}\r\n`
  await announced(large)
  const [number] = await collect()
  const file = join(folder, 'saved.eml')
  let seen = ''
  before.unpin = () => { seen = readFileSync(file, 'latin1') }
  await reader().transfer(number, file)
  expect(seen.endsWith(large)).toBe(true)
  expect(said.at(-1)).toBe('unpin')
  expect(inbox.contents.entries).toEqual([])
  // A transfer that breaks leaves neither a file nor an un-pinning.
  await announced()
  const [next] = await collect()
  said.length = 0
  const broken = join(folder, 'broken.eml')
  before.retrieve = () => { throw new Error('the store went away') }
  await expect(reader().transfer(next, broken)).rejects.toThrow('went away')
  expect([said.includes('unpin'), existsSync(broken), existsSync(`${broken}.new`), inbox.contents.entries.length]).toEqual([false, false, false, 1])
})
it('T102 a message that is gone is shown so, and its entry can be dropped; nobody asks again', async () => {
  const identifier = await announced()
  const [number] = await collect()
  await im.gateway.store.cancel((await im.gateway.database.read.get<{ token: string }>('SELECT s.token FROM submissions s JOIN recipients r ON r.submission = s.id WHERE r.identifier = ?', [identifier]))!.token)
  await expect(text(number)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
  await reopen()
  expect(inbox.contents.entries).toMatchObject([{ number, gone: true }])
  said.length = 0
  await collect()
  expect(said).toEqual([])
  await reader().drop(number)
  await repeat(identifier)
  expect(await collect()).toEqual([])
  expect(onDisk().entries).toEqual([])
})
it('T103 refusing says silence and un-pin, and retrieves nothing', async () => {
  await announced()
  const [number] = await collect()
  said.length = 0
  await reader().refuse(number)
  expect(said).toEqual(['silence', 'unpin'])
  expect((await reopen()).contents.entries).toEqual([])
})
it('a message that changes between two readings, or is not the one announced, is not taken for it (H5)', async () => {
  await announced()
  const [number] = await collect()
  expect(await text(number)).toContain('Subject: hello')
  inbox.entry(number).digest = 'f'.repeat(64)
  await expect(text(number)).rejects.toMatchObject({ code: 'PEER_PROTOCOL_ERROR' })
  await expect(reader().transfer(number, join(folder, 'forged.eml'))).rejects.toMatchObject({ code: 'PEER_PROTOCOL_ERROR' })
  expect(existsSync(join(folder, 'forged.eml'))).toBe(false)
})
it('a store that is silent keeps its trouble in the entry, is left alone after three failures, and asked again a day later (F18, F22, H8)', async () => {
  await announced()
  let asked = 0
  const away = new Reader({ inbox, now: () => now, store: async () => { asked++; return { kind: 'temporary', why: 'nobody there' } } })
  for (let i = 0; i < 5; i++) {
    const agent = await im.rnaqp(2)
    await away.collect(agent)
    agent.close()
    now += 1000
  }
  expect(asked).toBe(3)
  expect(inbox.contents.entries).toMatchObject([{ silenced: false, trouble: { since: 1e12, failures: 3 } }])
  now += 86_400_000
  await collect()
  expect(inbox.contents.entries).toMatchObject([{ silenced: true }])
  expect(inbox.contents.entries[0].trouble).toBeUndefined()
})
it('two stores with the same identifier are two messages; the pair is remembered for 30 days (F.2, H15)', async () => {
  const identifier = await announced()
  await im.gateway.agent.notify([{ storeClear: { domain: 'other.example' }, recipient: im.name(2), identifier, sender: 'eve' }], { address: '192.0.2.7', port: 4711, tls: false })
  expect(await collect()).toHaveLength(2)
  await reader().drop(1)
  await repeat(identifier)
  expect(await collect()).toEqual([])
  now += 31 * 86_400_000
  await repeat(identifier)
  expect(await collect()).toHaveLength(1)
})
it('T105 T106 a place that may not be connected to is not; a TLS domain is asked by TLS only; a store that names TLS is not read without', async () => {
  const zone: Zone = {}
  const dns = fakeDns(zone)
  publish(zone, '_MSRAP', 'store.example', im.listeners.msrap)
  const reach = (allow: string[]) => makeReach({
    dns, random: { fraction: () => 0.5 }, clock: { now: () => now }, permits: makeAddressGuard({ allow }).permits, memory: { knows: async () => false, remember: async () => undefined },
    options: { tls: 'preferred', ca: undefined, answerMs: 5000, limits: { records: 4, addressesPerRecord: 4, attempts: 4, attemptMs: 5000, overallMs: 20_000 } },
  })
  await announced()
  await collect()
  const entry = inbox.entry(1)
  const read = async (allow: string[], allowClear = false): Promise<string> => {
    for await (const piece of new Reader({ inbox, now: () => now, store: reach(allow).store, allowClear }).read(1)) return piece.toString()
    return ''
  }
  const port = Number(im.listeners.msrap.split(':')[1])
  await expect(read([])).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  expect(await read(['127.0.0.0/8'])).toContain('hello')
  for (const literal of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.0.0.1']) {
    entry.storeClear = { literals: [{ address: literal, port }] }
    await expect(read([])).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  }
  entry.storeClear = { literals: [] }
  entry.storeSsl = { domain: 'store.example' }
  dns.asked.length = 0
  await expect(read(['127.0.0.0/8'])).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  expect(dns.asked).toEqual(['SRV _MSRAP-SSL._TCP.store.example'])
  entry.storeClear = { domain: 'store.example' }
  await expect(read(['127.0.0.0/8'])).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' })
  expect(await read(['127.0.0.0/8'], true)).toContain('hello')
})
it('one program at a time has the inbox; a lock that a crash left is taken over; a file of another kind is left alone', async () => {
  await expect(Inbox.open(path)).rejects.toMatchObject({ code: 'NOT_PERMITTED', message: expect.stringContaining(String(process.pid)) })
  await inbox.close()
  writeFileSync(`${path}.lock`, '999999999')
  inbox = await Inbox.open(path)
  await inbox.close()
  writeFileSync(path, '{"version":1,"entries":"none"}')
  await expect(Inbox.open(path)).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
  expect([readFileSync(path, 'utf8'), existsSync(`${path}.lock`)]).toEqual(['{"version":1,"entries":"none"}', false])
})
