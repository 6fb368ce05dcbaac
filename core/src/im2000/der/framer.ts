// Framing on a stream (im2000.md B2): each PDU is preceded by its length in 4 octets, big-endian, not counting themselves.
// The limit is checked when the length is known; nothing is allocated for what has not arrived.
import { Writer } from './writer.js'
import type { Type } from './types.js'

/** The stream cannot be read on (im2000.md B15): length 0 or above the limit. */
export class FramingBroken extends Error {
  override readonly name = 'FramingBroken'
}

const prefix = 4

export class Framer {
  #chunks: Buffer[] = []
  #held = 0
  /** Length of the PDU that is coming in; undefined: its prefix is not complete. */
  #wanted: number | undefined
  constructor(private readonly limit: number) {}

  /** Octets as they arrive, in any portions. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /** The next complete PDU, if it is all there. Throws FramingBroken. */
  next(): Buffer | undefined {
    if (this.#wanted === undefined) {
      if (this.#held < prefix) return undefined
      const length = this.#take(prefix).readUInt32BE()
      if (length === 0) throw new FramingBroken('a PDU of no octets')
      if (length > this.limit) throw new FramingBroken(`a PDU of ${length} octets; ${this.limit} are allowed`)
      this.#wanted = length
    }
    if (this.#held < this.#wanted) return undefined
    const pdu = this.#take(this.#wanted)
    this.#wanted = undefined
    return pdu
  }

  /** Whether part of a PDU is here: the stream must not end now. */
  get begun(): boolean {
    return this.#held > 0 || this.#wanted !== undefined
  }

  #take(count: number): Buffer {
    this.#held -= count
    const first = this.#chunks[0]
    if (first.length > count) {
      this.#chunks[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    if (first.length === count) return this.#chunks.shift()!
    const all = Buffer.concat(this.#chunks)
    this.#chunks = all.length > count ? [all.subarray(count)] : []
    return all.subarray(0, count)
  }
}

/** A PDU with its length in front, written in one go. */
export function encodeFramed<T>(pdu: Type<T>, value: T, expected?: number): Buffer {
  const writer = new Writer(expected)
  pdu.write(writer, value)
  const length = writer.size
  for (let shift = 0; shift < 32; shift += 8) writer.octet(length >>> shift & 0xff)
  return writer.finish()
}

/** Octets that are a PDU already (a test's, a transcript's), with their length in front. */
export function frame(pdu: Buffer): Buffer {
  const length = Buffer.alloc(prefix)
  length.writeUInt32BE(pdu.length)
  return Buffer.concat([length, pdu])
}
