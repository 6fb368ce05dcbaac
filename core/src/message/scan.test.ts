// The pass on small messages written out: where parts lie, what IMAP is told.
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createScanner } from './scan.js'
import { findSection } from './section.js'
import type { ScanLimits, Summary } from './summary.js'

const octets = (text: string): Buffer => Buffer.from(text, 'latin1')
function scan(text: string, limits?: Partial<ScanLimits>): Summary {
  const scanner = createScanner(limits)
  scanner.push(octets(text))
  return scanner.end()
}
/** Lines of a message, CRLF between and behind. */
const mail = (...lines: string[]): string => lines.map((line) => line + '\r\n').join('')
/** What a section holds. */
function section(text: string, name: string, limits?: Partial<ScanLimits>): string | undefined {
  const range = findSection(scan(text, limits).parts, name)
  return range && text.slice(range.from, range.from + range.length)
}
const outline = (text: string, limits?: Partial<ScanLimits>): string => scan(text, limits).parts.map((part) => `${part.section || '·'} ${part.type}${part.embedded ? ' +' : ''}`).join(', ')

describe('one part', () => {
  const text = mail('From: Ann <ann@example.test>', 'Subject: Hi', '', 'one', 'two')
  test('is measured', () => {
    const summary = scan(text)
    expect(summary).toMatchObject({
      size: text.length,
      headerSize: text.indexOf('one'),
      bodyStructure: '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)',
      body: '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)',
      envelope: '(NIL "Hi" (("Ann" NIL "ann" "example.test")) (("Ann" NIL "ann" "example.test")) (("Ann" NIL "ann" "example.test")) NIL NIL NIL NIL NIL)',
      headers: 'From: Ann <ann@example.test>\r\nSubject: Hi\r\n',
      preview: 'one two',
      hasAttachment: false,
      digest: createHash('sha256').update(text).digest('hex'),
    })
    expect(summary.parts).toEqual([{ section: '', headerOffset: 0, headerLength: text.indexOf('one'), bodyOffset: text.indexOf('one'), bodyLength: 10, lines: 2, type: 'text/plain', encoding: '7bit', charset: '', filename: '', disposition: '' }])
  })
  test('has a part 1, which is its body', () => {
    expect(section(text, '1')).toBe('one\r\ntwo\r\n')
    expect(section(text, '1.MIME')).toBe(text.slice(0, text.indexOf('one')))
    expect(section(text, '1.TEXT')).toBeUndefined()
    expect(section(text, '1.1')).toBeUndefined()
    expect(section(text, '2')).toBeUndefined()
  })
  test('may be empty', () => {
    expect(scan('')).toMatchObject({ size: 0, headerSize: 0, bodyStructure: '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)', headers: '', envelope: '(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)' })
    expect(scan('\r\n')).toMatchObject({ size: 2, headerSize: 2 })
    expect(scan('A: b')).toMatchObject({ size: 4, headerSize: 4 })
  })
  test.each([['x', 1], ['x\n', 1], ['x\ny', 2], ['\n', 1], ['\r\n\r\n', 2], ['\r\n\r\nx', 3], ['', 0], ['x\ry', 1]])('lines of %j', (body, lines) => {
    expect(scan('A: b\n\n' + body).parts[0].lines).toBe(lines)
  })
})

