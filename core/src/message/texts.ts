// What SEARCH compares of a message: its readable texts, decoded and folded. Pure.
import { decodeText } from './charset.js'
import { decodeBody } from './decode.js'
import { decodeHeader, splitFields } from './headers.js'
import type { OctetString, Part } from './summary.js'

/** Case and compatibility of form ignored: two texts that a reader takes for the same compare equal. */
export function fold(text: string): string {
  if (/^[\x00-\x7f]*$/.test(text)) return text.toLowerCase()
  return text.normalize('NFC').toUpperCase().toLowerCase().replaceAll('ς', 'σ')
}

/** Parts whose text people read. */
export const isReadable = ({ type }: Part): boolean => type.startsWith('text/') || (type.startsWith('message/') && type !== 'message/partial')

/** A header block as it is searched: names and decoded values, one field a line. */
export const foldedHeader = (block: OctetString): string => fold(splitFields(block).map(({ name, value }) => `${name}: ${decodeHeader(value)}`).join('\n'))

/** The texts of a message's body, each by itself: a text that is looked for lies within one of them. The header of an enclosed message is body. */
export function* bodyTexts(octets: Buffer, parts: readonly Part[]): Generator<string> {
  for (const part of parts) {
    const { embedded, bodyOffset, bodyLength, encoding, charset } = part
    if (embedded) yield foldedHeader(octets.toString('latin1', embedded.headerOffset, embedded.headerOffset + embedded.headerLength))
    else if (isReadable(part)) yield fold(decodeText(decodeBody(octets.subarray(bodyOffset, bodyOffset + bodyLength), encoding), charset))
  }
}
