// Messages made to be slow or large to read: each must take time in proportion to its octets, and bounded memory.
import { describe, expect, test } from 'vitest'
import { createScanner } from './scan.js'
import type { Summary } from './summary.js'

const chunkOctets = 65_536
function scan(text: string, chunk = chunkOctets): Summary {
  const octets = Buffer.from(text, 'latin1')
  const scanner = createScanner()
  for (let at = 0; at < octets.length; at += chunk) scanner.push(octets.subarray(at, at + chunk))
  return scanner.end()
}

const seventy = 'b'.repeat(70)
const multipart = `Subject: x\r\nContent-Type: multipart/mixed; boundary=${seventy}\r\n\r\n`
const mib = 1 << 20
const hostile: Record<string, string> = {
  'lines almost like the boundary': multipart + `--${seventy.slice(1)}\r\n`.repeat(100_000),
  'lines longer than the boundary': multipart + `--${seventy}x\r\n`.repeat(100_000),
  'dashes by the million': multipart + '--\n'.repeat(1_000_000),
  'one line of dashes': multipart + '-'.repeat(4 * mib),
  'empty lines by the million': multipart + '\n'.repeat(3_000_000),
  'a line without end': multipart + 'x'.repeat(8 * mib),
  'boundaries by the hundred thousand': multipart + `--${seventy}\r\n`.repeat(100_000),
  'fifty open boundaries': Array.from({ length: 50 }, (_, i) => `Content-Type: multipart/mixed; boundary=${seventy}${i}\r\n\r\n--${seventy}${i}\r\n`).join('') + `--${seventy}x\r\n`.repeat(100_000),
  'equal boundaries in one another': `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n`.repeat(50_000) + '--b--\r\n'.repeat(50_000),
  'messages in one another': 'Content-Type: message/rfc822\r\n\r\n'.repeat(100_000),
  'a header line of 10 MiB': 'Subject: ' + 'x'.repeat(10 * mib),
  'a folded field of 10 MiB': 'Subject: x\r\n' + ' x\r\n'.repeat(2.5 * mib),
  'fields by the million': 'A:b\r\n'.repeat(2 * mib),
  'header lines without colon': 'A b\r\n'.repeat(2 * mib),
  'a subject of parentheses': `Subject: ${'('.repeat(250_000)}\r\n\r\n`,
  'addresses in comments in comments': `From: ${'('.repeat(250_000)}\r\n\r\n`,
  'addresses by the hundred thousand': `To: ${'a@b, '.repeat(100_000)}\r\n\r\n`,
  'address fields by the thousand': `To: ${'a@b, '.repeat(50)}\r\n`.repeat(999) + '\r\n',
  'encoded words': `Subject: ${'=?utf-8?q?a?= =?koi8-r?b?YQ?= '.repeat(8000)}\r\n\r\n`,
  'half encoded words': `Subject: ${'=?a?q?'.repeat(40_000)}\r\n\r\n`,
  'subject blobs': `Subject: ${'[a]'.repeat(80_000)}Re: x\r\n\r\n`,
  'references': `References: ${'<a@b>'.repeat(50_000)}\r\n\r\n`,
  'brackets': `References: ${'<'.repeat(250_000)}\r\nMessage-ID: ${'<'.repeat(1000)}\r\n\r\n`,
  'parameters': `Content-Type: text/plain${Array.from({ length: 20_000 }, (_, i) => `;a${i}*${i}*=b`).join('')}\r\n\r\n`,
  'quotation marks': `Content-Type: text/plain${';a="'.repeat(60_000)}\r\nContent-Disposition: x${';a="\\"'.repeat(1000)}\r\n\r\n`,
  'blanks': `Content-Type: text/plain;${' '.repeat(250_000)}=\r\n\r\n`,
  'tabs in a date': `Date: ${'\t'.repeat(250_000)}1\r\n\r\n`,
  'html': `Content-Type: text/html\r\n\r\n${'<a '.repeat(10_000)}`,
  'large part headers': multipart + `--${seventy}\r\nContent-Type: text/plain; name="${'x'.repeat(200_000)}"\r\n\r\n`.repeat(100),
  'envelopes': multipart + `--${seventy}\r\nContent-Type: message/rfc822\r\n\r\nFrom: ${'a@b,'.repeat(1000)}\r\n\r\n`.repeat(900),
}

describe('hostile messages', () => {
  test.each(Object.keys(hostile))('%s', (name) => {
    const summary = scan(hostile[name])
    // Most take some 20 ns an octet; the square of a length would take minutes.
    expect(summary.bodyStructure.length).toBeLessThan(4 * mib)
    expect(summary.parts.length).toBeLessThanOrEqual(1000)
  })
})

test('a body of any size takes no memory', () => {
  const scanner = createScanner()
  const chunk = Buffer.from(('A'.repeat(76) + '\r\n').repeat(1000))
  scanner.push(Buffer.from('Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n'))
  const before = process.memoryUsage()
  for (let i = 0; i < 2500; i++) scanner.push(chunk) // 195 MB
  const after = process.memoryUsage()
  scanner.push(Buffer.from('--x--\r\n'))
  const summary = scanner.end()
  expect(summary.parts[1]).toMatchObject({ bodyLength: 2500 * chunk.length - 2, lines: 2_500_000 })
  expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(20 * mib)
})
