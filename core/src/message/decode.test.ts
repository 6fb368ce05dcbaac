// Transfer encodings and charsets, whole and in pieces.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createTextDecoder, decodeText, isKnownCharset } from './charset.js'
import { createBodyDecoder, decodeBody, isKnownEncoding } from './decode.js'

const decode = (text: string, encoding: string): string => decodeBody(Buffer.from(text, 'latin1'), encoding).toString('latin1')

describe('base64', () => {
  test.each([
    ['aGVsbG8=', 'hello'], ['aGVs\r\nbG8=\r\n', 'hello'], [' a G V s b G 8 = ', 'hello'], ['aGVsbG8', 'hello'], ['aGVsbA', 'hell'], ['aGVsb', 'hel'], ['YQ==YQ==', 'aa'],
    ['aGVs*bG8=', 'hello'], ['YQ==\r\n\r\n-- \r\nfooter', 'a'], ['', ''], ['====', ''], ['=', ''],
  ])('%j', (text, expected) => expect(decode(text, 'base64')).toBe(expected))
})

describe('quoted-printable', () => {
  test.each([
    ['a=3Db=c3', 'a=b\xc3'], ['soft=\r\nbreak', 'softbreak'], ['soft= \t\r\nbreak', 'softbreak'], ['soft=\nbreak', 'softbreak'], ['blanks  \t\r\nx', 'blanks\r\nx'], ['end ', 'end'], ['end=', 'end'], ['a b', 'a b'],
    ['=XY =4', '=XY =4'], ['=\r', '=\r'], ['=\rx', '=\rx'], ['= x', '= x'], ['', ''], ['a\r\n', 'a\r\n'], [' \r\n', '\r\n'], ['==3D', '=='], ['=3', '=3'],
  ])('%j', (text, expected) => expect(decode(text, 'quoted-printable')).toBe(expected))
})

test('what is not encoded stays', () => {
  for (const encoding of ['7bit', '8bit', 'binary', '', 'x-uuencode']) expect(decode('a=3D\0\xff', encoding)).toBe('a=3D\0\xff')
  expect(['7bit', 'base64', 'x-uuencode'].map(isKnownEncoding)).toEqual([true, true, false])
})

test('pieces give what the whole gives', () => {
  const octets = fc.array(fc.constantFrom(...['=', '=3D', '=\r\n', ' ', '\t', '\r\n', '\r', '\n', 'a', 'B', '4', '+', '-', 'YQ==', '\0']), { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1'))
  fc.assert(fc.property(octets, fc.constantFrom('base64', 'quoted-printable'), fc.integer({ min: 1, max: 5 }), (body, encoding, size) => {
    const decoder = createBodyDecoder(encoding)
    const out: Buffer[] = []
    for (let at = 0; at < body.length; at += size) out.push(decoder.push(body.subarray(at, at + size)))
    out.push(decoder.end())
    expect(Buffer.concat(out).toString('latin1')).toBe(decodeBody(body, encoding).toString('latin1'))
  }), { numRuns: 3000 })
})

test('what was encoded comes back', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
    const body = Buffer.from(octets)
    expect(decodeBody(Buffer.from(body.toString('base64').replace(/.{76}/g, '$&\r\n')), 'base64').equals(body)).toBe(true)
    const quoted = [...body].map((octet) => '=' + octet.toString(16).padStart(2, '0').toUpperCase()).join('').replace(/.{72}/g, '$&=\r\n')
    expect(decodeBody(Buffer.from(quoted), 'quoted-printable').equals(body)).toBe(true)
  }))
})

test('long runs of blanks and of equals signs take no long time, in pieces either', () => {
  for (const piece of [' ', '=', '= ', '\t', '=\r']) {
    decode(piece.repeat(1_000_000), 'quoted-printable')
    const decoder = createBodyDecoder('quoted-printable')
    for (let i = 0; i < 20_000; i++) decoder.push(Buffer.from(piece))
    decoder.end()
  }
})

describe('charsets', () => {
  test.each<[number[], string, string]>([
    [[0xc3, 0xbc], 'utf-8', 'ü'], [[0xfc], 'iso-8859-1', 'ü'], [[0x93], 'ISO-8859-1', '“'], [[0xa4], 'iso-8859-15', '€'], [[0xc3, 0xbc], '', 'ü'], [[0xfc], 'us-ascii', 'ü'], [[0xfc], 'no-such-thing', 'ü'],
    [[0x1b, 0x24, 0x42, 0x32, 0x71, 0x1b, 0x28, 0x42], 'iso-2022-jp', '会'], [[0xef, 0xbb, 0xbf, 0x61], 'utf-8', 'a'], [[0xff], 'utf-8', '\ufffd'], [[0x41], 'base64', 'A'], [[0x41], 'hex', 'A'], [[0x41], 'iso-2022-cn', 'A'], [[0xf0], '"KOI8-R"', 'П'],
  ])('%j as %s', (octets, charset, text) => {
    expect(decodeText(Uint8Array.from(octets), charset)).toBe(text)
  })
  test('known names', () => expect(['utf-8', 'US-ASCII', 'koi8-r', 'ISO-2022-JP', 'x-none', 'base64'].map(isKnownCharset)).toEqual([true, true, true, true, false, false]))
  test.each([['utf-8', 'Grüße 会議 🎉'], ['', 'Grüße 会議 🎉'], ['iso-2022-jp', undefined], ['gb18030', undefined], ['utf-16le', undefined]])('%s octet by octet', (charset, text) => {
    const octets = text === undefined ? Buffer.from([0x1b, 0x24, 0x42, 0x32, 0x71, 0x1b, 0x28, 0x42, 0x61, 0x62]) : Buffer.from(text)
    for (const size of [1, 3, 4, 1000]) {
      const decoder = createTextDecoder(charset)
      let out = ''
      for (let at = 0; at < octets.length; at += size) out += decoder.write(octets.subarray(at, at + size))
      expect(out + decoder.end()).toBe(decodeText(octets, charset))
    }
  })
  test('whatever the name, nothing throws', () => {
    fc.assert(fc.property(fc.uint8Array(), fc.oneof(fc.string(), fc.constantFrom('utf-16', 'utf-32', 'utf-7', 'utf-7-imap', 'iso-2022-kr', 'hz-gb-2312', 'replacement', 'valueOf', 'hasOwnProperty', 'iso-2022-', 'utf8base64', 'internal', '_internal', 'singlebyte', 'dbcs', 'iso-2022-constructor', 'ucs2', 'binary', 'cesu8', '__proto__', 'constructor', 'toString')), (octets, charset) => {
      expect(typeof decodeText(octets, charset)).toBe('string')
      const decoder = createTextDecoder(charset)
      decoder.write(octets)
      decoder.end()
    }), { numRuns: 500 })
  })
})
