// The URLFETCH reply for one URL: its text as ever (RFC 4467), or what was asked of it: structure, text, decoded text (RFC 5524).
import { quoted } from '../grammar/mailbox-name.js'
import { isUndecodable, measureBinary, writeBinary } from '../fetch/binary.js'
import { withoutNul } from '../fetch/body.js'
import type { Binary } from '../grammar/fetch-items.js'
import type { Session } from '../session/session.js'
import type { ImapUrl } from './imap-url.js'
import { textOf, type Found } from './message-text.js'
import { decodedStructure, partStructure } from './part-structure.js'

export const urlParts = ['BODYPARTSTRUCTURE', 'BINARY', 'BODY'] as const
export type UrlPart = (typeof urlParts)[number]

/** @param found undefined for a URL that means nothing here: NIL, whatever was asked. */
export async function tellUrl(session: Session, text: string, url: ImapUrl, found: Found | undefined, wanted: ReadonlySet<UrlPart>): Promise<void> {
  const { say } = session
  const body = found && await textOf(found, url)
  const lead = `* URLFETCH ${quoted(text.replace(/[^\x20-\x7e]/g, '?'))} `
  if (!found || !body) return say.line(`${lead}NIL`)
  if (wanted.size === 0) {
    say.text(lead)
    await tellBody(session, body)
    return say.line('')
  }
  const { section } = url
  const binary: Binary = { kind: 'BINARY', part: section.part, sizeOnly: false, peek: true, partial: section.partial, label: 'BINARY' }
  // Headers have no transfer encoding; and what nobody can decode is NIL.
  const decodes = wanted.has('BINARY') && section.text === ''
  const undecodable = decodes && isUndecodable(binary, found.known)
  const pieces: (() => Promise<void> | void)[] = []
  const structure = wanted.has('BODYPARTSTRUCTURE') && section.text === '' ? partStructure(found.known.bodyStructure, section.part) : undefined
  if (structure !== undefined) {
    const shown = decodes && !undecodable && section.part !== '' ? decodedStructure(structure, (await measureBinary(found.content, found.known, binary)).size) : structure
    pieces.push(() => say.text(`BODYPARTSTRUCTURE ${shown}`))
  }
  if (undecodable) pieces.push(() => say.text('BINARY NIL'))
  else if (decodes) pieces.push(() => writeBinary(say, '', binary, found.known, found.content))
  else if (wanted.has('BINARY') || wanted.has('BODY')) pieces.push(async () => {
    say.text(`${wanted.has('BINARY') ? 'BINARY' : 'BODY'} `)
    await tellBody(session, body)
  })
  say.text(lead.trimEnd())
  for (const piece of pieces) {
    say.text(' (')
    await piece()
    say.text(')')
  }
  say.line(pieces.length === 0 ? ' NIL' : '')
}

async function tellBody({ say, connection }: Session, { size, octets }: { size: number; octets: AsyncIterable<Buffer> }): Promise<void> {
  say.text(`{${size}}\r\n`)
  let left = size
  for await (const chunk of octets) {
    say.octets(withoutNul(chunk))
    left -= chunk.length
    if (say.full) await say.flush()
  }
  // A literal that is too short cannot be mended.
  if (left !== 0) connection.destroy()
}
