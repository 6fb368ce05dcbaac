// Mail from outside before it is stored: its octets for plugins that look at them, and the claims in its header that only we may make.
import { createReadStream } from 'node:fs'
import type { Spooled } from '@restante/core'
import { HeaderHold, type Held } from './header-hold.js'

export function octetsOf({ octets }: Spooled): AsyncIterable<Buffer> {
  if (!Buffer.isBuffer(octets)) return createReadStream(octets.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>
  return (async function* () { yield octets })()
}

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
