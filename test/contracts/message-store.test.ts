// The IM2000 store and agent as services, on both databases: im2000.md sections D and E. Test names carry the statements.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Uid } from '@restante/core'
import { databases } from '../support/databases.js'
import type { HeldNotification } from '../../core/dist/rna/notification-agent.js'
import { startCore, type CoreUnderTest } from '../support/core.js'

for (const kind of databases) {
  describe(kind, () => {
    let core: CoreUnderTest
    beforeAll(async () => { core = await startCore(kind, { accounts: 5, set: ['im2000.store.minimumLifetime=60', 'im2000.store.envelopeEntries=50', 'limits.messageOctets=1000000', 'im2000.rna.bound=6', 'im2000.rna.perMailbox=4'] }) })
    afterAll(() => core.stop())
    const identifier = (n: number): Buffer => Buffer.alloc(16, n)

    describe('submission', () => {
      it('T36 refuses an envelope with neither recipients nor lists', () => expect(core.submit([])).rejects.toMatchObject({ code: 'ENVELOPE_EMPTY' }))
      it('Q24 refuses more than the configured entries', () => expect(core.submit(Array(51).fill(core.name(1)))).rejects.toMatchObject({ code: 'ENVELOPE_TOO_LARGE' }))
      it('T37 T38 refuses the whole envelope and says which entries', () => expect(core.submit([core.name(1), 'x@[192.0.2.1]', 'nobody@example.test', 'far@elsewhere'], '', {})).rejects.toMatchObject({
        code: 'ENVELOPE_REFUSED', details: { recipients: [true, false, false, false], refused: ['x@[192.0.2.1]', 'nobody@example.test', 'far@elsewhere'] },
      }))
      it('T48 refuses a lifetime below the minimum', () => expect(core.submit([core.name(1)], 'x', { lifetime: 59 })).rejects.toMatchObject({ code: 'LIFETIME_TOO_SHORT' }))
      it('T43 T44 T45 T46 keeps the octets after one Received field, and gives one distinct identifier per recipient', async () => {
        const wild = 'Subject: 8-bit \xe4\r\nX: a\n\r\nbare \n lf, bare \r cr, nul \0, long ' + 'x'.repeat(5000)
        const submission = await core.submit([core.name(1), core.name(2), core.name(1)], wild)
        expect(new Set(submission.recipients.map((recipient) => recipient.identifier.toString('hex'))).size).toBe(3)
        const { data } = await core.gateway.retrieval.retrieve(submission.recipients[0].identifier, 'all', 0, 1e6)
        const text = data.toString('latin1')
        expect(text.endsWith(wild)).toBe(true)
        const trace = text.slice(0, -wild.length)
        expect(trace).toMatch(/^Received: by localhost with ESMTP\r\n\tid \S+; \w{3}, \d+ \w{3} \d{4} [\d:]{8} \+0000\r\n$/)
        for (const { identifier } of submission.recipients) for (const form of ['hex', 'base64', 'base64url'] as const) expect(trace).not.toContain(identifier.toString(form))
      })
      it('T49 refuses what is too large, and leaves nothing', async () => {
        const before = await core.count('messages')
        await expect(core.submit([core.name(1)], 'x'.repeat(1_000_001))).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
        expect(await core.count('messages')).toBe(before)
        expect(readdirSync(join(core.data, 'spool'))).toEqual([])
      })
      it('T41 a draft that is discarded leaves nothing', async () => {
        const before = await core.count('submissions')
        const draft = await core.gateway.store.open({ account: null, name: 'x', protocol: 'LMTP' }, { recipients: [core.name(1)] })
        await draft.writer.write(Buffer.alloc(200_000, 65))
        await draft.discard()
        expect(await core.count('submissions')).toBe(before)
        expect(readdirSync(join(core.data, 'spool'))).toEqual([])
      })
      it('stores the octets once, however many recipients', async () => {
        const before = await core.count('messages')
        await core.submit([1, 2, 3, 4, 5].map(core.name))
        expect(await core.count('messages')).toBe(before + 1)
      })
    })

    describe('retrieval', () => {
      it('T75 T76 T77 gives representations by windows of any size', async () => {
        const { recipients: [{ identifier }] } = await core.submit([core.name(1)], 'From: a@b\r\nX-Other: 1\r\nSubject: s\r\n\r\nbody text')
        const whole = (await core.gateway.retrieval.retrieve(identifier, 'all', 0, 1e6)).data
        for (const representation of ['all', 'headersonly', 'summaryonly'] as const) {
          const one = await core.gateway.retrieval.retrieve(identifier, representation, 0, 1e6)
          const pieces: Buffer[] = []
          for (let at = 0; at < one.size; at += 7) pieces.push((await core.gateway.retrieval.retrieve(identifier, representation, at, 7)).data)
          expect(Buffer.concat(pieces)).toEqual(one.data)
          expect(one.data).toHaveLength(one.size)
          expect((await core.gateway.retrieval.retrieve(identifier, representation, one.size, 10)).data).toHaveLength(0)
          if (representation === 'headersonly') expect(whole.subarray(0, one.size)).toEqual(one.data)
          if (representation === 'headersonly') expect(one.data.toString('latin1').endsWith('Subject: s\r\n\r\n')).toBe(true)
          if (representation === 'summaryonly') expect(one.data.toString('latin1')).toBe('From: a@b\r\nSubject: s\r\n\r\n')
        }
        expect(await core.gateway.retrieval.retrieve(identifier, 'nothing', 0, 0)).toEqual({ data: Buffer.alloc(0), size: whole.length })
      })
      it('T63 raises the read status at the last octet and never lowers it', async () => {
        const { token, recipients: [{ identifier }] } = await core.submit([core.name(1)], 'Subject: s\r\n\r\nbody')
        const status = async (): Promise<string> => (await core.gateway.store.track(token))[0].recipients[0].read
        await core.gateway.retrieval.retrieve(identifier, 'nothing', 0, 0)
        await core.gateway.retrieval.retrieve(identifier, 'headersonly', 0, 3)
        expect(await status()).toBe('unread')
        await core.gateway.retrieval.retrieve(identifier, 'headersonly', 0, 1e6)
        expect(await status()).toBe('readheaders')
        await core.gateway.retrieval.retrieve(identifier, 'summaryonly', 0, 1e6)
        expect(await status()).toBe('readheaders')
        await core.gateway.retrieval.retrieve(identifier, 'all', 0, 1e6)
        expect(await status()).toBe('readall')
      })
      it('T74 unknown identifiers look like nothing', () => expect(core.gateway.retrieval.retrieve(identifier(9), 'all', 0, 1)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' }))
    })

    describe('pins and deletion', () => {
      it('T64 T65 T66 T70 the message goes when the last recipient has un-pinned and no mailbox holds it', async () => {
        const [messages, octets] = [await core.count('messages'), await core.count('octets')]
        const { token, recipients } = await core.submit([core.name(3), core.name(4)])
        const boxes = await Promise.all([2, 3].map((n) => core.gateway.mailboxes.open(core.ids[n], 'INBOX', { readOnly: false })))
        for (const [i, box] of boxes.entries()) {
          const last = [box.index.uids[box.index.count - 1] as Uid]
          await box.changeFlags(last, { mode: 'add', flags: 8, keywords: [] })
          await box.expunge(last)
          box.look({ expunges: true })
          await core.gateway.reaper.reap()
          const [tracked] = await core.gateway.store.track(token)
          expect(tracked.recipients.map((recipient) => recipient.pinned)).toEqual([false, i === 0])
          expect(await core.count('messages')).toBe(messages + (i === 0 ? 1 : 0))
        }
        expect(await core.count('octets')).toBe(octets)
        for (const { identifier } of recipients) await expect(core.gateway.retrieval.unpin(identifier)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
        expect((await core.gateway.store.track(token))[0]).toMatchObject({ endedBy: 'released' })
        for (const box of boxes) box.close()
      })
      it('a copy elsewhere holds the octets; so does a session that was not told of the expunge', async () => {
        const { recipients: [{ identifier }] } = await core.submit([core.name(3)], 'Subject: kept\r\n\r\n' + 'y'.repeat(100_000))
        const files = (): number => readdirSync(join(core.data, 'blobs'), { recursive: true }).filter((name) => /[0-9a-f]{32}$/.test(String(name))).length
        expect(files()).toBe(1)
        const box = await core.gateway.mailboxes.open(core.ids[2], 'INBOX', { readOnly: false })
        const slow = await core.gateway.mailboxes.open(core.ids[2], 'INBOX', { readOnly: false })
        const uid = [box.index.uids[box.index.count - 1] as Uid]
        await box.copy(uid, 'Archive')
        await box.changeFlags(uid, { mode: 'add', flags: 8, keywords: [] })
        await box.expunge(uid)
        box.look({ expunges: true })
        await core.gateway.reaper.reap()
        expect((await core.gateway.retrieval.retrieve(identifier, 'nothing', 0, 0)).size).toBeGreaterThan(100_000)
        const archive = await core.gateway.mailboxes.open(core.ids[2], 'Archive', { readOnly: false })
        const copy = [archive.index.uids[archive.index.count - 1] as Uid]
        const { message } = archive.index.entry(copy[0])!
        await archive.changeFlags(copy, { mode: 'add', flags: 8, keywords: [] })
        await archive.expunge(copy)
        archive.look({ expunges: true })
        await core.gateway.reaper.reap()
        expect((await core.octetsOf(message)).length).toBeGreaterThan(100_000) // `slow` still shows it
        slow.look({ expunges: true })
        await core.gateway.reaper.reap()
        await expect(core.octetsOf(message)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
        await expect.poll(files).toBe(0)
        for (const one of [box, slow, archive]) one.close()
      })
      it('T67 T69 cancel takes unread copies back, and read ones stay with their readers', async () => {
        const [sender] = core.ids
        const submission = await core.submit([core.name(3), core.name(4)], 'Subject: oops\r\nMessage-ID: <oops@example.test>\r\n\r\nsorry', { account: sender })
        const reader = await core.gateway.mailboxes.open(core.ids[2], 'INBOX', { readOnly: false })
        const other = await core.gateway.mailboxes.open(core.ids[3], 'INBOX', { readOnly: false })
        const [readUid, unreadUid] = [reader, other].map((box) => box.index.uids[box.index.count - 1] as Uid)
        await reader.changeFlags([readUid], { mode: 'add', flags: 1, keywords: [] })
        await expect(core.gateway.store.cancelIdentifier(submission.recipients[0].identifier, core.ids[1])).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
        expect(await core.gateway.store.cancel('<oops@example.test>')).toEqual({ cancelled: 1, late: [core.name(3)] })
        expect(reader.index.position(readUid)).toBeGreaterThanOrEqual(0)
        expect(other.index.position(unreadUid)).toBe(-1)
        expect((await core.gateway.store.track(submission.token))[0]).toMatchObject({ endedBy: 'cancelled' })
        await expect(core.gateway.store.trackIdentifier(submission.recipients[0].identifier, sender)).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
        reader.close()
        other.close()
      })
      it('T68 a lifetime that is over ends the message; without one it stays', async () => {
        const mortal = await core.submit([core.name(5)], 'Subject: brief\r\n\r\nx', { lifetime: 60 })
        const eternal = await core.submit([core.name(5)], 'Subject: lasting\r\n\r\nx')
        await core.gateway.database.write((tx) => tx.run('UPDATE submissions SET expires_at = 1 WHERE token = ?', [mortal.token]))
        await core.gateway.reaper.expire()
        expect((await core.gateway.store.track(mortal.token))[0]).toMatchObject({ endedBy: 'expired' })
        expect((await core.gateway.store.track(eternal.token))[0]).toMatchObject({ endedBy: null })
      })
      it('T61 T62 track answers for the submitter alone, and a local copy is silenced by its filing', async () => {
        const { recipients: [{ identifier: own }] } = await core.submit([core.name(2)], 'x', { account: core.ids[0] })
        expect(await core.gateway.store.trackIdentifier(own, core.ids[0])).toEqual({ recipient: core.name(2), notification: 'silenced', read: 'unread', pinned: true })
        for (const [one, who] of [[own, core.ids[1]], [identifier(7), core.ids[0]]] as const) await expect(core.gateway.store.trackIdentifier(one, who)).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
      })
    })

    describe('lists', () => {
      beforeAll(() => core.gateway.lists.create({ name: 'upgrade-to-im2000', readers: 'public', writers: 'accounts', retention: 0 }))
      it('D11 refuses unknown lists and writers who may not', async () => {
        await expect(core.submit([], 'x', { lists: ['nowhere'] })).rejects.toMatchObject({ code: 'ENVELOPE_REFUSED', details: { lists: [false] } })
        await expect(core.submit([], 'x', { lists: ['upgrade-to-im2000'] })).rejects.toMatchObject({ code: 'ENVELOPE_REFUSED' })
      })
      it('T78 successive scans return each message exactly once; T73 reading leaves no trace; T72 a list identifier can neither silence nor un-pin', async () => {
        const posted: string[] = []
        for (let i = 0; i < 3; i++) {
          const submission = await core.submit([core.name(1)], `Subject: ${i}\r\n\r\nx`, { account: core.ids[0], lists: ['upgrade-to-im2000'] })
          posted.push(submission.lists[0].identifier.toString('hex'))
        }
        await core.gateway.database.write((tx) => tx.run('UPDATE postings SET posted_at = posted_at - 5000'))
        const first = await core.gateway.lists.scan('upgrade-to-im2000', 0, null)
        expect(first.identifiers.map((one) => one.toString('hex')).sort()).toEqual(posted.sort())
        expect(await core.gateway.lists.scan('upgrade-to-im2000', first.endtime, null)).toMatchObject({ identifiers: [] })
        const one = Buffer.from(posted[0], 'hex')
        expect((await core.gateway.retrieval.retrieve(one, 'all', 0, 1e5)).data.toString()).toContain('Subject:')
        await expect(core.gateway.retrieval.silence(one)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
        await expect(core.gateway.retrieval.unpin(one)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
      })
      it('T79 unknown and forbidden lists answer alike', async () => {
        await core.gateway.lists.create({ name: 'secret', readers: [core.ids[1]], writers: 'accounts', retention: 0 })
        for (const name of ['secret', 'nowhere']) await expect(core.gateway.lists.scan(name, 0, core.ids[0])).rejects.toMatchObject({ code: 'LIST_NOT_FOUND' })
      })
    })

    describe('the agent', () => {
      const submitter = { address: '192.0.2.2', port: 49152, tls: true }
      const notification = (n: number, recipient = core.name(1), store = 'store.example.net') => ({ storeClear: { domain: store }, recipient, identifier: identifier(n), sender: 'toby' })
      const held = async (account: number): Promise<number[]> => {
        const got: number[] = []
        await core.gateway.agent.retrieveAndClear(core.ids[account], 100, async (list) => { got.push(...list.map((one) => one.notification.identifier[0])) })
        return got
      }
      it('T82 T83 T84 collapses equal notifications, also at once, and keeps the first whole', async () => {
        await Promise.all([1, 2, 3].map((port) => core.gateway.agent.notify([{ ...notification(1), sender: `s${port}` }], { ...submitter, port })))
        await core.gateway.agent.notify([notification(1, core.name(2)), notification(1, core.name(1), 'other.example')], submitter)
        const first: HeldNotification[] = []
        await core.gateway.agent.retrieveAndClear(core.ids[0], 100, async (list) => { first.push(...list) })
        expect(first).toHaveLength(2)
        // Whichever came first: its sender and its submitter stayed together.
        expect(first[0]).toMatchObject({ notification: { sender: `s${first[0].submitter.port}`, storeClear: { domain: 'store.example.net' } }, submitter: { address: '192.0.2.2' } })
        expect(await held(0)).toEqual([])
        expect(await held(1)).toEqual([1])
      })
      it('T86 T87 T89 T90 refuses at the bound, whole batches, and never what is a duplicate', async () => {
        await core.gateway.agent.notify([1, 2, 3, 4].map((n) => notification(n)), submitter)
        await expect(core.gateway.agent.notify([notification(5)], submitter)).rejects.toMatchObject({ code: 'NOTIFICATIONS_FULL' })
        await core.gateway.agent.notify([notification(4)], submitter)
        await core.gateway.agent.notify([], submitter)
        await expect(core.gateway.agent.notify([notification(6, core.name(2)), notification(7, core.name(2)), notification(8, core.name(2))], submitter)).rejects.toMatchObject({ code: 'NOTIFICATIONS_FULL' })
        expect(await held(1)).toEqual([])
        expect(await held(0)).toEqual([1, 2, 3, 4])
      })
      it('T93 keeps what could not be handed over', async () => {
        await core.gateway.agent.notify([notification(1)], submitter)
        await expect(core.gateway.agent.retrieveAndClear(core.ids[0], 100, async () => { throw new Error('broken pipe') })).rejects.toThrow()
        expect(await held(0)).toEqual([1])
      })
      it('T94 T95 T96 T98 discards unknown mailboxes and by personal policy without a sign', async () => {
        await core.gateway.agent.notify([notification(1, 'nobody@example.test'), notification(1, 'x@[1.2.3.4]')], submitter)
        await core.gateway.agent.setPolicy(core.ids[0], [{ store: ['evil.example'], action: 'discard' }])
        await core.gateway.agent.notify([notification(2, core.name(1), 'mx.evil.example'), notification(2, core.name(2).toUpperCase(), 'mx.evil.example'), notification(3)], submitter)
        expect(await held(0)).toEqual([3])
        expect(await held(1)).toEqual([2])
      })
    })
  })
}
