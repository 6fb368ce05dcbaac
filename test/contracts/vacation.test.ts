// Vacation in a gateway, on each database: who is told, once, what it says; by a rule; two that are both away.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Uid } from '@restante/core'
import { operate } from '../../core/dist/cli/operations.js'
import { startCore, type CoreUnderTest } from '../support/core.js'
import { databases } from '../support/databases.js'

for (const kind of databases) describe(`vacation on ${kind}`, () => {
  let core: CoreUnderTest
  beforeAll(async () => { core = await startCore(kind, { accounts: 8 }) })
  afterAll(() => core?.stop())
  const ask = (operation: string, args: Record<string, unknown>): Promise<any> => operate(core.gateway, operation, args)
  const inbox = async (n: number): Promise<string[]> => {
    await core.gateway.jobs.settled()
    const box = await core.gateway.mailboxes.open(core.ids[n - 1], 'INBOX', { readOnly: true })
    try {
      return await Promise.all([...box.index.uids.subarray(0, box.index.count)].map((uid) => core.octetsOf(box.index.entry(uid as Uid)!.message)))
    } finally {
      box.close()
    }
  }
  const send = async (from: number, to: number, more: { header?: string; subject?: string; named?: boolean; text?: string } = {}): Promise<void> => {
    const draft = await core.gateway.store.open({ account: null, name: core.name(from), protocol: 'ESMTP' }, { recipients: [core.name(to)] })
    const named = more.named === false ? 'all@example.net' : core.name(to)
    await draft.writer.write(Buffer.from(`From: <${core.name(from)}>\r\nTo: <${named}>\r\nSubject: ${more.subject ?? 'Lunch?'}\r\nMessage-ID: <lunch@example.test>\r\n${more.header ?? ''}\r\n${more.text ?? 'Hi'}\r\n`))
    await draft.seal()
  }

  it('tells each sender once, whatever they send, and a new text again', async () => {
    await ask('vacation.set', { user: core.name(1), text: 'Away since {date}, {sender}. ("{subject}")', html: '<p>Away: {subject}</p>', until: '2099-01-01' })
    await send(2, 1, { subject: 'A <b> & C' })
    await send(2, 1)
    await send(3, 1)
    const [told, ...more] = await inbox(2)
    expect(more).toEqual([])
    expect(await inbox(3)).toHaveLength(1)
    expect(told).toMatch(/^Subject: Auto: A <b> & C\r\n/m)
    expect(told).toMatch(/^In-Reply-To: <lunch@example\.test>\r\nReferences: <lunch@example\.test>\r\n/m)
    expect(told).toMatch(/^Auto-Submitted: auto-replied\r\n/m)
    expect(told).toContain('<p>Away: A &#60;b&#62; &#38; C</p>')
    expect(told).toContain(`, ${core.name(2)}. ("A <b> & C")`)
    const [tracked] = await core.gateway.store.track(/^Message-ID: <(.*)>/m.exec(told)![1])
    expect(tracked).toMatchObject({ originator: '', protocol: 'AUTO' })
    await ask('vacation.set', { user: core.name(1), text: 'Still away' })
    await send(2, 1)
    expect(await inbox(2)).toHaveLength(2)
  })

  it.each([
    ['a list', { header: 'List-Id: <cats>\r\n' }], ['bulk mail', { header: 'Precedence: bulk\r\n' }], ['a machine', { header: 'Auto-Submitted: auto-generated\r\n' }], ['what does not name the user', { named: false }], ['Outlook forbids', { header: 'X-Auto-Response-Suppress: All\r\n' }],
  ])('never answers %s', async (_, more) => {
    const before = (await inbox(4)).length
    await send(4, 1, more)
    expect(await inbox(4)).toHaveLength(before)
  })

  it('days 0 answers every message; a list of senders; what does not name the user, if wanted', async () => {
    await ask('vacation.set', { user: core.name(5), text: 'x', days: 0, who: 'except', senders: [core.name(6)], unnamed: true })
    await send(7, 5)
    await send(7, 5, { named: false })
    await send(6, 5)
    expect(await inbox(7)).toHaveLength(2)
    expect(await inbox(6)).toEqual([])
    await ask('vacation.off', { user: core.name(5) })
    await send(7, 5)
    expect(await inbox(7)).toHaveLength(2)
  })

  it('two that are both away, each answering everything: one reply each way at most, then peace', async () => {
    for (const n of [5, 6]) await ask('vacation.set', { user: core.name(n), text: 'away', days: 0, who: 'all', senders: [], unnamed: true })
    await send(5, 6)
    // Four of before, and the reply.
    expect(await inbox(5)).toHaveLength(5)
    expect(await inbox(6)).toEqual([expect.stringContaining('Lunch?')])
  })

  it('by a rule alone, and with a text of the rule', async () => {
    await ask('vacation.set', { user: core.name(8), text: 'mine', byRule: true })
    await ask('mailsort.save', { user: core.name(8), text: 'template "Short" { subject "Short" text "of the rule" } rule "a" { if subject is "own" send vacation } rule "b" { if subject is "short" send vacation with "Short" every 0 days discard }' })
    const before = (await inbox(3)).length
    for (const subject of ['none', 'own', 'own', 'short', 'short']) await send(3, 8, { subject })
    const told = (await inbox(3)).slice(before)
    expect(told.map((text) => /^Subject: (.*)\r/m.exec(text)![1]).sort()).toEqual(['Auto: own', 'Short', 'Short'])
    // What the rule discarded was there until it was answered, and is not any more.
    await expect.poll(() => core.count('holds')).toBe(0)
    expect(await inbox(8)).toHaveLength(3)
  })

  it('costs no job where nobody is away', async () => {
    const { jobs } = core.gateway
    const added: unknown[] = []
    const add = jobs.add.bind(jobs)
    jobs.add = async (tx, list) => { added.push(...list); return add(tx, list) }
    try {
      await send(2, 4)
      expect(added).toEqual([])
    } finally {
      jobs.add = add
    }
  })

  it.each([
    [{ text: '' }, /no text/], [{ text: 'x', days: 31 }, /0 to 30/], [{ text: 'x', from: '2026-02-30' }, /no day/], [{ text: 'x', from: '2026-12-24', until: '2026-12-23' }, /ends before/], [{ text: 'x', who: 'only', senders: ['two words'] }, /no address/],
    [{ text: 'x'.repeat(70_000) }, /longer/], [{ text: 'x', senders: Array(501).fill('a@b') }, /more than 500/],
  ])('refuses %j', async (wanted, why) => {
    await expect(ask('vacation.set', { user: core.name(4), ...wanted })).rejects.toThrow(why)
    expect(await ask('vacation.show', { user: core.name(4) })).toMatchObject({ on: false })
  })
})
