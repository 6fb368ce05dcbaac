// Strings as IMAP writes them into ENVELOPE and BODYSTRUCTURE (RFC 3501 4.3): quoted, or a literal where a quoted string
// cannot hold the octets. The result is an octet string.
import type { OctetString } from './summary.js'

const needsLiteral = /[\r\n\x80-\xff]/
const needsEscape = /["\\]/

/** A string. NUL is dropped: no IMAP4rev1 string can hold it. */
export function imapString(text: OctetString): OctetString {
  const clean = text.indexOf('\0') < 0 ? text : text.replaceAll('\0', '')
  if (needsLiteral.test(clean)) return `{${clean.length}}\r\n${clean}`
  return needsEscape.test(clean) ? `"${clean.replace(/["\\]/g, '\\$&')}"` : `"${clean}"`
}

/** A string, or NIL for undefined. */
export const imapNstring = (text: OctetString | undefined): OctetString => (text === undefined ? 'NIL' : imapString(text))
