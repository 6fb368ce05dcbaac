// The syntax of a header block: which octets are which field, selecting fields as IMAP does, unfolding, decoding.
// Works on octet strings; knows no field's meaning. Everything is linear in the block and nothing throws.
import { decodeWords } from './encoded-words.js'
import type { OctetString } from './summary.js'

export interface HeaderField {
  /** Lower case. */
  readonly name: string
  /** Raw value behind the colon, still folded, with its line end. */
  readonly value: OctetString
}

/**
 * Tells `visit` each field of `block` in order: lower-case name ('' for a line that is no field, such as an mbox From_ line),
 * first octet, the octet behind the colon, end (line end included). Stops at the empty line, or when `visit` returns false.
 * Returns the offset where it stopped.
 */
export function eachField(block: OctetString, visit: (name: string, start: number, value: number, end: number) => boolean | void): number {
  let start = 0
  let colon = -1
  while (start < block.length) {
    if (isEmptyLine(block, start)) return start
    let end = start
    do {
      const lf = block.indexOf('\n', end)
      end = lf < 0 ? block.length : lf + 1
    } while (end < block.length && isBlank(block.charCodeAt(end)))
    // The next colon is looked for once, or blocks without any would cost the square of their length.
    if (colon < start) {
      colon = block.indexOf(':', start)
      if (colon < 0) colon = block.length
    }
    const name = colon < end ? nameOf(block, start, colon) : ''
    if (visit(name, start, name === '' ? start : colon + 1, end) === false) return start
    start = end
  }
  return start
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

function isEmptyLine(block: OctetString, at: number): boolean {
  const code = block.charCodeAt(at)
  return code === 0x0a || (code === 0x0d && block.charCodeAt(at + 1) === 0x0a)
}

/** RFC 5322 2.2: printable US-ASCII; RFC 822 let blanks stand before the colon. '' when it cannot be a field name. */
function nameOf(block: OctetString, start: number, colon: number): string {
  let end = colon
  while (end > start && isBlank(block.charCodeAt(end - 1))) end--
  if (end === start || end - start > 998) return ''
  for (let i = start; i < end; i++) {
    const code = block.charCodeAt(i)
    if (code <= 0x20 || code >= 0x7f) return ''
  }
  return block.slice(start, end).toLowerCase()
}

/** The fields of a block, at most `limit` of them. Lines that are no field are left out. */
export function splitFields(block: OctetString, limit = 1000): HeaderField[] {
  const fields: HeaderField[] = []
  eachField(block, (name, _start, value, end) => {
    if (name !== '') fields.push({ name, value: block.slice(value, end) })
    return fields.length < limit
  })
  return fields
}

/** A value on one line: line ends go, the blanks behind them stay (RFC 5322 2.2.3), outer blanks go. */
export function unfold(value: OctetString): OctetString {
  return (value.indexOf('\n') < 0 ? value : value.replace(/\r?\n/g, '')).trim()
}

/** Text of a field's value for people and for comparing: unfolded, RFC 2047 decoded. Never throws. */
export const decodeHeader = (value: OctetString): string => decodeWords(unfold(value))

/**
 * What HEADER.FIELDS (or, with `not`, HEADER.FIELDS.NOT) answers: the fields in stored order, raw, and an empty line always
 * (RFC 3501 6.4.5). `block` is a header block or `Summary.headers`.
 *
 * @param wanted names in lower case
 */
export function selectFields(block: OctetString | Uint8Array, wanted: ReadonlySet<string>, not = false): OctetString {
  const text = typeof block === 'string' ? block : Buffer.from(block.buffer, block.byteOffset, block.byteLength).toString('latin1')
  const runs: string[] = []
  let from = 0
  let to = 0
  eachField(text, (name, start, _value, end) => {
    if (wanted.has(name) === not) return
    if (start !== to) {
      if (to > from) runs.push(text.slice(from, to))
      from = start
    }
    to = end
  })
  if (to > from) runs.push(text.slice(from, to))
  const chosen = runs.join('')
  return chosen === '' || chosen.endsWith('\n') ? chosen + '\r\n' : chosen + '\r\n\r\n'
}
