// What faces see of mailboxes: names, one open mailbox per session, changes to it. Types only; mailboxes.ts and
// mailbox.ts implement it.
import type { AccountId, MailboxId, MessageId, Modseq, Seq, Uid } from '../base/branded.js'
import type { Spooled } from '../blobs/contract.js'
import type { Summary } from '../message/summary.js'
import type { Change } from './feed.js'
import type { MailboxIndex } from './mailbox-index.js'
import type { Rights } from './rights.js'
import type { Sharing } from './sharing.js'
import type { Announcement, View } from './view.js'

/** System flags as bits of `flags` (RFC 3501 2.3.2). \Recent is the session's own, see View. */
export const flagBits = { '\\Seen': 1, '\\Answered': 2, '\\Flagged': 4, '\\Deleted': 8, '\\Draft': 16 } as const
export type SystemFlag = keyof typeof flagBits

/** Special uses (RFC 6154). */
export type SpecialUse = '\\All' | '\\Archive' | '\\Drafts' | '\\Flagged' | '\\Junk' | '\\Sent' | '\\Trash'

export interface MailboxInfo {
  readonly id: MailboxId
  /** Full name as the account sees it, with the configured separator, in Unicode (NFC). 'INBOX' is always spelled so. */
  readonly name: string
  /** false for a level of hierarchy that has no mailbox of its own (\Noselect); such have id 0. */
  readonly selectable: boolean
  readonly hasChildren: boolean
  readonly subscribed: boolean
  readonly specialUse: SpecialUse | null
}

export interface Namespaces {
  readonly separator: string
  /** Prefixes, each with its separator at the end; '' for the personal one. */
  readonly personal: readonly string[]
  readonly others: readonly string[]
  readonly shared: readonly string[]
}

export interface MailboxStatus {
  readonly id: MailboxId
  readonly messages: number
  readonly recent: number
  readonly unseen: number
  readonly deleted: number
  readonly uidNext: Uid
  readonly uidValidity: number
  readonly highestModseq: Modseq
  /** Sum of message sizes in octets (RFC 8438). */
  readonly size: number
}

/** One message to file by a user's hand (APPEND). */
export interface Filing {
  readonly spooled: Spooled
  readonly flags: number
  readonly keywords: readonly string[]
  /** Milliseconds UTC; now when absent. */
  readonly internalDate?: number
}

export interface Filed { readonly uidValidity: number; readonly uids: readonly Uid[] }
/** Source and target UIDs, pairwise, ascending in source (RFC 4315 COPYUID). */
export interface Copied { readonly uidValidity: number; readonly from: readonly Uid[]; readonly to: readonly Uid[] }

/** A change of flags and keywords (IMAP STORE). */
export interface FlagChange {
  readonly mode: 'add' | 'remove' | 'replace'
  readonly flags: number
  readonly keywords: readonly string[]
  /** Conditional STORE (RFC 7162): entries with a higher modseq are left alone and come back in `modified`. */
  readonly unchangedSince?: Modseq
}
export interface FlagResult {
  /** Those that exist and were (or already are) so. */
  readonly done: readonly Uid[]
  /** Left alone because of `unchangedSince`. */
  readonly modified: readonly Uid[]
  /** Asked for, but expunged in the meantime. */
  readonly gone: readonly Uid[]
}

/** A session's selected mailbox: the shared index, this session's own view of it, and what it can do there. */
export interface OpenMailbox {
  readonly id: MailboxId
  readonly name: string
  readonly uidValidity: number
  readonly readOnly: boolean
  /** What may be done here as things stand (RFC 4314); somebody may take rights away while it is open. */
  readonly rights: Rights
  /** Flags, sizes, dates by UID; shared by all sessions in this process, always at least as new as the view. */
  readonly index: MailboxIndex
  /** What this session has been told. */
  readonly view: View
  /**
   * Brings the view up to date and says what to announce, in this order: expunges (as sequence numbers, counted downwards),
   * then flag changes, then EXISTS/RECENT. With `expunges: false` expunged messages keep their numbers and stay readable.
   */
  look(options: { expunges: boolean }): Announcement
  /** Calls `listener` whenever `look` might have something new. Returns the way to stop. Also called when the mailbox is deleted. */
  onChange(listener: () => void): () => void
  /** Whether another session deleted the mailbox. */
  readonly gone: boolean
  /** STORE. Own changes are not announced by `look` unless someone else changed the same message later. Resolves after the commit, when the index shows it. */
  changeFlags(uids: readonly Uid[], change: FlagChange): Promise<FlagResult>
  /** Expunges those of `uids` (all when undefined) that have \Deleted. Resolves with what went, after the commit. */
  expunge(uids?: readonly Uid[]): Promise<readonly Uid[]>
  /** COPY: all or nothing. Throws MAILBOX_NOT_FOUND, OVER_QUOTA. */
  copy(uids: readonly Uid[], target: string): Promise<Copied>
  /** MOVE: all or nothing, one commit (RFC 6851). */
  move(uids: readonly Uid[], target: string): Promise<Copied>
  /**
   * Files a message in `target` and expunges `uid` here, in one commit (RFC 8508). Throws MESSAGE_NOT_FOUND when it is gone already:
   * then nothing was filed.
   */
  replace(uid: Uid, target: string, filing: Filing): Promise<Filed>
  /**
   * UIDs expunged after `modseq` that this session does not show (any more): pairs low, high, ascending. Exact as far as the rows
   * of expunges reach back, else every UID that was ever given and is not there (RFC 7162 3.2.6); never more pairs than gaps.
   */
  expungedSince(modseq: Modseq): Promise<readonly number[]>
  /**
   * The whole text of these was handed out (BODY.PEEK[], RETR): their store shall know, whatever the flags say (im2000.md D.4).
   * Written soon, and before the messages leave the mailbox; nobody waits for it.
   */
  noteRead(uids: readonly Uid[]): void
  /**
   * Before messages are handed out to be read: those of them whose senders have taken them back meanwhile. They have left the
   * mailbox and must not be shown. Costs nothing but for unread mail from other stores, which are asked.
   */
  takenBack(uids: readonly Uid[]): Promise<readonly Uid[]>
  /** Must be called when the session leaves the mailbox. */
  close(): void
}

