// The mailboxes service on both databases: names, UIDs, flags, copies, quota, and what other sessions see.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OpenMailbox, Uid } from '@restante/core'
import { databases } from '../support/databases.js'
import { startCore, type CoreUnderTest } from '../support/core.js'

const uids = (...n: number[]): Uid[] => n as Uid[]
const seen = 1
const flagged = 4
const deleted = 8

for (const kind of databases) {
  describe(kind, () => {
    let core: CoreUnderTest
    beforeAll(async () => { core = await startCore(kind, { accounts: 5 }) })
    afterAll(() => core.stop())

    const names = async (account: number): Promise<string[]> => (await core.gateway.mailboxes.list(core.ids[account])).map((mailbox) => mailbox.name)
    const open = (account: number, name: string, readOnly = false): Promise<OpenMailbox> => core.gateway.mailboxes.open(core.ids[account], name, { readOnly })
    const append = async (account: number, name: string, count: number, flags = 0, keywords: string[] = []) => core.gateway.mailboxes.append(core.ids[account], name, await Promise.all(Array.from({ length: count }, async (_, i) => {
      const writer = core.gateway.spool.open()
      await writer.write(Buffer.from(`Subject: m${i}\r\n\r\nbody ${i}\r\n`))
      return { spooled: await writer.seal(), flags, keywords, internalDate: 1_700_000_000_000 + i }
    })))

    it('gives a new account INBOX and the special-use mailboxes, subscribed', async () => {
      const list = await core.gateway.mailboxes.list(core.ids[0])
      expect(list.map((mailbox) => [mailbox.name, mailbox.specialUse, mailbox.subscribed])).toEqual([
        ['INBOX', null, true], ['Archive', '\\Archive', true], ['Drafts', '\\Drafts', true], ['Junk', '\\Junk', true], ['Sent', '\\Sent', true], ['Trash', '\\Trash', true],
      ])
    })

    it('changes what a mailbox is for: each use has one mailbox, and INBOX has none', async () => {
      const { mailboxes } = core.gateway
      const account = core.ids[4]
      const uses = async (): Promise<Record<string, string | null>> => Object.fromEntries((await mailboxes.list(account)).map((mailbox) => [mailbox.name, mailbox.specialUse]))
      await mailboxes.create(account, 'Old drafts')
      expect(await mailboxes.assign(account, 'Old drafts', '\\Drafts')).toBe('Drafts')
      expect(await uses()).toMatchObject({ 'Old drafts': '\\Drafts', Drafts: null })
      expect(await mailboxes.assign(account, 'Old drafts', '\\Drafts')).toBeUndefined()
      expect(await mailboxes.assign(account, 'Old drafts', null)).toBeUndefined()
      expect(await uses()).toMatchObject({ 'Old drafts': null, Drafts: null })
      expect(await mailboxes.assign(account, 'Drafts', '\\Drafts')).toBeUndefined()
      await expect(mailboxes.assign(account, 'INBOX', '\\Sent')).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
      await expect(mailboxes.assign(account, 'Nowhere', '\\Sent')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
      await mailboxes.delete(account, 'Old drafts')
      expect(await uses()).toMatchObject({ Drafts: '\\Drafts', Sent: '\\Sent' })
    })

    it('creates with parents, renames with children, deletes, and refuses what it must', async () => {
      const { mailboxes } = core.gateway
      const [account] = core.ids
      await mailboxes.create(account, 'work/2026/plans/')
      await mailboxes.create(account, 'inbox/sub')
      expect(await names(0)).toEqual(expect.arrayContaining(['work', 'work/2026', 'work/2026/plans', 'INBOX/sub']))
      await expect(mailboxes.create(account, 'work/2026')).rejects.toMatchObject({ code: 'MAILBOX_EXISTS' })
      await expect(mailboxes.create(account, 'INBOX')).rejects.toMatchObject({ code: 'MAILBOX_EXISTS' })
      for (const bad of ['', '/a', 'a//b', 'a/../b', 'a\u0007b', 'x'.repeat(300), `a${'/b'.repeat(40)}`]) await expect(mailboxes.create(account, bad)).rejects.toMatchObject({ code: 'MAILBOX_NAME_INVALID' })
      await mailboxes.rename(account, 'work', 'jobs')
      expect(await names(0)).toEqual(expect.arrayContaining(['jobs', 'jobs/2026', 'jobs/2026/plans']))
      await expect(mailboxes.rename(account, 'jobs', 'jobs/below')).rejects.toMatchObject({ code: 'MAILBOX_NAME_INVALID' })
      await expect(mailboxes.rename(account, 'jobs', 'Drafts')).rejects.toMatchObject({ code: 'MAILBOX_EXISTS' })
      await mailboxes.delete(account, 'jobs')
      const level = (await mailboxes.list(account)).find((mailbox) => mailbox.name === 'jobs')
      expect(level).toMatchObject({ selectable: false, hasChildren: true })
      await expect(mailboxes.delete(account, 'jobs')).rejects.toMatchObject({ code: 'MAILBOX_HAS_CHILDREN' })
      await expect(mailboxes.delete(account, 'INBOX')).rejects.toMatchObject({ code: 'MAILBOX_PROTECTED' })
      await expect(mailboxes.delete(account, 'nowhere')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
    })

    it('keeps subscriptions by name, whatever becomes of the mailbox', async () => {
      const { mailboxes } = core.gateway
      await mailboxes.subscribe(core.ids[1], 'not/there')
      expect(await mailboxes.subscriptions(core.ids[1])).toContain('not/there')
      await mailboxes.unsubscribe(core.ids[1], 'not/there')
      expect(await mailboxes.subscriptions(core.ids[1])).not.toContain('not/there')
    })

    it('never uses a UIDVALIDITY twice for a name', async () => {
      const seenValidities = new Set<number>()
      for (let i = 0; i < 5; i++) {
        await core.gateway.mailboxes.create(core.ids[1], 'again')
        seenValidities.add((await core.gateway.mailboxes.status(core.ids[1], 'again')).uidValidity)
        await core.gateway.mailboxes.delete(core.ids[1], 'again')
      }
      expect(seenValidities.size).toBe(5)
    })

    it('appends all or nothing with ascending UIDs, flags, keywords and internal dates', async () => {
      const { uids: first } = await append(1, 'Archive', 3, flagged, ['$Forwarded', 'blue'])
      expect(first).toEqual([1, 2, 3])
      const box = await open(1, 'Archive', true)
      expect(box.index.entry(2 as Uid)).toMatchObject({ flags: flagged, internalDate: 1_700_000_000_001 })
      expect(box.index.keywordNames(box.index.entry(2 as Uid)!.keywords)).toEqual(['$Forwarded', 'blue'])
      await expect(append(1, 'Archive', 1, 0, ['no good'])).rejects.toMatchObject({ code: 'KEYWORD_INVALID' })
      await expect(append(1, 'nowhere', 1)).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
      expect(box.index.count).toBe(3)
      box.close()
    })

    it('changes flags and keywords, tells other sessions, not its author', async () => {
      const [mine, others] = [await open(1, 'Archive'), await open(1, 'archive'.replace('a', 'A'))]
      let called = 0
      others.onChange(() => { called++ })
      expect(await mine.changeFlags(uids(1, 2, 99), { mode: 'add', flags: seen, keywords: ['Blue', 'red'] })).toEqual({ done: [1, 2], modified: [], gone: [99] })
      expect(called).toBe(1)
      expect(mine.look({ expunges: true }).flags).toEqual([])
      expect(others.look({ expunges: true }).flags).toEqual([1, 2])
      expect(mine.index.keywordNames(mine.index.entry(1 as Uid)!.keywords)).toEqual(['$Forwarded', 'blue', 'red'])
      await mine.changeFlags(uids(1), { mode: 'replace', flags: flagged, keywords: [] })
      expect(mine.index.entry(1 as Uid)).toMatchObject({ flags: flagged, keywords: 0 })
      await mine.changeFlags(uids(2), { mode: 'remove', flags: seen | flagged, keywords: ['RED'] })
      expect(mine.index.entry(2 as Uid)!.flags).toBe(0)
      const before = mine.index.entry(3 as Uid)!.modseq
      await mine.changeFlags(uids(3), { mode: 'add', flags: flagged, keywords: [] })
      expect(mine.index.entry(3 as Uid)!.modseq).toBe(before) // it was so already
      expect(await mine.changeFlags(uids(1, 3), { mode: 'add', flags: seen, keywords: [], unchangedSince: before })).toEqual({ done: [3], modified: [1], gone: [] })
      mine.close()
      others.close()
    })

    it('writes what many sessions change at once as if one came after the other', async () => {
      const { mailboxes, database } = core.gateway
      for (const [account, name] of [[2, 'busy'], [2, 'other'], [4, 'busy']] as const) {
        await mailboxes.create(core.ids[account], name)
        await append(account, name, 4, flagged, ['blue'])
      }
      const [first, second, other, theirs] = [await open(2, 'busy'), await open(2, 'busy'), await open(2, 'other'), await open(4, 'busy')]
      const stale = second.index.modseq
      const commits = database.commits
      const [a, b, c, d, e] = await Promise.all([
        first.changeFlags(uids(1, 2), { mode: 'add', flags: seen | deleted, keywords: [] }),
        second.changeFlags(uids(1, 3), { mode: 'remove', flags: seen | flagged, keywords: [] }),
        other.changeFlags(uids(4, 9), { mode: 'replace', flags: deleted, keywords: [] }),
        theirs.changeFlags(uids(1), { mode: 'add', flags: seen, keywords: ['red'] }),
        second.changeFlags(uids(2, 4), { mode: 'add', flags: deleted, keywords: [], unchangedSince: stale }),
      ])
      expect(database.commits - commits).toBeLessThanOrEqual(2)
      expect([a, b, c, d, e]).toEqual([
        { done: [1, 2], modified: [], gone: [] }, { done: [1, 3], modified: [], gone: [] }, { done: [4], modified: [], gone: [9] }, { done: [1], modified: [], gone: [] }, { done: [4], modified: [2], gone: [] },
      ])
      const state = (box: OpenMailbox): unknown[] => box.view.uidsBetween(1 as Uid, 9 as Uid).map((uid) => [uid, box.index.entry(uid)!.flags, box.index.keywordNames(box.index.entry(uid)!.keywords)])
      expect(state(first)).toEqual([[1, deleted, ['blue']], [2, seen | deleted | flagged, ['blue']], [3, 0, ['blue']], [4, flagged | deleted, ['blue']]])
      expect(state(other)).toEqual([[1, flagged, ['blue']], [2, flagged, ['blue']], [3, flagged, ['blue']], [4, deleted, []]])
      expect(state(theirs)[0]).toEqual([1, seen | flagged, ['blue', 'red']])
      // Each session hears what the other one did, also to the message that both changed.
      expect(first.look({ expunges: true }).flags).toEqual([1, 3, 4])
      expect(second.look({ expunges: true }).flags).toEqual([1, 2])

      const gone = await Promise.all([first.expunge(), second.expunge(uids(2, 3, 4)), other.expunge(), theirs.expunge()])
      expect(gone).toEqual([[1, 2, 4], [], [4], []])
      for (const [account, name, left] of [[2, 'busy', 1], [2, 'other', 3], [4, 'busy', 4]] as const) {
        expect(await mailboxes.status(core.ids[account], name)).toMatchObject({ messages: left })
        const row = await database.read.get('SELECT m.messages, m.octets, count(e.uid) AS n, sum(e.size) AS size FROM mailboxes m JOIN entries e ON e.mailbox = m.id WHERE m.account = ? AND m.name = ? GROUP BY m.id, m.messages, m.octets', [core.ids[account], name])
        expect([Number(row!.messages), Number(row!.octets)]).toEqual([Number(row!.n), Number(row!.size)])
      }
      for (const box of [first, second, other, theirs]) box.close()
    })

    it('copies with flags and dates, moves in one commit, expunges, and keeps what others still show', async () => {
      const box = await open(1, 'Archive')
      const watcher = await open(1, 'Archive')
      const copied = await box.copy(uids(1, 3), 'Sent')
      expect(copied).toMatchObject({ from: [1, 3], to: [1, 2] })
      const moved = await box.move(uids(2), 'Sent')
      expect(moved).toMatchObject({ from: [2], to: [3] })
      expect(box.look({ expunges: true }).vanished).toEqual([2])
      expect(watcher.look({ expunges: false }).expunged).toEqual([])
      const ghost = watcher.index.entry(2 as Uid)!
      expect(await core.octetsOf(ghost.message)).toContain('body 1')
      expect(watcher.look({ expunges: true }).expunged).toEqual([2])
      await box.changeFlags(uids(1), { mode: 'add', flags: deleted, keywords: [] })
      expect(await box.expunge(uids(3))).toEqual([])
      expect(await box.expunge()).toEqual([1])
      await expect(box.copy(uids(3), 'nowhere')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
      const readOnly = await open(1, 'Sent', true)
      await expect(readOnly.changeFlags(uids(1), { mode: 'add', flags: 1, keywords: [] })).rejects.toMatchObject({ code: 'MAILBOX_READ_ONLY' })
      const sent = await core.gateway.mailboxes.status(core.ids[1], 'Sent')
      expect(sent).toMatchObject({ messages: 3, uidNext: 4, unseen: 2 })
      for (const one of [box, watcher, readOnly]) one.close()
    })

    it('does with many messages what it does with few: all between two, or some of them', async () => {
      const { mailboxes } = core.gateway
      await mailboxes.create(core.ids[3], 'Many')
      await mailboxes.create(core.ids[3], 'Others')
      await append(3, 'Many', 300)
      const box = await open(3, 'Many')
      const watcher = await open(3, 'Many')
      const range = (from: number, to: number, step = 1): Uid[] => uids(...Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step))
      const having = (bit: number): Uid[] => range(1, 600).filter((uid) => box.index.position(uid) >= 0 && (box.index.flags[box.index.position(uid)]! & bit) !== 0)

      // All between the first and the last, but one has it already.
      await box.changeFlags(uids(150), { mode: 'add', flags: flagged, keywords: [] })
      const before = box.index.modseq
      expect(await box.changeFlags(range(100, 250), { mode: 'add', flags: flagged, keywords: [] })).toEqual({ done: range(100, 250), modified: [], gone: [] })
      expect(having(flagged)).toEqual(range(100, 250))
      expect(box.index.entry(uids(150)[0]!)!.modseq).toBe(before)
      expect(watcher.look({ expunges: true }).flags).toEqual(range(100, 250))
      // With gaps in what is named, and with gaps in what there is: neighbours stay as they are.
      await box.changeFlags(range(2, 300, 2), { mode: 'add', flags: deleted, keywords: [] })
      expect(having(deleted)).toEqual(range(2, 300, 2))
      const gone = range(100, 300, 2)
      expect(await box.expunge(gone)).toEqual(gone)
      expect(having(deleted)).toEqual(range(2, 98, 2))
      const left = [...range(1, 99), ...range(101, 299, 2)]
      const untouched = [...range(1, 99, 2), ...range(251, 299, 2)]
      expect(await box.changeFlags(left, { mode: 'replace', flags: seen, keywords: [], unchangedSince: before })).toMatchObject({ done: untouched, gone: [] })
      expect(having(seen)).toEqual(untouched)
      // Out of order: what lies between is not meant.
      await box.changeFlags([...range(101, 259, 2), ...range(3, 99, 2)], { mode: 'remove', flags: flagged, keywords: [] })
      expect(having(flagged)).toEqual([])

      const copied = await box.copy(range(1, 99), 'Others')
      expect(copied).toMatchObject({ from: range(1, 99), to: range(1, 99) })
      box.look({ expunges: true })
      const moved = await box.move(left, 'Others')
      expect(moved).toMatchObject({ from: left, to: range(100, 99 + left.length) })
      expect([box.index.count, watcher.look({ expunges: true }).expunged.length]).toEqual([0, 300])
      const others = await open(3, 'Others')
      expect(others.index.count).toBe(99 + left.length)
      expect(left.map((_, i) => others.index.flags[99 + i]! & (seen | deleted))).toEqual(left.map((uid) => (untouched.includes(uid) ? seen : uid < 100 ? deleted : 0)))
      expect([...others.index.internalDates.slice(99, 102)]).toEqual([0, 1, 2].map((i) => 1_700_000_000_000 + i))
      const status = await mailboxes.status(core.ids[3], 'Others')
      for (const one of [box, watcher, others]) one.close()
      expect(status).toMatchObject({ messages: 99 + left.length })
      await mailboxes.delete(core.ids[3], 'Many')
      await mailboxes.delete(core.ids[3], 'Others')
    })

    it('remembers what was expunged when, and answers from gaps where rows do not reach back', async () => {
      await core.gateway.mailboxes.create(core.ids[2], 'resync')
      await append(2, 'resync', 10)
      const box = await open(2, 'resync')
      const { modseq } = box.view
      expect(await box.expungedSince(1 as typeof modseq)).toEqual([])
      await box.changeFlags(uids(1, 2, 4, 5, 6, 9), { mode: 'add', flags: deleted, keywords: [] })
      await box.expunge(uids(4, 5))
      expect(await box.expungedSince(modseq)).toEqual([]) // shown still
      box.look({ expunges: true })
      expect(await box.expungedSince(modseq)).toEqual([4, 5])
      const middle = box.view.modseq
      await box.expunge(uids(1, 6, 9))
      box.look({ expunges: true })
      expect(await box.expungedSince(middle)).toEqual([1, 1, 6, 6, 9, 9])
      expect(await box.expungedSince(modseq)).toEqual([1, 1, 4, 6, 9, 9])
      expect(await box.expungedSince(box.view.modseq)).toEqual([])
      // Somebody trims: what is older than the rows is answered by all that is not there.
      await core.gateway.database.write((tx) => tx.run('DELETE FROM expunged WHERE mailbox = ? AND modseq <= ?', [box.id, middle]))
      expect(await box.expungedSince(middle)).toEqual([1, 1, 6, 6, 9, 9])
      expect(await box.expungedSince(modseq)).toEqual([1, 1, 4, 6, 9, 9])
      await core.gateway.database.write((tx) => tx.run('DELETE FROM expunged WHERE mailbox = ?', [box.id]))
      expect(await box.expungedSince(middle)).toEqual([1, 1, 4, 6, 9, 9])
      box.close()
    })

    it('says the same of a mailbox whether its index is loaded or not', async () => {
      const { mailboxes } = core.gateway
      const [, , account] = core.ids
      await mailboxes.create(account, 'cold/one')
      await append(2, 'cold/one', 3, seen)
      await append(2, 'cold/one', 2, deleted)
      const cold = await mailboxes.statuses(account, ['cold', 'cold/one', 'Sent', 'nowhere'])
      expect([...cold.keys()].sort()).toEqual(['Sent', 'cold', 'cold/one'])
      for (const name of cold.keys()) expect(cold.get(name)).toEqual(await mailboxes.status(account, name))
      expect(cold.get('cold/one')).toMatchObject({ messages: 5, unseen: 2, deleted: 2, recent: 5, uidNext: 6 })
      expect(await mailboxes.statuses(account, ['cold/one'])).toEqual(new Map([['cold/one', await mailboxes.status(account, 'cold/one')]]))
    })

    it('tells sessions that their mailbox was deleted', async () => {
      await core.gateway.mailboxes.create(core.ids[2], 'brief')
      const box = await open(2, 'brief')
      let called = 0
      box.onChange(() => { called++ })
      await core.gateway.mailboxes.delete(core.ids[2], 'brief')
      expect([called, box.gone]).toEqual([1, true])
      await expect(box.changeFlags(uids(1), { mode: 'add', flags: 1, keywords: [] })).rejects.toMatchObject({ code: 'MAILBOX_GONE' })
      box.close()
      await expect(open(2, 'brief')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
    })

    it('renames INBOX by moving its messages', async () => {
      await append(2, 'INBOX', 2)
      await core.gateway.mailboxes.rename(core.ids[2], 'INBOX', 'old-inbox')
      expect(await core.gateway.mailboxes.status(core.ids[2], 'INBOX')).toMatchObject({ messages: 0, uidNext: 3 })
      expect(await core.gateway.mailboxes.status(core.ids[2], 'old-inbox')).toMatchObject({ messages: 2 })
    })

    it('counts usage exactly and refuses above the quota', async () => {
      const [, , , account] = core.ids
      await append(3, 'INBOX', 4)
      const row = (await core.gateway.accounts.all()).find((one) => one.id === account)!
      expect(row.usedMessages).toBe(4)
      expect(await core.gateway.accounts.usage(account)).toMatchObject({ messages: 4, octets: row.usedOctets })
      await core.gateway.accounts.setQuota(core.name(4), { messages: 5 })
      await append(3, 'INBOX', 1)
      await expect(append(3, 'INBOX', 1)).rejects.toMatchObject({ code: 'OVER_QUOTA' })
      const box = await open(3, 'INBOX')
      await expect(box.copy(uids(1), 'Trash')).rejects.toMatchObject({ code: 'OVER_QUOTA' })
      await box.move(uids(1), 'Trash')
      await box.changeFlags(uids(2, 3), { mode: 'add', flags: deleted, keywords: [] })
      await box.expunge()
      expect((await core.gateway.accounts.usage(account)).messages).toBe(3)
      box.close()
    })

    it('replaces in one commit, or not at all; the second of two is told', async () => {
      const box = await open(3, 'Drafts')
      await append(3, 'Drafts', 2, seen)
      box.look({ expunges: true })
      const draft = async (text: string) => {
        const writer = core.gateway.spool.open()
        await writer.write(Buffer.from(`Subject: draft\r\n\r\n${text}\r\n`))
        return { spooled: await writer.seal(), flags: flagged, keywords: ['draft'] }
      }
      const outcomes = await Promise.allSettled([box.replace(1 as Uid, 'Drafts', await draft('one')), box.replace(1 as Uid, 'Drafts', await draft('two'))])
      expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected'])
      expect(outcomes.find((outcome) => outcome.status === 'rejected')).toMatchObject({ reason: { code: 'MESSAGE_NOT_FOUND' } })
      expect(box.look({ expunges: true })).toMatchObject({ vanished: [1], exists: 2 })
      expect([...box.index.uids.subarray(0, box.index.count)]).toEqual([2, 3])
      expect(box.index.entry(3 as Uid)).toMatchObject({ flags: flagged })
      await box.replace(3 as Uid, 'Sent', await draft('sent'))
      expect(await core.gateway.mailboxes.status(core.ids[3], 'Sent')).toMatchObject({ messages: 1 })
      expect(box.look({ expunges: true }).vanished).toEqual([3])
      await expect(box.replace(2 as Uid, 'nowhere', await draft('lost'))).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
      const { octets, messages } = await core.gateway.accounts.usage(core.ids[3])
      const counted = await core.gateway.database.read.get<{ octets: number; messages: number }>('SELECT sum(octets) AS octets, sum(messages) AS messages FROM mailboxes WHERE account = ?', [core.ids[3]])
      expect([octets, messages]).toEqual([Number(counted!.octets), Number(counted!.messages)])
      box.close()
    })

    it('keeps annotations: private to each account, bounded, gone with the mailbox', async () => {
      const { mailboxes } = core.gateway
      const [, , account, other] = core.ids
      await mailboxes.create(account, 'noted')
      const heard: string[] = []
      const stop = mailboxes.watch(account, ({ mailbox }) => heard.push(String(mailbox)))
      await mailboxes.annotate(account, 'noted', new Map([['/private/comment', Buffer.from('mine\0')], ['/shared/comment', Buffer.from('ours')]]))
      await mailboxes.annotate(account, '', new Map([['/private/comment', Buffer.from('server')]]))
      expect([...(await mailboxes.annotations(account, ['noted', '', 'nowhere']))].map(([name, values]) => [name, [...values].map(([entry, value]) => [entry, value.toString()])])).toEqual([
        ['noted', [['/private/comment', 'mine\0'], ['/shared/comment', 'ours']]], ['', [['/private/comment', 'server']]],
      ])
      expect((await mailboxes.annotations(other, [''])).get('')!.size).toBe(0)
      await mailboxes.rename(account, 'noted', 'renamed')
      await mailboxes.annotate(account, 'renamed', new Map([['/private/comment', null], ['/shared/comment', Buffer.from('changed')]]))
      expect([...(await mailboxes.annotations(account, ['renamed'])).get('renamed')!]).toEqual([['/shared/comment', Buffer.from('changed')]])
      await expect(mailboxes.annotate(account, '', new Map([['/shared/motd', Buffer.from('x')]]))).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
      await expect(mailboxes.annotate(account, 'renamed', new Map([['/private/a', Buffer.alloc(65_537)]]))).rejects.toMatchObject({ code: 'ANNOTATION_TOO_LARGE' })
      await expect(mailboxes.annotate(account, 'renamed', new Map(Array.from({ length: 201 }, (_, i) => [`/private/${i}`, Buffer.from('x')])))).rejects.toMatchObject({ code: 'TOO_MANY_ANNOTATIONS' })
      expect((await mailboxes.annotations(account, ['renamed'])).get('renamed')!.size).toBe(1)
      const key = await mailboxes.accessKey(account, 'renamed', true)
      expect(key).toHaveLength(32)
      expect(await mailboxes.accessKey(account, 'renamed', true)).toEqual(key)
      await mailboxes.forgetAccessKeys(account, 'renamed')
      expect(await mailboxes.accessKey(account, 'renamed', false)).toBeUndefined()
      expect(heard).toEqual([])
      await append(2, 'renamed', 1)
      expect(heard).toHaveLength(1)
      stop()
      await mailboxes.delete(account, 'renamed')
      await mailboxes.create(account, 'renamed')
      expect((await mailboxes.annotations(account, ['renamed'])).get('renamed')!.size).toBe(0)
      expect(heard).toHaveLength(1)
    })

    it('reads a mailbox again from its rows exactly as it is in memory', async () => {
      const box = await open(1, 'Sent')
      const { loadIndex } = await import('../../core/dist/mailbox/repository.js')
      const fresh = (await loadIndex(core.gateway.database, box.id, () => []))!
      const columns = (index: typeof fresh | OpenMailbox['index']): unknown => [index.count, index.modseq, index.uidNext, ...[index.uids, index.flags, index.keywords, index.modseqs, index.sizes, index.internalDates, index.saveDates, index.messages].map((column) => [...column.subarray(0, index.count)])]
      expect(columns(fresh)).toEqual(columns(box.index))
      box.close()
    })
  })
}

describe('another separator', () => {
  it('shows and takes names with it, and keeps the tree the same', async () => {
    const core = await startCore('sqlite', { accounts: 1, set: ['mailboxes.separator=.', 'mailboxes.special.sent=Gesendet', 'mailboxes.maxPerAccount=12'] })
    try {
      const { mailboxes } = core.gateway
      await mailboxes.create(core.ids[0], 'work.2026')
      expect((await mailboxes.list(core.ids[0])).map((mailbox) => mailbox.name)).toEqual(['INBOX', 'Archive', 'Drafts', 'Gesendet', 'Junk', 'Trash', 'work', 'work.2026'])
      expect(mailboxes.namespaces(core.ids[0])).toMatchObject({ separator: '.', personal: [''] })
      await expect(mailboxes.create(core.ids[0], 'a/b')).rejects.toMatchObject({ code: 'MAILBOX_NAME_INVALID' })
      await mailboxes.rename(core.ids[0], 'work', 'inbox.work')
      expect((await mailboxes.list(core.ids[0])).map((mailbox) => mailbox.name)).toContain('INBOX.work.2026')
      await expect(mailboxes.create(core.ids[0], 'a.b.c.d.e')).rejects.toMatchObject({ code: 'TOO_MANY_MAILBOXES' })
    } finally {
      await core.stop()
    }
  })
})

describe.each(databases)('special mailboxes in the languages of accounts and domains, %s', (kind) => {
  it('are made so; the configuration’s names lead to them; a renamed one is not made again', async () => {
    const languages = { 'example.test': 'de', 'user0002@example.test': 'fr', 'USER0003@example.test': 'en' }
    const core = await startCore(kind, { accounts: 3, set: [`mailboxes.languages=${JSON.stringify(languages)}`] })
    try {
      const { mailboxes } = core.gateway
      const called = async (n: number): Promise<Record<string, string | null>> => Object.fromEntries((await mailboxes.list(core.ids[n])).map((box) => [box.name, box.specialUse]))
      expect(await called(0)).toEqual({ INBOX: null, Archiv: '\\Archive', Entwürfe: '\\Drafts', Gesendet: '\\Sent', Papierkorb: '\\Trash', Spam: '\\Junk' })
      expect(await called(1)).toMatchObject({ Envoyés: '\\Sent', Corbeille: '\\Trash' })
      expect(await called(2)).toMatchObject({ Sent: '\\Sent', Junk: '\\Junk' })
      const idOf = async (n: number, name: string) => (await mailboxes.list(core.ids[n])).find((box) => box.name === name)?.id
      expect((await mailboxes.find(core.ids[0], 'Junk', true)).id).toBe(await idOf(0, 'Spam'))
      await mailboxes.rename(core.ids[0], 'Spam', 'Müll')
      expect((await mailboxes.find(core.ids[0], 'Junk', false)).id).toBe(await idOf(0, 'Müll'))
      await mailboxes.provide([core.ids[0]])
      expect(Object.keys(await called(0)).sort()).toEqual(['Archiv', 'Entwürfe', 'Gesendet', 'INBOX', 'Müll', 'Papierkorb'])
      // A mailbox of one's own with that name is meant before.
      await mailboxes.create(core.ids[0], 'Junk')
      expect((await mailboxes.find(core.ids[0], 'Junk', true)).id).toBe(await idOf(0, 'Junk'))
      await mailboxes.delete(core.ids[0], 'Junk')
      await mailboxes.delete(core.ids[0], 'Müll')
      await mailboxes.find(core.ids[0], 'Junk', true)
      expect(await idOf(0, 'Junk')).toBeDefined()
    } finally {
      await core.stop()
    }
  })
})
