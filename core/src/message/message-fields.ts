// The fields of one message header (or MIME part header) that the summary is made of, by name. Raw; no meaning is read here.
import { eachField } from './headers.js'
import type { OctetString } from './summary.js'

/** Raw values by lower-case name. */
export type Fields = ReadonlyMap<string, OctetString>

/**
 * Address fields that stand more than once are read as one list: a reader that shows only the first, or only the last, could be
 * shown another sender than the one that was checked. Of other fields the first counts.
 */
const lists = new Set(['from', 'sender', 'reply-to', 'to', 'cc', 'bcc'])
const singles = new Set([
  'date', 'subject', 'message-id', 'in-reply-to', 'references',
  'content-type', 'content-transfer-encoding', 'content-disposition', 'content-id', 'content-description', 'content-md5',
  'content-language', 'content-location',
])

export interface ReadHeader {
  readonly fields: Fields
  /** All fields that `keep` chose, raw, or null when they cannot all be known (too many fields). */
  readonly kept: OctetString | null
}

/** Reads at most `limit` fields of a header block. */
export function readHeader(block: OctetString, limit: number, keep?: (name: string) => boolean): ReadHeader {
  const fields = new Map<string, OctetString>()
  const kept: OctetString[] = []
  let count = 0
  let complete = true
  eachField(block, (name, start, value, end) => {
    if (++count > limit) return (complete = false)
    if (keep?.(name)) kept.push(block.slice(start, end))
    if (singles.has(name)) {
      if (!fields.has(name)) fields.set(name, block.slice(value, end))
    } else if (lists.has(name)) {
      const before = fields.get(name)
      const text = block.slice(value, end)
      fields.set(name, before === undefined ? text : `${before},${text}`)
    }
    return true
  })
  return { fields, kept: complete ? kept.join('') : null }
}
