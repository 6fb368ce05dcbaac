// ENVELOPE, BODY and BODYSTRUCTURE as RFC 3501 7.4.2 writes them.
import { describe, expect, test } from 'vitest'
import { createScanner } from './scan.js'
import type { Summary } from './summary.js'

function scan(text: string): Summary {
  const scanner = createScanner()
  scanner.push(Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1'))
  return scanner.end()
}
const envelope = (header: string): string => scan(header + '\n\n').envelope
const leaf = (header: string): string => scan(header + '\n\nx\n').bodyStructure

describe('ENVELOPE', () => {
  const people = (name: string): string => `((${name}))`
  const bob = people('"Bob" NIL "b" "c"')
  test.each([
    ['X: y', '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)'],
    ['Subject:\nDate: \nIn-Reply-To:\nMessage-ID:\nFrom:\nTo:', '("" "" NIL NIL NIL NIL NIL NIL "" "")'],
    ['From: Bob <b@c>', `(NIL NIL ${bob} ${bob} ${bob} NIL NIL NIL NIL NIL)`],
    ['From: Bob <b@c>\nSender: x@y\nReply-To: ', `(NIL NIL ${bob} ((NIL NIL "x" "y")) ${bob} NIL NIL NIL NIL NIL)`],
    ['To: Team: Bob <b@c>;', '(NIL NIL NIL NIL NIL ((NIL NIL "Team" NIL)("Bob" NIL "b" "c")(NIL NIL NIL NIL)) NIL NIL NIL NIL)'],
    ['Cc: <@r1,@r2:b@c>, "B \\"b\\"" <b@c>', '(NIL NIL NIL NIL NIL NIL ((NIL "@r1,@r2" "b" "c")("B \\"b\\"" NIL "b" "c")) NIL NIL NIL)'],
    ['Bcc: root, Nobody', '(NIL NIL NIL NIL NIL NIL NIL ((NIL NIL "root" "")(NIL NIL "Nobody" "")) NIL NIL)'],
    ['Subject: a "quoted" \\ b\n folded\nDate: 1 Jan 2024 00:00:00 +0000\nMessage-ID: <a@b>\nIn-Reply-To: <c@d>', '("1 Jan 2024 00:00:00 +0000" "a \\"quoted\\" \\\\ b folded" NIL NIL NIL NIL NIL NIL "<c@d>" "<a@b>")'],
    ['Subject: =?utf-8?q?=C3=BC?=', '(NIL "=?utf-8?q?=C3=BC?=" NIL NIL NIL NIL NIL NIL NIL NIL)'],
    ['Subject: \xc3\xbc "x"', '(NIL {6}\r\n\xc3\xbc "x" NIL NIL NIL NIL NIL NIL NIL NIL)'],
    ['Subject: a\rb', '(NIL {3}\r\na\rb NIL NIL NIL NIL NIL NIL NIL NIL)'],
    ['Subject: a\0b', '(NIL "ab" NIL NIL NIL NIL NIL NIL NIL NIL)'],
    ['From: a@b\nFrom: c@d', '(NIL NIL ((NIL NIL "a" "b")(NIL NIL "c" "d")) ((NIL NIL "a" "b")(NIL NIL "c" "d")) ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL NIL)'],
  ])('%j', (header, expected) => expect(envelope(header)).toBe(expected))
})

describe('BODYSTRUCTURE', () => {
  test.each([
    ['X: y', '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1 NIL NIL NIL NIL)'],
    ['Content-Type: TEXT/Html', '("text" "html" NIL NIL NIL "7bit" 3 1 NIL NIL NIL NIL)'],
    ['Content-Type: application/pdf; name="a.pdf"\nContent-Transfer-Encoding: BASE64\nContent-ID: <i@d>\nContent-Description: some "thing"\nContent-MD5: Q2hlY2s=\nContent-Disposition: Attachment; filename="a.pdf"; size=9\nContent-Language: en, de\nContent-Location: http://x/',
      '("application" "pdf" ("name" "a.pdf") "<i@d>" "some \\"thing\\"" "base64" 3 "Q2hlY2s=" ("attachment" ("filename" "a.pdf" "size" "9")) ("en" "de") "http://x/")'],
    ['Content-Disposition: inline', '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1 NIL ("inline" NIL) NIL NIL)'],
    ["Content-Type: a/b; n*0*=utf-8''%C3; n*1=x; m*0=1; m*1=2", '("a" "b" ("n*" "utf-8\'\'%C3x" "m" "12") NIL NIL "7bit" 3 NIL NIL NIL NIL)'],
    ['Content-Type: message/delivery-status', '("message" "delivery-status" NIL NIL NIL "7bit" 3 NIL NIL NIL NIL)'],
    ['Content-Type: message/rfc822\nContent-Transfer-Encoding: base64', '("application" "octet-stream" NIL NIL NIL "base64" 3 NIL NIL NIL NIL)'],
    ['Content-Type: multipart/mixed', '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 1 NIL NIL NIL NIL)'],
    ['Content-Type: nonsense', '("text" "plain" NIL NIL NIL "7bit" 3 1 NIL NIL NIL NIL)'],
    ['Content-Type: text/plain; name="\xfc"', '("text" "plain" ("name" {1}\r\n\xfc) NIL NIL "7bit" 3 1 NIL NIL NIL NIL)'],
  ])('%j', (header, expected) => {
    expect(leaf(header)).toBe(expected)
  })
  test('multipart and message', () => {
    const { body, bodyStructure } = scan('Content-Type: multipart/mixed; boundary=x\nContent-Language: fr\n\n--x\n\na\n--x\nContent-Type: message/global\nContent-Transfer-Encoding: 8bit\n\nSubject: s\n\nb\n--x--\n')
    expect(body).toBe('(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 1)("message" "global" NIL NIL NIL "8bit" 15 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 1) 3) "mixed")')
    expect(bodyStructure).toBe('(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 1 NIL NIL NIL NIL)("message" "global" NIL NIL NIL "8bit" 15 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL) "mixed" ("boundary" "x") NIL ("fr") NIL)')
  })
})

test.each<[string, string, boolean]>([
  ['text', 'Content-Type: text/plain', false],
  ['attached text', 'Content-Disposition: attachment', true],
  ['pdf', 'Content-Type: application/pdf', true],
  ['inline pdf with a name', 'Content-Type: application/pdf\nContent-Disposition: inline; filename=x.pdf', true],
  ['signature', 'Content-Type: application/pgp-signature; name=x.asc\nContent-Disposition: attachment', false],
  ['invitation', 'Content-Type: text/calendar; name=x.ics', false],
  ['winmail.dat', 'Content-Type: application/ms-tnef', true],
])('paper clip: %s', (_, header, expected) => expect(scan(`Content-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\n${header}\n\nx\n--x--\n`).hasAttachment).toBe(expected))
