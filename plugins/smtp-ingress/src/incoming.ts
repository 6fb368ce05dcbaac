// Mail from outside before it is stored: its octets for plugins that look at them, and the claims in its header that only we may make.
import { createReadStream } from 'node:fs'
import type { Spool, Spooled, SpoolWriter } from '@restante/core'
import { HeaderHold, type Held } from './header-hold.js'

/** Octets up to which a message is kept in memory; nearly all are smaller. */
const mostInMemory = 64 * 1024

/** A message that waits until plugins have seen it: as it came, in memory while it is small, else in the spool. */
export class Waiting {
  #chunks: Buffer[] = []
  #size = 0
  #writer: SpoolWriter | undefined
  #spooled: Spooled | undefined
  constructor(private readonly spool: Spool, private readonly limit: number) {}

  get size(): number {
    return this.#size
  }
  /** Wait for the promise when there is one. Throws MESSAGE_TOO_LARGE, NO_ROOM. */
  write(chunk: Buffer): Promise<void> | void {
    this.#size += chunk.length
    if (this.#writer) return this.#writer.write(chunk)
    this.#chunks.push(chunk)
    if (this.#size > mostInMemory) return this.#spill()
    // A peer that sends octet by octet must not be kept octet by octet.
    if (this.#chunks.length > mostChunks) this.#chunks = [Buffer.concat(this.#chunks)]
  }
  async #spill(): Promise<void> {
    const chunks = this.#chunks
    this.#chunks = []
    this.#writer = this.spool.open({ limit: this.limit })
    for (const chunk of chunks) await this.#writer.write(chunk)
  }
  /** It is complete. */
  async seal(): Promise<void> {
    this.#spooled = await this.#writer?.seal()
  }
  /** After `seal`; as often as anybody likes. */
  octets(): AsyncIterable<Buffer> {
    const { octets } = this.#spooled ?? {}
    if (octets && !Buffer.isBuffer(octets)) return createReadStream(octets.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>
    const chunks = octets ? [octets] : this.#chunks
    return (async function* () { yield* chunks })()
  }
  async discard(): Promise<void> {
    await this.#writer?.discard()
    await this.#spooled?.discard()
  }
}
const mostChunks = 256

/**
 * Takes out Authentication-Results fields that claim to be ours (RFC 8601 5): whoever reads ours must be able to believe them.
 * Nothing else changes.
 */
export class ClaimsFilter {
  readonly #hold = new HeaderHold()
  constructor(private readonly host: string) {}

  /** Answers once, when the header is complete: all octets so far without the claims. */
  push(chunk: Buffer): Buffer | 'too-large' | undefined {
    const held = this.#hold.push(chunk)
    return held === undefined || held === 'too-large' ? held : cleaned(held, this.host)
  }
  /** The message ends before its header does. */
  end(): Buffer {
    return cleaned(this.#hold.end(), this.host)
  }
}

function cleaned({ octets, headerEnd }: Held, host: string): Buffer {
  const header = octets.toString('latin1', 0, headerEnd)
  if (!/^authentication-results[ \t]*:/im.test(header)) return octets
  // The authserv-id, behind comments and blanks, perhaps quoted (RFC 8601 2.2).
  const kept = header.replace(/^authentication-results[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|$)/gim, (field) => {
    const id = /^[^:]*:(?:\s|\([^()]*\))*"?([^\s;"()]+)/.exec(field)?.[1]
    return id?.toLowerCase().replace(/\.$/, '') === host.toLowerCase() ? '' : field
  })
  return Buffer.concat([Buffer.from(kept, 'latin1'), octets.subarray(headerEnd)])
}
