// Giving others rights to mailboxes, as faces and administration ask for it (RFC 4314). A plugin implements it; without one
// nobody can share, and faces do not offer it. Types only.
import type { AccountId } from '../base/branded.js'
import type { Rights } from './rights.js'

export interface Sharing {
  /** Who has which rights; identifiers as people write them. Throws MAILBOX_NOT_FOUND, RIGHTS_MISSING without 'a'. */
  entries(account: AccountId, mailbox: string): Promise<readonly { readonly identifier: string; readonly rights: Rights }[]>
  /** `change`: letters, with '+' or '-' in front or none. Throws also RIGHTS_INVALID, ACCOUNT_NOT_FOUND for an identifier that is nobody. */
  set(account: AccountId, mailbox: string, identifier: string, change: string): Promise<void>
  remove(account: AccountId, mailbox: string, identifier: string): Promise<void>
  /** Rights that this identifier has whatever is done: the owner's. Throws like `entries`. */
  always(account: AccountId, mailbox: string, identifier: string): Promise<Rights>
  /** The account's own, as things stand. Throws MAILBOX_NOT_FOUND. */
  mine(account: AccountId, mailbox: string): Promise<Rights>
}
