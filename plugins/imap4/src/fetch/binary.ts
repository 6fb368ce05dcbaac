// BINARY[part]<partial> and BINARY.SIZE[part] (RFC 3516): a body with its transfer encoding undone. A literal says its length first,
// so a large part is decoded twice, once to be measured; memory holds one chunk.
import { createBodyDecoder, findPart, isKnownEncoding, type Content, type Part } from '@restante/core'
import type { Binary } from '../grammar/fetch-items.js'
import { Disconnected, type Writer } from '../wire/writer.js'
import { ContentBroke } from './body.js'
import type { Known } from './items.js'

/** The whole message has no transfer encoding of its own. */
const partOf = (known: Known, { part }: Binary, size: number): Part | undefined =>
  (part === '' ? { ...known.parts[0], bodyOffset: 0, bodyLength: size, encoding: 'binary' } : findPart(known.parts, part))

/** Whether nobody could decode it: NO [UNKNOWN-CTE]. Multiparts and messages are not encoded whatever they say (RFC 2045 6.4). */
export function isUndecodable(item: Binary, known: Known): boolean {
  const part = item.part === '' ? undefined : findPart(known.parts, item.part)
  return part !== undefined && !isKnownEncoding(encodingOf(part))
}

const encodingOf = ({ type, encoding }: Part): string => (type.startsWith('multipart/') || type === 'message/rfc822' || type === 'message/global' ? '8bit' : encoding)

export async function writeBinary(say: Writer, lead: string, item: Binary, known: Known, content: Content): Promise<void> {
  const part = partOf(known, item, content.size)
  if (!part) {
    say.text(`${lead}${item.label} ${item.sizeOnly ? 0 : 'NIL'}`)
    return
  }
  const { size, hasNul } = await measure(content, part)
  if (item.sizeOnly) {
    say.text(`${lead}${item.label} ${size}`)
    return
  }
  const from = Math.min(item.partial?.from ?? 0, size)
  const length = Math.min(item.partial?.length ?? size, size - from)
  say.text(`${lead}${item.label} ${hasNul ? '~' : ''}{${length}}\r\n`)
  let at = 0
  let left = length
  try {
    for await (const octets of decoded(content, part)) {
      const slice = octets.subarray(Math.max(0, from - at), Math.max(0, from - at) + left)
      at += octets.length
      if (slice.length === 0) continue
      say.octets(Buffer.from(slice))
      left -= slice.length
      if (say.full) await say.flush()
      if (left === 0) break
    }
  } catch (error) {
    if (error instanceof Disconnected) throw error
    throw new ContentBroke(`Message ${content.message} broke off`, { cause: error })
  }
  if (left !== 0) throw new ContentBroke(`${left} octets missing in message ${content.message}`)
}

/** How large a part is with its encoding undone. */
export async function measureBinary(content: Content, known: Known, item: Binary): Promise<{ size: number; hasNul: boolean }> {
  const part = partOf(known, item, content.size)
  return part ? measure(content, part) : { size: 0, hasNul: false }
}

async function measure(content: Content, part: Part): Promise<{ size: number; hasNul: boolean }> {
  let size = 0
  let hasNul = false
  for await (const octets of decoded(content, part)) {
    size += octets.length
    hasNul ||= octets.includes(0)
  }
  return { size, hasNul }
}

async function* decoded(content: Content, part: Part): AsyncIterable<Buffer> {
  const { bodyOffset: from, bodyLength: length } = part
  const decoder = createBodyDecoder(encodingOf(part))
  if (content.octets) yield decoder.push(content.octets.subarray(from, from + length))
  else if (length > 0) for await (const chunk of content.range(from, length)) yield decoder.push(chunk)
  yield decoder.end()
}