export type SummaryField = keyof Summary

export interface Mailboxes {
  /** How mailboxes are shared; undefined when nobody offers it. */
  readonly sharing: Sharing | undefined
  namespaces(account: AccountId): Namespaces
  /** All mailboxes the account may see, in tree order, and levels of hierarchy without a mailbox. One query; from memory when unchanged. */
  list(account: AccountId): Promise<readonly MailboxInfo[]>
  /** Subscribed names, also of mailboxes that do not exist (RFC 3501 6.3.6). */
  subscriptions(account: AccountId): Promise<readonly string[]>
  subscribe(account: AccountId, name: string): Promise<void>
  unsubscribe(account: AccountId, name: string): Promise<void>
  /** Creates, with all missing parents. Throws MAILBOX_EXISTS, MAILBOX_NAME_INVALID, TOO_MANY_MAILBOXES. */
  create(account: AccountId, name: string, specialUse?: SpecialUse): Promise<void>
  /** Throws MAILBOX_NOT_FOUND, MAILBOX_PROTECTED (INBOX). With children it empties the mailbox and leaves a \Noselect level (RFC 3501 6.3.4), or throws MAILBOX_HAS_CHILDREN if it is already one. */
  delete(account: AccountId, name: string): Promise<void>
  /** With its children. INBOX: moves its messages to the new mailbox, INBOX and its children stay (RFC 3501 6.3.5). */
  rename(account: AccountId, from: string, to: string): Promise<void>
  status(account: AccountId, name: string): Promise<MailboxStatus>
  /** Several at once, by name: one query for those whose index is not loaded. Names without a mailbox are left out. */
  statuses(account: AccountId, names: readonly string[]): Promise<ReadonlyMap<string, MailboxStatus>>
  open(account: AccountId, name: string, options: { readOnly: boolean }): Promise<OpenMailbox>
  /** Files messages: all or nothing, in one commit. Throws MAILBOX_NOT_FOUND, OVER_QUOTA, KEYWORD_INVALID. */
  append(account: AccountId, name: string, messages: readonly Filing[]): Promise<Filed>
  /** Annotations (RFC 5464) that the account sees, by mailbox name ('' is the server) and entry name in lower case. One query; names without a mailbox are left out. */
  annotations(account: AccountId, names: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, Buffer>>>
  /** Sets annotations, null removes; all or nothing. Throws MAILBOX_NOT_FOUND, ANNOTATION_TOO_LARGE, TOO_MANY_ANNOTATIONS, NOT_PERMITTED (shared ones of the server). */
  annotate(account: AccountId, name: string, changes: ReadonlyMap<string, Buffer | null>): Promise<void>
  /** Says what an own mailbox is for, or that it is for nothing special. Returns the mailbox that was for that before. Throws MAILBOX_NOT_FOUND, NOT_PERMITTED (INBOX, another's). */
  assign(account: AccountId, name: string, use: SpecialUse | null): Promise<string | undefined>
  /** The secret that authorises this account's URLs into a mailbox (RFC 4467); made when there is none and `make`. */
  accessKey(account: AccountId, name: string, make: boolean): Promise<Buffer | undefined>
  /** Ends what was authorised for one mailbox, or for all. */
  forgetAccessKeys(account: AccountId, name?: string): Promise<void>
  /** Whose quota a mailbox counts to; undefined for what is nobody's. Throws MAILBOX_NOT_FOUND. */
  owner(account: AccountId, name: string): Promise<AccountId | undefined>
  /** All whose mailboxes the account sees, itself among them; from memory. */
  owners(account: AccountId): Promise<ReadonlySet<AccountId>>
  /** What the account calls a mailbox that its owner calls `name`, as far as it may know of it; undefined for none. From memory, also of one that is gone. */
  seenAs(account: AccountId, owner: AccountId, mailbox: MailboxId, name: string): string | undefined
  /** Calls `listener` after each commit that changed what is in a mailbox that the account sees, its own or another's. Returns the way to stop. */
  watch(account: AccountId, listener: (change: Change) => void): () => void
  /** Summaries of messages, in chunks of at most 500, with only the fields asked for. Messages that are gone are left out. */
  summaries<F extends SummaryField>(messages: readonly MessageId[], fields: readonly F[]): AsyncIterable<ReadonlyMap<MessageId, Pick<Summary, F>>>
}

declare module '../plugin/services.js' {
  interface Services { mailboxes: Mailboxes }
}
export type { Announcement, Change, MailboxIndex, Modseq, Seq, Uid, View }
