// The octets between DATA and the end of data: dots un-stuffed, the end found, bare CR, bare LF and NUL dealt with as the
// listener's policy says. One pass, no copies where nothing changes. Pure.
//
// Only <CRLF>.<CRLF> ends a message. What other servers take for an end (<LF>.<LF>, <LF>.<CRLF>, <CR>.<CR> ...) is content
// here, and bare line ends are refused unless the policy says otherwise: no second message can be smuggled in one.

import type { OctetReader } from './chunks.js'

export type BareLineEnds = 'refuse' | 'normalise'
export type NulPolicy = 'refuse' | 'strip' | 'accept'
export type Violation = 'bare-cr' | 'bare-lf' | 'nul'

export interface BytesPolicy { readonly bareLineEnds: BareLineEnds; readonly nul: NulPolicy }

const [NUL, LF, CR, DOT] = [0, 10, 13, 46]
const crlf = Buffer.from('\r\n')
const loneCr = Buffer.from('\r')

/** Where the reader stands. A CR is held back until it is clear what follows. */
const enum At { LineStart, InLine, AfterCr, AfterDot, AfterDotCr }

export class DataReader implements OctetReader {
  #at: At = At.LineStart
  #violation: Violation | undefined
  /** @param dotted whether dots are stuffed and one alone is the end (DATA); otherwise there is no end here (BDAT) */
  constructor(private readonly policy: BytesPolicy, private readonly dotted = true) {}

  /** The first thing that the policy refuses; the content is then of no use. */
  get violation(): Violation | undefined {
    return this.#violation
  }

  /** @returns the content in this chunk, and (only when the end of data was in it) what came behind the end */
  push(chunk: Buffer): { content: Buffer | undefined; rest: Buffer | undefined } {
    const parts: Buffer[] = []
    const { length } = chunk
    const normalise = this.policy.bareLineEnds === 'normalise'
    let at = this.#at
    let from = 0 // content not yet in `parts` begins here
    let [nextCr, nextLf, nextNul] = [-1, -1, -1]
    const found = (position: number): number => (position < 0 ? length : position)
    const cut = (to: number): void => {
      if (to > from) parts.push(chunk.subarray(from, to))
    }
    for (let i = 0; i < length; i++) {
      let c = chunk[i]!
      if (at === At.InLine) {
        // Nearly all octets pass here: on to the next one that could mean something, by the machine's own search. What was
        // found stays found until it is passed, so that a chunk is searched once for each of the three.
        if (nextCr < i) nextCr = found(chunk.indexOf(CR, i))
        if (nextLf < i) nextLf = found(chunk.indexOf(LF, i))
        if (nextNul < i) nextNul = found(chunk.indexOf(NUL, i))
        i = Math.min(nextCr, nextLf, nextNul)
        if (i >= length) break
        c = chunk[i]!
        if (c === CR) {
          if (i + 1 < length && chunk[i + 1] === LF) {
            i++
            at = At.LineStart
          } else {
            cut(i)
            from = i + 1
            at = At.AfterCr
          }
        } else if (c === LF) {
          cut(i)
          from = i
          if (this.#bare('bare-lf', normalise)) {
            parts.push(crlf)
            from = i + 1
          }
        } else if (c === NUL && this.policy.nul !== 'accept') {
          cut(i)
          from = i + 1
          if (this.policy.nul === 'refuse') this.#violation ??= 'nul'
        }
      } else if (at === At.LineStart) {
        if (c === DOT && this.dotted) {
          cut(i)
          from = i + 1
          at = At.AfterDot
        } else {
          at = At.InLine
          i--
        }
      } else if (at === At.AfterCr) {
        if (c === LF) {
          parts.push(crlf)
          from = i + 1
          at = At.LineStart
        } else {
          parts.push(this.#bare('bare-cr', normalise) ? crlf : loneCr)
          from = i
          at = At.InLine
          i--
        }
      } else if (at === At.AfterDot) {
        if (c === CR) at = At.AfterDotCr
        else {
          from = i
          at = At.InLine
          i--
        }
      } else if (c === LF) {
        this.#at = At.LineStart
        return { content: joined(parts), rest: chunk.subarray(i + 1) }
      } else {
        parts.push(this.#bare('bare-cr', normalise) ? crlf : loneCr)
        from = i
        at = At.InLine
        i--
      }
    }
    if (at === At.InLine || at === At.LineStart) cut(length)
    this.#at = at
    return { content: joined(parts), rest: undefined }
  }

  /** Content without an end of its own. */
  pass(content: Buffer): Buffer | undefined {
    return this.push(content).content
  }
  /** There is no more: what was held back, if anything. */
  finish(): Buffer | undefined {
    if (this.#at !== At.AfterCr) return undefined
    this.#at = At.LineStart
    return this.#bare('bare-cr', this.policy.bareLineEnds === 'normalise') ? crlf : loneCr
  }

  /** Whether to write CRLF instead. */
  #bare(what: Violation, normalise: boolean): boolean {
    if (!normalise) this.#violation ??= what
    return normalise
  }
}

function joined(parts: readonly Buffer[]): Buffer | undefined {
  return parts.length > 1 ? Buffer.concat(parts) : parts[0]
}
