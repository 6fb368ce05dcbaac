import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fold, type Content, type MessageId, type Part } from '@restante/core'
import type { Known } from '../fetch/items.js'
import type { Cursor } from '../session/selected.js'
import { compile, no, unknown, yes, type Subject, type Verdict } from './compile.js'
import { Turn } from '../session/turns.js'
import { findNeedles } from './text.js'

const subject = (more: Partial<Subject> & { flags?: number; seq?: number } = {}): Subject =>
  ({ at: { flags: more.flags ?? 0, seq: more.seq ?? 1, uid: 1, size: 100, internalDate: 0 } as unknown as Cursor, recent: false, keywords: [], known: undefined, header: undefined, found: undefined, lacks: () => false, ...more })
const ask = (key: Parameters<typeof compile>[0], of: Subject): Verdict => compile(key, { count: 10, lastUid: 10, now: 1_000_000_500, saved: [1, 1] }).test.ask(of)
const known = (headers: string | null): Known => ({ headers }) as Known

describe('a search key as a test in three values', () => {
  it('reads no header of a message that is known to lack the longest word that is looked for', () => {
    const key = { key: 'header', field: 'subject', text: 'of  Märchen books' } as const
    expect(compile(key, { count: 1, lastUid: 1, now: 0, saved: [] }).hints).toEqual(['märchen'])
    expect(ask(key, subject({ lacks: () => true }))).toBe(no)
    expect(ask(key, subject())).toBe(unknown)
    expect(ask({ key: 'not', of: key }, subject({ lacks: () => true }))).toBe(yes)
    for (const text of ['', 'ab', '  a ']) expect(compile({ ...key, text }, { count: 1, lastUid: 1, now: 0, saved: [] }).hints).toEqual([])
  })
  const seen = { key: 'flag', bit: 1 } as const
  const from = { key: 'header', field: 'from', text: 'Anna' } as const
  it('asks for no more than it needs', () => {
    expect(ask({ key: 'and', of: [from, seen] }, subject())).toBe(no)
    expect(ask({ key: 'and', of: [from, seen] }, subject({ flags: 1 }))).toBe(unknown)
    expect(ask({ key: 'or', of: [from, seen] }, subject({ flags: 1 }))).toBe(yes)
    expect(ask({ key: 'not', of: from }, subject())).toBe(unknown)
    expect(compile({ key: 'and', of: [seen, { key: 'body', text: 'x' }, from] }, { count: 1, lastUid: 1, now: 0, saved: [] }).test.cost).toBe(2)
  })
  it('knows ages to the second, and what was saved', () => {
    const at = (internalDate: number, uid = 1): Subject => subject({ at: { internalDate, uid } as unknown as Cursor })
    for (const [date, older, younger] of [[999_989_999, yes, no], [999_990_000, yes, yes], [999_990_999, yes, yes], [999_991_000, no, yes]] as const) {
      expect([ask({ key: 'older', seconds: 10 }, at(date)), ask({ key: 'younger', seconds: 10 }, at(date))]).toEqual([older, younger])
    }
    expect([ask({ key: 'saved' }, at(0, 1)), ask({ key: 'saved' }, at(0, 2))]).toEqual([yes, no])
  })
  it('decides from kept fields, or says that they were not kept', () => {
    expect(ask(from, subject({ known: known('To: x\r\nFROM : "anna k" <a@b>\r\n') }))).toBe(yes)
    expect(ask(from, subject({ known: known('X-From: anna\r\nTo: anna\r\n') }))).toBe(no)
    expect(ask(from, subject({ known: known(null) }))).toBe(unknown)
    expect(ask({ key: 'header', field: 'x-foo', text: '' }, subject({ known: known('X-Foo: 1\r\n') }))).toBe(unknown)
    expect(ask({ key: 'header', field: 'x-foo', text: '' }, subject({ header: 'X-Foo: 1\r\n\r\n' }))).toBe(yes)
    expect(ask({ key: 'header', field: 'x.*', text: '' }, subject({ header: 'X-Foo: 1\r\n\r\n' }))).toBe(no)
  })
  it('compares folded and encoded fields as people read them', () => {
    const key = { key: 'header', field: 'subject', text: 'größe über' } as const
    expect(ask(key, subject({ known: known('Subject: =?utf-8?Q?Gr=C3=B6=C3=9Fe?=\r\n =?utf-8?Q?_=C3=9Cber?= alles\r\n') }))).toBe(yes)
  })
  it('takes the day of a Date field as it is written', () => {
    const of = subject({ known: known('Date: Sat, 1 Feb 2020 23:30:00 -0500\r\n') })
    const day = Date.parse('2020-02-01') / 86_400_000
    expect([ask({ key: 'sent', is: 'on', day }, of), ask({ key: 'sent', is: 'before', day }, of), ask({ key: 'sent', is: 'since', day: day + 1 }, of)]).toEqual([yes, no, no])
  })
})

describe('looking into text', () => {
  const part = (octets: string, encoding: string, charset: string): Part => ({ section: '1', headerOffset: 0, headerLength: 0, bodyOffset: 0, bodyLength: Buffer.byteLength(octets, 'latin1'), lines: 1, type: 'text/plain', encoding, charset, filename: '', disposition: '' })
  const content = (octets: string, chunk: number): Content => {
    const buffer = Buffer.from(octets, 'latin1')
    return { message: 1 as MessageId, size: buffer.length, async *range(from, length) { for (let at = from; at < from + length; at += chunk) yield buffer.subarray(at, Math.min(from + length, at + chunk)) } }
  }
  it('finds a needle however the octets are cut (property)', async () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'B', 'ä', 'ß', '世', ' ', 'Σ', '=', '\r\n'), minLength: 1, maxLength: 8 })
    await fc.assert(fc.asyncProperty(word, word, word, fc.constantFrom('8bit', 'base64', 'quoted-printable'), fc.integer({ min: 1, max: 9 }), async (before, needle, after, encoding, chunk) => {
      const text = `${before}${needle}${after}.`
      const utf8 = Buffer.from(text, 'utf8')
      const octets = encoding === 'base64' ? utf8.toString('base64') : encoding === '8bit' ? utf8.toString('latin1') : [...utf8].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('')
      const about = { parts: [part(octets, encoding, 'utf-8')], headerSize: 0 } as unknown as Known
      const wanted = fold(needle)
      fc.pre(fold(text).includes(wanted))
      expect([...await findNeedles(content(octets, chunk), about, '', [{ text: wanted, header: false, loose: false }, { text: 'nowhere', header: false, loose: false }], new Turn())]).toEqual([1, 0])
    }), { numRuns: 200 })
  })
})
