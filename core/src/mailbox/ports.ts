// What mailboxes need from those beside them; the composition root binds them.
import type { MailboxId, MessageId, RecipientId, Uid } from '../base/branded.js'
import type { Transaction } from '../database/connect.js'

/** The message store's side of an entry: its pin and its read status. */
export interface Pins {
  /** Un-pins in this commit (im2000.md F16: deletion or transfer to another folder). */
  unpin(tx: Transaction, recipients: readonly RecipientId[]): Promise<void>
  /** After the commit: messages may have lost their last holder. */
  released(): void
  /** The reader has read these. */
  read(tx: Transaction, recipients: readonly RecipientId[]): Promise<void>
  /** Copies are one's own: makes sure that all of these messages are here before they are made. Throws CONTENT_UNAVAILABLE, MESSAGE_NOT_FOUND. */
  bring(messages: readonly MessageId[]): Promise<void>
  /** The same inside the commit, where it is certain. Throws CONTENT_UNAVAILABLE. */
  mustBeHere(tx: Transaction, messages: readonly MessageId[]): Promise<void>
  /** Of entries about to be read, those whose message its sender has taken back: they leave the mailbox (design section 8). */
  takenBack(mailbox: MailboxId, entries: readonly { readonly uid: Uid; readonly message: MessageId }[]): Promise<readonly Uid[]>
}
