// Values with parameters: Content-Type and Content-Disposition (RFC 2045 5.1, RFC 2183), with RFC 2231 continuations and
// charsets, and the ways in which real mail gets them wrong. Linear; never throws; knows no particular parameter but 'name'.
import { decodeText } from './charset.js'
import { decodeWords } from './encoded-words.js'
import { unfold } from './headers.js'
import type { OctetString } from './summary.js'

export interface Parameterised {
  /** What stands before the first ';', trimmed, lower case. */
  readonly value: string
  /**
   * Lower-case names, first mention first, raw octets. Continuations are joined (RFC 2231 6 asks IMAP servers to); what has a
   * charset keeps its percent encoding under a name ending in '*', since IMAP strings have no charset of their own.
   */
  readonly params: ReadonlyMap<string, OctetString>
}

/** Parameters of one field that are read. Real ones have fewer than ten. */
const maxParameters = 200
/** RFC 2231 segments of one parameter. */
const maxSegments = 1000

export function parseParameterised(raw: OctetString): Parameterised {
  const text = unfold(raw)
  const semicolon = text.indexOf(';')
  const value = withoutComment(semicolon < 0 ? text : text.slice(0, semicolon)).toLowerCase()
  const params = new Map<string, OctetString>()
  if (semicolon < 0) return { value, params }
  const segments = new Map<string, Segment[]>()
  readPairs(text, semicolon + 1, (name, octets) => {
    const star = name.indexOf('*')
    if (star === 0) return
    if (star < 0) {
      if (name !== '' && !params.has(name) && params.size < maxParameters) params.set(name, octets)
      return
    }
    const base = name.slice(0, star)
    const extended = name.endsWith('*')
    const number = name.slice(star + 1, extended && name.length - 1 > star ? -1 : undefined)
    const list = segments.get(base) ?? []
    if (list.length === 0 && segments.size >= maxParameters) return
    if (list.length < maxSegments) list.push({ index: /^\d{1,4}$/.test(number) ? Number(number) : 0, extended, octets })
    segments.set(base, list)
  })
  for (const [base, list] of segments) {
    list.sort((a, b) => a.index - b.index)
    if (list.some((segment) => segment.extended)) {
      params.set(`${base}*`, list.map((segment) => (segment.extended ? segment.octets : percentEncode(segment.octets))).join(''))
    } else if (!params.has(base)) params.set(base, list.map((segment) => segment.octets).join(''))
  }
  return { value, params }
}

interface Segment {
  readonly index: number
  readonly extended: boolean
  readonly octets: OctetString
}

/** A parameter as text: RFC 2231's form first, else the plain one with encoded-words decoded (against RFC 2047, and everywhere). */
export function textParameter(of: Parameterised, name: string): string {
  const extended = of.params.get(`${name}*`)
  if (extended !== undefined) return decodeExtended(extended)
  const plain = of.params.get(name)
  return plain === undefined ? '' : decodeWords(plain)
}

/** RFC 2231 4: charset'language'percent-encoded. */
function decodeExtended(value: OctetString): string {
  const first = value.indexOf("'")
  const second = first < 0 ? -1 : value.indexOf("'", first + 1)
  const charset = second < 0 ? '' : value.slice(0, first).toLowerCase()
  const encoded = value.slice(second + 1)
  const octets = encoded.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  return decodeText(Buffer.from(octets, 'latin1'), charset)
}

const percentEncode = (octets: OctetString): OctetString =>
  octets.replace(/[^A-Za-z0-9!#$&+.^_`{|}~-]/g, (octet) => '%' + octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0'))

function readPairs(text: OctetString, from: number, visit: (name: string, value: OctetString) => void): void {
  let at = from
  let quotes = true
  let equals = -1
  let semicolon = -1
  /** Offset of the next `mark` at or behind `at`, text.length when there is none; each octet is searched once. */
  const next = (mark: string, known: number): number => {
    if (known >= at) return known
    const found = text.indexOf(mark, at)
    return found < 0 ? text.length : found
  }
  while (at < text.length) {
    equals = next('=', equals)
    semicolon = next(';', semicolon)
    if (equals > semicolon || equals === text.length) { // a parameter without value means nothing
      at = semicolon + 1
      continue
    }
    const name = withoutComment(text.slice(at, equals)).toLowerCase()
    at = equals + 1
    while (at < text.length && text.charCodeAt(at) <= 0x20) at++
    if (quotes && text.charCodeAt(at) === 0x22) {
      const end = closingQuote(text, at + 1)
      if (end < 0) quotes = false
      else {
        visit(name, unescape(text.slice(at + 1, end)))
        at = end + 1
        semicolon = next(';', semicolon)
        at = semicolon + 1
        continue
      }
    }
    semicolon = next(';', semicolon)
    const value = text.slice(at, semicolon).trim().replace(/^"/, '')
    // File names with blanks stand unquoted in real mail; behind other values a comment or rubbish follows.
    visit(name, /^(file)?name/.test(name) ? value : value.split(/\s/, 1)[0])
    at = semicolon + 1
  }
}

function closingQuote(text: OctetString, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) return i
    if (code === 0x5c && isQuotable(text.charCodeAt(i + 1))) i++
  }
  return -1
}

// Only these two need a backslash, and writers of 'C:\temp\a.txt' did not mean one.
const isQuotable = (code: number): boolean => code === 0x22 || code === 0x5c
const unescape = (text: OctetString): OctetString => (text.includes('\\') ? text.replace(/\\(["\\])/g, '$1') : text)

/** Comments may stand between tokens (RFC 2045 5.1); none may nest here. */
function withoutComment(text: OctetString): OctetString {
  return (text.includes('(') ? text.replace(/\([^()]*\)?/g, '') : text).trim()
}
