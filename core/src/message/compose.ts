// Writes a small message: automatic replies, notices. UTF-8 text, with HTML beside it if wanted. Pure.
import { formatDate } from './dates.js'

export interface Composed {
  readonly from: { readonly address: string; readonly name?: string }
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly html?: string
  /** Milliseconds UTC. */
  readonly at: number
  /** Without angle brackets. */
  readonly messageId: string
  /** Message-IDs without angle brackets, oldest first. */
  readonly references?: readonly string[]
  readonly inReplyTo?: string
  /** More fields, names and values as they stand (ASCII). */
  readonly fields?: Readonly<Record<string, string>>
}

/** A message with CRLF line ends. What stands in fields is cut to one line: nobody writes headers through it. */
export function composeMessage(message: Composed): Buffer {
  const { from, html } = message
  const ids = (list: readonly string[]): string => list.map((id) => `<${oneLine(id).replace(/[<> ]/g, '')}>`).join('\r\n ')
  const head = [
    `From: ${from.name ? `${phrase(from.name)} ` : ''}<${oneLine(from.address)}>`,
    `To: ${message.to.map((address) => `<${oneLine(address)}>`).join(', ')}`,
    `Subject: ${words(message.subject)}`,
    `Date: ${formatDate(message.at)}`,
    `Message-ID: <${oneLine(message.messageId)}>`,
    ...(message.inReplyTo ? [`In-Reply-To: ${ids([message.inReplyTo])}`] : []),
    ...(message.references?.length ? [`References: ${ids(message.references)}`] : []),
    ...Object.entries(message.fields ?? {}).map(([name, value]) => `${name}: ${oneLine(value)}`),
    'MIME-Version: 1.0',
  ]
  if (html === undefined) return Buffer.from([...head, ...part('text/plain', message.text)].join('\r\n'), 'utf8')
  const boundary = `=_${message.messageId.replace(/[^A-Za-z0-9]/g, '').slice(0, 40)}`
  return Buffer.from([
    ...head, `Content-Type: multipart/alternative; boundary="${boundary}"`, '',
    `--${boundary}`, ...part('text/plain', message.text), `--${boundary}`, ...part('text/html', html), `--${boundary}--`, '',
  ].join('\r\n'), 'utf8')
}

const part = (type: string, text: string): string[] => [`Content-Type: ${type}; charset=utf-8`, 'Content-Transfer-Encoding: quoted-printable', '', quotedPrintable(text), '']

const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim()

/** A display name: atoms, a quoted string, or encoded-words. */
const phrase = (text: string): string => {
  const line = oneLine(text)
  if (/^[A-Za-z0-9 !#$%&'*+\-/=?^_`{|}~]*$/.test(line)) return line
  return /^[\x20-\x7e]*$/.test(line) ? `"${line.replace(/["\\]/g, '\\$&')}"` : words(line)
}

/** Unstructured text, as encoded-words where it must be (RFC 2047); each of at most 75 characters. */
function words(text: string): string {
  const line = oneLine(text)
  if (/^[\x20-\x7e]*$/.test(line)) return fold(line)
  const chunks: string[] = []
  let chunk = ''
  for (const character of line) {
    if (Buffer.byteLength(chunk + character) > 42) {
      chunks.push(chunk)
      chunk = ''
    }
    chunk += character
  }
  return [...chunks, chunk].map((piece) => `=?utf-8?B?${Buffer.from(piece).toString('base64')}?=`).join('\r\n ')
}

/** Lines of at most 76 characters where blanks allow it. */
const fold = (text: string): string => text.replace(/(.{40,70}?) (?=\S)/g, '$1\r\n ')

export function quotedPrintable(text: string): string {
  return text.replace(/\r?\n/g, '\n').split('\n').map((line) => {
    const pieces = [...Buffer.from(line)].map((octet, i, all) => {
      const literal = (octet >= 0x21 && octet <= 0x7e && octet !== 0x3d) || ((octet === 0x20 || octet === 0x09) && i < all.length - 1)
      return literal ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`
    })
    const lines: string[] = []
    let current = ''
    for (const piece of pieces) {
      if (current.length + piece.length > 75) {
        lines.push(`${current}=`)
        current = ''
      }
      current += piece
    }
    return [...lines, current].join('\r\n')
  }).join('\r\n')
}
