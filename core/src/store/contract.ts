// What faces see of the IM2000 message store: submit, track, cancel. The rules are im2000.md section D. Types only.
import type { AccountId, SubmissionId } from '../base/branded.js'
import type { Spooled, SpoolWriter } from '../blobs/contract.js'
import type { Relay } from './ports.js'

/** NotificationStatus of im2000.md A.2 and D.4. */
export const notificationStatus = ['unprocessed', 'baddomain', 'noservice', 'noserver', 'protocolerror', 'nouser', 'notifying', 'silenced'] as const
export type NotificationStatus = (typeof notificationStatus)[number]
/** ReadStatus of im2000.md A.2. */
export const readStatus = ['unread', 'summarised', 'readheaders', 'readall'] as const
export type ReadStatus = (typeof readStatus)[number]

/** Who submits. `account` is null for mail that an outside SMTP sender handed to our MX. */
export interface Originator {
  readonly account: AccountId | null
  /** Name at this store, shown to recipients (never a mailbox in IM2000's sense); for SMTP ingress the envelope sender, '' for the null sender. */
  readonly name: string
  /** Sent on by a rule: who had sent it ('' for the null sender). */
  readonly forwardedFor?: string
  /** How it came: 'MSOAP', 'ESMTP', 'ESMTPSA', 'LMTP', ... for the trace header. */
  readonly protocol: string
  /** Where the message lies when it is not here: the other store's domain or address. */
  readonly store?: string
  /** Why the message is taken for unwanted. It goes to the recipients' \Junk unless their own rules place it. */
  readonly suspicion?: string
}

export interface Envelope {
  readonly recipients: readonly string[]
  readonly lists?: readonly string[]
  /** Seconds from acceptance; 0 means no expiry (im2000.md Q21). */
  readonly lifetime?: number
  /** It may go by TLS only, all the way (REQUIRETLS, RFC 8689). */
  readonly requireTls?: boolean
  /** Seconds in which its sender may take it back before anybody sees it (window.ts). */
  readonly hold?: number
  /** What the sender's own \Sent gets, seconds after the message has gone out. `missing`: only if he has filed none by then. */
  readonly sentCopy?: { readonly after: number; readonly missing: boolean }
  readonly reports?: ReportWishes
  /** What is to be reported of single recipients, by their address as it stands in `recipients`. */
  readonly wishes?: ReadonlyMap<string, RecipientWishes>
}

/** What of a message comes back with reports about it, and by which name its sender knows it (RFC 3461 4.3, 4.4). */
export interface ReportWishes { readonly returns?: 'FULL' | 'HDRS'; readonly envelopeId?: string }
/** When something is to be reported of a recipient, and who it was to the sender, 'rfc822;bob@example.org' (RFC 3461 4.1, 4.2). Without `notify`: as the gateway sees fit. */
export interface RecipientWishes { readonly notify?: readonly NotifyOn[]; readonly original?: string }
export type NotifyOn = 'NEVER' | 'SUCCESS' | 'FAILURE' | 'DELAY'

/** What one recipient's delivery came to at submission. Same order as the envelope. */
export interface RecipientOutcome {
  readonly recipient: string
  /** 16 octets (im2000.md D23). A bearer secret: never log it in full. */
  readonly identifier: Buffer
}

export interface Submission {
  readonly id: SubmissionId
  /** What `restante track` takes; also the id in the trace header. Not a message identifier. */
  readonly token: string
  readonly recipients: readonly RecipientOutcome[]
  /** None while the sender's window lasts: it is posted afterwards. */
  readonly lists: readonly { readonly list: string; readonly identifier: Buffer }[]
}

/** A submission whose envelope was accepted and whose octets are coming. */
export interface Draft {
  readonly writer: SpoolWriter
  /** Stores message, envelope and identifiers in one commit and files it for all local recipients (D17). Resolves only after the commit. */
  seal(): Promise<Submission>
  /** The same, but local recipients who cannot have it (their quota, their own rules) are left out and named, each with its error; nothing is stored when nobody is left. */
  sealEach(): Promise<{ readonly submission?: Submission; /** By address as it stands in the envelope. */ readonly refused: ReadonlyMap<string, unknown> }>
  /** Forget it; harmless after seal. */
  discard(): Promise<void>
}

export interface DeliveryStatus {
  readonly recipient: string
  readonly notification: NotificationStatus
  readonly read: ReadStatus
  readonly pinned: boolean
}

export interface MessageStore {
  /**
   * Accepts an envelope (D3-D13) or throws: ENVELOPE_EMPTY, ENVELOPE_TOO_LARGE, LIFETIME_TOO_SHORT, ENVELOPE_REFUSED
   * (details.refused: the entries), OVER_QUOTA. Then octets go to `draft.writer` (after the trace header, which the store
   * writes first) and `seal` commits.
   * @param trace extra trace lines of a face, complete with CRLF, which come right after the store's own Received field
   */
  open(originator: Originator, envelope: Envelope, options?: { expectedSize?: number; trace?: string; limit?: number }): Promise<Draft>
  /** Submits what was already spooled (vacation replies, IMAP clients' sent mail); no copy is made when there is no trace to add. */
  submit(originator: Originator, envelope: Envelope, octets: AsyncIterable<Buffer> | Spooled): Promise<Submission>
}

/** Those whose mail is kept here although their mailboxes are elsewhere: their agents are told (notifier.ts). */
export interface RecipientsElsewhere {
  /** Whether a domain that is not ours can be reached at all, as far as is known beforehand: DNS is asked when its turn comes. */
  reaches(domain: string): boolean
  /** Takes over recipients whose domain has no agent; without a relay their status is noservice. */
  relayThrough(relay: Relay): void
}

declare module '../plugin/services.js' {
  interface Services { messageStore: MessageStore; notifier: RecipientsElsewhere }
}
