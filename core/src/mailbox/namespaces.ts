// Mailboxes that an account sees beside its own, under a first level of their own: whoever has some (a plugin) provides them.
// They belong to another account and are shown, under the same name, to those that their provider says.
import type { AccountId, MailboxId, MessageId, Uid } from '../base/branded.js'
import type { Transaction } from '../database/connect.js'
import type { Filing } from './contract.js'

export interface SeenMailbox {
  readonly mailbox: MailboxId
  /** Stored form ('/' between levels), below the provider's root. */
  readonly name: string
  readonly readOnly: boolean
}

export interface MailboxProvider {
  /** The first level of its names. Nobody else can make a mailbox below it, whatever the case. */
  readonly root: string
  readonly kind: 'others' | 'shared'
  /** Whose mailboxes they are; undefined as long as there are none. */
  owner(): AccountId | undefined
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
