// The small grammars: one line per case.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BadCommand, Reader } from '../wire/reader.js'
import { date, dateTime, internalDate } from './dates.js'
import { fetchItems, type Section } from './fetch-items.js'
import { flagList, flagText } from './flags.js'
import { decodeUtf7, encodeMailboxName, quotedName } from './mailbox-name.js'
import { matcher } from './mailbox-pattern.js'
import { searchKeys } from './search-keys.js'
import { contains, formatSet, ranges, sequenceSet } from './sequence-set.js'

function read<T>(text: string, grammar: (r: Reader) => T): T {
  const r = new Reader([text])
  const value = grammar(r)
  r.end()
  return value
}
const bad = (text: string, grammar: (r: Reader) => unknown): void => { expect(() => read(text, grammar), text).toThrow(BadCommand) }

describe('sequence sets', () => {
  const resolve = (text: string, max: number): readonly number[] => ranges(read(text, sequenceSet), max)
  it('resolves', () => {
    expect(resolve('1', 5)).toEqual([1, 1])
    expect(resolve('2:4', 5)).toEqual([2, 4])
    expect(resolve('4:2', 5)).toEqual([2, 4])
    expect(resolve('*', 5)).toEqual([5, 5])
    expect(resolve('*:1', 5)).toEqual([1, 5])
    expect(resolve('7:*', 5)).toEqual([5, 7]) // RFC 3501: always includes the last message
    expect(resolve('1:3,2:4,5,9', 9)).toEqual([1, 5, 9, 9])
    expect(resolve('1:4294967295', 3)).toEqual([1, 4294967295])
  })
  it('refuses', () => { for (const text of ['', '0', '1:', ':1', '1,,2', '1,', 'a', '1:0', '4294967296', '1:2:3', '-1']) bad(text, sequenceSet) })
  it('is not quadratic in 64 KiB', () => {
    const text = Array.from({ length: 13_000 }, (_, i) => (i * 7919) % 99_999 + 1).join(',')
    for (let i = 0; i < 10; i++) resolve(text, 1e6)
  })
  it('means what it says (property)', () => {
    const number = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.constant('*'))
    const range = fc.oneof(number.map(String), fc.tuple(number, number).map(([a, b]) => `${a}:${b}`))
    fc.assert(fc.property(fc.array(range, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 50 }), (parts, max) => {
      const naive = new Set<number>()
      for (const part of parts) {
        const [a, b = a] = part.split(':').map((x) => (x === '*' ? max : Number(x)))
        for (let n = Math.min(a, b); n <= Math.max(a, b); n++) naive.add(n)
      }
      const got = resolve(parts.join(','), max)
      for (let n = 1; n <= 70; n++) expect(contains(got, n)).toBe(naive.has(n))
      for (let i = 2; i < got.length; i += 2) expect(got[i]).toBeGreaterThan(got[i - 1] + 1)
      const sorted = [...naive].sort((x, y) => x - y)
      expect(resolve(formatSet(sorted), max)).toEqual(got)
    }))
  })
})

describe('mailbox names', () => {
  it('knows RFC 3501\'s examples', () => {
    expect(decodeUtf7('~peter/mail/&U,BTFw-/&ZeVnLIqe-')).toBe('~peter/mail/台北/日本語')
    expect(encodeMailboxName('~peter/mail/台北/日本語')).toBe('~peter/mail/&U,BTFw-/&ZeVnLIqe-')
    expect(decodeUtf7('Tom &- Jerry')).toBe('Tom & Jerry')
    expect(quotedName('a"b\\c & ü')).toBe('"a\\"b\\\\c &- &APw-"')
  })
  it('refuses what it would not write', () => {
    for (const octets of ['&', '&AGE-', '&Jjo', '&Jjo!', '&U,BTFw-&ZeVnLIqe-', 'f\xfcr', 'a\x07b', '&2D0-', '&AAAA-', '&A-', '&ACY-']) expect(decodeUtf7(octets), octets).toBeUndefined()
  })
  it('comes back as it went (property)', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (name) => { expect(decodeUtf7(encodeMailboxName(name))).toBe(name) }))
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
      const octets = encodeMailboxName(name)
      expect(octets).toMatch(/^[\x20-\x7e]*$/)
      expect(decodeUtf7(octets)).toBe(name)
    }))
  })
  it('never takes two spellings of one name (property)', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('&', '-', 'A', 'G', 'E', ',', '/', 'a', 'U', 'B', 'T'), maxLength: 14 }), (octets) => {
      const name = decodeUtf7(octets)
      if (name !== undefined) expect(encodeMailboxName(name)).toBe(octets)
    }), { numRuns: 2000 })
  })
})

