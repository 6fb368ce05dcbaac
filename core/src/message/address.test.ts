// Address lists as they come, and envelope addresses strictly.
import { describe, expect, test } from 'vitest'
import { normalizeDomain, parseAddressList, parseMailbox } from './address.js'

/** 'Name <local@domain>' per entry, 'Name:' for a group's start, ';' for its end. */
const read = (value: string): string[] => parseAddressList(value).map((a) => (a.kind === 'end' ? ';' : a.kind === 'group' ? `${a.name}:` : `${a.name}<${a.route && a.route + ':'}${a.local}@${a.domain}>`))

describe('address lists', () => {
  test.each<[string, string[]]>([
    ['a@b.c', ['<a@b.c>']],
    ['<a@b.c>', ['<a@b.c>']],
    ['Ann <a@b.c>, "Bob, B." <b@b.c>,c@d', ['Ann<a@b.c>', 'Bob, B.<b@b.c>', '<c@d>']],
    ['John Q. Public <a@b>', ['John Q. Public<a@b>']],
    ['"Say \\"hi\\" \\\\" <a@b>', ['Say "hi" \\<a@b>']],
    ['a@b (Ann (the first) \\) B)', ['Ann (the first) ) B<a@b>']],
    ['Ann (x) <a@b> (y)', ['Ann<a@b>']],
    ['(x) <a@b>', ['x<a@b>']],
    ['"john smith"@x.test', ['<john smith@x.test>']],
    ['<"john smith"@x.test>', ['<john smith@x.test>']],
    ['a . b @ c . d', ['<a.b@c.d>']],
    ['john(c1).(c2)smith@(c3)x', ['c3<john.smith@x>']],
    ['<@one,@two:a@b>', ['<@one,@two:a@b>']],
    ['<@one:a@b>', ['<@one:a@b>']],
    ['Team: Ann <a@b>, c@d;, e@f', ['Team:', 'Ann<a@b>', '<c@d>', ';', '<e@f>']],
    ['undisclosed-recipients:;', ['undisclosed-recipients:', ';']],
    ['undisclosed recipients: ;', ['undisclosed recipients:', ';']],
    ['Team: a@b', ['Team:', '<a@b>', ';']],
    ['A: b@c; D: e@f;', ['A:', '<b@c>', ';', 'D:', '<e@f>', ';']],
    ['a@b; c@d', ['<a@b>', '<c@d>']],
    [',, a@b ,,', ['<a@b>']],
    ['root', ['<root@>']],
    ['Some Body', ['Some Body<@>']],
    ['Some Body a@b', ['Some Body<a@b>']],
    ['a@b Some Body', ['Some Body<a@b>']],
    ['a@b <a@b>', ['a@b<a@b>']],
    ['Ann <a@b', ['Ann<a@b>']],
    ['Ann <a@b, Bob <c@d>', ['Ann<a@b>', 'Bob<c@d>']],
    ['<a@b> <c@d>', ['<a@b>', '<c@d>']],
    ['"Ann <a@b>', ['"Ann<a@b>']],
    ['Ann (x <a@b>', ['Ann (x<a@b>']],
    ['Ann <>', ['Ann<@>']],
    ['<>', []],
    ['', []],
    [' \r\n ', []],
    ['Ann\r\n <a@b>,\r\n\tc@d', ['Ann<a@b>', '<c@d>']],
    ['a@[192.0.2.1]', ['<a@[192.0.2.1]>']],
    ['=?utf-8?Q?M=C3=BCller,_Ann?= <a@b>', ['=?utf-8?Q?M=C3=BCller,_Ann?=<a@b>']],
    ['=?utf-8?Q?M,ller?= =?utf-8?Q?_A?= <a@b>', ['=?utf-8?Q?M,ller?= =?utf-8?Q?_A?=<a@b>']],
    ['M\xfcller <a@b>', ['M\xfcller<a@b>']],
    ['a@b@c', ['<a@b@c>']],
    ['<mailto:a@b>', ['<mailto:a@b>']],
    ['""<a@b>', ['<a@b>']],
    ['" " <a@b>', [' <a@b>']],
    ['a@b>', ['<a@b>>']],
    ["'Ann' <a@b>", ["'Ann'<a@b>"]],
    ['Ann [x] <a@b>', ['Ann [x]<a@b>']],
  ])('%j', (value, expected) => expect(read(value)).toEqual(expected))

  test.each(['(', '((', '"', '<', '[', '(a', '"a\\', '<a@b,', ':', ';', 'a:', '=?', '=?utf-8?q?a', '\\', '@', '.', '()', '""', '<>', '[]', 'a ', ',', '(()', '"a" '])('%j by the hundred thousand takes no long time', (piece) => {
    for (const tail of ['', ')', '">]']) parseAddressList(piece.repeat(100_000) + tail)
  })

  test('limit', () => {
    expect(parseAddressList('a@b,'.repeat(100_000))).toHaveLength(1000)
    expect(parseAddressList('x:' + 'a@b,'.repeat(10), 3)).toMatchObject([{ kind: 'group' }, { kind: 'mailbox' }, { kind: 'mailbox' }, { kind: 'end' }])
  })
})

describe('envelope addresses', () => {
  test.each([
    ['Ann@Example.TEST', 'Ann@example.test'],
    ['"ann"@example.test', 'ann@example.test'],
    ['"a b"@example.test', '"a b"@example.test'],
    ['"a\\"b"@example.test', '"a\\"b"@example.test'],
    ['a+b@example.test', 'a+b@example.test'],
    ['a@b', 'a@b'],
    ['a@[192.0.2.1]', 'a@[192.0.2.1]'],
    ['a@[IPv6:2001:DB8::1]', 'a@[ipv6:2001:db8::1]'],
    ['ann@BÜCHER.example', 'ann@xn--bcher-kva.example'],
    ['ann@xn--bcher-kva.example', 'ann@xn--bcher-kva.example'],
    ['用户@例え.テスト', '用户@xn--r8jz45g.xn--zckzah'],
    ['u\u0308@x', '\u00fc@x'],
    ['a@under_score.test', 'a@under_score.test'],
    ['x'.repeat(64) + '@y', 'x'.repeat(64) + '@y'],
  ])('%s', (text, address) => expect(parseMailbox(text)?.address).toBe(address))

  test.each(['', '@', 'a', 'a@', '@b', 'a b@c', 'a..b@c', '.a@b', 'a.@b', 'a@b.', 'a@.b', 'a@b..c', 'a@-b', 'a@b-', 'a@b c', 'a\r\n@b', 'a@b\r\n', '<a@b>', '"a@b', '"a"b"@c', 'a@[', 'a@[1.2]', 'a@b/c', '\0@b', '"\0"@b', '"\n"@b', '""@b', '\ud800@b', 'a@\ud800', 'x'.repeat(65) + '@y', 'ü'.repeat(33) + '@y', 'a@' + 'y'.repeat(64), 'a@' + 'y.'.repeat(128) + 'y', 'x'.repeat(10_000_000), 'a\x85@b', 'a@b:c', '@one:a@b'])('refused: %j', (text) => {
    expect(parseMailbox(text)).toBeUndefined()
  })
  test('says whether SMTPUTF8 is needed', () => {
    expect(parseMailbox('用户@b')?.utf8).toBe(true)
    expect(parseMailbox('a@bücher.example')?.utf8).toBe(false)
  })
  test('domains', () => {
    expect(normalizeDomain('Example.TEST')).toBe('example.test')
    expect(normalizeDomain('a b')).toBeUndefined()
  })
})
