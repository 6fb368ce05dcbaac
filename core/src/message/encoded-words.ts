// RFC 2047 encoded-words into text, as tolerant as real mail needs: adjacent words are one text (a character may be cut
// between two), raw 8-bit octets beside them are guessed. Linear in the length of the value; never throws.
import { decodeRaw, decodeText } from './charset.js'
import type { OctetString } from './summary.js'

// Spaces inside the text part are against the RFC and common. No part can match a '?', so no scan overlaps another.
const word = /=\?([^?\s]{1,80})\?([bq])\?([^?]*)\?=/gi

/** Text of an unfolded header value. */
export function decodeWords(value: OctetString): string {
  if (!value.includes('=?')) return decodeRaw(value)
  let text = ''
  let end = 0
  let charset = ''
  let pending: Buffer[] = []
  // Some writers cut base64 anywhere, so its text is joined before it is decoded, unless padding ends it.
  let base64 = ''
  const flushBase64 = (): void => {
    if (base64 !== '') pending.push(Buffer.from(base64, 'base64'))
    base64 = ''
  }
  const flush = (): void => {
    flushBase64()
    if (pending.length > 0) text += decodeText(pending.length === 1 ? pending[0] : Buffer.concat(pending), charset)
    pending = []
  }
  for (const match of value.matchAll(word)) {
    const between = value.slice(end, match.index)
    const its = match[1].split('*', 1)[0].toLowerCase() // RFC 2231 5: charset*language
    // Whitespace between two words is not part of the text (RFC 2047 6.2).
    if (end === 0 || /\S/.test(between)) {
      flush()
      text += decodeRaw(between)
    } else if (its !== charset) flush()
    charset = its
    if (match[2] === 'q' || match[2] === 'Q') {
      flushBase64()
      pending.push(fromQ(match[3]))
    } else {
      base64 += match[3]
      if (base64.endsWith('=')) flushBase64()
    }
    end = match.index + match[0].length
  }
  flush()
  return text + decodeRaw(value.slice(end))
}

function fromQ(text: OctetString): Buffer {
  const plain = text.replaceAll('_', ' ')
  if (!plain.includes('=')) return Buffer.from(plain, 'latin1')
  return Buffer.from(plain.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), 'latin1')
}
