// The octets that go out. The store keeps what it was given (im2000.md D18); SMTP has lines that end in CRLF and nothing else,
// or a lone line feed and a dot would end the message early at some server (smuggling). Memory is bounded.
import { isAscii } from 'node:buffer'
import { Transform, type TransformCallback } from 'node:stream'

/** Every CR, LF and CRLF becomes CRLF. */
export class LineEnds extends Transform {
  #cr = false
  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    let text = chunk.toString('latin1')
    if (this.#cr && text.startsWith('\n')) text = text.slice(1)
    this.#cr = text === '' ? false : text.endsWith('\r')
    done(null, Buffer.from(withCrlf(text), 'latin1'))
  }
}
const withCrlf = (text: string): string => text.replace(/\r\n|\r|\n/g, '\r\n')
/** As LineEnds, of a message that is in memory. */
export const lineEnds = (octets: Buffer): Buffer => Buffer.from(withCrlf(octets.toString('latin1')), 'latin1')

/** What must be known of a message before it is offered to anybody. */
export interface Look {
  readonly header: string
  readonly hops: number
  readonly eightBit: boolean
  readonly nul: boolean
  /** Octets, when each line end is CRLF. */
  readonly size: number
  /** Each is already: the octets can go as they are. */
  readonly clean: boolean
}

const mostHeader = 256 * 1024

/** One pass over all of it. */
export async function look(octets: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<Look> {
  const head: Buffer[] = []
  let held = 0
  let eightBit = false
  let nul = false
  let size = 0
  let lone = 0
  /** A CR at the end of a chunk belongs to what follows it. */
  let carry = ''
  for await (const chunk of octets) {
    if (held < mostHeader) {
      head.push(chunk.subarray(0, mostHeader - held))
      held += chunk.length
    }
    nul ||= chunk.includes(0)
    eightBit ||= !isAscii(chunk)
    const text = carry + chunk.toString('latin1')
    carry = text.endsWith('\r') ? '\r' : ''
    size += text.length - carry.length
    lone += loneEnds(carry === '' ? text : text.slice(0, -1))
  }
  lone += carry.length
  const text = Buffer.concat(head).toString('latin1')
  const end = /\r?\n\r?\n/.exec(text)
  const header = withCrlf(text.slice(0, end ? end.index : undefined))
  return { header, hops: (header.match(/^received[ \t]*:/gim) ?? []).length, eightBit, nul, size: size + carry.length + lone, clean: lone === 0 }
}

/** CR and LF that stand alone: each will be one octet more. */
function loneEnds(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'), cr = text.indexOf('\r'); at >= 0 || cr >= 0;) {
    if (cr >= 0 && cr === at - 1) {
      at = text.indexOf('\n', at + 1)
      cr = text.indexOf('\r', cr + 1)
    } else {
      count++
      if (at < 0 || (cr >= 0 && cr < at)) cr = text.indexOf('\r', cr + 1)
      else at = text.indexOf('\n', at + 1)
    }
  }
  return count
}
