// Looks for texts in a message's readable parts: transfer encoding and charset undone, case ignored, a substring anywhere.
// Large messages are read as a stream; memory holds one chunk and the overlap of the longest needle.
import { bodyTexts, createBodyDecoder, createTextDecoder, fold, foldedHeader, isReadable, type Content, type OctetString, type Part } from '@restante/core'
import type { Known } from '../fetch/items.js'
import type { Turn } from '../session/turns.js'
import type { Needle } from './compile.js'

/** Without accents and other marks. */
export const bare = (folded: string): string => (/^[\x00-\x7f]*$/.test(folded) ? folded : folded.normalize('NFD').replace(/\p{M}/gu, ''))

/** The whole header of a message. */
export const readHeader = (content: Content, known: Known): Promise<OctetString> => readOctets(content, 0, known.headerSize)

/** For each needle, 1 when the message has it. `known` has `parts`. */
export async function findNeedles(content: Content, known: Known, header: OctetString, needles: readonly Needle[], turn: Turn): Promise<Uint8Array> {
  const found = new Uint8Array(needles.length)
  let left = needles.length
  const anyLoose = needles.some((needle) => needle.loose)
  const look = async (text: string, inHeader: boolean): Promise<void> => {
    const stripped = anyLoose ? bare(text) : text
    for (let i = 0; i < needles.length; i++) {
      if (turn.over) await turn.pass()
      if (found[i] || (inHeader && !needles[i].header) || !(needles[i].loose ? stripped : text).includes(needles[i].text)) continue
      found[i] = 1
      left--
    }
  }
  if (needles.some((needle) => needle.header)) await look(foldedHeader(header), true)
  const overlap = needles.reduce((most, { text }) => Math.max(most, text.length), 0) - 1
  if (content.octets) {
    for (const text of bodyTexts(content.octets, known.parts)) {
      if (left === 0) break
      await look(text, false)
    }
    return found
  }
  for (const part of known.parts) {
    if (left === 0) break
    // The header of an enclosed message is part of this one's body.
    if (part.embedded) await look(foldedHeader(await readOctets(content, part.embedded.headerOffset, part.embedded.headerLength)), false)
    else if (isReadable(part)) await scan(content, part, overlap, async (text) => {
      await look(text, false)
      return left > 0
    })
  }
  return found
}

async function scan(content: Content, part: Part, overlap: number, look: (text: string) => Promise<boolean>): Promise<void> {
  const { bodyOffset: from, bodyLength: length, encoding, charset } = part
  const body = createBodyDecoder(encoding)
  const text = createTextDecoder(charset)
  let tail = ''
  for await (const chunk of content.range(from, length)) {
    const window = tail + fold(text.write(body.push(chunk)))
    if (!await look(window)) return
    tail = overlap > 0 ? window.slice(-overlap) : ''
  }
  await look(tail + fold(text.write(body.end()) + text.end()))
}

async function readOctets(content: Content, from: number, length: number): Promise<OctetString> {
  if (content.octets) return content.octets.toString('latin1', from, from + length)
  let text = ''
  for await (const chunk of content.range(from, length)) text += chunk.toString('latin1', 0, chunk.length)
  return text
}
