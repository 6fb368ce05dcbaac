// What a submission agent mends in a message's header (RFC 6409 8): Bcc goes, missing Date and Message-ID come. Holds the
// header only; the body streams by untouched. Pure.
import { parseAddressList } from '@restante/core'

export interface Mended {
  readonly octets: Buffer
  /** Addresses in From (all of its fields), as 'local@domain'. */
  readonly from: readonly string[]
  /** Addresses in Sender. */
  readonly sender: readonly string[]
}

/** Larger headers are an attack or an accident; no mail program writes them. */
const maxHeader = 1024 * 1024

const emptyLine = Buffer.from('\r\n')

export class HeaderMender {
  #held: Buffer[] = []
  #size = 0
  #tail: Buffer = Buffer.alloc(0)
  /** @param defaults full values of the fields that may be missing */
  constructor(private readonly defaults: { readonly date: () => string; readonly messageId: () => string }) {}

  /** Takes octets until the header is complete, then gives it mended, with what came behind. 'too-large': give up. */
  push(chunk: Buffer): Mended | 'too-large' | undefined {
    const recent = Buffer.concat([this.#tail, chunk])
    this.#held.push(chunk)
    this.#size += chunk.length
    // An empty line may lie across chunks; a message may begin with one.
    if (recent.indexOf('\r\n\r\n') < 0 && !(this.#size - chunk.length < 2 && recent.subarray(0, 2).equals(emptyLine))) {
      this.#tail = recent.subarray(-3)
      return this.#size > maxHeader ? 'too-large' : undefined
    }
    const all = Buffer.concat(this.#held)
    return this.#mend(all, headerEnd(all))
  }

  /** The message ends before its header does. */
  end(): Mended {
    const all = Buffer.concat(this.#held)
    return this.#mend(all, all.length)
  }

  #mend(all: Buffer, end: number): Mended {
    const fields = all.toString('latin1', 0, end).match(/[^\r\n][^\r\n]*(?:\r\n[ \t][^\r\n]*)*(?:\r\n|$)/g) ?? []
    // A line that is no field ends the header where it stands; an mbox separator at the top is dropped.
    const kept: string[] = []
    const from: string[] = []
    const sender: string[] = []
    const seen = new Set<string>()
    let stray = ''
    for (const [i, field] of fields.entries()) {
      const name = /^([!-9;-~]+)[ \t]*:/.exec(field)?.[1]?.toLowerCase()
      if (name === undefined && i === 0 && /^>?From /.test(field)) continue
      if (name === undefined) {
        stray = fields.slice(i).join('')
        break
      }
      seen.add(name)
      if (name === 'from') from.push(...addresses(field.slice(field.indexOf(':') + 1)))
      if (name === 'sender') sender.push(...addresses(field.slice(field.indexOf(':') + 1)))
      if (name !== 'bcc' && name !== 'resent-bcc') kept.push(field.endsWith('\r\n') ? field : `${field}\r\n`)
    }
    if (!seen.has('date')) kept.push(`Date: ${this.defaults.date()}\r\n`)
    if (!seen.has('message-id')) kept.push(`Message-ID: ${this.defaults.messageId()}\r\n`)
    const empty = stray ? `\r\n${stray}` : ''
    return { octets: Buffer.concat([Buffer.from(kept.join('') + (empty || '\r\n'), 'latin1'), all.subarray(stray ? end : bodyStart(all, end))]), from, sender }
  }
}

/** Octets of the header, its last line end included. */
function headerEnd(octets: Buffer): number {
  return octets.subarray(0, 2).equals(emptyLine) ? 0 : octets.indexOf('\r\n\r\n') + 2
}

/** Behind the empty line. */
function bodyStart(octets: Buffer, end: number): number {
  return Math.min(octets.length, end + 2)
}

function addresses(value: string): string[] {
  return parseAddressList(value).flatMap((entry) => (entry.kind === 'mailbox' ? [utf8(`${entry.local}@${entry.domain}`)] : []))
}

/** Header octets beyond ASCII are UTF-8 (RFC 6532), or nothing that could be an address of ours. */
function utf8(octets: string): string {
  return Buffer.from(octets, 'latin1').toString('utf8')
}
