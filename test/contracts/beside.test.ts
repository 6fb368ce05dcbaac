// What happens beside something else: mailboxes, accounts and sessions that go while mail comes in, reads that a commit overtakes,
// merged writing that fails, and texts that strangers choose. On both databases.
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Uid } from '@restante/core'
import type { HookRegistry } from '../../core/dist/plugin/hook-runtime.js'
import '../../core/dist/delivery/plan.js'
import { operations } from '../../core/dist/cli/operations.js'
import { databases } from '../support/databases.js'
import { startCore, type CoreUnderTest } from '../support/core.js'

const uids = (...n: number[]): Uid[] => n as Uid[]

for (const kind of databases) {
  describe(kind, () => {
    let core: CoreUnderTest
    beforeAll(async () => { core = await startCore(kind, { accounts: 9 }) })
    afterAll(() => core.stop())

    const open = (account: number, name: string) => core.gateway.mailboxes.open(core.ids[account], name, { readOnly: false })
    const spooled = async (text = 'Subject: s\r\n\r\nx\r\n') => {
      const writer = core.gateway.spool.open()
      await writer.write(Buffer.from(text))
      return writer.seal()
    }
    const append = async (account: number, name: string, keywords: string[][] = [[]]) =>
      core.gateway.mailboxes.append(core.ids[account], name, await Promise.all(keywords.map(async (words) => ({ spooled: await spooled(), flags: 0, keywords: words }))))
    const messages = async (account: number, name = 'INBOX'): Promise<number> => (await core.gateway.mailboxes.status(core.ids[account], name)).messages
    /** The next read whose text matches gets its rows from before `meanwhile`, but only after it. */
    const overtaken = async <T>(text: RegExp, ask: () => Promise<T>, meanwhile: () => Promise<unknown>): Promise<T> => {
      const { read } = core.gateway.database
      const before = { all: read.all, get: read.get }
      let caught: (() => void) | undefined
      let release: (() => void) | undefined
      const isCaught = new Promise<void>((done) => { caught = done })
      const goOn = new Promise<void>((done) => { release = done })
      const hold = (real: typeof read.all | typeof read.get) => async (sql: string, values?: never) => {
        const rows = await real.call(read, sql, values)
        if (!text.test(sql)) return rows
        Object.assign(read, before)
        caught!()
        await goOn
        return rows
      }
      Object.assign(read, { all: hold(before.all), get: hold(before.get) })
      try {
        const asked = ask()
        await isCaught
        await meanwhile()
        release!()
        return await asked
      } finally {
        Object.assign(read, before)
      }
    }

    it('keeps keywords whose first writing was rolled back', async () => {
      const { mailboxes } = core.gateway
      await mailboxes.create(core.ids[0], 'short-lived')
      await append(0, 'Archive')
      const word = ['first-seen-here']
      const [filings, lost] = await Promise.all([Promise.all([1, 2].map(async () => ({ spooled: await spooled(), flags: 0, keywords: word }))), spooled()])
      const results = await Promise.allSettled([
        mailboxes.delete(core.ids[0], 'short-lived'),
        mailboxes.append(core.ids[0], 'Archive', filings),
        mailboxes.append(core.ids[0], 'short-lived', [{ spooled: lost, flags: 0, keywords: [] }]),
      ])
      expect(results.map((result) => result.status)).toEqual(['fulfilled', 'fulfilled', 'rejected'])
      expect(await core.gateway.database.read.all('SELECT uid FROM entries WHERE keywords <> 0 AND NOT EXISTS (SELECT 1 FROM keyword_sets k WHERE k.id = entries.keywords)')).toEqual([])
    })

    it('takes many long keywords, and finds their set again', async () => {
      const words = Array.from({ length: 200 }, (_, i) => `k${i}-${createHash('sha256').update(String(i)).digest('hex')}`)
      await append(0, 'Drafts', [words, words])
      const box = await open(0, 'Drafts')
      expect(box.index.keywordNames(box.index.entry(1 as Uid)!.keywords)).toEqual([...words].sort())
      expect(box.index.keywords[1]).toBe(box.index.keywords[0])
      box.close()
    })

    it('lets go of what a session showed that left without a last look', async () => {
      const before = await core.count('messages')
      await append(1, 'Archive', [[], []])
      const [author, leaver] = [await open(1, 'Archive'), await open(1, 'Archive')]
      await author.changeFlags(uids(1, 2), { mode: 'add', flags: 8, keywords: [] })
      await author.expunge(uids(1))
      leaver.look({ expunges: false })
      await author.expunge(uids(2))
      leaver.close()
      author.look({ expunges: true })
      await core.gateway.reaper.reap()
      expect(await core.count('messages')).toBe(before)
      author.close()
    })

    it('keeps what a session shows of a mailbox that was deleted, until it leaves', async () => {
      const before = await core.count('messages')
      await core.gateway.mailboxes.create(core.ids[1], 'doomed')
      await append(1, 'doomed')
      const box = await open(1, 'doomed')
      const { message } = box.index.entry(1 as Uid)!
      await core.gateway.mailboxes.delete(core.ids[1], 'doomed')
      await core.gateway.reaper.reap()
      expect(await core.octetsOf(message)).toContain('Subject: s')
      box.close()
      await core.gateway.reaper.reap()
      expect(await core.count('messages')).toBe(before)
    })

    it('never remembers names, accounts or sums that a commit overtook', async () => {
      const { mailboxes, accounts } = core.gateway
      const names = async (): Promise<string[]> => (await mailboxes.list(core.ids[2])).map((mailbox) => mailbox.name)
      await mailboxes.subscribe(core.ids[2], 'somewhere')
      await overtaken(/FROM mailboxes WHERE account/, names, () => mailboxes.create(core.ids[2], 'new'))
      expect(await names()).toContain('new')

      accounts.forget()
      await overtaken(/FROM accounts WHERE name/, () => accounts.byName(core.name(3)), () => accounts.setEnabled(core.name(3), false).then(() => undefined))
      expect(await accounts.byName(core.name(3))).toMatchObject({ enabled: false })
      await accounts.setEnabled(core.name(3), true)

      await overtaken(/JOIN addresses/, () => accounts.resolve('brand-new@example.test'), () => accounts.addAddress(core.name(3), 'brand-new@example.test'))
      expect(await accounts.resolve('brand-new@example.test')).toMatchObject({ kind: 'account' })
      await overtaken(/FROM domains/, () => accounts.resolve('a@new-domain.test'), () => accounts.addDomain('new-domain.test'))
      expect(await accounts.resolve('a@new-domain.test')).toMatchObject({ kind: 'unknown' })

      const sums = Array.from({ length: 10 }, async (_, i) => { await (i % 2 ? append(2, 'Archive') : accounts.usage(core.ids[2])) })
      await Promise.all(sums)
      expect(await accounts.usage(core.ids[2])).toMatchObject({ messages: 5 })
    })

    it('deletes the mailbox that has the name, not the one that had it', async () => {
      const { mailboxes } = core.gateway
      await mailboxes.create(core.ids[3], 'x')
      await append(3, 'x')
      await mailboxes.list(core.ids[3])
      const [, gone] = await Promise.allSettled([mailboxes.rename(core.ids[3], 'x', 'y'), mailboxes.delete(core.ids[3], 'x')])
      expect(gone).toMatchObject({ status: 'rejected', reason: { code: 'MAILBOX_NOT_FOUND' } })
      expect(await messages(3, 'y')).toBe(1)
    })

    it('refuses a rename that makes a name below too long or too deep, and still lists', async () => {
      const { mailboxes } = core.gateway
      const long = Array.from({ length: 4 }, () => 'n'.repeat(200)).join('/')
      await mailboxes.create(core.ids[3], `a/${long}`)
      await expect(mailboxes.rename(core.ids[3], 'a', `b/${'m'.repeat(250)}`)).rejects.toMatchObject({ code: 'MAILBOX_NAME_INVALID' })
      await mailboxes.create(core.ids[3], `deep${'/d'.repeat(30)}`)
      await expect(mailboxes.rename(core.ids[3], 'deep', 'c/c/c')).rejects.toMatchObject({ code: 'MAILBOX_NAME_INVALID' })
      expect((await mailboxes.list(core.ids[3])).map((mailbox) => mailbox.name)).toContain(`a/${long}`)
    })

    it('delivers to the others when an account goes while the message comes in', async () => {
      const draft = await core.gateway.store.open({ account: null, name: 'a@b', protocol: 'LMTP' }, { recipients: [core.name(5), core.name(6)] })
      await draft.writer.write(Buffer.from('Subject: two\r\n\r\nx\r\n'))
      await core.gateway.mailboxes.removeAll(core.ids[5])
      core.gateway.accounts.forget()
      const { token } = await draft.seal()
      expect(await messages(4)).toBe(1)
      expect((await core.gateway.store.track(token))[0].recipients.map((recipient) => recipient.pinned)).toEqual([true, false])
    })

    it('plans again when a mailbox goes between plan and commit', async () => {
      // The envelope stands before the account goes: otherwise it would be refused.
      const draft = await core.gateway.store.open({ account: null, name: 'toby@example.org', protocol: 'ESMTP' }, { recipients: [core.name(7), core.name(8)] })
      await draft.writer.write(Buffer.from('Subject: hello\r\n\r\nHi\r\n'))
      const [one, two] = await Promise.allSettled([draft.seal(), core.gateway.mailboxes.removeAll(core.ids[6])])
      core.gateway.accounts.forget()
      expect([one.status, two.status]).toEqual(['fulfilled', 'fulfilled'])
      expect(await messages(7)).toBe(1)
      await expect(core.submit([core.name(7)])).rejects.toMatchObject({ code: 'ENVELOPE_REFUSED' })
    })

    it('files in INBOX what a sorting plugin answers nonsense for', async () => {
      const hooks = core.gateway.host.service('hooks') as HookRegistry
      let answer: unknown
      hooks.register('sorter', { 'delivery.before': async () => answer })
      try {
        const before = await messages(7)
        const nonsense = [{ mailboxes: ['a//b'] }, { mailboxes: ['x'.repeat(2000)] }, { mailboxes: 'INBOX' }, {}, 17, { mailboxes: ['ok'], keywords: ['two words'] }, { mailboxes: ['ok'], flags: 'x', keywords: [''] }]
        for (answer of nonsense) await core.submit([core.name(8)])
        expect(await messages(7)).toBe(before + nonsense.length)
        answer = { mailboxes: ['inbox', 'INBOX', 'sorted/here'], flags: 255 }
        await core.submit([core.name(8)])
        expect(await messages(7)).toBe(before + nonsense.length + 1)
        const box = await open(7, 'sorted/here')
        expect(box.index.entry(1 as Uid)!.flags).toBe(31)
        box.close()
      } finally {
        hooks.forget('sorter')
      }
    })

    it('takes whatever strangers write as Message-ID and sender', async () => {
      const noise = Array.from({ length: 31 }, (_, i) => [...createHash('sha256').update(String(i)).digest()]).flat()
      const ids = ['\\u0000', 'x\\', String.fromCharCode(...noise.slice(0, 980).map((octet, i) => 0x4e00 + octet * 64 + i % 64)), `x${'\u{1f600}'.repeat(450)}`]
      for (const id of ids) {
        const draft = await core.gateway.store.open({ account: null, name: `"${id.slice(0, 50)}\\u0000"@x`, protocol: 'ESMTP' }, { recipients: [core.name(9)] })
        await draft.writer.write(Buffer.from(`Message-ID: <${id}@example.org>\r\n\r\nx\r\n`))
        const { token } = await draft.seal()
        expect((await core.gateway.store.track(`<${id}@example.org>`)).map((one) => one.token)).toEqual([token])
      }
    })

    it('does not take messages without Message-ID for one', async () => {
      await core.submit([core.name(9)], 'Subject: no id\r\n\r\nx')
      expect(await core.gateway.store.track('<>')).toEqual([])
      expect(await core.gateway.store.cancel('')).toEqual({ cancelled: 0, late: [] })
    })

    it('leaves content files in place when it is not sure that the commit failed', async () => {
      const { database, store, mailboxes } = core.gateway
      const { writeBatched } = database
      const large = 'x'.repeat(70_000)
      const files = (): number => readdirSync(join(core.data, 'blobs'), { recursive: true }).filter((name) => /[0-9a-f]{32}$/.test(String(name))).length
      const before = files()
      // The commit is done, its answer is lost.
      Object.assign(database, { writeBatched: async (...args: Parameters<typeof writeBatched>) => {
        await writeBatched.apply(database, args)
        throw new Error('Connection terminated unexpectedly')
      } })
      try {
        const draft = await store.open({ account: null, name: 'a@b', protocol: 'LMTP' }, { recipients: [core.name(9)] })
        await draft.writer.write(Buffer.from(large))
        await expect(draft.seal()).rejects.toThrow('Connection')
        const filing = { spooled: await spooled(large), flags: 0, keywords: [] }
        await expect(mailboxes.append(core.ids[8], 'Archive', [filing])).rejects.toThrow('Connection')
      } finally {
        Object.assign(database, { writeBatched })
      }
      expect(files()).toBe(before + 2)
      for (const name of ['INBOX', 'Archive']) {
        const box = await open(8, name)
        expect(await core.octetsOf(box.index.messages[box.index.count - 1])).toContain(large)
        box.close()
      }
    })

    it('removes content files at once when the commit is sure to have failed', async () => {
      await core.gateway.mailboxes.create(core.ids[8], 'brief')
      await append(8, 'Archive')
      const files = (): string[] => readdirSync(join(core.data, 'blobs'), { recursive: true }).map(String).filter((name) => /[0-9a-f]{32}$/.test(name))
      const before = files()
      const filing = { spooled: await spooled('y'.repeat(70_000)), flags: 0, keywords: [] }
      await core.gateway.mailboxes.list(core.ids[8])
      const { writeBatched } = core.gateway.database
      Object.assign(core.gateway.database, { writeBatched: async (...args: Parameters<typeof writeBatched>) => {
        await core.gateway.mailboxes.delete(core.ids[8], 'brief')
        return writeBatched.apply(core.gateway.database, args)
      } })
      try {
        await expect(core.gateway.mailboxes.append(core.ids[8], 'brief', [filing])).rejects.toMatchObject({ code: 'MAILBOX_GONE' })
      } finally {
        Object.assign(core.gateway.database, { writeBatched })
      }
      expect(files()).toEqual(before)
    })

    it('forgets what the agent holds for an account that is removed', async () => {
      const notification = { storeClear: { domain: 'store.example.net' }, recipient: core.name(4), identifier: Buffer.alloc(16, 1), sender: 'toby' }
      await core.gateway.agent.notify([notification], { address: '192.0.2.2', port: 49152, tls: true })
      await core.gateway.agent.setPolicy(core.ids[3], [{ action: 'accept' }])
      await operations['user.remove'](core.gateway as never, { name: core.name(4) })
      expect(await core.count('notifications')).toBe(0)
      expect(await core.count('notification_policies')).toBe(0)
    })

    it('knows no account by a name with NUL', () => expect(core.gateway.accounts.byName('user\0@example.test')).resolves.toBeUndefined())
  })
}

