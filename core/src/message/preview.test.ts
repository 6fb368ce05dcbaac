// Previews: short, readable, from whatever stands there.
import { describe, expect, test } from 'vitest'
import { previewText, textOfHtml } from './preview.js'
import { createScanner } from './scan.js'

const html = (text: string): string => previewText(Buffer.from(text), 'text/html', '7bit', 'utf-8')
describe('html', () => {
  test.each([
    ['<p>a</p><p>b</p>', 'a b'], ['a<b>b</b>c', 'abc'], ['<style>x</style>a<SCRIPT>y</SCRIPT >b', 'a b'], ['a<!-- x --> b', 'a b'], ['1 < 2 &amp; 3 &gt; 2', '1 < 2 & 3 > 2'], ['&#65;&#x42;&nbsp;&eacute;&unknown;', 'AB é&unknown;'],
    ['<title>t</title>x', 'x'], ['<style>open', ''], ['<!-- open', ''], ['a <b', 'a'], ['&#0;&#xd800;&#x110000;x', 'x'], ['a&zwnj;&shy;b', 'ab'], ['<a href="x">l</a>ink', 'link'], ['<br/>x<br>y', 'x y'],
  ])('%j', (text, expected) => expect(html(text)).toBe(expected))
  test.each(['<', '<a', '<!--', '<style>', '</', '&', '&#', '<style', '<b>', '<p ', '<!-->'])('%j by the hundred thousand takes no long time', (piece) => {
    for (const tail of ['', '>', '-->', '</style>']) textOfHtml(piece.repeat(100_000) + tail)
  })
})

test('text', () => {
  const text = (octets: Buffer | string, encoding = '8bit', charset = 'utf-8'): string => previewText(Buffer.from(octets as string), 'text/plain', encoding, charset)
  expect(text(' a \r\n\tb\u200b\u00ad c\0')).toBe('a b c')
  expect(text('-'.repeat(40) + 'x')).toBe('---x')
  expect(text('word '.repeat(100)).length).toBe(199)
  expect(text('🎉'.repeat(300))).toBe('🎉'.repeat(200))
  expect(text(Buffer.from('aü').subarray(0, 2))).toBe('a')
  expect(text(Buffer.from('ü').subarray(0, 1), '8bit', '')).toBe('')
  expect(text(Buffer.from('a€b'), '8bit', '')).toBe('a€b')
  expect(text('R3LDvMOfZQ==', 'base64')).toBe('Grüße')
})

test('the first part with text is taken', () => {
  const scanner = createScanner()
  scanner.push(Buffer.from('Content-Type: multipart/mixed; boundary=x\n\npreamble\n--x\nContent-Type: text/plain\nContent-Disposition: attachment\n\nno\n--x\n\n \n--x\nContent-Type: text/calendar\n\nno\n--x\nContent-Type: text/html\n\n<p>yes\n--x\n\nlate\n'))
  expect(scanner.end().preview).toBe('yes')
})