describe('multipart', () => {
  const text = mail(
    'Content-Type: multipart/mixed; boundary=outer', '', 'preamble', '--outer', '', 'first', '', '--outer', 'Content-Type: multipart/alternative; boundary="in ner"', '',
    '--in ner', 'Content-Type: text/html; charset=UTF-8', 'Content-Transfer-Encoding: QUOTED-PRINTABLE', '', '<p>x', '--in ner', '--in ner--', 'inner epilogue', '--outer ', '--outer--', 'epilogue')
  test('parts', () => {
    expect(outline(text)).toBe('· multipart/mixed, 1 text/plain, 2 multipart/alternative, 2.1 text/html, 2.2 text/plain, 3 text/plain')
    expect(section(text, '1')).toBe('first\r\n')
    expect(section(text, '1.MIME')).toBe('\r\n')
    expect(section(text, '2.1')).toBe('<p>x')
    expect(section(text, '2.2')).toBe('')
    expect(section(text, '2')).toBe(mail('--in ner', 'Content-Type: text/html; charset=UTF-8', 'Content-Transfer-Encoding: QUOTED-PRINTABLE', '', '<p>x', '--in ner', '--in ner--') + 'inner epilogue')
    expect(section(text, '3')).toBe('')
    expect(section(text, 'TEXT')).toBe(text.slice(text.indexOf('preamble')))
    expect(section(text, '2.HEADER')).toBeUndefined()
    expect(scan(text).parts.map((part) => part.lines)).toEqual([19, 1, 8, 1, 0, 0])
    expect(scan(text).bodyStructure).toBe(
      '(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 7 1 NIL NIL NIL NIL)' +
      '(("text" "html" ("charset" "UTF-8") NIL NIL "quoted-printable" 4 1 NIL NIL NIL NIL)("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) "alternative" ("boundary" "in ner") NIL NIL NIL)' +
      '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL) "mixed" ("boundary" "outer") NIL NIL NIL)')
  })
  const one = (boundary: string, ...lines: string[]): string => mail(`Content-Type: multipart/mixed; boundary="${boundary}"`, '', ...lines)
  test.each([
    ['no boundary parameter', mail('Content-Type: multipart/mixed', '', '--x', '', 'a', '--x--'), '· text/plain'],
    ['boundary never found', one('x', '--y', '', 'a'), '· text/plain'],
    ['only the last boundary', one('x', '--x--'), '· text/plain'],
    ['no last boundary', one('x', '--x', '', 'a', '--x', '', 'b'), '· multipart/mixed, 1 text/plain, 2 text/plain'],
    ['last boundary without line end', one('x', '--x', '', 'a').concat('--x--'), '· multipart/mixed, 1 text/plain'],
    ['a boundary that begins like another', one('x', '--xy', '--x', '', 'a', '--xy', 'b', '--x--'), '· multipart/mixed, 1 text/plain'],
    ['a boundary ending in dashes', one('x--', '--x--', '', 'a', '--x----'), '· multipart/mixed, 1 text/plain'],
    ['boundary in a header', one('x', '--x', 'Content-Type: text/html', '--x', '', 'a', '--x--'), '· multipart/mixed, 1 text/html, 2 text/plain'],
    ['equal boundaries', one('x', '--x', 'Content-Type: multipart/mixed; boundary=x', '', '--x', '', 'a', '--x--', '--x', '', 'b', '--x--'), '· multipart/mixed, 1 multipart/mixed, 1.1 text/plain, 2 text/plain'],
    ['an inner part cut by the outer boundary', one('x', '--x', 'Content-Type: multipart/mixed; boundary=y', '', '--y', '', 'a', '--x', '', 'b', '--x--'), '· multipart/mixed, 1 multipart/mixed, 1.1 text/plain, 2 text/plain'],
    ['an empty inner part', one('x', '--x', 'Content-Type: multipart/mixed; boundary=y', '', '--x--'), '· multipart/mixed, 1 text/plain'],
    ['digest', mail('Content-Type: multipart/digest; boundary=x', '', '--x', '', 'Subject: a', '', 'b', '--x', 'Content-Type: text/plain', '', 'c', '--x--'), '· multipart/digest, 1 message/rfc822 +, 1.1 text/plain, 2 text/plain'],
    ['type without subtype', mail('Content-Type: multipart; boundary=x', '', '--x', '', 'a', '--x--'), '· multipart/mixed, 1 text/plain'],
  ])('%s', (_, text, expected) => expect(outline(text)).toBe(expected))
})

