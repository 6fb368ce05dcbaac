// The change feed: what each commit did to each mailbox, told after the commit. Truth is rows; a change is a convenience
// that proves it is complete: it names the modseq that it starts from, so a gap makes the index read rows again.
import type { AccountId, MailboxId, MessageId, Modseq, RecipientId, Uid } from '../base/branded.js'
import type { KeywordSet } from './mailbox-index.js'

/** An entry as it was filed. */
export interface EntryRow {
  readonly uid: Uid
  readonly message: MessageId
  readonly flags: number
  readonly keywords: KeywordSet
  readonly size: number
  readonly internalDate: number
  readonly saveDate: number
  readonly recipient: RecipientId | null
  /** Where \\Seen is each member's own: who has seen it already. */
  readonly seenBy?: AccountId
}

/** One batch as it leaves a commit. All that is in it has modseq `to`. */
export interface Change {
  readonly mailbox: MailboxId
  /** Whose mailbox it is. */
  readonly account: AccountId
  readonly from: Modseq
  readonly to: Modseq
  readonly uidNext: Uid
  /** Ascending in UID. */
  readonly filed?: readonly EntryRow[]
  readonly flagged?: readonly { readonly uid: Uid; readonly flags: number; readonly keywords: KeywordSet }[]
  /** Changes of \\Seen that concern one member alone. */
  readonly own?: { readonly account: AccountId; readonly rows: readonly { readonly uid: Uid; readonly seen: boolean }[] }
  /** Ascending. */
  readonly expunged?: readonly Uid[]
  /** The mailbox itself is gone. */
  readonly deleted?: true
}

/** Between nodes a change travels without its rows: `{ mailbox, from, to }` is enough, the index reads the rest. */
export type Listener = (change: Change) => void

export class Feed {
  readonly #listeners = new Set<Listener>()
  readonly #watchers = new Map<AccountId, Set<Listener>>()

  /** Call after the commit only (Transaction.afterCommit). */
  tell(change: Change): void {
    for (const listener of this.#listeners) listener(change)
    for (const listener of this.#watchers.get(change.account) ?? []) listener(change)
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Changes of one account's mailboxes only: who watches one account is never asked about another. */
  watch(account: AccountId, listener: Listener): () => void {
    const known = this.#watchers.get(account)
    if (known) known.add(listener)
    else this.#watchers.set(account, new Set([listener]))
    return () => {
      const left = this.#watchers.get(account)
      left?.delete(listener)
      if (left?.size === 0) this.#watchers.delete(account)
    }
  }
}
