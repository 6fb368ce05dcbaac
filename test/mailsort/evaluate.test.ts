// What rules find in a message and what they make of it; nothing is delivered here.
import type { Summary } from '@restante/core'
import { describe, expect, it } from 'vitest'
import { createScanner } from '../../core/src/message/scan.js'
import { evaluateWith, Overrun, type Outcome, type WantedCopy } from '../../plugins/mailsort/src/evaluate.js'
import { parseFilter } from '../../plugins/mailsort/src/language/parse.js'
import { messageOf } from '../../plugins/mailsort/src/message.js'
import { makeProgram, type Circumstances } from '../../plugins/mailsort/src/program.js'

const scan = (octets: Buffer): Summary => {
  const scanner = createScanner()
  scanner.push(octets)
  return scanner.end()
}
const letter = [
  'From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <Joerg.Mueller@Example.ORG>', 'To: "Doe, Anna" <anna@example.test>, bert@example.test', 'Cc: Team <team@lists.example.net>', 'Subject: =?iso-8859-1?Q?Gr=FC=DFe?= from =?utf-8?B?w4BsaWNl?=',
  'List-Id: Cats <cats.lists.example.net>', 'X-Priority: 1', 'X-Custom: Some Value', 'X-Spam-Flag: YES', 'Authentication-Results: mx.example.test; spf=pass smtp.mailfrom=x; dkim=fail (bad) header.d=y', 'Authentication-Results: evil.example; dmarc=pass',
  'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '', '--b', 'Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: quoted-printable', '', 'Please send the =C3=84pfel=', ' soon.', '--b',
  'Content-Type: application/zip; name="Run Me.EXE"', 'Content-Disposition: attachment; filename="Run Me.EXE"', 'Content-Transfer-Encoding: base64', '', 'AAAA', '--b--', '',
].join('\r\n')

/** Sunday, 22 November 2026, 23:30 in Berlin. */
const at = Date.UTC(2026, 10, 22, 22, 30)
async function run(rules: string, more: Partial<Circumstances> & { text?: string; ms?: number } = {}): Promise<Outcome> {
  const octets = Buffer.from(more.text ?? letter)
  const its: Circumstances = { message: messageOf(scan(octets)), recipient: 'anna+box@example.test', sender: 'joerg.mueller@example.org', protocol: 'ESMTP', store: undefined, at, trusted: new Set(['mx.example.test']), timezone: 'UTC', ...more }
  const program = makeProgram(parseFilter(rules))
  return evaluateWith(program, { ...its, timezone: program.timezone ?? its.timezone }, async (from, length) => octets.subarray(from, from + length), more.ms ?? 1000)
}
const holds = async (test: string, more: Parameters<typeof run>[1] = {}): Promise<boolean> => (await run(`timezone "Europe/Berlin" list "friends" { "*@example.org" "carl@example.net" } rule "r" { if ${test} discard }`, more)).applied.length > 0

describe('tests', () => {
  it.each([
    'from contains "jörg m"', 'from contains "MÜLLER"', 'from is "Jörg Müller"', 'from is "joerg.mueller@example.org"', 'from address is "joerg.mueller@example.org"', 'from name is "jörg müller"', 'from user begins with "joerg"',
    'from domain is "example.org"', 'not from domain is "example.com"', 'from is "nobody", "joerg.mueller@example.org"', 'from matches "*@example.org"', 'from matches "j?rg*"', 'from matches regex "m(ü|ue)ller@"', 'not from contains "jörg" with case',
    'from contains "Jörg" with case', 'to is "doe, anna"', 'to address is "bert@example.test"', 'subject is "grüße from àlice"', 'subject begins with "gr"', 'subject ends with "LICE"', 'recipient is "anna+box@example.test"', 'recipient contains "+box"',
    'recipient domain is "lists.example.net"', 'list-id contains "cats.lists"', 'header "X-Custom" is "some value"', 'header "x-custom" exists', 'not header "X-None" exists', 'size over 500', 'size under 1M', 'has attachment',
    'attachment name matches "*.exe"', 'attachment type is "application/zip"', 'not attachment name is ""', 'body contains "äpfel soon"', 'not body contains "AAAA"', 'body matches regex "\\\\bsend\\\\b.*soon"', 'is spam',
    'authentication spf is "pass"', 'authentication dkim is "fail"', 'not authentication dmarc is "pass"', 'came by smtp', 'not came by im2000', 'time from "23:00" to "24:00"', 'time from "22:00" to "06:00"', 'not time from "06:00" to "22:00"',
    'day is sunday', 'day is friday, sunday', 'date since "2026-11-22" until "2026-11-22"', 'date until "2026-11-22"', 'not date since "2026-11-23"', 'from in list "friends"', 'not to in list "friends"', 'all { from exists to exists }', 'any { from is "x" to exists }',
    'none { from is "x" subject is "y" }', 'all { }', 'not any { }',
  ])('%s', async (test) => { expect(await holds(test)).toBe(true) })

  it('by IM2000, from a store or any', async () => {
    const more = { protocol: 'MSRAP', store: 'mail.store.example' }
    expect(await Promise.all(['came by im2000', 'came by im2000 store "store.example"', 'came by smtp', 'came by im2000 store "other.example"'].map((test) => holds(test, more)))).toEqual([true, true, false, false])
  })
  it('the first mail of a sender', async () => {
    expect([await holds('first mail from sender', { known: false }), await holds('first mail from sender', { known: true })]).toEqual([true, false])
  })
  it('a header that the summary does not keep is read from the octets', async () => {
    expect(await holds('header "Received" contains "somewhere"', { text: 'Received: from somewhere\r\nFrom: a@example.org\r\n\r\nx\r\n' })).toBe(true)
  })
})