describe('message in message', () => {
  const inner = mail('Subject: inner', 'Content-Type: multipart/mixed; boundary=in', '', '--in', '', 'a', '--in', '', 'b', '--in--')
  const text = mail('Content-Type: multipart/mixed; boundary=out', '', '--out', '', 'see', '--out', 'Content-Type: message/rfc822', '') + inner + mail('--out--')
  test('sections', () => {
    expect(outline(text)).toBe('· multipart/mixed, 1 text/plain, 2 message/rfc822 +, 2.1 text/plain, 2.2 text/plain')
    expect(section(text, '2')).toBe(inner.slice(0, -2))
    expect(section(text, '2.HEADER')).toBe(inner.slice(0, inner.indexOf('--in')))
    expect(section(text, '2.TEXT')).toBe(inner.slice(inner.indexOf('--in'), -2))
    expect(section(text, '2.2')).toBe('b')
    expect(section(text, '2.MIME')).toBe('Content-Type: message/rfc822\r\n\r\n')
    expect(section(text, '2.2.MIME')).toBe('\r\n')
  })
  test('single part', () => {
    const text = mail('Content-Type: message/rfc822', '', 'Subject: inner', '', 'body')
    expect(outline(text)).toBe('· message/rfc822 +, 1.1 text/plain')
    expect(section(text, '1')).toBe(mail('Subject: inner', '', 'body'))
    expect(section(text, '1.HEADER')).toBe(mail('Subject: inner', ''))
    expect(section(text, '1.1')).toBe('body\r\n')
    expect(scan(text).bodyStructure).toBe('("message" "rfc822" NIL NIL NIL "7bit" 24 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL) ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)')
  })
  test('without anything inside', () => {
    const text = mail('Content-Type: multipart/digest; boundary=x', '', '--x', '--x', '', '--x', '', '', '--x--')
    expect(outline(text)).toBe('· multipart/digest, 1 message/rfc822 +, 1.1 text/plain, 2 message/rfc822 +, 2.1 text/plain, 3 message/rfc822 +, 3.1 text/plain')
    expect(section(text, '3')).toBe('\r\n')
  })
  test('encoded messages are not opened', () => {
    expect(outline(mail('Content-Type: message/rfc822', 'Content-Transfer-Encoding: base64', '', 'U3ViamVjdDogYQ=='))).toBe('· application/octet-stream')
  })
})

describe('limits', () => {
  const deep = (depth: number): string => Array.from({ length: depth }, (_, i) => mail(`Content-Type: multipart/mixed; boundary=b${i}`, '', `--b${i}`)).join('')
  test('depth', () => {
    expect(scan(deep(100_000)).parts.length).toBe(50)
    expect(outline(deep(9), { depth: 3 })).toBe('· multipart/mixed, 1 multipart/mixed, 1.1 text/plain')
    expect(scan('Content-Type: message/rfc822\n\n'.repeat(100_000)).parts.length).toBe(50)
  })
  test('parts', () => {
    const text = mail('Content-Type: multipart/mixed; boundary=x', '') + mail('--x', '', 'a').repeat(5000)
    expect(outline(text, { parts: 3 })).toBe('· multipart/mixed, 1 text/plain, 2 text/plain')
    expect(section(text, '2', { parts: 3 })!.length).toBeGreaterThan(40_000)
    expect(scan(text).parts.length).toBe(1000)
  })
  test('header octets', () => {
    const text = mail('Subject: a', 'X: ' + 'y'.repeat(1000), 'From: a@b', '', 'body')
    expect(scan(text, { headerOctets: 100 })).toMatchObject({ headers: null, headerSize: text.length - 6, envelope: '(NIL "a" NIL NIL NIL NIL NIL NIL NIL NIL)' })
    expect(scan(text, { headerFields: 2 })).toMatchObject({ headers: null })
    expect(scan(text, { keptOctets: 20 })).toMatchObject({ headers: null })
    expect(scan('Subject: a\0b\r\n\r\n')).toMatchObject({ headers: null, envelope: '(NIL "ab" NIL NIL NIL NIL NIL NIL NIL NIL)' })
  })
})

test('chunks of any size give the same summary', () => {
  const text = mail('Subject: x', 'Content-Type: multipart/mixed; boundary=outer', '', '--outer', 'Content-Type: message/rfc822', '', 'Subject: y', '', 'a', '', '--outer', '', '-', '--', '-- ', '--oute', '--outer--', 'z')
  const whole = scan(text)
  for (let size = 1; size < text.length; size++) {
    const scanner = createScanner()
    for (let at = 0; at < text.length; at += size) scanner.push(octets(text.slice(at, at + size)))
    expect(scanner.end()).toEqual(whole)
  }
})
