// The octets that go out. The store keeps what it was given (im2000.md D18); SMTP has lines that end in CRLF and nothing else,
// or a lone line feed and a dot would end the message early at some server (smuggling). Memory is bounded.
import { Transform, type TransformCallback } from 'node:stream'

/** Every CR, LF and CRLF becomes CRLF. `octets` counts what came out. */
export class LineEnds extends Transform {
  #cr = false
  octets = 0
  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    let text = chunk.toString('latin1')
    if (this.#cr && text.startsWith('\n')) text = text.slice(1)
    this.#cr = text === '' ? false : text.endsWith('\r')
    const out = Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'), 'latin1')
    this.octets += out.length
    done(null, out)
  }
}

/** What must be known of a message before it is offered to anybody. */
export interface Look { readonly header: string; readonly hops: number; readonly eightBit: boolean; readonly nul: boolean; readonly size: number }

const mostHeader = 256 * 1024

/** One pass over all of it. */
export async function look(octets: AsyncIterable<Buffer>): Promise<Look> {
  const head: Buffer[] = []
  let held = 0
  let eightBit = false
  let nul = false
  let size = 0
  let last = 0
  for await (const chunk of octets) {
    if (held < mostHeader) {
      head.push(chunk.subarray(0, mostHeader - held))
      held += chunk.length
    }
    for (const octet of chunk) {
      if (octet === 0) nul = true
      else if (octet > 127) eightBit = true
      // As it will be counted when each line end is two octets.
      if (octet === 0x0a) size += last === 0x0d ? 0 : 2
      else if (octet === 0x0d) size += 2
      else size++
      last = octet
    }
  }
  const text = Buffer.concat(head).toString('latin1')
  const end = /\r?\n\r?\n/.exec(text)
  const header = text.slice(0, end ? end.index : undefined).replace(/\r\n|\r|\n/g, '\r\n')
  return { header, hops: (header.match(/^received[ \t]*:/gim) ?? []).length, eightBit, nul, size }
}
