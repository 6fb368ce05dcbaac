// Delivery status in the sender's mailboxes: keywords in Sent, and the Outbox whose messages can be taken back. On both databases.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { flagBits, type AccountId, type Uid } from '@restante/core'
import { databases } from '../support/databases.js'
import { startPair, type Pair } from '../support/pair.js'

for (const kind of databases) {
  describe(kind, () => {
    let pair: Pair
    beforeAll(async () => { pair = await startPair({ kind, set: ['mailboxes.sentTracking=true', 'retrieval.eagerUpTo=1KiB'] }) })
    afterAll(() => pair?.stop())
    const text = (id: string, body = 'Hi\r\n'): string => `From: user0001@a.test\r\nMessage-ID: <${id}@a.test>\r\nSubject: ${id}\r\n\r\n${body}`
    const append = async (id: string): Promise<void> => {
      const writer = pair.a.gateway.spool.open()
      await writer.write(Buffer.from(text(id)))
      await pair.a.gateway.mailboxes.append(pair.a.ids[0], 'Sent', [{ spooled: await writer.seal(), flags: 1, keywords: [] }])
    }
    /** UID and keywords of the message in a mailbox of `account`. */
    const entry = async (box: string, id: string, { gateway, ids } = pair.a): Promise<{ uid: Uid; keywords: readonly string[] } | undefined> => {
      await gateway.sentTracking.settled()
      const mailbox = await gateway.mailboxes.open(ids[0] as AccountId, box, { readOnly: false })
      try {
        for (let i = 0; i < mailbox.index.count; i++) {
          const message = mailbox.index.messages[i] as never
          for await (const some of gateway.mailboxes.summaries([message], ['sort'])) {
            if (some.get(message)?.sort.messageId === `${id}@a.test`) return { uid: mailbox.index.uids[i] as Uid, keywords: [...mailbox.index.keywordNames(mailbox.index.keywords[i])].sort() }
          }
        }
      } finally {
        mailbox.close()
      }
      return undefined
    }
    const keywords = async (box: string, id: string): Promise<readonly string[] | undefined> => (await entry(box, id))?.keywords
    const expunge = async (side: Pair['a'], box: string, uid: Uid): Promise<void> => {
      const mailbox = await side.gateway.mailboxes.open(side.ids[0], box, { readOnly: false })
      await mailbox.changeFlags([uid], { mode: 'add', flags: flagBits['\\Deleted'], keywords: [] })
      await mailbox.expunge([uid])
      mailbox.close()
    }

    it('a copy in Sent, made before or after the submission, shows what all recipients did', async () => {
      await append('before')
      const sent = await pair.a.submit([pair.b.name(1), pair.a.name(2)], text('before'))
      await pair.a.submit([pair.b.name(1)], text('after'))
      await append('after')
      await expect.poll(() => keywords('Sent', 'after')).toEqual(['$Notified', '$Retrieved'])
      await expect.poll(() => keywords('Sent', 'before')).toEqual(['$Notified'])
      const mine = await pair.a.gateway.mailboxes.open(pair.a.ids[1], 'INBOX', { readOnly: false })
      const [uid] = mine.index.uids
      await mine.changeFlags([uid as Uid], { mode: 'add', flags: flagBits['\\Seen'] | flagBits['\\Deleted'], keywords: [] })
      await expect.poll(() => keywords('Sent', 'before')).toEqual(['$Notified', '$Retrieved'])
      await mine.expunge()
      mine.close()
      let theirs: Awaited<ReturnType<typeof entry>>
      await expect.poll(async () => theirs = await entry('INBOX', 'before', pair.b)).toBeDefined()
      await expunge(pair.b, 'INBOX', theirs!.uid)
      await expect.poll(() => keywords('Sent', 'before')).toEqual(['$Notified', '$Released', '$Retrieved'])
      await expect.poll(async () => (await pair.a.gateway.store.track(sent.token))[0].endedBy).toBe('released')
    })

    it('who cannot be told shows as failed', async () => {
      await append('failed')
      await pair.a.submit([pair.a.name(2), 'x@nowhere.test'], text('failed'))
      await expect.poll(() => keywords('Sent', 'failed')).toEqual(['$Failed'])
    })

    it('what a relay took over shows too', async () => {
      pair.a.gateway.notifier.relayThrough({
        relay: async (domain, recipients, done) => {
          await done(recipients.map((recipient) => ({ recipient, outcome: domain === 'good.test' ? { kind: 'delivered' } : { kind: 'permanent', why: 'unknown' } })))
        },
      })
      for (const domain of ['good', 'bad']) {
        await append(domain)
        await pair.a.submit([`x@${domain}.test`], text(domain))
      }
      await expect.poll(() => keywords('Sent', 'good')).toEqual(['$Notified', '$Released'])
      await expect.poll(() => keywords('Sent', 'bad')).toEqual(['$Failed'])
    })

    it('somebody else\'s message with the same Message-ID says nothing', async () => {
      await append('same')
      const draft = await pair.a.gateway.store.open({ account: pair.a.ids[1], name: pair.a.name(2), protocol: 'ESMTPSA' }, { recipients: [pair.a.name(3)] })
      await draft.writer.write(Buffer.from(text('same')))
      await draft.seal()
      expect(await keywords('Sent', 'same')).toEqual([])
    })

    it('the Outbox shows a submission while it is kept, with its status, and holds nothing', async () => {
      const sent = await pair.a.submit([pair.b.name(1)], text('kept'))
      await expect.poll(() => keywords('Outbox', 'kept')).toEqual(['$Notified', '$Retrieved'])
      let theirs: Awaited<ReturnType<typeof entry>>
      await expect.poll(async () => theirs = await entry('INBOX', 'kept', pair.b)).toBeDefined()
      await expunge(pair.b, 'INBOX', theirs!.uid)
      await expect.poll(async () => (await pair.a.gateway.store.track(sent.token))[0].endedBy).toBe('released')
      expect(await entry('Outbox', 'kept')).toBeUndefined()
    })

    it('deleting in the Outbox takes back what is unread, and not what was read', async () => {
      const unread = await pair.a.submit([pair.b.name(1)], text('unread', `${'x'.repeat(70)}\r\n`.repeat(100)))
      const read = await pair.a.submit([pair.b.name(1)], text('read'))
      await expect.poll(() => keywords('Outbox', 'read')).toContain('$Retrieved')
      for (const id of ['unread', 'read']) await expunge(pair.a, 'Outbox', (await entry('Outbox', id))!.uid)
      expect((await pair.a.gateway.store.track(unread.token))[0].endedBy).toBe('cancelled')
      expect((await pair.a.gateway.store.track(read.token))[0].endedBy).toBe(null)
    })
  })
}
