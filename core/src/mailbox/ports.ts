// What mailboxes need from those beside them; the composition root binds them.
import type { RecipientId } from '../base/branded.js'
import type { Transaction } from '../database/connect.js'

/** The message store's side of an entry: its pin and its read status. */
export interface Pins {
  /** Un-pins in this commit (im2000.md F16: deletion or transfer to another folder). */
  unpin(tx: Transaction, recipients: readonly RecipientId[]): Promise<void>
  /** After the commit: messages may have lost their last holder. */
  released(): void
  /** The reader has read these. */
  read(tx: Transaction, recipients: readonly RecipientId[]): Promise<void>
}
