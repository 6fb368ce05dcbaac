// Mailbox names between the wire (modified UTF-7, RFC 3501 5.1.3; UTF-8 where enabled) and Unicode. Pure; strict: what we would not write, we do not read.
import { failure } from '@restante/core'
import { utf8, type Reader } from '../wire/reader.js'

/** Reads a mailbox argument. Throws MAILBOX_NAME_INVALID for what no mailbox can be called. */
export const mailbox = (r: Reader): string => decodeMailboxName(r.astring('a mailbox name'), r.dialect.utf8Names)

export function decodeMailboxName(octets: string, inUtf8 = false): string {
  const name = inUtf8 ? utf8(octets) : decodeUtf7(octets)
  if (name === undefined) throw failure('MAILBOX_NAME_INVALID', { why: inUtf8 ? 'it is not in UTF-8' : 'it is not in modified UTF-7' })
   
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(name)) throw failure('MAILBOX_NAME_INVALID', { why: 'it has control characters' })
  return name.toUpperCase() === 'INBOX' ? 'INBOX' : name
}

/** Undefined when it is not modified UTF-7 in its one canonical form. */
export function decodeUtf7(octets: string): string | undefined {
  if (!octets.includes('&')) return isPlain(octets) ? octets : undefined
  let name = ''
  for (let at = 0; at < octets.length; ) {
    const and = octets.indexOf('&', at)
    if (and < 0) {
      name += octets.slice(at)
      break
    }
    name += octets.slice(at, and)
    const stop = octets.indexOf('-', and)
    if (stop < 0) return undefined
    name += stop === and + 1 ? '&' : decodeShifted(octets.slice(and + 1, stop))
    at = stop + 1
  }
  // RFC 3501: no superfluous shifts, no ASCII in base64, no lone surrogates. One test says it all.
  return name.isWellFormed() && encodeMailboxName(name) === octets ? name : undefined
}

export function encodeMailboxName(name: string): string {
  if (isPlain(name) && !name.includes('&')) return name
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-'
    const units = Buffer.from(run, 'utf16le').swap16()
    return `&${units.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`
  })
}

/** A mailbox name for a reply: quoted. */
export const quotedName = (name: string): string => quoted(encodeMailboxName(name))

/** Seven-bit text in quotes. */
export const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`

const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text)

function decodeShifted(base64: string): string {
  const units = Buffer.from(base64.replaceAll(',', '/'), 'base64')
  return units.length % 2 === 0 ? units.swap16().toString('utf16le') : '\ud800' // refused by the caller's test
}
