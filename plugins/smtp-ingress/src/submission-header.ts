// What a submission agent mends in a message's header (RFC 6409 8): Bcc goes, missing Date and Message-ID come. Holds the
// header only; the body streams by untouched. Pure.
import { parseAddressList } from '@restante/core'
import { HeaderHold } from './header-hold.js'
import { rewriteField } from './submission/rewrite.js'

export interface Mended {
  readonly octets: Buffer
  /** Addresses in From (all of its fields), as 'local@domain'. */
  readonly from: readonly string[]
  /** Addresses in Sender. */
  readonly sender: readonly string[]
}

export class HeaderMender {
  readonly #hold = new HeaderHold()
  /** @param defaults full values of the fields that may be missing */
  constructor(private readonly defaults: { readonly date: () => string; readonly messageId: () => string }, private readonly rewrite?: (address: string) => string) {}

  /** Takes octets until the header is complete, then gives it mended, with what came behind. 'too-large': give up. */
  push(chunk: Buffer): Mended | 'too-large' | undefined {
    const held = this.#hold.push(chunk)
    return held === undefined || held === 'too-large' ? held : this.#mend(held.octets, held.headerEnd)
  }

  /** The message ends before its header does. */
  end(): Mended {
    const { octets, headerEnd } = this.#hold.end()
    return this.#mend(octets, headerEnd)
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
      let written = field.endsWith('\r\n') ? field : `${field}\r\n`
      if (name === 'from' || name === 'sender') {
        if (this.rewrite) written = rewriteField(written, addresses(valueOf(written)), this.rewrite)
        const found = name === 'from' ? from : sender
        found.push(...addresses(valueOf(written)))
      }
      if (name !== 'bcc' && name !== 'resent-bcc') kept.push(written)
    }
    if (!seen.has('date')) kept.push(`Date: ${this.defaults.date()}\r\n`)
    if (!seen.has('message-id')) kept.push(`Message-ID: ${this.defaults.messageId()}\r\n`)
    const empty = stray ? `\r\n${stray}` : ''
    return { octets: Buffer.concat([Buffer.from(kept.join('') + (empty || '\r\n'), 'latin1'), all.subarray(stray ? end : bodyStart(all, end))]), from, sender }
  }
}

const valueOf = (field: string): string => field.slice(field.indexOf(':') + 1)

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
