// Octets of POP3: lines in; multi-line responses out, with their dots stuffed. Pure.

/** Splits what a peer sends into lines. LF ends one; a CR before it goes. */
export class Lines {
  #held: Buffer = Buffer.alloc(0)
  #skipping = false
  /** Octets that wait. */
  get waiting(): number {
    return this.#held.length
  }
  push(chunk: Buffer): void {
    this.#held = this.#held.length ? Buffer.concat([this.#held, chunk]) : chunk
  }
  /** Whether `next` would give a line. */
  get ready(): boolean {
    return this.#held.includes(10)
  }
  /** The next line; undefined while it is not complete; 'too-long' once for each that is longer than `max`. */
  next(max: number): { text: string } | 'too-long' | undefined {
    const end = this.#held.indexOf(10)
    if (end < 0) {
      if (this.#held.length <= max + 2) return undefined
      // Only that something too long is coming is worth knowing of it.
      this.#held = this.#held.subarray(this.#held.length)
      const first = !this.#skipping
      this.#skipping = true
      return first ? 'too-long' : undefined
    }
    const line = this.#held.subarray(0, end > 0 && this.#held[end - 1] === 13 ? end - 1 : end)
    this.#held = this.#held.subarray(end + 1)
    if (this.#skipping) {
      this.#skipping = false
      return this.next(max)
    }
    return line.length > max ? 'too-long' : { text: line.toString('utf8') }
  }
  /** Forgets what waits: what came in clear behind STLS must not be heard inside TLS. */
  discard(): void {
    this.#held = Buffer.alloc(0)
    this.#skipping = false
  }
}

const [LF, CR, DOT] = [10, 13, 46]
const crlf = Buffer.from('\r\n')
const dot = Buffer.from('.')

/**
 * Message octets as they travel (RFC 1939 3): a dot before each dot that begins a line, CRLF at each line's end (a bare LF,
 * which only a careless IM2000 store or APPEND brings, becomes one: a client would take it for a line end anyway), CRLF
 * and a dot at the very end. Slices of the input wherever nothing changes.
 */
export class Stuffer {
  /** Octets of the line that has begun. */
  #column = 0
  #lastWasCr = false
  #lines = 0
  #inBody = false

  /** @param bodyLines for TOP: behind the empty line so many lines; otherwise everything */
  constructor(private readonly bodyLines = Infinity) {}

  /** TOP has all it wants. */
  get done(): boolean {
    return this.#inBody && this.#lines >= this.bodyLines
  }

  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = []
    let from = 0
    let at = 0
    const cut = (to: number): void => {
      if (to > from) out.push(chunk.subarray(from, to))
    }
    while (at < chunk.length && !this.done) {
      if (this.#column === 0 && chunk[at] === DOT) {
        cut(at)
        out.push(dot)
        from = at
      }
      const end = chunk.indexOf(LF, at)
      if (end < 0) {
        this.#column += chunk.length - at
        this.#lastWasCr = chunk[chunk.length - 1] === CR
        at = chunk.length
        break
      }
      const hasCr = end > at ? chunk[end - 1] === CR : this.#column > 0 && this.#lastWasCr
      const empty = this.#column + end - at === (hasCr ? 1 : 0)
      if (!hasCr) {
        cut(end)
        out.push(crlf)
        from = end + 1
      }
      this.#column = 0
      at = end + 1
      if (this.#inBody) this.#lines++
      else this.#inBody = empty
    }
    cut(at)
    return out
  }

  end(): Buffer {
    return Buffer.from(this.#column === 0 ? '.\r\n' : this.#lastWasCr ? '\n.\r\n' : '\r\n.\r\n')
  }
}
