// What SORT and THREAD compare.
import { describe, expect, test } from 'vitest'
import { readAddresses } from './envelope.js'
import { readHeader } from './message-fields.js'
import { baseSubject, messageIds, sortKeys } from './sort-keys.js'
import type { SortKeys } from './summary.js'

describe('base subject (RFC 5256 2.1)', () => {
  test.each<[string, string, boolean]>([
    ['', '', false], ['hello', 'hello', false], ['  hello \t world  ', 'hello world', false],
    ['Re: hello', 'hello', true], ['RE:RE: Fwd: hello', 'hello', true], ['fw: hello', 'hello', true], ['Re[2]: hello', 'hello', true], ['re [x] : hello', 'hello', true],
    ['[list] Re: hello', 'hello', true], ['[list] hello', 'hello', false], ['Re: [list] hello', 'hello', true], ['[a] [b] hello', 'hello', false], ['[list]', '[list]', false], ['[a][b]', '[b]', false],
    ['hello (fwd)', 'hello', true], ['hello (FWD) (fwd)  ', 'hello', true], ['[fwd: hello]', 'hello', true], ['[Fwd: Re: [list] hello (fwd)]', 'hello', true], ['[fwd:]', '[fwd:]', false],
    ['Re: ', '', true], ['Re:', '', true], ['report: x', 'report: x', false], ['Reply: x', 'Reply: x', false], ['AW: x', 'AW: x', false], ['re', 're', false], ['[unclosed Re: x', '[unclosed Re: x', false], ['Re: x [y', 'x [y', true], ['(fwd)', '', true],
    ['[PATCH v2 1/3] Re: y', 'y', true],
  ])('%j', (subject, base, isReply) => expect(baseSubject(subject)).toEqual({ base, isReply }))

  test.each(['[', ']', '[]', '[a] ', 'Re:', 'Re: ', 're[', 're [a]', '[fwd:', '(fwd)', ' ', '[a', 'fwd', '\t'])('%j by the hundred thousand takes no long time', (piece) => {
    for (const tail of ['', ']', ':', 'x', ']'.repeat(100_000)]) baseSubject(piece.repeat(100_000) + tail)
  })
})

test.each<[string, string[]]>([
  ['<a@b>', ['a@b']], ['<a@b> (x) <c@d>', ['a@b', 'c@d']], ['<"a"@b>', ['a@b']], ['<a\r\n @b>', ['a@b']], ['text <a@b', []], ['<<a@b>>', ['a@b']], ['<a@b <c@d>', ['c@d']], ['<>', []], ['', []], ['a@b', []],
])('message ids of %j', (value, ids) => expect(messageIds(value, Infinity)).toEqual(ids))

function keys(header: string): SortKeys {
  const { fields } = readHeader(header.replaceAll('\n', '\r\n'), 1000)
  return sortKeys(fields, readAddresses(fields, 1000))
}
test('keys', () => {
  expect(keys('From: =?utf-8?q?J=C3=BCrgen?= <Juergen@x>, b@c\nTo: Team: d@e, f@g;\nCc: "A, B" <h@i>\nSubject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nDate: 1 Jan 2024 00:00:00 +0000\nMessage-ID: <m@x>\nReferences: <a@b>\n <c@d>\nIn-Reply-To: <e@f>\n')).toEqual({
    subject: 'GRÜSSE'.normalize('NFKD'), isReply: true, sent: Date.UTC(2024, 0, 1), from: 'JUERGEN', to: 'D', cc: 'H', displayFrom: 'JÜRGEN'.normalize('NFKD'), displayTo: 'TEAM', messageId: 'm@x', references: ['a@b', 'c@d'],
  })
  expect(keys('From: a@b\nIn-Reply-To: text <e@f> <g@h>\n')).toMatchObject({ displayFrom: 'A@B', references: ['e@f'], sent: null, messageId: '' })
  expect(keys(`References:${Array.from({ length: 300 }, (_, i) => ` <${i}@x>`).join('')}\n`).references).toHaveLength(200)
})
