// Octets in, whole commands out. Knows lines and literals ({n}, {n+}, ~{n}) and nothing else: which literal may come, and
// where it goes, is the rule's business. What arrives is kept in one buffer that exists only while something is unread.
import type { Spooled, SpoolWriter } from '@restante/core'

/** Text (one character per octet), a literal in memory, or a literal that went to the spool. */
export type Piece = string | Buffer | Spooled

export interface Frame {
  /** Text and literals in turn; starts with text. The `{n}` marks are taken out. */
  readonly pieces: readonly Piece[]
  /** Why the command was not read whole; it must be answered with this and not be run. */
  readonly trouble?: unknown
  /** The stream is out of step, or not worth reading on: answer and close. */
  readonly fatal?: boolean
}

export interface Literal {
  readonly size: number
  /** The peer waits for our `+`. */
  readonly sync: boolean
  /** `~{n}` (RFC 3516). */
  readonly binary: boolean
}

/** Where a literal goes: 'memory', a spool, or nowhere because of an error. Asked before a single octet of it is taken. */
export type Destination = 'memory' | SpoolWriter | { readonly refused: unknown }
export type LiteralRule = (literal: Literal, soFar: readonly Piece[]) => Destination | Promise<Destination>

export interface FramerOptions {
  readonly rule: LiteralRule
  /** Sends the `+` that a synchronising literal waits for. */
  goAhead(): void | Promise<void>
  /** Input is wanted: a socket that was paused may go on. */
  hungry(): void
  /** A line was over the limit. */
  tooLong(): unknown
  /** Octets of refused literals and over-long lines that are read and forgotten, to stay in step; above that: `fatal`. */
  readonly swallow: number
}

const LF = 10
const CR = 13
/** `{n}` and its variants are at most this long; a longer run of digits is refused by value. */
const markLength = 32
const endless = Symbol('a line without end')
const mark = /(~?)\{(\d+)(\+?)\}$/

export class Framer {
  /** Octets of a command's text, literals not counted. May be changed between commands. */
  maxLine: number
  readonly #options: FramerOptions
  #input: Buffer | undefined
  #at = 0
  #end = 0
  #scanned = 0
  #ended = false
  #closed = false
  #wake: (() => void) | undefined

  constructor(maxLine: number, options: FramerOptions) {
    this.maxLine = maxLine
    this.#options = options
  }

