// A message from pieces (CATENATE, RFC 4469): texts that came with the command, and parts of messages that are here already.
import { createReadStream } from 'node:fs'
import type { Spooled, SpoolWriter } from '@restante/core'
import type { Piece } from '../grammar/append-data.js'
import { quoted } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { parseImapUrl } from './imap-url.js'
import { findMessage, textOf } from './message-text.js'

/** Writes the pieces one after the other into a new spool; memory holds one chunk. Throws MESSAGE_TOO_LARGE; [BADURL] for a piece that is not there. */
export async function assemble(session: Session, pieces: readonly Piece[]): Promise<Spooled> {
  const { face: { config, services } } = session
  const spool = services.spool.open({ limit: config.appendLimit })
  try {
    for (const piece of pieces) {
      if (typeof piece === 'string') await writeUrl(session, spool, piece)
      else if (Buffer.isBuffer(piece.octets)) await spool.write(piece.octets)
      else for await (const chunk of createReadStream(piece.octets.path)) await spool.write(chunk as Buffer)
    }
    return await spool.seal()
  } catch (error) {
    await spool.discard()
    throw error
  }
}

/** The account's own messages only: a URL of another server, or of somebody else, is none that we can follow. */
async function writeUrl(session: Session, spool: SpoolWriter, text: string): Promise<void> {
  const url = parseImapUrl(text)
  const own = url && !url.auth && (!url.server || (isHere(session, url.server.host) && (url.server.user ?? session.account.name).toLowerCase() === session.account.name))
  const found = own ? await findMessage(session, session.account, url, url.mailbox) : undefined
  const octets = found && await textOf(found, url as NonNullable<typeof url>)
  if (!octets) throw new Refusal(`BADURL ${quoted(quotable.test(text) ? text : '?')}`, 'There is no such message text')
  for await (const chunk of octets.octets) await spool.write(chunk)
}

/** What may stand in a response code. */
const quotable = /^[\x21-\x5a\x5e-\x7e]{1,1000}$/

/** Whether a host's name is one of ours. */
export const isHere = ({ face: { services }, connection }: Session, host: string): boolean =>
  host === 'localhost' || host === connection.localAddress || (services.net.certificate?.names.includes(host) ?? false)
