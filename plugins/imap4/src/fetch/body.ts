// BODY[section]<partial>: from the kept header fields where they suffice, else a range of the message's octets.
import { findSection, isKept, selectFields, type Content, type OctetString, type SummaryField } from '@restante/core'
import type { Section } from '../grammar/fetch-items.js'
import { Disconnected, type Writer } from '../wire/writer.js'
import type { Known } from './items.js'

export interface Range { readonly from: number; readonly length: number }

/** The content ended before its announced length; the client cannot be kept in step. */
export class ContentBroke extends Error {
  override readonly name = 'ContentBroke'
}

const selects = (section: Section): boolean => section.text === 'HEADER.FIELDS' || section.text === 'HEADER.FIELDS.NOT'
const keptSuffices = (section: Section): boolean => section.text === 'HEADER.FIELDS' && section.part === '' && [...section.fields].every(isKept)

/** What of the summary a section needs. */
export function sectionFields(section: Section): readonly SummaryField[] {
  if (keptSuffices(section)) return ['headers', 'headerSize'] // the latter for those whose fields were not kept
  if (section.part !== '') return ['parts']
  return section.text === '' ? [] : ['headerSize']
}

export const needsOctets = (section: Section): 'always' | 'perhaps' => (keptSuffices(section) ? 'perhaps' : 'always')

/** The section's octets as far as the summary has them. */
export function fromSummary(section: Section, known: Known): OctetString | undefined {
  if (known.headers === null || known.headers === undefined || !keptSuffices(section)) return undefined
  return cut(selectFields(known.headers, section.fields), section)
}

/** `label {n}` and the octets, as they are (a few kilobytes). */
export const literal = (section: Section, octets: OctetString): string => `${section.label} {${octets.length}}\r\n${octets}`

const cut = (octets: OctetString, { partial }: Section): OctetString => (partial ? octets.slice(partial.from, partial.from + partial.length) : octets)

/**
 * Writes a section that needs octets, after `lead` (what comes before it in the reply). Nothing is written before the
 * first octets are there, so that a message that cannot be had leaves the reply unspoilt: then it throws CONTENT_UNAVAILABLE.
 */
export async function writeSection(say: Writer, lead: string, section: Section, known: Known, content: Content): Promise<void> {
  const range = rangeOf(section, known, content.size)
  if (!range) {
    say.text(`${lead}${section.label} NIL`)
    return
  }
  if (selects(section)) {
    const header = await readAll(content, range)
    say.text(lead + literal(section, cut(selectFields(header, section.fields, section.text === 'HEADER.FIELDS.NOT'), section)))
    return
  }
  const { from, length } = partialOf(range, section)
  const head = `${lead}${section.label} {${length}}\r\n`
  if (length === 0) {
    say.text(head)
    return
  }
  if (content.octets) {
    say.text(head)
    say.octets(withoutNul(content.octets.subarray(from, from + length)))
    return
  }
  let left = length
  try {
    for await (const chunk of content.range(from, length)) {
      if (left === length) say.text(head)
      left -= chunk.length
      if (left < 0) break
      say.octets(withoutNul(chunk))
      if (say.full) await say.flush()
    }
  } catch (error) {
    if (left === length || error instanceof Disconnected) throw error
    throw new ContentBroke(`Message ${content.message} broke off`, { cause: error })
  }
  if (left !== 0) throw new ContentBroke(`${Math.abs(left)} octets ${left > 0 ? 'missing' : 'too many'} in message ${content.message}`)
}

/** A section's octets as a stream, with their number; undefined when the message has no such section. Throws CONTENT_UNAVAILABLE. */
export async function readSection(section: Section, known: Known, content: Content): Promise<{ size: number; octets: AsyncIterable<Buffer> } | undefined> {
  const range = rangeOf(section, known, content.size)
  if (!range) return undefined
  if (selects(section)) {
    const octets = Buffer.from(cut(selectFields(await readAll(content, range), section.fields, section.text === 'HEADER.FIELDS.NOT'), section), 'latin1')
    return { size: octets.length, octets: once(octets) }
  }
  const { from, length } = partialOf(range, section)
  return { size: length, octets: content.octets ? once(content.octets.subarray(from, from + length)) : content.range(from, length) }
}

async function* once(octets: Buffer): AsyncIterable<Buffer> { if (octets.length > 0) yield octets }

/** Whether writing this section hands out the last octet of the text: then the message was read (im2000.md D.4). */
export const handsOutEnd = ({ part, text, partial }: Section, size: number): boolean =>
  part === '' && (text === '' || text === 'TEXT') && (!partial || partial.from + partial.length >= size)

/** Where a section's octets are; undefined when the message has no such section. */
function rangeOf(section: Section, known: Known, size: number): Range | undefined {
  const text = selects(section) ? 'HEADER' : section.text
  if (section.part !== '') return findSection(known.parts, text === '' ? section.part : `${section.part}.${text}`)
  if (text === '') return { from: 0, length: size }
  return text === 'HEADER' ? { from: 0, length: known.headerSize } : { from: known.headerSize, length: size - known.headerSize }
}

function partialOf(range: Range, { partial }: Section): Range {
  if (!partial) return range
  const from = Math.min(partial.from, range.length)
  return { from: range.from + from, length: Math.min(partial.length, range.length - from) }
}

async function readAll(content: Content, { from, length }: Range): Promise<OctetString> {
  if (content.octets) return content.octets.toString('latin1', from, from + length)
  let text = ''
  for await (const chunk of content.range(from, length)) text += chunk.toString('latin1', 0, chunk.length)
  return text
}

/** A literal may not carry NUL (RFC 3501 4.3): 0x80 stands for it, as in other servers. BINARY will give the octet itself. */
export function withoutNul(octets: Buffer): Buffer {
  if (!octets.includes(0)) return octets
  const copy = Buffer.from(octets)
  for (let at = copy.indexOf(0); at >= 0; at = copy.indexOf(0, at + 1)) copy[at] = 0x80
  return copy
}
