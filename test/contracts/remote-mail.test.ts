// Mail that lies at another store (im2000.md F.2, design section 8): collected, read, copied, released, taken back. Two
// gateways over real sockets; on both databases.
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flagBits, type MessageId, type Uid } from '@restante/core'
import { databases } from '../support/databases.js'
import { startPair, type Pair } from '../support/pair.js'

const large = (subject: string): string => `From: toby@a.test\r\nTo: lucy@b.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@a.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText of ${subject}\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n${'x'.repeat(70)}${'\r\n0123456789'.repeat(20_000)}\r\n--b--\r\n`

for (const kind of databases) {
  describe(kind, () => {
    let pair: Pair
    beforeAll(async () => { pair = await startPair({ kind, set: ['retrieval.eagerUpTo=64KiB', 'retrieval.retry=0.01'] }) })
    afterAll(() => pair?.stop())

    const inbox = (n = 1, box = 'INBOX') => pair.b.gateway.mailboxes.open(pair.b.ids[n - 1], box, { readOnly: false })
    const arrived = async (subject: string, n = 1, box = 'INBOX'): Promise<{ uid: Uid; message: MessageId }> => {
      let found: { uid: Uid; message: MessageId } | undefined
      await expect.poll(async () => {
        const mailbox = await inbox(n, box)
        const { uids, messages, count } = mailbox.index
        const ids = [...messages.subarray(0, count)] as MessageId[]
        for await (const some of pair.b.gateway.mailboxes.summaries(ids, ['envelope'])) {
          for (const [id, { envelope }] of some) if (envelope.includes(`"${subject}"`)) found = { message: id, uid: uids[ids.indexOf(id)] as Uid }
        }
        mailbox.close()
        return found
      }).toBeDefined()
      return found!
    }
    const octetsAt = async (message: MessageId): Promise<string> => {
      const parts: Buffer[] = []
      const content = await pair.b.gateway.contents.open(message)
      for await (const part of content.range(0, content.size)) parts.push(part)
      return Buffer.concat(parts).toString('latin1')
    }
    const partial = async (message: MessageId): Promise<number> => (await pair.b.gateway.database.read.get<{ partial: number }>('SELECT partial FROM messages WHERE id = ?', [message]))!.partial
    const status = async (token: string) => (await pair.a.statusOf(token))[0]
    const ended = async (token: string) => (await pair.a.gateway.store.track(token))[0].endedBy

    it('T100 a small message is fetched and filed; only then is its store told to be silent', async () => {
      const sent = await pair.a.submit([pair.b.name(1)], 'Subject: small\r\nFrom: toby@a.test\r\n\r\nHi\r\n')
      const { message } = await arrived('small')
      await expect.poll(() => status(sent.token)).toMatchObject({ notification: 'silenced', read: 'readall', pinned: true })
      expect(await octetsAt(message)).toMatch(/^Received: by [\s\S]*\r\n\r\nHi\r\n$/)
      expect(await pair.b.gateway.database.read.all('SELECT id FROM notifications')).toEqual([])
    })

    it('of a large message the header is enough for a header sync; its octets come when they are needed, verified', async () => {
      const text = large('lazy')
      const sent = await pair.a.submit([pair.b.name(1)], text)
      const { message } = await arrived('lazy')
      expect(await partial(message)).toBe(1)
      await expect.poll(() => status(sent.token)).toMatchObject({ notification: 'silenced', read: 'readheaders' })
      for await (const some of pair.b.gateway.mailboxes.summaries([message], ['envelope', 'headers', 'size', 'headerSize', 'sort'])) expect(some.get(message)!.headers).toContain('Message-ID: <lazy@a.test>')
      const content = await pair.b.gateway.contents.open(message)
      for await (const head of content.range(0, 20)) expect(head.toString()).toBe('Received: by localho')
      expect(await partial(message)).toBe(1)
      expect((await octetsAt(message)).endsWith(text)).toBe(true)
      expect(await partial(message)).toBe(0)
      await expect.poll(() => status(sent.token)).toMatchObject({ read: 'readall' })
    })

    it('the structure of a message is fetched for whoever asks for it', async () => {
      await pair.a.submit([pair.b.name(1)], large('structure'))
      const { message } = await arrived('structure')
      for await (const some of pair.b.gateway.mailboxes.summaries([message], ['bodyStructure'])) expect(some.get(message)!.bodyStructure).toContain('"mixed"')
      expect(await partial(message)).toBe(0)
    })

    it('T65 T101 expunging un-pins: the octets are gone from the sender\'s store', async () => {
      const sent = await pair.a.submit([pair.b.name(1)], large('expunged'))
      const { uid } = await arrived('expunged')
      const box = await inbox()
      await box.changeFlags([uid], { mode: 'add', flags: flagBits['\\Deleted'], keywords: [] })
      await box.expunge([uid])
      box.close()
      await expect.poll(() => ended(sent.token)).toBe('released')
    })

    it('moving to another mailbox makes the octets ours first, then un-pins; copying does not', async () => {
      const text = large('moved')
      const sent = await pair.a.submit([pair.b.name(1)], text)
      const { uid, message } = await arrived('moved')
      const box = await inbox()
      await box.copy([uid], 'Drafts')
      expect(await partial(message)).toBe(0)
      expect((await status(sent.token)).pinned).toBe(true)
      await box.move([uid], 'Archive')
      box.close()
      await expect.poll(() => ended(sent.token)).toBe('released')
      expect((await octetsAt((await arrived('moved', 1, 'Archive')).message)).endsWith(text)).toBe(true)
    })

    it('what left the cache between the look and the commit is not let go of', async () => {
      const sent = await pair.a.submit([pair.b.name(1)], large('raced'))
      const { uid, message } = await arrived('raced')
      await expect.poll(() => status(sent.token)).toMatchObject({ notification: 'silenced' })
      const { contents, mailboxes } = pair.b.gateway
      const { fetchAll } = contents
      contents.fetchAll = async () => undefined
      try {
        const box = await inbox()
        for (const leave of [() => box.copy([uid], 'Archive'), () => box.move([uid], 'Archive'), () => mailboxes.rename(pair.b.ids[0], 'INBOX', 'Old')]) await expect(leave()).rejects.toMatchObject({ code: 'CONTENT_UNAVAILABLE' })
        expect(box.index.position(uid)).toBeGreaterThanOrEqual(0)
        box.close()
      } finally {
        contents.fetchAll = fetchAll
      }
      expect((await status(sent.token)).pinned).toBe(true)
      expect(await octetsAt(message)).toContain('Text of raced')
    })

    it('recipients here of one message share its octets, and one release does not take it from the other', async () => {
      const before = pair.wire()
      const text = large('shared')
      const sent = await pair.a.submit([pair.b.name(1), pair.b.name(2), pair.b.name(3)], text)
      const [one, two] = [await arrived('shared', 1), await arrived('shared', 2)]
      expect((await arrived('shared', 3)).message).toBe(one.message)
      expect(two.message).toBe(one.message)
      await Promise.all([octetsAt(one.message), octetsAt(two.message)])
      await expect.poll(() => status(sent.token)).toMatchObject({ read: 'readall' })
      expect(pair.wire() - before).toBeLessThan(text.length * 1.1)
      const box = await inbox(1)
      await box.changeFlags([one.uid], { mode: 'add', flags: flagBits['\\Deleted'], keywords: [] })
      await box.expunge([one.uid])
      box.close()
      await expect.poll(async () => (await pair.a.statusOf(sent.token)).map((recipient) => recipient.pinned)).toEqual([false, true, true])
      expect((await octetsAt(two.message)).endsWith(text)).toBe(true)
    })

    it('a message that is taken back before it was read cannot be read, and leaves the mailbox; a read one stays', async () => {
      const [unread, read, header] = await Promise.all(['unread', 'read', 'header'].map((subject) => pair.a.submit([pair.b.name(2)], subject === 'header' ? large(subject) : `Subject: ${subject}\r\n\r\nx\r\n`)))
      const entries = [await arrived('unread', 2), await arrived('read', 2), await arrived('header', 2)]
      const box = await inbox(2)
      expect(await box.takenBack([entries[1].uid])).toEqual([])
      await box.changeFlags([entries[1].uid], { mode: 'add', flags: flagBits['\\Seen'], keywords: [] })
      for (const { token } of [unread, read, header]) await pair.a.gateway.store.cancel(token)
      expect([...await box.takenBack(entries.map(({ uid }) => uid))].sort((a, b) => a - b)).toEqual([entries[0].uid, entries[2].uid].sort((a, b) => a - b))
      expect(box.index.position(entries[0].uid)).toBe(-1)
      expect(box.index.position(entries[1].uid)).toBeGreaterThanOrEqual(0)
      expect(await octetsAt(entries[1].message)).toContain('Subject: read')
      box.close()
    })

    it('a store that is down: entries stay, their octets cannot be had now, and can be later', async () => {
      const sent = await pair.a.submit([pair.b.name(3)], large('outage'))
      const { message } = await arrived('outage', 3)
      await expect.poll(() => status(sent.token)).toMatchObject({ notification: 'silenced' })
      const place = pair.zone['_msrap._tcp.a.test']
      pair.b.gateway.stores.drop()
      pair.zone['_msrap._tcp.a.test'] = 'SERVFAIL'
      await expect(octetsAt(message)).rejects.toMatchObject({ code: 'CONTENT_UNAVAILABLE' })
      pair.zone['_msrap._tcp.a.test'] = place
      await expect.poll(() => octetsAt(message).then((text) => text.length, () => 0)).toBeGreaterThan(200_000)
    })

    it('a store that was left alone for a day is asked when a reader wants something, and then for all that waits', async () => {
      const { stores, collector, database } = pair.b.gateway
      const key = '["a.test",null]'
      await pair.a.submit([pair.b.name(3)], large('hurry'))
      const { message } = await arrived('hurry', 3)
      await collector.settled()
      const place = pair.zone['_msrap._tcp.a.test']
      stores.drop()
      pair.zone['_msrap._tcp.a.test'] = 'SERVFAIL'
      for (let i = 0; i < 3; i++) await expect(stores.use(key, async () => undefined, 0)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' })
      await pair.a.submit([pair.b.name(3)], 'Subject: waits\r\n\r\nx\r\n')
      await expect.poll(() => database.read.all('SELECT why FROM notifications WHERE failing_since IS NOT NULL')).toHaveLength(1)
      await database.write((tx) => tx.run('UPDATE notifications SET next_try = ?', [Date.now() + 86_400_000]))
      pair.zone['_msrap._tcp.a.test'] = place
      await stores.use(key, async () => undefined, 0)
      await arrived('waits', 3)
      expect(await octetsAt(message)).toContain('Text of hurry')
    })

    it('a repeat of what was collected is not filed again, nor after it was released', async () => {
      const sent = await pair.a.submit([pair.b.name(3)], 'Subject: twice\r\n\r\nx\r\n')
      const { uid } = await arrived('twice', 3)
      const box = await inbox(3)
      const count = box.index.count
      const [{ identifier }] = sent.recipients
      const again = (): Promise<void> => pair.b.gateway.agent.notify([{ storeClear: { domain: 'a.test' }, recipient: pair.b.name(3), identifier, sender: 'user0001@a.test' }], { address: '127.0.0.1', port: 1, tls: false })
      await again()
      expect(await pair.b.gateway.database.read.all('SELECT id FROM notifications')).toEqual([])
      await box.changeFlags([uid], { mode: 'add', flags: flagBits['\\Deleted'], keywords: [] })
      await box.expunge([uid])
      await again()
      await pair.b.gateway.collector.settled()
      expect(box.index.count).toBe(count - 1)
      box.close()
    })

    it('a notification whose message is gone before it was collected is dropped (F17)', async () => {
      await pair.b.gateway.agent.notify([{ storeClear: { domain: 'a.test' }, recipient: pair.b.name(3), identifier: Buffer.alloc(16, 7), sender: 'nobody' }], { address: '127.0.0.1', port: 1, tls: false })
      await expect.poll(() => pair.b.gateway.database.read.all('SELECT id FROM notifications')).toEqual([])
    })

    it('unread octets leave the cache when it is full, and come again', async () => {
      const text = `Subject: evicted\r\n\r\n${'y'.repeat(30_000)}\r\n`
      const sent = await pair.a.submit([pair.b.name(2)], text)
      const { message } = await arrived('evicted', 2)
      await expect.poll(() => status(sent.token)).toMatchObject({ notification: 'silenced' })
      expect(await pair.b.gateway.content.trim()).toBe(0)
      expect(await pair.b.gateway.content.trim(0)).toBeGreaterThan(0)
      expect(await partial(message)).toBe(2)
      for await (const some of pair.b.gateway.mailboxes.summaries([message], ['bodyStructure'])) expect(some.get(message)!.bodyStructure).toContain('"plain"')
      expect(createHash('sha256').update((await octetsAt(message)).slice(-text.length)).digest('hex')).toBe(createHash('sha256').update(text).digest('hex'))
    })

    it('collect: native leaves the notifications to the account\'s own reader', async () => {
      await pair.b.gateway.retrievalChoices.set(pair.b.ids[2], { collect: 'native' })
      await pair.a.submit([pair.b.name(3)], 'Subject: native\r\n\r\nx\r\n')
      await expect.poll(() => pair.b.gateway.database.read.all('SELECT sender FROM notifications')).toEqual([{ sender: 'user0001@a.test' }])
      await pair.b.gateway.collector.settled()
      expect(await pair.b.gateway.database.read.all('SELECT sender FROM notifications')).toHaveLength(1)
      await pair.b.gateway.retrievalChoices.set(pair.b.ids[2], { collect: null })
      pair.b.gateway.collector.wake()
      await arrived('native', 3)
    })
  })
}
