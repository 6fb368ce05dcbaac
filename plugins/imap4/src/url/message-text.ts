// The text that an IMAP URL means: looked up in its mailbox without selecting it, and streamed.
import { isFailure, type Content, type MessageId, type Uid } from '@restante/core'
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
export async function findMessage(session: Session, account: Session['account'], url: ImapUrl, name: string | undefined): Promise<Found | undefined> {
  const { mailboxes, face: { services } } = session
  try {
    const message = name === undefined ? session.selected?.mailbox.index.entry(url.uid as Uid)?.message : await lookUp(session, account, url, name)
    if (message === undefined) return undefined
    const fields = sectionFields(url.section)
    let known = {} as Known
    if (fields.length > 0) for await (const some of mailboxes.summaries([message], ['parts', 'headerSize', ...fields])) known = (some.get(message) ?? known) as Known
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
    return mailbox.index.entry(uid as Uid)?.message
  } finally {
    mailbox.close()
  }
}

/** The octets of the URL's section: how many, and a stream of them; undefined when the message has no such section. */
export const textOf = ({ content, known }: Found, { section }: ImapUrl): Promise<{ size: number; octets: AsyncIterable<Buffer> } | undefined> => readSection(section, known, content)
export type { Range }
