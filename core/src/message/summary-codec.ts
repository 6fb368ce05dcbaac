// Part tables and sort keys as compact text for a database column: arrays instead of objects. What is written here is read
// for years: add elements at the end only, and let readers do without them. Pure.
import type { Part, SortKeys } from './summary.js'

type PartRow = [string, number, number, number, number, number, string, string?, string?, string?, string?, number?, number?, number?, number?]

/** JSON of a part table; what is at its usual value at a row's end is left out. */
export function encodeParts(parts: readonly Part[]): string {
  return JSON.stringify(parts.map((part): PartRow => {
    const { section, headerOffset, headerLength, bodyOffset, bodyLength, lines, type, embedded } = part
    const row: PartRow = [section, headerOffset, headerLength, bodyOffset - headerOffset - headerLength, bodyLength, lines, type, part.encoding, part.charset, part.filename, part.disposition]
    if (embedded) row.push(embedded.headerOffset - bodyOffset, embedded.headerLength, embedded.bodyOffset - bodyOffset, embedded.bodyLength)
    else {
      while (row.length > 8 && row.at(-1) === '') row.pop()
      if (row.length === 8 && row[7] === '7bit') row.pop()
    }
    return row
  }))
}

export function decodeParts(text: string): Part[] {
  return (JSON.parse(text) as PartRow[]).map((row) => {
    const [section, headerOffset, headerLength, gap, bodyLength, lines, type, encoding = '7bit', charset = '', filename = '', disposition = '', ...inner] = row
    const bodyOffset = headerOffset + headerLength + gap
    const part: Part = { section, headerOffset, headerLength, bodyOffset, bodyLength, lines, type, encoding, charset, filename, disposition }
    if (inner.length < 4) return part
    const [header, length, body, rest] = inner as [number, number, number, number]
    return { ...part, embedded: { headerOffset: bodyOffset + header, headerLength: length, bodyOffset: bodyOffset + body, bodyLength: rest } }
  })
}

/** JSON of sort keys. A display key that equals the mailbox key is common and not repeated. */
export function encodeSortKeys(keys: SortKeys): string {
  return JSON.stringify([keys.subject, keys.isReply ? 1 : 0, keys.sent, keys.from, keys.to, keys.cc, keys.displayFrom, keys.displayTo, keys.messageId, ...keys.references])
}

export function decodeSortKeys(text: string): SortKeys {
  const [subject, isReply, sent, from, to, cc, displayFrom, displayTo, messageId, ...references] = JSON.parse(text) as
    [string, number, number | null, string, string, string, string, string, string, ...string[]]
  return { subject, isReply: isReply === 1, sent, from, to, cc, displayFrom, displayTo, messageId, references }
}
