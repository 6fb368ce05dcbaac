// The vocabulary of RFC 5423: what happened to whom. The sinks are a plugin's business.
import type { AccountId, MailboxId, Uid } from '../base/branded.js'

/** Event types of RFC 5423 section 4. */
export const eventTypes = [
  'MessageAppend', 'MessageExpire', 'MessageExpunge', 'MessageNew', 'QuotaExceed', 'QuotaWithin', 'QuotaChange',
  'MessageRead', 'MessageTrash', 'FlagsSet', 'FlagsClear', 'Login', 'Logout',
  // RFC 5465 names these two.
  'MailboxMetadataChange', 'ServerMetadataChange',
  'MailboxCreate', 'MailboxDelete', 'MailboxRename', 'MailboxSubscribe', 'MailboxUnSubscribe',
] as const
export type EventType = (typeof eventTypes)[number]

interface Common<T extends EventType> {
  readonly type: T
  readonly account: AccountId
  /** Milliseconds UTC. */
  readonly at: number
}
interface InMailbox { readonly mailbox: MailboxId; readonly mailboxName: string }
interface OfMessages extends InMailbox { readonly uids: readonly Uid[] }

export type MailEvent =
  | Common<'MessageAppend' | 'MessageNew' | 'MessageExpunge' | 'MessageExpire' | 'MessageRead' | 'MessageTrash'> & OfMessages
  | Common<'FlagsSet' | 'FlagsClear'> & OfMessages & { readonly flags: readonly string[] }
  | Common<'QuotaExceed' | 'QuotaWithin' | 'QuotaChange'> & { readonly octets: number; readonly messages: number }
  | Common<'Login' | 'Logout'> & { readonly service: string; readonly remoteAddress: string }
  | Common<'MailboxCreate' | 'MailboxDelete' | 'MailboxSubscribe' | 'MailboxUnSubscribe'> & InMailbox
  | Common<'MailboxMetadataChange' | 'ServerMetadataChange'> & InMailbox & { readonly entries: readonly string[] }
  | Common<'MailboxRename'> & InMailbox & { readonly oldName: string }
