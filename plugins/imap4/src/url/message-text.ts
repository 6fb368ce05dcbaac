// The text that an IMAP URL means: looked up in its mailbox without selecting it, and streamed.
import { isFailure, type Content, type MessageId, type OpenMailbox, type SummaryField, type Uid } from '@restante/core'
import { readSection, sectionFields, type Range } from '../fetch/body.js'
import type { Known } from '../fetch/items.js'
import type { Session } from '../session/session.js'
import type { ImapUrl } from './imap-url.js'

export interface Found {
  readonly content: Content
  readonly known: Known
  readonly message: MessageId
}

/** The message of a URL, for an account that may read it; undefined when there is none. Throws CONTENT_UNAVAILABLE. */
export async function findMessage(session: Session, account: Session['account'], url: ImapUrl, name: string | undefined, also: readonly SummaryField[] = []): Promise<Found | undefined> {
  const { mailboxes, face: { services } } = session
  try {
    const message = name === undefined ? await standing(session.selected?.mailbox, url.uid as Uid) : await lookUp(session, account, url, name)
    if (message === undefined) return undefined
    const fields = [...new Set([...sectionFields(url.section), ...also])]
    let known = {} as Known
    if (fields.length > 0) for await (const some of mailboxes.summaries([message], [...new Set([...fields, 'parts' as const, 'headerSize' as const])])) known = (some.get(message) ?? known) as Known
    return { content: await services.contents.open(message), known, message }
  } catch (error) {
    if (isFailure(error, 'MAILBOX_NOT_FOUND') || isFailure(error, 'MAILBOX_GONE') || isFailure(error, 'MESSAGE_NOT_FOUND') || isFailure(error, 'MAILBOX_NAME_INVALID')) return undefined
    throw error
  }
}

async function lookUp({ mailboxes }: Session, account: Session['account'], { uid, uidValidity }: ImapUrl, name: string): Promise<MessageId | undefined> {
  const mailbox = await mailboxes.open(account.id, name, { readOnly: true })
  try {
    if (uidValidity !== undefined && uidValidity !== mailbox.uidValidity) return undefined
    return await standing(mailbox, uid as Uid)
  } finally {
    mailbox.close()
  }
}

/** A message that is there, and that its sender has not taken back. */
async function standing(mailbox: OpenMailbox | undefined, uid: Uid): Promise<MessageId | undefined> {
  const message = mailbox?.index.entry(uid)?.message
  return message !== undefined && (await mailbox!.takenBack([uid])).length === 0 ? message : undefined
}

/** The octets of the URL's section: how many, and a stream of them; undefined when the message has no such section. */
export const textOf = ({ content, known }: Found, { section }: ImapUrl): Promise<{ size: number; octets: AsyncIterable<Buffer> } | undefined> => readSection(section, known, content)
export type { Range }