describe('LIST patterns', () => {
  const match = (pattern: string, name: string): boolean => matcher(pattern, '/')(name)
  it('matches', () => {
    for (const [pattern, name] of [['*', 'a/b'], ['%', 'a'], ['a/%', 'a/b'], ['a*', 'a/b/c'], ['%/%', 'a/b'], ['*b', 'a/b'], ['inbox', 'INBOX'], ['iNb%', 'INBOX'], ['inbox/%', 'INBOX/x'], ['%%%', 'abc'], ['a%c', 'abbc'], ['*%', 'a/b']]) expect(match(pattern, name), `${pattern} ${name}`).toBe(true)
    for (const [pattern, name] of [['%', 'a/b'], ['a/%', 'a/b/c'], ['a', 'ab'], ['', 'a'], ['A', 'a'], ['inbox/X', 'INBOX/x'], ['%%', 'a/b'], ['a%', 'b']]) expect(match(pattern, name), `${pattern} ${name}`).toBe(false)
  })
  it('takes no exponential time', () => {
    expect(match('*a'.repeat(200) + 'b', 'a'.repeat(1000))).toBe(false)
  })
})

describe('flags', () => {
  it('reads and writes', () => {
    expect(read('(\\Seen \\DELETED $Junk foo Foo \\Recent)', (r) => flagList(r, { bare: false }))).toEqual({ flags: 9, keywords: ['$Junk', 'foo'] })
    expect(read('\\Seen x', (r) => flagList(r, { bare: true }))).toEqual({ flags: 1, keywords: ['x'] })
    expect(read('()', (r) => flagList(r, { bare: false }))).toEqual({ flags: 0, keywords: [] })
    expect(flagText(0x11, ['$a'], true)).toBe('\\Seen \\Draft \\Recent $a')
  })
  it('refuses', () => { for (const text of ['(\\Foo)', '(\\)', '(a', 'a]', '("a")']) bad(text, (r) => flagList(r, { bare: true })) })
})

describe('dates', () => {
  it('reads and writes', () => {
    expect(read('"17-Jul-1996 02:44:25 -0700"', dateTime)).toBe(Date.parse('1996-07-17T02:44:25-07:00'))
    expect(read('" 1-Feb-2024 23:59:59 +0530"', dateTime)).toBe(Date.parse('2024-02-01T23:59:59+05:30'))
    expect(internalDate(Date.parse('1996-07-07T02:44:25Z'))).toBe('" 7-Jul-1996 02:44:25 +0000"')
    expect(internalDate(-1)).toBe('"31-Dec-1969 23:59:59 +0000"')
    expect(read('1-Feb-1994', date)).toBe(Date.parse('1994-02-01') / 86_400_000)
    expect(read('"01-feb-1994"', date)).toBe(Date.parse('1994-02-01') / 86_400_000)
  })
  it('comes back as it went (property)', () => {
    fc.assert(fc.property(fc.integer({ min: -60_000_000_000, max: 4_000_000_000 }), (seconds) => { expect(read(internalDate(seconds * 1000), dateTime)).toBe(seconds * 1000) }))
  })
  it('refuses', () => {
    for (const text of ['"31-Feb-2024 00:00:00 +0000"', '"1-Feb-2024 00:00:00 +0000"', '"01-Feb-2024 24:00:00 +0000"', '"01-Foo-2024 00:00:00 +0000"', '"01-Feb-2024 00:00:00"', '17-Jul-1996']) bad(text, dateTime)
    for (const text of ['30-Feb-2024', '1-1-2024', 'x', '"1-Feb-94"']) bad(text, date)
  })
})