describe('actions', () => {
  const box = (mailbox: WantedCopy['mailbox'], flags = 0, keywords: string[] = [], ifExists = false) => ({ mailbox, ifExists, flags, keywords })
  it.each<[string, string, Partial<Outcome>]>([
    ['no rule applies: INBOX', 'rule "r" { if from is "x" discard }', { copies: [box('INBOX')], applied: [] }],
    ['move', 'rule "r" { move to "enr" }', { copies: [box('enr')] }],
    ['copy keeps INBOX', 'rule "r" { copy to "A" if it exists }', { copies: [box('A', 0, [], true), box('INBOX')] }],
    ['marks of a rule hold wherever they stand', 'rule "r" { move to "A" mark read, flagged add keyword "Work" }', { copies: [box('A', 5, ['Work'])] }],
    ['marks hold for later rules, not for earlier', 'rule "1" { copy to "A" } rule "2" { mark read }', { copies: [box('A'), box('INBOX', 1)] }],
    ['stop', 'rule "1" { copy to "A" stop } rule "2" { discard }', { copies: [box('A'), box('INBOX')], applied: ['1'] }],
    ['a rule that is off', 'rule "1" off { discard }', { copies: [box('INBOX')], applied: [] }],
    ['discard', 'rule "r" { discard }', { copies: [] }],
    ['discard after a copy', 'rule "r" { copy to "A" discard }', { copies: [box('A')] }],
    ['keep after a move', 'rule "r" { move to "A" keep }', { copies: [box('A'), box('INBOX')] }],
    ['spam', 'rule "r" { file as spam }', { copies: [box({ junk: true }, 0, ['$Junk'])] }],
    ['reject', 'rule "r" { reject "No" }', { copies: [], reject: 'No' }],
    ['forward keeps nothing, a copy does', 'rule "r" { forward to "x@example.org" } rule "s" { forward copy to "X@example.org", "y@example.org" }', { copies: [], after: [{ do: 'forward', addresses: ['x@example.org'] }, { do: 'forward', addresses: ['y@example.org'] }] }],
    ['replies', 'template "T" { subject "s" text "t" } rule "r" { reply with "T" send vacation every 3 days }', { copies: [box('INBOX')], after: [{ do: 'reply', template: 'T' }, { do: 'vacation', days: 3 }] }],
  ])('%s', async (_, rules, wanted) => { expect(await run(rules)).toMatchObject(wanted) })
})

describe('bounds', () => {
  it('patterns built to explode do not, and refuse to be made where they would be too large', async () => {
    const text = `Subject: ${'a'.repeat(15_000)}!\r\n\r\n`
    const begun = performance.now()
    for (const pattern of ['(a+)+$', '(a|aa)+$', '^(a|a?)+$', '(.*a){12}$']) expect(await holds(`subject matches regex "${pattern}"`, { text })).toBe(false)
    expect(await holds(`subject matches "${'a*'.repeat(200)}b"`, { text })).toBe(false)
    expect(performance.now() - begun).toBeLessThan(3000)
    for (const pattern of ['(((a{1,30}){1,30}){1,30})', '((a{500}){2}){2}', '(a', 'x'.repeat(1001)]) expect(() => makeProgram(parseFilter(`rule "r" { if subject matches regex "${pattern}" stop }`))).toThrow(/rule "r": found .*regular expression/)
  })
  it('rules that take too long are broken off, by name', async () => {
    const rules = Array.from({ length: 2000 }, (_, i) => `rule "${i}" { if subject matches regex "(a|b|ab)*c${i}" discard }`).join('\n')
    await expect(run(rules, { text: `Subject: ${'ab'.repeat(8000)}\r\n\r\n`, ms: 20 })).rejects.toThrow(Overrun)
  })
  it('what the grammar cannot see is found before it is saved', () => {
    expect(() => makeProgram(parseFilter('rule "r" { reply with "T" }'))).toThrow('rule "r": found template "T", expected a template of this file')
    expect(() => makeProgram(parseFilter('rule "r" { if from in list "L" stop }'))).toThrow('rule "r": found list "L", expected a list of this file')
  })
})
