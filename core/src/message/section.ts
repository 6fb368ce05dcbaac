// Which octets an IMAP section names (RFC 3501 6.4.5), from the part table alone. Pure; HEADER.FIELDS selects from what
// HEADER gives (headers.ts).
import type { Part } from './summary.js'

/** Octets of the message. */
export interface Range {
  readonly from: number
  readonly length: number
}

const form = /^((?:[1-9]\d{0,9}\.)*[1-9]\d{0,9})?(?:(^|\.)(HEADER|TEXT|MIME))?$/i

/** `''`, `1`, `1.2.MIME`, `HEADER`, `2.HEADER`, `2.TEXT`, `TEXT` → octets; undefined when the message has no such section. */
export function findSection(parts: readonly Part[], section: string): Range | undefined {
  if (parts.length === 0 || section.length > 1000) return undefined
  const match = form.exec(section)
  if (!match) return undefined
  const number = match[1] ?? ''
  const what = match[3]?.toUpperCase() ?? ''
  if (what !== '' && (number === '') !== (match[2] === '')) return undefined // '1HEADER', '.TEXT'
  const root = parts[0]
  if (number === '') {
    if (what === 'HEADER') return header(root)
    if (what === 'TEXT') return body(root)
    return what === '' ? { from: 0, length: root.bodyOffset + root.bodyLength } : undefined
  }
  const part = findPart(parts, number)
  if (!part) return undefined
  switch (what) {
    case '':
      return body(part)
    case 'MIME':
      return header(part)
    case 'HEADER':
      return part.embedded && header(part.embedded)
    default:
      return part.embedded && body(part.embedded)
  }
}

/**
 * The part that a section number names. '1' of a message that is not multipart is the message itself: its type is the
 * root's, its body the message's body (RFC 3501 6.4.5: every message has a part 1).
 */
export function findPart(parts: readonly Part[], number: string): Part | undefined {
  if (parts.length === 0 || number === '') return parts[0]
  const found = parts.find((part) => part.section === number)
  if (found || number !== '1') return found
  return parts[0].type.startsWith('multipart/') ? undefined : parts[0]
}

const header = (of: NonNullable<Part['embedded']>): Range => ({ from: of.headerOffset, length: of.headerLength })
const body = (of: NonNullable<Part['embedded']>): Range => ({ from: of.bodyOffset, length: of.bodyLength })