describe('FETCH items', () => {
  const labels = (text: string): string[] => read(text, fetchItems).map((item) => (item.kind === 'SECTION' ? item.label : item.kind))
  it('reads', () => {
    expect(labels('all')).toEqual(['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'])
    expect(labels('full')).toEqual(['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'])
    expect(labels('(FAST)'.slice(1, -1))).toEqual(['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'])
    expect(labels('(uid body[] Body.Peek[1.2.mime]<0.20>)')).toEqual(['UID', 'BODY[]', 'BODY[1.2.MIME]<0>'])
    expect(labels('BODY.PEEK[HEADER.FIELDS (From "To" sub"'.replace('sub"', 'subject)]'))).toEqual(['BODY[HEADER.FIELDS (From To subject)]'])
    expect(labels('RFC822.HEADER')).toEqual(['RFC822.HEADER'])
    const [item] = read('BODY[2.HEADER.FIELDS.NOT (A b)]<5.10>', fetchItems) as [Section]
    expect(item).toMatchObject({ part: '2', text: 'HEADER.FIELDS.NOT', peek: false, partial: { from: 5, length: 10 } })
    expect([...item.fields]).toEqual(['a', 'b'])
  })
  it('refuses', () => {
    for (const text of ['', '()', 'FOO', '(ALL)', '(FLAGS', 'BODY[', 'BODY[0]', 'BODY[1.]', 'BODY[.1]', 'BODY[MIME]', 'BODY[HEADER.FIELDS]', 'BODY[HEADER.FIELDS ()]', 'BODY[]<1>', 'BODY[]<1.0>', 'BODY[]<-1.5>', 'BODY[1HEADER]', 'BODY[1<]', 'BODY.PEEK', 'BODYSTRUCTURE[]', 'FLAGS FLAGS', 'BODY[HEADER.FIELDS ("a\r")]']) bad(text, fetchItems)
  })
})

describe('SEARCH keys', () => {
  const keys = (text: string): unknown => read(text, (r) => searchKeys(r, (octets) => octets))
  it('reads', () => {
    expect(keys('all')).toEqual({ key: 'all' })
    expect(keys('SEEN UNDELETED')).toEqual({ key: 'and', of: [{ key: 'flag', bit: 1 }, { key: 'not', of: { key: 'flag', bit: 8 } }] })
    expect(keys('OR FROM a (TO b 1:*)')).toEqual({ key: 'or', of: [{ key: 'header', field: 'from', text: 'a' }, { key: 'and', of: [{ key: 'header', field: 'to', text: 'b' }, { key: 'seq', set: [1, 0] }] }] })
    expect(keys('NOT NOT HEADER X-Foo ""')).toEqual({ key: 'not', of: { key: 'not', of: { key: 'header', field: 'x-foo', text: '' } } })
    expect(keys('UID 1,3 LARGER 10 SINCE 1-Jan-1970')).toMatchObject({ of: [{ set: [1, 1, 3, 3] }, { than: 10 }, { is: 'since', day: 0 }] })
  })
  it('refuses', () => { for (const text of ['', 'FOO', 'OR SEEN', 'NOT', '()', '(SEEN', 'SEEN  SEEN', 'FROM', 'LARGER x', 'BEFORE yesterday', 'CONSTRUCTOR', 'HEADER a']) bad(text, (r) => searchKeys(r, (octets) => octets)) })
  it('bounds depth and number', () => {
    for (const text of [`${'('.repeat(100_000)}SEEN`, `${'NOT '.repeat(100_000)}SEEN`, `${'OR '.repeat(100_000)}SEEN`, Array(2000).fill('SEEN').join(' ')]) bad(text, (r) => searchKeys(r, (octets) => octets))
  })
})
