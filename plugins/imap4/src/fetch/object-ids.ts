// OBJECTID (RFC 8474): names that stay. A mailbox's and a message's are their numbers, which are never used again; a copy is the
// same message. A thread's is made of the id of the message that began it, so it needs no table and never changes.
import { createHash } from 'node:crypto'
import type { MailboxId, MessageId, SortKeys } from '@restante/core'

export const mailboxObjectId = (id: MailboxId): string => `F${id}`
export const emailObjectId = (id: MessageId): string => `M${id}`

export function threadObjectId(id: MessageId, { references, messageId }: SortKeys): string {
  const root = references.length > 0 ? references[0] : messageId
  return root === '' ? `TM${id}` : `T${createHash('sha256').update(root).digest('hex').slice(0, 24)}`
}
