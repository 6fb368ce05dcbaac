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
  /** What has arrived and was not taken: from #from to #to of #octets. */
  #octets: Buffer = Buffer.alloc(0)
  #from = 0
  #to = 0
  /** Whether #octets is ours to write behind #to. */
  #own = false
  /** Length of the PDU that is coming in; undefined: its prefix is not complete. */
  #wanted: number | undefined
  constructor(private readonly limit: number) {}

  /** Octets as they arrive, in any portions. */
  push(chunk: Buffer): void {
    const held = this.#to - this.#from
    if (held === 0) {
      this.#octets = chunk
      this.#from = 0
      this.#to = chunk.length
      this.#own = false
      return
    }
    // Twice what is here at most, so that a peer must send what it makes us hold.
    if (!this.#own || this.#octets.length - this.#to < chunk.length) {
      const larger = Buffer.allocUnsafe(Math.max(held + chunk.length, Math.min(this.#wanted ?? prefix, 2 * held)))
      this.#octets.copy(larger, 0, this.#from, this.#to)
      this.#octets = larger
      this.#from = 0
      this.#to = held
      this.#own = true
    }
    chunk.copy(this.#octets, this.#to)
    this.#to += chunk.length
  }

  /** The next complete PDU, if it is all there. Throws FramingBroken. */
  next(): Buffer | undefined {
    if (this.#wanted === undefined) {
      if (this.#to - this.#from < prefix) return undefined
      const length = this.#octets.readUInt32BE(this.#from)
      if (length === 0) throw new FramingBroken('a PDU of no octets')
      if (length > this.limit) throw new FramingBroken(`a PDU of ${length} octets; ${this.limit} are allowed`)
      this.#from += prefix
      this.#wanted = length
    }
    if (this.#to - this.#from < this.#wanted) return undefined
    const pdu = this.#octets.subarray(this.#from, this.#from += this.#wanted)
    this.#wanted = undefined
    return pdu
  }

  /** Whether part of a PDU is here: the stream must not end now. */
  get begun(): boolean {
    return this.#to > this.#from || this.#wanted !== undefined
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
