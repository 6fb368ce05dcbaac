// Mailboxes that an account sees beside its own, under a first level of their own: whoever has some (a plugin) provides them.
// They belong to another account and are shown, under the same name, to those that their provider says.
import type { AccountId, MailboxId, MessageId, Uid } from '../base/branded.js'
import type { Transaction } from '../database/connect.js'
import type { Filing } from './contract.js'
import type { Rights } from './rights.js'
import type { Sharing } from './sharing.js'

export interface SeenMailbox {
  readonly mailbox: MailboxId
  /** Stored form ('/' between levels), below the provider's root. */
  readonly name: string
  readonly readOnly: boolean
}

/** All mailboxes of one owner, as far as there are rights to them, shown below one name. */
export interface Grant {
  readonly owner: AccountId
  /** Stored name of the owner's INBOX; the others lie below it. */
  readonly name: string
  /** As things stand now; none: not there. */
  rights(mailbox: MailboxId): Rights
  /** Whether \\Seen is each member's own. */
  readonly ownSeen: boolean
}

export interface MailboxProvider {
  /** The first level of its names. Nobody else can make a mailbox below it, whatever the case. */
  readonly root: string
  readonly kind: 'others' | 'shared'
  /** Whose mailboxes they are; undefined as long as there are none. */
  owner(): AccountId | undefined
  /** What it sees of whole accounts, from memory: the same array as long as no name and no right changed. */
  grants?(account: AccountId): readonly Grant[]
  /** A mailbox was made below a grant, below `parent`. */
  created?(owner: AccountId, parent: MailboxId, mailbox: MailboxId): Promise<void>
  /** What an account sees, from memory: the same array as long as nothing changed. */
  seen(account: AccountId): readonly SeenMailbox[]
  /** Before a subscription below the root is written (stored form). Throws MAILBOX_NOT_FOUND and the like. */
  subscribe?(account: AccountId, name: string): Promise<void>
  unsubscribe?(account: AccountId, name: string): Promise<void>
}

/** A message that is stored already, to be filed without a copy of its octets. */
export interface Stored { readonly message: MessageId; readonly internalDate: number }

/** What providers need beside what faces see. */
export interface MailboxProviders {
  provide(provider: MailboxProvider): void
  /** Offers sharing to faces. */
  share(sharing: Sharing): void
  /** Rights to these were changed: sessions that have them open look again. */
  changed(mailboxes: readonly MailboxId[]): void
  /** An owner's own mailboxes; names in stored form. */
  own(owner: AccountId): Promise<readonly { readonly id: MailboxId; readonly name: string }[]>
  /** A mailbox by the name that an account sees: whose it is, its name there, and the account's rights to it. Throws MAILBOX_NOT_FOUND. */
  row(account: AccountId, name: string): Promise<{ readonly id: MailboxId; readonly owner: AccountId; readonly name: string; readonly rights: Rights }>
  /** A mailbox of an owner by stored name; made when it is missing, with the levels above. */
  mailbox(owner: AccountId, name: string): Promise<MailboxId>
  /** Files into it, in one commit with `also`. Stored messages that are gone meanwhile are left out. Throws MAILBOX_GONE, OVER_QUOTA. */
  place(owner: AccountId, mailbox: MailboxId, messages: readonly (Filing | Stored)[], also: (tx: Transaction) => Promise<void>): Promise<void>
  /** Takes entries out of it: those of these UIDs. */
  takeOut(owner: AccountId, mailbox: MailboxId, uids: readonly Uid[]): Promise<void>
}

/** Whether a stored name lies at or below a root. */
export const isUnder = (name: string, root: string): boolean => {
  const first = name.split('/', 1)[0]
  return first.toLowerCase() === root.toLowerCase()
}

declare module '../plugin/services.js' {
  interface Services { mailboxProviders: MailboxProviders }
}