describe('replacement of notifications', () => {
  const submitter = { address: '192.0.2.2', port: 49152, tls: true }
  it.each([['oldest-of-mailbox', [[2, 3], [4]]], ['oldest-of-store', [[2, 3], [4]]]] as const)('%s makes room where it is needed, and no more', async (replacement, left) => {
    const core = await startCore('sqlite', { accounts: 2, set: ['im2000.rna.bound=3', 'im2000.rna.perMailbox=2', `im2000.rna.replacement=${replacement}`] })
    try {
      const notify = (n: number, account: number) => core.gateway.agent.notify([{ storeClear: { domain: 'store.example.net' }, recipient: core.name(account), identifier: Buffer.alloc(16, n), sender: 'toby' }], submitter)
      await notify(4, 2)
      for (const n of [1, 2, 3]) await notify(n, 1)
      for (const [i, expected] of left.entries()) {
        const got: number[] = []
        await core.gateway.agent.retrieveAndClear(core.ids[i], 10, async (held) => { got.push(...held.map((one) => one.notification.identifier[0])) })
        expect(got).toEqual(expected)
      }
    } finally {
      await core.stop()
    }
  })
})

describe('settings', () => {
  it('bounds subscriptions, and takes special mailboxes by their shown names', async () => {
    const core = await startCore('sqlite', { accounts: 1, set: ['mailboxes.separator=.', 'mailboxes.special.sent=INBOX.Sent', 'mailboxes.maxPerAccount=10'] })
    try {
      const { mailboxes } = core.gateway
      expect(await mailboxes.status(core.ids[0], 'INBOX.Sent')).toMatchObject({ messages: 0 })
      for (const name of ['a', 'b', 'c', 'd']) await mailboxes.subscribe(core.ids[0], name)
      await expect(mailboxes.subscribe(core.ids[0], 'e')).rejects.toMatchObject({ code: 'TOO_MANY_MAILBOXES' })
      await mailboxes.subscribe(core.ids[0], 'a')
    } finally {
      await core.stop()
    }
  })
})
