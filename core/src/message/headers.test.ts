// Header blocks: fields, selection as IMAP answers it, decoding.
import { describe, expect, test } from 'vitest'
import { decodeHeader, selectFields, splitFields, unfold } from './headers.js'
import { isKept } from './kept-fields.js'

const block = 'From ann Sat Jan  1 00:00:00 2000\r\nFrom: a@b\r\nX-Long: one\r\n two\r\nno field\r\nTO : c@d\r\nfrom: e@f\r\n\r\nBody: not this\r\n'

test('fields', () => {
  expect(splitFields(block)).toEqual([
    { name: 'from', value: ' a@b\r\n' },
    { name: 'x-long', value: ' one\r\n two\r\n' },
    { name: 'to', value: ' c@d\r\n' },
    { name: 'from', value: ' e@f\r\n' },
  ])
  expect(splitFields(block, 2)).toHaveLength(2)
  expect(splitFields('a:b')).toEqual([{ name: 'a', value: 'b' }])
})

describe('HEADER.FIELDS', () => {
  test.each<[string[], string]>([
    [['from', 'to'], 'From: a@b\r\nTO : c@d\r\nfrom: e@f\r\n\r\n'],
    [['x-long'], 'X-Long: one\r\n two\r\n\r\n'],
    [['subject'], '\r\n'],
    [[], '\r\n'],
    [['body'], '\r\n'],
  ])('%j', (names, expected) => {
    expect(selectFields(block, new Set(names))).toBe(expected)
    expect(selectFields(Buffer.from(block, 'latin1'), new Set(names))).toBe(expected)
  })
  test('NOT', () => {
    expect(selectFields(block, new Set(['from', 'x-long']), true)).toBe('From ann Sat Jan  1 00:00:00 2000\r\nno field\r\nTO : c@d\r\n\r\n')
    expect(selectFields('A: b\n\n', new Set([]), true)).toBe('A: b\n\r\n')
  })
  test('a header that ends without line end', () => expect(selectFields('A: b\r\nC: d', new Set(['c']))).toBe('C: d\r\n\r\n'))
  test('kept fields', () => {
    for (const name of 'from to cc bcc subject date message-id priority x-priority references newsgroups in-reply-to content-type reply-to list-id list-post'.split(' ')) expect(isKept(name)).toBe(true)
    expect(isKept('received')).toBe(false)
  })
})

test('unfolding', () => {
  expect(unfold(' a\r\n b\n\tc \r\n')).toBe('a b\tc')
  expect(unfold('')).toBe('')
})

describe('decoding', () => {
  test.each([
    [' plain \r\n', 'plain'],
    ['=?utf-8?Q?M=C3=BCnchen_=3D?=', 'München ='],
    ['=?UTF-8?b?TcO8bmNoZW4=?= x =?iso-8859-1*de?q?=FC?=', 'München x ü'],
    ['=?utf-8?q?a?=\r\n =?utf-8?q?b?= c', 'ab c'],
    ['=?utf-8?q?=C3?= =?utf-8?q?=BC?=', 'ü'],
    ['=?utf-8?b?4oI=?= =?utf-8?b?rA==?=', '€'],
    ['=?utf-8?b?4o?= =?utf-8?b?Ks?=', '€'],
    ['=?iso-2022-jp?B?GyRCMnE1RBsoQg==?=', '会議'],
    ['=?gb2312?B?xOO6ww==?=', '你好'],
    ['=?x-none?q?=C3=BC?=', 'ü'],
    ['=?utf-8?q?open', '=?utf-8?q?open'],
    ['=?utf-8?x?what?=', '=?utf-8?x?what?='],
    ['Gr\xc3\xbc\xdfe', 'GrÃ¼ße'],
    ['Gr\xc3\xbc\xc3\x9fe', 'Grüße'],
    ['Gr\xfc\xdfe', 'Grüße'],
    ['a=?utf-8?q?b?=c', 'abc'],
    ['=?utf-8?q??=', ''],
  ])('%j', (value, text) => expect(decodeHeader(value)).toBe(text))

  test.each(['=?', '=?a?q?', '=?a?q?b', '=?utf-8?q?a?=', '=?utf-8?b?a?= ', '?=', '=?a?q? ', '\xff', '=?utf-8?q?=C3?= =?koi8-r?q?=C3?='])('%j by the hundred thousand takes no long time', (piece) => {
    decodeHeader(piece.repeat(100_000))
  })
})

test.each([':', 'a', 'a:', 'a:\n', 'a\n', '\n a', ' ', '\r', 'a:\r\n b\r\n'])('a block of a million %j takes no long time', (piece) => {
  const block = piece.repeat(1_000_000)
  splitFields(block)
  selectFields(block, new Set(['a']))
  selectFields(block, new Set(['b']), true)
  unfold(block)
})
