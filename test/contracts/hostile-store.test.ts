// What strangers may try on the recipient's side: messages that change, notifications that are forged or replayed, places
// inside our network, silence; and what many messages cost.
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { MessageId, Uid } from '@restante/core'
import type { Notification } from '../../core/dist/im2000/values.js'
import { publish } from '../support/names.js'
import { startPair, type Pair } from '../support/pair.js'

let pair: Pair
const servers: Server[] = []
beforeAll(async () => { pair = await startPair({ accounts: 5, set: ['retrieval.eagerUpTo=2KiB', 'retrieval.retry=0.05', 'retrieval.retryLongest=0.05', 'im2000.outbound.answerTimeout=5'] }) })
afterAll(() => pair?.stop())
afterEach(() => { for (const server of servers.splice(0)) server.close() })

const submitter = { address: '192.0.2.9', port: 4711, tls: false }
const tell = (n: number, more: Partial<Notification>): Promise<void> =>
  pair.b.gateway.agent.notify([{ storeClear: { domain: 'a.test' }, recipient: pair.b.name(n), identifier: Buffer.alloc(16, n), sender: 'somebody', ...more }], submitter)
const held = () => pair.b.gateway.database.read.all<{ why: string; failing_since: number }>('SELECT why, failing_since FROM notifications')
const inbox = async (n: number): Promise<{ count: number; messages: MessageId[]; uids: Uid[] }> => {
  const box = await pair.b.gateway.mailboxes.open(pair.b.ids[n - 1], 'INBOX', { readOnly: true })
  const { count } = box.index
  const found = { count, messages: [...box.index.messages.subarray(0, count)] as MessageId[], uids: [...box.index.uids.subarray(0, count)] as Uid[] }
  box.close()
  return found
}
const octetsOf = async (message: MessageId): Promise<string> => {
  const parts: Buffer[] = []
  const content = await pair.b.gateway.contents.open(message)
  for await (const part of content.range(0, content.size)) parts.push(part)
  return Buffer.concat(parts).toString('latin1')
}
const listen = async (serve: (socket: Socket) => void): Promise<string> => {
  const server = createServer((socket) => serve(socket.on('error', () => undefined)))
  servers.push(server)
  await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

describe('a store that is not honest', () => {
  it('H5 gives other octets than it announced: they are not shown, and nothing is lost', async () => {
    await pair.a.submit([pair.b.name(1)], `Subject: constant\r\n\r\n${'honest '.repeat(1000)}`)
    await expect.poll(async () => (await inbox(1)).count).toBe(1)
    const [message] = (await inbox(1)).messages
    const swap = (from: string, to: string) => pair.a.gateway.database.write(async (tx) => {
      const row = await tx.get<{ message: number; data: Buffer }>('SELECT message, data FROM octets ORDER BY message DESC LIMIT 1')
      await tx.run('UPDATE octets SET data = ? WHERE message = ?', [Buffer.from(row!.data.toString('latin1').replaceAll(from, to), 'latin1'), row!.message])
    })
    await swap('honest', 'stolen')
    await expect(octetsOf(message)).rejects.toMatchObject({ code: 'CONTENT_UNAVAILABLE' })
    await swap('stolen', 'honest')
    expect(await octetsOf(message)).toContain('honest honest')
  })

  it('never answers: others\' mail comes in meanwhile, and few sessions go to it', async () => {
    let sessions = 0
    publish(pair.zone, '_MSRAP', 'mute.test', await listen(() => { sessions++ }))
    for (let i = 0; i < 20; i++) await tell(2, { storeClear: { domain: 'mute.test' }, identifier: Buffer.alloc(16, 100 + i) })
    await pair.a.submit([pair.b.name(2)])
    await expect.poll(async () => (await inbox(2)).count).toBe(1)
    expect(sessions).toBeLessThanOrEqual(2)
    await pair.b.gateway.database.write(async (tx) => { await pair.b.gateway.agent.removeAll(tx, pair.b.ids[1]) })
  })

  it('answers rubbish: the notification stays, and says why', async () => {
    publish(pair.zone, '_MSRAP', 'rubbish.test', await listen((socket) => { socket.write(Buffer.alloc(5000, 0x41)) }))
    await tell(3, { storeClear: { domain: 'rubbish.test' } })
    await expect.poll(async () => (await held())[0]?.why).toMatch(/session broke/)
    await pair.b.gateway.database.write(async (tx) => { await pair.b.gateway.agent.removeAll(tx, pair.b.ids[2]) })
  })
})

describe('notifications that are not honest', () => {
  it.each([
    ['a loopback literal that is not allowed', { storeClear: { literals: [{ address: '::1', port: 2702 }] } }],
    ['the metadata service', { storeClear: { literals: [{ address: '169.254.169.254', port: 80 }] } }],
    ['a port of another service', { storeClear: { literals: [{ address: '127.0.0.1', port: 25 }] } }],
    ['no place at all', { storeClear: { literals: [] } }],
  ])('H7 name %s: nothing is connected to', async (_, where) => {
    await tell(3, where)
    await expect.poll(async () => (await held())[0]?.failing_since).toBeTypeOf('number')
    expect((await inbox(3)).count).toBe(0)
    await pair.b.gateway.database.write(async (tx) => { await pair.b.gateway.agent.removeAll(tx, pair.b.ids[2]) })
  })
  it('T83 the same identifier at two stores is two messages', async () => {
    const { recipients } = await pair.a.submit([pair.b.name(4)])
    publish(pair.zone, '_MSRAP', 'twin.test', pair.a.listeners.msrap)
    await tell(4, { storeClear: { domain: 'twin.test' }, identifier: recipients[0].identifier })
    await expect.poll(async () => (await inbox(4)).count).toBe(2)
  })
  it('H15 forged: an identifier that its store does not know leaves nothing behind', async () => {
    await tell(5, { identifier: Buffer.alloc(16, 77) })
    await expect.poll(held).toEqual([])
    expect((await inbox(5)).count).toBe(0)
  })
  it('a digest of somebody else\'s message opens nothing: the store must show it under this identifier', async () => {
    const { recipients: [{ identifier }] } = await pair.a.submit([pair.b.name(1)], `Subject: secret\r\n\r\n${'secret '.repeat(1000)}`)
    await expect.poll(async () => (await inbox(1)).count).toBe(2)
    const { digest } = (await pair.b.gateway.database.read.get<{ digest: string }>('SELECT digest FROM remote_pins WHERE identifier = ?', [identifier]))!
    const other = await pair.a.submit([pair.a.name(2)], 'Subject: mine\r\n\r\nNothing\r\n')
    await tell(5, { identifier: other.recipients[0].identifier, digest: Buffer.from(digest, 'hex'), size: 5 })
    await expect.poll(async () => (await inbox(5)).count).toBe(1)
    expect(await octetsOf((await inbox(5)).messages[0])).toContain('Subject: mine')
  })
})

describe('many', () => {
  it('300 large messages: a header sync moves their headers, not their octets', { timeout: 120_000 }, async () => {
    const before = pair.wire()
    const count = (await inbox(2)).count
    for (let i = 0; i < 300; i += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => pair.a.submit([pair.b.name(2)], `Subject: many ${i + n}\r\nFrom: a@a.test\r\n\r\n${'z'.repeat(30_000)}`)))
    await expect.poll(async () => (await inbox(2)).count, { timeout: 110_000 }).toBe(count + 300)
    const { messages } = await inbox(2)
    let seen = 0
    for await (const some of pair.b.gateway.mailboxes.summaries(messages, ['envelope', 'headers', 'size', 'sort'])) seen += some.size
    expect(seen).toBe(count + 300)
    await pair.b.gateway.collector.settled()
    expect(pair.wire() - before).toBeLessThan(300 * 1000)
  })
  it('10,000 recipients at 100 domains: each domain is looked up a few times, not once for each of them', async () => {
    for (let d = 0; d < 100; d++) publish(pair.zone, '_RNASP', `d${d}.test`, pair.b.listeners.rnasp)
    const asked = pair.dns.asked.length
    const sent = await Promise.all(Array.from({ length: 10 }, (_, i) => pair.a.submit(Array.from({ length: 1000 }, (_, n) => `user${i}-${n}@d${n % 100}.test`))))
    await expect.poll(async () => {
      const { n } = (await pair.a.gateway.database.read.get<{ n: number }>("SELECT count(*) AS n FROM recipients WHERE domain LIKE 'd%.test' AND outcome = 'accepted'"))!
      return n
    }, { timeout: 110_000, interval: 500 }).toBe(10_000)
    // Three questions and more make one look: two services, and the addresses of a target.
    expect(pair.dns.asked.length - asked).toBeLessThan(100 * 40)
    expect(new Set((await pair.a.statusOf(sent[9].token)).map((one) => one.notification))).toEqual(new Set(['notifying']))
  }, 120_000)
})