  /** Octets received and not yet consumed: the reader of the socket pauses on it. */
  get unread(): number { return this.#end - this.#at }

  feed(chunk: Buffer): void {
    const rest = this.unread
    if (rest === 0) {
      this.#input = chunk
      this.#at = this.#scanned = 0
      this.#end = chunk.length
    } else {
      let into = this.#input as Buffer
      if (this.#end + chunk.length > into.length) {
        // Never in place: slices of the old buffer may be on their way to the spool.
        const grown = Buffer.allocUnsafeSlow(Math.max(512, (rest + chunk.length) * 2))
        into.copy(grown, 0, this.#at, this.#end)
        this.#scanned -= this.#at
        this.#at = 0
        this.#end = rest
        this.#input = into = grown
      }
      chunk.copy(into, this.#end)
      this.#end += chunk.length
    }
    this.#stir()
  }

  /** Whether a command (or the rest of one) is being waited for. */
  get waiting(): boolean { return this.#wake !== undefined }

  /** Nothing more will come; what came is still read. */
  end(): void {
    this.#ended = true
    this.#stir()
  }

  /** Nothing is wanted any more. */
  close(): void {
    this.#closed = this.#ended = true
    this.discard()
    this.#stir()
  }

  /** Forgets what was received but not read: behind STARTTLS it was sent in clear (command injection). */
  discard(): void {
    this.#input = undefined
    this.#at = this.#end = this.#scanned = 0
  }

  /** The next command, or undefined at the end of the stream. With `literals: false` the next line, whatever it ends with. */
  async next(options?: { literals: boolean }): Promise<Frame | undefined> {
    const pieces: Piece[] = []
    let trouble: unknown
    let room = this.maxLine
    try {
      for (;;) {
        let line = this.#takeLine()
        while (line === undefined && this.unread <= room) {
          if (!(await this.#more())) return undefined
          line = this.#takeLine()
        }
        if (line === undefined || line.length > room) {
          trouble ??= this.#options.tooLong()
          const swallowed = line ?? (await this.#swallowLine())
          if (swallowed === undefined) return undefined
          if (swallowed === endless) return { pieces: [String(pieces[0] ?? '')], trouble, fatal: true }
          line = swallowed
        }
        room = Math.max(0, room - line.length)
        const found = options?.literals === false || line.charCodeAt(line.length - 1) !== 125 ? null : mark.exec(line.slice(-markLength))
        if (!found) {
          pieces.push(line)
          return trouble === undefined ? { pieces: pieces.splice(0) } : { pieces: [String(pieces[0])], trouble }
        }
        const literal: Literal = { size: Number(found[2]), sync: found[3] === '', binary: found[1] !== '' }
        pieces.push(line.slice(0, line.length - found[0].length))
        const to: Destination = trouble !== undefined ? { refused: trouble } : await this.#options.rule(literal, pieces)
        if (typeof to === 'object' && 'refused' in to) {
          trouble = to.refused
          const text = [String(pieces[0])]
          if (literal.sync) return { pieces: text, trouble } // not sent: the peer sees our answer first
          if (literal.size > this.#options.swallow) return { pieces: text, trouble, fatal: true }
          if (!(await this.#skip(literal.size))) return undefined
          continue
        }
        if (literal.sync) await this.#options.goAhead()
        if (to === 'memory') {
          const octets = await this.#collect(literal.size)
          if (!octets) return undefined
          pieces.push(octets)
          continue
        }
        const spooled = await this.#spool(to, literal.size)
        if (spooled === undefined) return undefined
        if ('refused' in spooled) trouble = spooled.refused
        else pieces.push(spooled)
      }
    } finally {
      // Whatever was spooled for a command that nobody will see (pieces is emptied when a whole frame is handed over).
      for (const piece of pieces) if (typeof piece === 'object' && !Buffer.isBuffer(piece)) await piece.discard()
    }
  }

  #stir(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Waits for input; false at the end of the stream. */
  async #more(): Promise<boolean> {
    if (this.#ended) return false
    const before = this.unread
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#options.hungry()
    })
    return !this.#closed && this.unread > before
  }

  /** A line without its end (CRLF, or a lone LF), or undefined when it is not all there. */
  #takeLine(): string | undefined {
    const input = this.#input
    if (!input || this.#at === this.#end) return undefined
    let found = input.indexOf(LF, this.#scanned)
    if (found >= this.#end) found = -1
    if (found < 0) {
      this.#scanned = this.#end
      return undefined
    }
    const stop = found > this.#at && input[found - 1] === CR ? found - 1 : found
    const line = input.toString('latin1', this.#at, stop)
    this.#consume(found + 1 - this.#at)
    return line
  }

  #consume(octets: number): void {
    this.#at += octets
    this.#scanned = this.#at
    if (this.#at === this.#end) this.discard()
  }

  /** Up to `limit` unread octets; not to be changed. */
  #take(limit: number): Buffer {
    const input = this.#input as Buffer
    const slice = input.subarray(this.#at, Math.min(this.#end, this.#at + limit))
    this.#consume(slice.length)
    return slice
  }

  async #skip(size: number): Promise<boolean> {
    for (let left = size; left > 0; left -= this.#take(left).length) if (this.unread === 0 && !(await this.#more())) return false
    return true
  }

  async #collect(size: number): Promise<Buffer | undefined> {
    // Memory grows with what arrives, not with what is announced.
    while (this.unread < size) if (!(await this.#more())) return undefined
    return size === 0 ? Buffer.alloc(0) : Buffer.from(this.#take(size))
  }

  async #spool(writer: SpoolWriter, size: number): Promise<Spooled | { refused: unknown } | undefined> {
    let left = size
    try {
      while (left > 0) {
        if (this.unread === 0 && !(await this.#more())) {
          await writer.discard()
          return undefined
        }
        const chunk = this.#take(left)
        left -= chunk.length
        await writer.write(chunk)
      }
      return await writer.seal()
    } catch (error) {
      await writer.discard()
      return (await this.#skip(left)) ? { refused: error } : undefined
    }
  }

  /** Reads an over-long line to its end, keeping its first words and its last (where a literal may be announced). */
  async #swallowLine(): Promise<string | typeof endless | undefined> {
    const first = (this.#input as Buffer).toString('latin1', this.#at, Math.min(this.#end, this.#at + 100))
    let tail = ''
    for (let gone = 0; ;) {
      const line = this.#takeLine()
      if (line !== undefined) return first + (tail + line).replace(/\r$/, '').slice(-markLength)
      gone += this.unread
      tail = (tail + (this.#input?.toString('latin1', Math.max(this.#at, this.#end - markLength), this.#end) ?? '')).slice(-markLength)
      this.discard()
      if (gone > this.#options.swallow) return endless
      if (!(await this.#more())) return undefined
    }
  }
}
