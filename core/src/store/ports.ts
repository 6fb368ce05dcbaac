// What the store needs from those above it; the composition root binds them. The one inversion in core: a local delivery
// is part of the submission's own commit, and the store must not know mailboxes.
import type { AccountId, MailboxId, MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Transaction } from '../database/connect.js'
import type { Fate, ReportKind } from '../message/report.js'
import type { Summary } from '../message/summary.js'
import type { Originator, RecipientWishes, ReportWishes } from './contract.js'

/** A message on its way to local recipients: known, spooled, not yet stored. */
export interface Arrival {
  readonly token: string
  readonly originator: Originator
  readonly summary: Summary
  /** Milliseconds UTC. */
  readonly at: number
  /** Octets as they will be stored; opened when first asked. Throws CONTENT_UNAVAILABLE. */
  readonly octets: (from: number, length: number) => Promise<Buffer>
  /** There are no other recipients and no lists: what all of these refuse, nobody takes. */
  readonly alone: boolean
  /** In envelope order. */
  readonly recipients: readonly { readonly address: string; readonly account: AccountId }[]
  /** Who sends it on, or answers it, must see that it goes by TLS only (RFC 8689 6). */
  readonly requireTls?: boolean
  /** The notification agent has judged the notification already. */
  readonly judged?: boolean
  /** Recipients are answered one by one: who refuses it is named by `refusals`, and planned for no more. */
  readonly each?: boolean
}

/** One message's local recipients at the moment of the commit: numbers are given out now. */
export interface Filing<Plan> {
  readonly plan: Plan
  /** For logs; '' for what came from another store. */
  readonly token: string
  readonly message: MessageId
  readonly summary: Summary
  /** Same order as the arrival's recipients. */
  readonly recipients: readonly RecipientId[]
}

/** Which recipient rows the writer leaves un-pinned at once (discarded mail: nobody will read it). */
export interface FilingResult { readonly unpinned: readonly RecipientId[] }

export interface LocalRecipients<Plan = unknown> {
  /** Asks policies and hooks where each copy goes. Writes nothing; may take its time. */
  plan(arrival: Arrival): Promise<Plan>
  /** Of an arrival with `each`: why a recipient is not to have it, in order; undefined: he is. */
  refusals(plan: Plan): readonly unknown[]
  /** Files several messages for all their recipients, set by set. Asks nothing. */
  write(tx: Transaction, filings: readonly Filing<Plan>[]): Promise<readonly FilingResult[]>
  /** The messages of these submissions were cancelled or have expired: unread entries in INBOX disappear, read ones stay (design section 8). */
  withdraw(tx: Transaction, recipients: readonly RecipientId[], reason: 'cancelled' | 'expired'): Promise<void>
}

/** A recipient on the way out of IM2000. */
export interface RelayRecipient {
  readonly id: RecipientId
  readonly address: string
  readonly attempts: number
  readonly submittedAt: number
  readonly submission: SubmissionId
  readonly message: MessageId
  readonly originator: string
  readonly account: AccountId | null
  readonly wishes: RecipientWishes
  readonly reports: ReportWishes
  /** Of its submission, for logs. */
  readonly token: string
  /** Sent on by a rule: who had sent it. */
  readonly forwardedFor: string | null
  /** It may go by TLS only (RFC 8689). */
  readonly requireTls: boolean
  /** Its sender was told that it is late. */
  readonly warned: boolean
}
/** What became of it: `delivered` ends our duty; `temporary` comes again at `again` (milliseconds UTC), `permanent` never. */
export type RelayOutcome = { readonly kind: 'delivered'; readonly why?: string } | { readonly kind: 'temporary'; readonly why: string; readonly again: number } | { readonly kind: 'permanent'; readonly why: string } | { /** Its turn has not come: it was not tried. */ readonly kind: 'waiting'; readonly again: number }

export interface Relayed { readonly recipient: RelayRecipient; readonly outcome: RelayOutcome }
/** In one commit: what became of recipients, and what their sender is to be told of it. */
export type RelayDone = (results: readonly Relayed[], reports?: readonly OwedReport[]) => Promise<void>

/** Takes recipients whose domain has no agent at all (the smtp-relay bridge). There is one at most. */
export interface Relay {
  /** Due recipients of one domain, at most a few hundred; `done` is told of them as soon as it is known what became of them, and answers when that is durable. */
  relay(domain: string, recipients: readonly RelayRecipient[], done: RelayDone, signal: AbortSignal): Promise<void>
}

/** What a commit owes its sender to be told, if he wants to hear of it (RFC 3461). JSON. */
export interface OwedReport {
  readonly kind: ReportKind
  readonly submission: SubmissionId
  readonly about: readonly (Omit<Fate, 'address' | 'original'> & { readonly id: RecipientId })[]
  /** Seconds until it is given up, for a delay. */
  readonly left?: number
}
/** Takes them down in the commit itself; they are written afterwards (delivery/reports.ts). */
export interface OwedReports { owe(tx: Transaction, reports: readonly OwedReport[]): Promise<void> }

/** Gets the octets of messages that lie at other stores (delivery/content.ts). */
export interface Elsewhere {
  /** Whether there is any such message: without one nobody need look. */
  readonly any: boolean
  /** Resolves when all of the message is here. Throws CONTENT_UNAVAILABLE, MESSAGE_NOT_FOUND (its sender took it back, or its time was over). */
  fetch(message: MessageId): Promise<void>
}

/** One submission as its account's Outbox shows it. */
export interface OutboxFiling { readonly mailbox: MailboxId; readonly account: AccountId; readonly submission: SubmissionId; readonly message: MessageId; readonly size: number; readonly at: number }
/** A view of what accounts have submitted, for as long as it is kept (delivery/outbox.ts). */
export interface Outbox {
  /** Before the commit: the account's mailbox; undefined when there is none. */
  of(account: AccountId): Promise<MailboxId | undefined>
  /** In the submissions' commit. Throws MAILBOX_GONE. */
  write(tx: Transaction, filings: readonly OutboxFiling[]): Promise<void>
  /** Messages are about to be deleted: their views go first. */
  clear(tx: Transaction, messages: readonly MessageId[]): Promise<void>
}

/** A copy for a sender's \Sent. JSON. */
export interface OwedSentCopy {
  readonly account: AccountId
  readonly submission: SubmissionId
  readonly message: MessageId
  /** Milliseconds UTC. */
  readonly at: number
  /** Only if there is none by then. */
  readonly missing: boolean
}
/** Files them when their time has come (delivery/sent-copies.ts). */
export interface SentCopies {
  /** In the submissions' commit. */
  owe(tx: Transaction, copies: readonly OwedSentCopy[]): Promise<void>
  /** Their sender took these messages back. */
  forgo(tx: Transaction, messages: readonly MessageId[]): Promise<void>
}

/** Messages that sessions still show although their last entry is gone (RFC 2180): the reaper passes them over. */
export interface StillShown { shown(): ReadonlySet<MessageId> }

export type { SubmissionId }
