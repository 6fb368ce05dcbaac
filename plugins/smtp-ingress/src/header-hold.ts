// Holds back the beginning of a message until its header is complete, however small the pieces are that it comes in. Pure.

export interface Held {
  /** All octets so far. */
  readonly octets: Buffer
  /** Where the header ends: behind its last line end, before the empty line; the whole, when the message is nothing but a header. */
  readonly headerEnd: number
}

/** Larger headers are an attack or an accident; no mail program writes them. */
export const mostHeader = 1024 * 1024

const emptyLine = Buffer.from('\r\n')

export class HeaderHold {
  /** Grows by doubling: a peer that sends octet by octet costs no more than others. */
  #held: Buffer = Buffer.alloc(0)
  #size = 0

  /** Answers once, when the header is complete. 'too-large': give up. */
  push(chunk: Buffer): Held | 'too-large' | undefined {
    const before = this.#size
    const octets = this.#with(chunk)
    const found = octets.subarray(0, 2).equals(emptyLine) ? -2 : octets.indexOf('\r\n\r\n', Math.max(0, before - 3))
    // Wherever the pieces happen to end: the same header is always too large or never.
    if (found > mostHeader || (found === -1 && this.#size > mostHeader)) return 'too-large'
    if (found !== -1) return { octets, headerEnd: found + 2 }
    if (before === 0) this.#held = Buffer.from(chunk)
    return undefined
  }

  /** The message ends before its header does. */
  end(): Held {
    return { octets: this.#held.subarray(0, this.#size), headerEnd: this.#size }
  }

  #with(chunk: Buffer): Buffer {
    const from = this.#size
    this.#size += chunk.length
    if (from === 0) return chunk // nearly always all of the header
    if (this.#held.length < this.#size) {
      const larger = Buffer.allocUnsafe(Math.max(4096, this.#size * 2))
      this.#held.copy(larger, 0, 0, from)
      this.#held = larger
    }
    chunk.copy(this.#held, from)
    return this.#held.subarray(0, this.#size)
  }
}
