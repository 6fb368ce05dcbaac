// Shared mailboxes in a gateway, on each database: who sees what, whose \Seen, which rights do what, and what is told.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MailEvent, Modseq, OpenMailbox, Uid } from '@restante/core'
import { operate } from '../../core/dist/cli/operations.js'
import type { Bus } from '../../core/dist/events/bus.js'
import { startCore, type CoreUnderTest } from '../support/core.js'
import { databases } from '../support/databases.js'

for (const kind of databases) describe(`shared mailboxes on ${kind}`, () => {
  let core: CoreUnderTest
  const events: MailEvent[] = []
  beforeAll(async () => {
    core = await startCore(kind, { accounts: 6 })
    ;(core.gateway.host.service('events') as Bus).listen([], (event) => { events.push(event) })
    await ask('create', { name: 'sales', address: 'sales@example.test', ownSeen: true, members: [{ member: core.name(1), role: 'owner' }, { member: core.name(2) }, { member: core.name(3), role: 'reader' }] })
  })
  afterAll(() => core?.stop())
  const ask = (operation: string, args: Record<string, unknown>): Promise<any> => operate(core.gateway, `shared-mailboxes.${operation}`, args)
  const names = async (n: number): Promise<string[]> => (await core.gateway.mailboxes.list(core.ids[n - 1])).filter(({ selectable }) => selectable).map(({ name }) => name).filter((name) => /^(shared|user)/.test(name))
  const open = (n: number, name: string): Promise<OpenMailbox> => core.gateway.mailboxes.open(core.ids[n - 1], name, { readOnly: false })
  const flagsOf = (box: OpenMailbox): number[] => Array.from(box.index.flags.subarray(0, box.index.count))
  const all = (box: OpenMailbox): Uid[] => Array.from(box.index.uids.subarray(0, box.index.count)) as Uid[]
  const add = (flags: number, keywords: string[] = []) => ({ mode: 'add' as const, flags, keywords })

  it('mail to the address is filed once and seen by every member, and by nobody else', async () => {
    events.length = 0
    await core.submit(['sales@example.test'])
    expect(events.filter(({ type }) => type === 'MessageNew')).toHaveLength(1)
    for (const n of [1, 2, 3]) expect(await names(n)).toContain('shared/sales')
    expect(await names(4)).toEqual([])
    expect(core.gateway.mailboxes.namespaces(core.ids[0])).toMatchObject({ shared: expect.arrayContaining(['shared/']), others: ['user/'] })
    const boxes = await Promise.all([1, 2, 3].map((n) => open(n, 'shared/sales')))
    expect(boxes.map((box) => box.index.count)).toEqual([1, 1, 1])
    for (const box of boxes) box.close()
    await expect(open(4, 'shared/sales')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
  })

  it('\\Seen is each member’s own, the rest is everybody’s, all under one modseq', async () => {
    const [one, two, three] = await Promise.all([1, 2, 3].map((n) => open(n, 'shared/sales')))
    try {
      const before = two.view.modseq
      const { done } = await one.changeFlags(all(one), add(1 | 4, ['Todo']))
      expect(done).toEqual(all(one))
      expect([flagsOf(one), flagsOf(two), flagsOf(three)]).toEqual([[5], [4], [4]])
      expect(two.look({ expunges: true }).flags).toEqual(all(two))
      // What only the other has seen moves the mailbox's modseq, and announces nothing.
      await one.changeFlags(all(one), { mode: 'remove', flags: 1, keywords: [] })
      expect(two.view.modseq).toBeGreaterThan(before)
      expect(two.look({ expunges: true }).flags).toEqual([])
      expect(two.index.modseq).toBe(one.index.modseq)
      expect(one.index.entry(1 as Uid)!.modseq).toBeGreaterThan(two.index.entry(1 as Uid)!.modseq)
      // A conditional store is refused where one's own part is newer, and not where only the other's is.
      const seen = two.index.entry(1 as Uid)!.modseq
      expect((await two.changeFlags(all(two), { ...add(1), unchangedSince: seen })).done).toEqual(all(two))
      expect((await one.changeFlags(all(one), { ...add(2), unchangedSince: seen as Modseq })).modified).toEqual(all(one))
      expect((await two.changeFlags(all(two), { mode: 'replace', flags: 0, keywords: [] })).done).toEqual(all(two))
      expect([flagsOf(one), flagsOf(two)]).toEqual([[0], [0]])
    } finally {
      for (const box of [one, two, three]) box.close()
    }
    expect((await core.gateway.mailboxes.statuses(core.ids[0], ['shared/sales'])).get('shared/sales')).toMatchObject({ messages: 1, unseen: 1 })
  })

  it('survives a fresh load: each sees its own', async () => {
    const two = await open(2, 'shared/sales')
    await two.changeFlags(all(two), add(1))
    two.close()
    const { loadIndex } = await import('../../core/dist/mailbox/repository.js')
    const id = (await core.gateway.mailboxes.status(core.ids[0], 'shared/sales')).id
    const fresh = await Promise.all([core.ids[0], core.ids[1], undefined].map((viewer) => loadIndex(core.gateway.database as never, id as never, () => [], viewer as never)))
    expect(fresh.map((index) => [index!.flags[0], index!.unseen])).toEqual([[0, 1], [1, 0], [0, 1]])
  })

  it('copies carry one’s own \\Seen out, and bring it in for oneself alone', async () => {
    const two = await open(2, 'shared/sales')
    const { to } = await two.copy(all(two), 'INBOX')
    two.close()
    const inbox = await open(2, 'INBOX')
    expect(inbox.index.entry(to[0])!.flags).toBe(1)
    const back = await inbox.move(to, 'shared/sales')
    inbox.close()
    const [one, again] = await Promise.all([1, 2].map((n) => open(n, 'shared/sales')))
    expect([one.index.entry(back.to[0])!.flags, again.index.entry(back.to[0])!.flags]).toEqual([0, 1])
    one.close()
    again.close()
  })

  it('a reader may look and mark what was read, and no more', async () => {
    const three = await open(3, 'shared/sales')
    try {
      expect((await three.changeFlags(all(three), add(1 | 4))).done).toEqual(all(three))
      expect(flagsOf(three).every((flags) => flags === 1)).toBe(true)
      await expect(three.changeFlags(all(three), add(4))).rejects.toMatchObject({ code: 'RIGHTS_MISSING', details: { right: 'w' } })
      await expect(three.changeFlags(all(three), add(8))).rejects.toMatchObject({ details: { right: 't' } })
      await expect(three.expunge()).rejects.toMatchObject({ details: { right: 'e' } })
      await expect(three.move(all(three), 'INBOX')).rejects.toMatchObject({ code: 'RIGHTS_MISSING' })
      const inbox = await open(3, 'INBOX')
      await core.submit([core.name(3)])
      await expect(inbox.copy(all(inbox), 'shared/sales')).rejects.toMatchObject({ details: { right: 'i' } })
      inbox.close()
    } finally {
      three.close()
    }
    const { mailboxes } = core.gateway
    await expect(mailboxes.create(core.ids[2], 'shared/sales/New')).rejects.toMatchObject({ details: { right: 'k' } })
    await expect(mailboxes.create(core.ids[3], 'shared/sales/New')).rejects.toMatchObject({ code: 'MAILBOX_PROTECTED' })
    await expect(mailboxes.create(core.ids[3], 'Shared/mine')).rejects.toMatchObject({ code: 'MAILBOX_PROTECTED' })
    await expect(mailboxes.delete(core.ids[2], 'shared/sales')).rejects.toMatchObject({ details: { right: 'x' } })
  })

  it('an editor makes, renames, subscribes and deletes mailboxes below', async () => {
    const { mailboxes } = core.gateway
    await mailboxes.create(core.ids[1], 'shared/sales/Orders/2026')
    expect(await names(1)).toEqual(expect.arrayContaining(['shared/sales/Orders', 'shared/sales/Orders/2026']))
    await mailboxes.subscribe(core.ids[0], 'shared/sales/Orders')
    await mailboxes.rename(core.ids[1], 'shared/sales/Orders', 'shared/sales/Deals')
    expect(await names(1)).toEqual(expect.arrayContaining(['shared/sales/Deals/2026']))
    await expect(mailboxes.rename(core.ids[1], 'shared/sales/Deals', 'mine')).rejects.toMatchObject({ code: 'MAILBOX_PROTECTED' })
    await expect(mailboxes.rename(core.ids[1], 'shared/sales', 'shared/sales2')).rejects.toMatchObject({ code: expect.stringMatching(/PROTECTED/) })
    await mailboxes.delete(core.ids[1], 'shared/sales/Deals/2026')
    expect(await names(1)).not.toContain('shared/sales/Deals/2026')
  })

  it('rights of one mailbox override those of all; negative rights take away; a child begins with its parent’s', async () => {
    expect(await ask('rights', { of: 'sales', mailbox: 'Deals', identifier: core.name(3), change: 'lrswite' })).toEqual(expect.arrayContaining([{ identifier: core.name(3), rights: 'lrswite', send: 'no' }]))
    const three = await open(3, 'shared/sales/Deals')
    expect(three.readOnly).toBe(false)
    three.close()
    await core.gateway.mailboxes.create(core.ids[1], 'shared/sales/Deals/Won')
    await ask('rights', { of: 'sales', mailbox: 'Deals', identifier: `-${core.name(3)}`, change: 'r' })
    await expect(open(3, 'shared/sales/Deals')).rejects.toMatchObject({ code: 'RIGHTS_MISSING', details: { right: 'r' } })
    ;(await open(3, 'shared/sales/Deals/Won')).close()
    await ask('rights', { of: 'sales', mailbox: 'Deals', identifier: core.name(3), change: '' })
    expect(await names(3)).not.toContain('shared/sales/Deals')
  })

  it('no rule of a member files into it: that would be another owner’s room', async () => {
    await operate(core.gateway, 'mailsort.save', { user: core.name(3), text: 'rule "r" { move to "shared/sales" }' })
    await operate(core.gateway, 'mailsort.save', { user: core.name(4), text: 'rule "r" { move to "Shared/Sales/x" }' })
    const count = async (): Promise<number> => (await core.gateway.mailboxes.status(core.ids[0], 'shared/sales')).messages
    const before = await count()
    const inboxes = async (): Promise<number[]> => Promise.all([2, 3].map(async (i) => (await core.gateway.mailboxes.status(core.ids[i], 'INBOX')).messages))
    const were = await inboxes()
    await core.submit([core.name(3), core.name(4)])
    expect(await count()).toBe(before)
    expect(await inboxes()).toEqual(were.map((n) => n + 1))
    expect(await operate(core.gateway, 'mailsort.errors', { user: core.name(3) })).toHaveLength(1)
    await operate(core.gateway, 'mailsort.save', { user: core.name(3), text: '' })
  })

  it('two expunge the same message: one does it, both are told', async () => {
    const [one, two] = await Promise.all([1, 2].map((n) => open(n, 'shared/sales')))
    const [uid] = all(one)
    await one.changeFlags([uid], add(8))
    const gone = await Promise.all([one.expunge([uid]), two.expunge([uid])])
    expect(gone.flat()).toEqual([uid])
    expect([one.look({ expunges: true }).vanished, two.look({ expunges: true }).vanished]).toEqual([[uid], [uid]])
    one.close()
    two.close()
  })

  it('a manager shows a mailbox to a secretary', async () => {
    events.length = 0
    const { sharing } = core.gateway.mailboxes
    await core.gateway.mailboxes.create(core.ids[3], 'Plans')
    await sharing!.set(core.ids[3], 'Plans', core.name(5), 'lrs')
    expect(await names(5)).toEqual([`user/${core.name(4)}/Plans`])
    expect(events.filter(({ type }) => type === 'MailboxCreate' || type === 'MailboxDelete').filter(({ account }) => account === core.ids[4])).toMatchObject([{ type: 'MailboxCreate', mailboxName: `user/${core.name(4)}/Plans` }])
    expect(await sharing!.entries(core.ids[3], 'Plans')).toMatchObject([{ identifier: core.name(4) }, { identifier: core.name(5) }])
    await expect(sharing!.entries(core.ids[4], `user/${core.name(4)}/Plans`)).rejects.toMatchObject({ code: 'RIGHTS_MISSING', details: { right: 'a' } })
    await expect(sharing!.entries(core.ids[4], `user/${core.name(4)}`)).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
    await sharing!.remove(core.ids[3], 'Plans', core.name(5))
    expect(await names(5)).toEqual([])
    expect(events.filter(({ type, account }) => type === 'MailboxDelete' && account === core.ids[4])).toHaveLength(1)
  })

  it('groups: who joins sees, who leaves does not; anyone is anyone', async () => {
    await ask('group', { act: 'join', name: 'Interns', member: core.name(6) })
    await ask('member', { name: 'sales', member: 'group:interns', role: 'reader' })
    expect(await names(6)).toContain('shared/sales')
    await ask('group', { act: 'join', name: 'interns', member: core.name(5) })
    expect(await names(5)).toContain('shared/sales')
    await ask('group', { act: 'leave', name: 'interns', member: core.name(6) })
    expect(await names(6)).toEqual([])
    await ask('rights', { of: 'sales', mailbox: 'Deals', identifier: 'anyone', change: 'lr' })
    expect(await names(6)).toEqual(['shared/sales/Deals'])
    await ask('rights', { of: 'sales', mailbox: 'Deals', identifier: 'anyone', change: '' })
  })

  it('rights that are taken away end what a session may do at once', async () => {
    const five = await open(5, 'shared/sales')
    let told = 0
    five.onChange(() => { told++ })
    await ask('dismiss', { name: 'sales', member: 'group:interns' })
    expect(told).toBeGreaterThan(0)
    expect(five.rights).toBe(0)
    await expect(five.copy(all(five), 'INBOX')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
    five.close()
  })

  it.each<[string, string, Record<string, unknown>, string]>([
    ['no member', 'create', { name: 'empty', address: 'empty@example.test', ownSeen: true, members: [] }, 'NOT_PERMITTED'],
    ['a member that does not exist', 'create', { name: 'ghost', address: 'ghost@example.test', ownSeen: true, members: [{ member: 'nobody@example.test' }] }, 'ACCOUNT_NOT_FOUND'],
    ['a name that is there', 'create', { name: 'SALES', address: 'other@example.test', ownSeen: true, members: [{ member: 'user0001@example.test' }] }, 'MAILBOX_EXISTS'],
    ['an address that is a user', 'create', { name: 'other', address: 'user0002@example.test', ownSeen: true, members: [{ member: 'user0001@example.test' }] }, 'EXISTS'],
    ['a name with a separator', 'create', { name: 'a/b', address: 'ab@example.test', ownSeen: true, members: [{ member: 'user0001@example.test' }] }, 'MAILBOX_NAME_INVALID'],
    ['a name with a wildcard', 'create', { name: 'a*', address: 'ab@example.test', ownSeen: true, members: [{ member: 'user0001@example.test' }] }, 'MAILBOX_NAME_INVALID'],
    ['unknown letters', 'rights', { of: 'sales', mailbox: '', identifier: 'anyone', change: 'lrq' }, 'RIGHTS_INVALID'],
    ['nobody', 'rights', { of: 'sales', mailbox: '', identifier: 'nobody@example.test', change: 'l' }, 'ACCOUNT_NOT_FOUND'],
    ['no such group', 'rights', { of: 'sales', mailbox: '', identifier: 'group:none', change: 'l' }, 'ACCOUNT_NOT_FOUND'],
    ['no such mailbox', 'rights', { of: 'sales', mailbox: 'None', identifier: 'anyone', change: 'l' }, 'MAILBOX_NOT_FOUND'],
    ['the owner itself', 'rights', { of: 'user0004@example.test', mailbox: 'INBOX', identifier: 'user0004@example.test', change: 'l' }, 'NOT_PERMITTED'],
  ])('refuses %s', async (_, operation, args, code) => {
    const accounts = await core.count('accounts')
    await expect(ask(operation, args)).rejects.toMatchObject({ code: expect.stringContaining(code) })
    expect(await core.count('accounts')).toBe(accounts)
  })

  it('is deleted with its mail, after that was archived', async () => {
    await expect(ask('dismiss', { name: 'sales', member: core.name(2) }).then(() => ask('dismiss', { name: 'sales', member: core.name(3) })).then(() => ask('dismiss', { name: 'sales', member: core.name(1) }))).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await core.submit(['sales@example.test'])
    const before = (await core.gateway.mailboxes.status(core.ids[0], 'shared/sales')).messages
    const session = await open(1, 'shared/sales')
    expect(await ask('remove', { name: 'sales', archive: core.name(6) })).toEqual({ name: 'sales', archived: before })
    expect(session.gone).toBe(true)
    session.close()
    expect((await core.gateway.mailboxes.status(core.ids[5], 'Archive/sales')).messages).toBe(before)
    expect(await names(1)).toEqual([])
    await expect(core.submit(['sales@example.test'])).rejects.toMatchObject({ code: 'ENVELOPE_REFUSED' })
  })
})
