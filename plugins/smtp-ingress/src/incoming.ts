// Mail from outside that plugins look at before it is stored: its octets, and the claims in its header that only we may make.
import { createReadStream } from 'node:fs'
import type { Spooled } from '@restante/core'

export function octetsOf({ octets }: Spooled): AsyncIterable<Buffer> {
  if (!Buffer.isBuffer(octets)) return createReadStream(octets.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>
  return (async function* () { yield octets })()
}

/** A header beyond this is not looked at to its end. */
const mostHeader = 1024 * 1024

/**
 * The message without Authentication-Results fields that claim to be ours (RFC 8601 5): whoever reads ours must be able to believe
 * them. Nothing else changes.
 */
export async function* withoutClaims(octets: AsyncIterable<Buffer>, host: string): AsyncGenerator<Buffer> {
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of octets) {
    if (head === undefined) {
      yield chunk
      continue
    }
    head = Buffer.concat([head, chunk])
    const end = head.subarray(0, 2).toString('latin1') === '\r\n' ? 0 : head.indexOf('\r\n\r\n')
    if (end < 0 && head.length < mostHeader) continue
    yield cleaned(head, end < 0 ? head.length : end + 2, host)
    head = undefined
  }
  if (head !== undefined && head.length > 0) yield cleaned(head, head.length, host)
}

function cleaned(octets: Buffer, headerEnd: number, host: string): Buffer {
  const header = octets.toString('latin1', 0, headerEnd)
  if (!/^authentication-results[ \t]*:/im.test(header)) return octets
  // The authserv-id, behind comments and blanks, perhaps quoted (RFC 8601 2.2).
  const kept = header.replace(/^authentication-results[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|$)/gim, (field) => {
    const id = /^[^:]*:(?:\s|\([^()]*\))*"?([^\s;"()]+)/.exec(field)?.[1]
    return id?.toLowerCase().replace(/\.$/, '') === host.toLowerCase() ? '' : field
  })
  return Buffer.concat([Buffer.from(kept, 'latin1'), octets.subarray(headerEnd)])
}
