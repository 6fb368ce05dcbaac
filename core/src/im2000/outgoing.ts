// A message file on its way to a store: what an originator's program must see to (im2000.md F4, F10), because the store adds
// nothing but its trace header. The header is held and mended; the body streams by.
import { open } from 'node:fs/promises'
import { failure } from '../errors/codes.js'
import { parseAddressList } from '../message/address.js'
import { eachField } from '../message/headers.js'

export interface Outgoing {
  /** Addresses of To, Cc and Bcc, each once. */
  readonly recipients: readonly string[]
  readonly messageId: string
  /** The octets to submit; to be read once. */
  readonly octets: AsyncGenerator<Buffer>
}
export interface OutgoingOptions {
  /** Not an octet is changed. Otherwise line ends become CRLF, Bcc goes, a missing Date and Message-ID come. */
  readonly exact?: boolean
  readonly date: () => Date
  readonly messageId: () => string
}

/** No mail program writes a larger one. */
const largestHeader = 1024 * 1024
const piece = 256 * 1024

/** Throws CONFIG_INVALID for a file that cannot be read, NOT_PERMITTED for a message without a From field or whose header does not end. */
export async function outgoing(path: string, { exact = false, date, messageId }: OutgoingOptions): Promise<Outgoing> {
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw failure('CONFIG_INVALID', { report: `${path}: cannot be read: ${error.code ?? error.message}` }, error)
  })
  const pieces = withLineEnds(handle.createReadStream({ highWaterMark: piece }) as AsyncIterable<Buffer>, exact)
  try {
    let held: Buffer = Buffer.alloc(0)
    let end = -1
    for (let next = await pieces.next(); ; next = await pieces.next()) {
      if (next.done) {
        end = held.length
        break
      }
      held = Buffer.concat([held, next.value])
      end = headerEnd(held)
      if (end >= 0) break
      if (held.length > largestHeader) throw failure('NOT_PERMITTED', { what: `a header of more than ${largestHeader} octets` })
    }
    const found = mended(held.toString('latin1', 0, end), { date, messageId })
    const head = exact ? held : Buffer.concat([Buffer.from(found.header, 'latin1'), held.subarray(end)])
    return { recipients: found.recipients, messageId: found.messageId, octets: all(head, pieces, () => handle.close()) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function* all(head: Buffer, rest: AsyncIterable<Buffer>, done: () => Promise<void>): AsyncGenerator<Buffer> {
  try {
    yield head
    yield* rest
  } finally {
    await done()
  }
}

/** Where the empty line begins, or -1; lines may end in CRLF or LF. */
function headerEnd(octets: Buffer): number {
  if (octets[0] === 0x0a || (octets[0] === 0x0d && octets[1] === 0x0a)) return 0
  const found = [octets.indexOf('\n\r\n'), octets.indexOf('\n\n')].filter((at) => at >= 0)
  return found.length === 0 ? -1 : Math.min(...found) + 1
}

function mended(header: string, { date, messageId }: Pick<OutgoingOptions, 'date' | 'messageId'>): { header: string; recipients: string[]; messageId: string } {
  const block = header === '' || header.endsWith('\n') ? header : `${header}\r\n`
  const kept: string[] = []
  const values = new Map<string, string[]>()
  eachField(block, (name, start, value, end) => {
    if (name === '') throw failure('NOT_PERMITTED', { what: `a header with the line ${JSON.stringify(block.slice(start, Math.min(end, start + 60)))}` })
    values.set(name, [...values.get(name) ?? [], block.slice(value, end)])
    if (name !== 'bcc' && name !== 'resent-bcc') kept.push(block.slice(start, end))
  })
  if (!values.has('from')) throw failure('NOT_PERMITTED', { what: 'a message without a From field' })
  const recipients = ['to', 'cc', 'bcc'].flatMap((name) => values.get(name) ?? []).flatMap((value) => parseAddressList(value))
    .flatMap((entry) => (entry.kind === 'mailbox' ? [Buffer.from(`${entry.local}@${entry.domain}`, 'latin1').toString('utf8')] : []))
  if (!values.has('date')) kept.push(`Date: ${date().toUTCString().replace('GMT', '+0000')}\r\n`)
  const id = values.get('message-id')?.[0].trim() ?? messageId()
  if (!values.has('message-id')) kept.push(`Message-ID: ${id}\r\n`)
  return { header: kept.join(''), recipients: [...new Set(recipients)], messageId: id }
}

/** Lone line feeds become CRLF, unless nothing may change. */
async function* withLineEnds(pieces: AsyncIterable<Buffer>, exact: boolean): AsyncGenerator<Buffer> {
  let last = 0
  for await (const one of pieces) {
    if (exact) {
      yield one
      continue
    }
    const text = one.toString('latin1')
    const mendedText = text.replace(/(\r?)\n/g, (whole, cr: string, at: number) => (cr !== '' || (at === 0 && last === 0x0d) ? whole : '\r\n'))
    last = one[one.length - 1]
    yield Buffer.from(mendedText, 'latin1')
  }
}
