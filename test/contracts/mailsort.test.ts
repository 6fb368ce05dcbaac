// MailSort in a gateway, on each database: what is saved is what runs; forwards, loops, refusals, notes; applying to old mail.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Uid } from '@restante/core'
import { operate } from '../../core/dist/cli/operations.js'
import { startCore, type CoreUnderTest } from '../support/core.js'
import { databases } from '../support/databases.js'

for (const kind of databases) describe(`mailsort on ${kind}`, () => {
  let core: CoreUnderTest
  beforeAll(async () => { core = await startCore(kind, { accounts: 12 }) })
  afterAll(() => core?.stop())
  const ask = (operation: string, args: Record<string, unknown>): Promise<any> => operate(core.gateway, `mailsort.${operation}`, args)
  const save = (n: number, text: string): Promise<any> => ask('save', { user: core.name(n), text })
  const held = async (n: number, name: string) => {
    const box = await core.gateway.mailboxes.open(core.ids[n - 1], name, { readOnly: true })
    try {
      return [...box.index.uids.subarray(0, box.index.count)].map((uid) => ({ flags: box.index.entry(uid as Uid)!.flags, keywords: box.index.keywordNames(box.index.entry(uid as Uid)!.keywords), message: box.index.entry(uid as Uid)!.message }))
    } finally {
      box.close()
    }
  }
  const counts = async (n: number, name: string): Promise<number> => (await core.gateway.mailboxes.statuses(core.ids[n - 1], [name])).get(name)?.messages ?? -1
  const letter = (subject: string, more = ''): string => `From: John Doe <john@example.org>\r\nTo: x@example.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n${more}\r\nHello\r\n`

  it("the manual's example, changed while mail comes in", async () => {
    await core.submit([core.name(1)], letter('before'))
    await save(1, 'rule "John" { if from contains "John Doe" move to "enr" }')
    await core.submit([core.name(1)], letter('after'))
    expect([await counts(1, 'INBOX'), await counts(1, 'enr')]).toEqual([1, 1])
    await save(1, '')
    await core.submit([core.name(1)], letter('again'))
    expect([await counts(1, 'INBOX'), await counts(1, 'enr')]).toEqual([2, 1])
  })

  it('a broken file changes nothing, and says where it is broken', async () => {
    await save(2, '# mine\nrule "r" { discard }')
    await expect(save(2, 'rule "r" {\n  if from smells "x" }')).rejects.toMatchObject({ code: 'FILTER_INVALID', details: { line: 2, column: 11, found: '"smells"' } })
    await expect(save(2, 'rule "r" { if from in list "none" stop }')).rejects.toMatchObject({ code: 'FILTER_INVALID' })
    expect(await ask('text', { user: core.name(2) })).toEqual({ text: '# mine\nrule "r" { discard }' })
    await core.submit([core.name(2)])
    expect(await counts(2, 'INBOX')).toBe(0)
    await expect(save(99, 'rule "r" {}')).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
  })

  it('files with flags and keywords, as spam, and only where a mailbox exists', async () => {
    await save(3, 'rule "1" { if subject is "spam" file as spam stop } rule "2" { if subject is "marked" mark read, flagged add keyword "Boss" copy to "A/B" } rule "3" { if subject is "nowhere" move to "Nowhere" if it exists }')
    for (const subject of ['spam', 'marked', 'nowhere']) await core.submit([core.name(3)], letter(subject))
    expect(await held(3, 'Junk')).toMatchObject([{ flags: 0, keywords: ['$Junk'] }])
    expect(await held(3, 'A/B')).toMatchObject([{ flags: 5, keywords: ['Boss'] }])
    expect(await held(3, 'INBOX')).toMatchObject([{ flags: 5, keywords: ['Boss'] }, { flags: 0, keywords: [] }])
    expect(await counts(3, 'Nowhere')).toBe(-1)
  })

  it('a forward carries the message whole, names who forwards, and keeps nothing', async () => {
    await save(4, `rule "r" { forward to "${core.name(5)}", "nobody@example.test" }`)
    await core.submit([core.name(4)], `Return-Path: <old@example.org>\r\n${letter('forwarded')}`)
    await expect.poll(() => counts(5, 'INBOX')).toBe(1)
    expect(await counts(4, 'INBOX')).toBe(0)
    const octets = await core.octetsOf((await held(5, 'INBOX'))[0].message)
    expect(octets).toContain(`Delivered-To: ${core.name(4)}\r\n`)
    expect(octets.endsWith(letter('forwarded'))).toBe(true)
    expect(octets).not.toMatch(/^Return-Path/m)
    const [tracked] = (await core.gateway.store.track('forwarded@example.org')).filter(({ protocol }) => protocol === 'MailSort')
    expect(tracked.originator).toBe(core.name(4))
    expect(await ask('errors', { user: core.name(4) })).toMatchObject([{ why: expect.stringContaining('not forwarded to nobody@example.test: there is no such recipient') }])
    // What was discarded here and is on its way is not held any longer than that.
    await expect.poll(() => core.count('holds')).toBe(0)
  })

  it('three users that forward in a circle: each gets it once, the first keeps it, and there is peace', async () => {
    for (const [from, to] of [[6, 7], [7, 8], [8, 6]]) await save(from, `rule "on" { forward to "${core.name(to)}" }`)
    await core.submit([core.name(6)], letter('circle'))
    await expect.poll(() => counts(6, 'INBOX')).toBe(1)
    await core.gateway.jobs.settled()
    expect([await counts(6, 'INBOX'), await counts(7, 'INBOX'), await counts(8, 'INBOX')]).toEqual([1, 0, 0])
    expect(await ask('errors', { user: core.name(6), clear: true })).toMatchObject([{ why: expect.stringContaining('circle of forwards'), messageId: 'circle@example.org' }])
    expect(await ask('errors', { user: core.name(6) })).toEqual([])
    for (const n of [6, 7, 8]) await save(n, '')
  })

  it('a refusal: the session is told when all agree, else it is out of the way and not lost', async () => {
    await save(9, 'rule "no" { if subject is "refused" reject "Not wanted" }')
    await expect(core.submit([core.name(9)], letter('refused'))).rejects.toMatchObject({ code: 'MESSAGE_REJECTED', message: 'Not wanted' })
    await core.submit([core.name(9), core.name(10)], letter('refused'))
    expect([await counts(9, 'INBOX'), await counts(9, 'Junk'), await counts(10, 'INBOX')]).toEqual([0, 1, 1])
  })

  it('the first mail from a sender, once each', async () => {
    await save(10, 'rule "new" { if first mail from sender copy to "New" }')
    for (const subject of ['one', 'two']) {
      await core.submit([core.name(10)], letter(subject))
      await core.gateway.jobs.settled()
    }
    await core.submit([core.name(10)], letter('three').replace('john@', 'mary@'))
    expect(await counts(10, 'New')).toBe(2)
  })

  it('a rule that fails at run time: INBOX, with a note', async () => {
    await save(11, `rule "deep" { move to "${'a/'.repeat(40)}b" }`)
    await core.submit([core.name(11)], letter('lost?'))
    expect(await counts(11, 'INBOX')).toBe(1)
    await expect.poll(async () => (await ask('errors', { user: core.name(11) })).length).toBe(1)
    expect((await ask('errors', { user: core.name(11) }))[0]).toMatchObject({ why: expect.stringContaining('levels'), messageId: 'lost?@example.org' })
  })

  it('replies with a template, once per sender and day, never to machines', async () => {
    await save(11, 'template "Thanks" { subject "" text "Got {subject}, {sender}." } rule "r" { reply with "Thanks" }')
    const send = async (more: string): Promise<void> => {
      const draft = await core.gateway.store.open({ account: null, name: core.name(12), protocol: 'ESMTP' }, { recipients: [core.name(11)] })
      await draft.writer.write(Buffer.from(`From: <${core.name(12)}>\r\nTo: <${core.name(11)}>\r\nSubject: Quest\r\nMessage-ID: <q@example.test>\r\n${more}\r\nx\r\n`))
      await draft.seal()
      await core.gateway.jobs.settled()
    }
    await send('Auto-Submitted: auto-replied\r\n')
    await send('List-Id: <x>\r\n')
    expect(await counts(12, 'INBOX')).toBe(0)
    await send('')
    await send('')
    expect(await counts(12, 'INBOX')).toBe(1)
    const octets = await core.octetsOf((await held(12, 'INBOX'))[0].message)
    expect(octets).toMatch(/^Subject: Re: Quest\r\n/m)
    expect(octets).toMatch(/^In-Reply-To: <q@example\.test>\r\n/m)
    expect(octets).toMatch(/^Auto-Submitted: auto-replied\r\n/m)
    expect(octets).toContain(`Got Quest, ${core.name(12)}.`)
  })

  it('says which rule applies and why', async () => {
    await save(12, 'rule "a" { if subject contains "nope" discard } rule "b" { if any { from contains "John" size over 1M } move to "enr" } rule "c" { if body contains "hello" mark read }')
    const { steps, would } = await ask('test', { user: core.name(12), message: Buffer.from(letter('test')).toString('base64') })
    expect(steps).toEqual([
      { rule: 'a', applies: false, tests: [{ test: 'subject contains "nope"', held: false }] },
      { rule: 'b', applies: true, tests: [{ test: 'from contains "John"', held: true, value: 'John Doe <john@example.org>' }] },
      { rule: 'c', applies: true, tests: [{ test: 'body contains "hello"', held: true }] },
    ])
    expect(would).toEqual(['file into enr'])
    expect(await ask('list', { user: core.name(12) })).toMatchObject([{ name: 'a' }, { name: 'b', on: true, test: 'any { from contains "John" size over 1M }', actions: ['move to "enr"'] }, { name: 'c' }])
  })

  it('applies to mail that is there: says first, then does', async () => {
    await save(1, '')
    const before = await counts(1, 'INBOX')
    for (const subject of ['old move', 'old copy', 'old mark', 'old discard', 'old forward']) await core.submit([core.name(1)], letter(subject))
    await save(1, `rule "1" { if subject is "old move" move to "Moved" } rule "2" { if subject is "old copy" copy to "Copied" } rule "3" { if subject is "old mark" mark flagged }
      rule "4" { if subject is "old discard" discard } rule "5" { if subject is "old forward" forward copy to "${core.name(5)}" }`)
    const foreseen = await ask('apply', { user: core.name(1), mailbox: 'INBOX' })
    expect(foreseen).toEqual({
      messages: before + 5, matched: 5, skipped: [{ what: 'forward', messages: 1 }],
      done: [{ what: 'copy to Copied', messages: 1 }, { what: 'set \\Flagged', messages: 1 }, { what: 'move to Moved', messages: 1 }, { what: 'delete', messages: 1 }],
    })
    expect(await counts(1, 'INBOX')).toBe(before + 5)
    expect((await ask('apply', { user: core.name(1), mailbox: 'INBOX', run: true })).done).toEqual(foreseen.done)
    expect([await counts(1, 'INBOX'), await counts(1, 'Moved'), await counts(1, 'Copied')]).toEqual([before + 3, 1, 1])
    expect((await held(1, 'INBOX')).filter(({ flags }) => flags === 4)).toHaveLength(1)
  })

  it('a thousand deliveries at once ask for the rules together, and for nobody twice', async () => {
    const asked: string[] = []
    const { read } = core.gateway.database
    const all = read.all.bind(read)
    ;(read as { all: typeof read.all }).all = ((sql: string, values: never) => { if (sql.includes('mailsort_filters')) asked.push(sql); return all(sql, values) }) as typeof read.all
    try {
      await save(1, 'rule "x" { mark read }')
      await core.submit(Array.from({ length: 12 }, (_, i) => core.name(i + 1)), letter('together'))
      expect(asked.length).toBeLessThanOrEqual(1)
      await core.submit(Array.from({ length: 12 }, (_, i) => core.name(i + 1)), letter('again'))
      expect(asked.length).toBeLessThanOrEqual(1)
    } finally {
      ;(read as { all: typeof read.all }).all = all
    }
  })
})
