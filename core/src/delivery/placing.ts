// What sorting plugins are asked about an arriving copy, what they may answer, and what is owed after the commit. Types only.
import type { AccountId, MailboxId, MessageId, RecipientId, Uid } from '../base/branded.js'
import type { Originator } from '../store/contract.js'
import type { Summary } from '../message/summary.js'

/** What a sorting hook is asked about one recipient's copy. */
export interface ArrivalFor {
  readonly account: AccountId
  /** The address that it came to, one of the account's. */
  readonly recipient: string
  readonly originator: Originator
  readonly summary: Summary
  /** Milliseconds UTC. */
  readonly at: number
  /** Octets of the message as it will be stored; opened only when somebody asks. Throws CONTENT_UNAVAILABLE. */
  octets(from: number, length: number): Promise<Buffer>
}

/** A mailbox by its name as the account sees it. */
export interface Into {
  readonly name: string
  /** Bits of `flagBits`, on top of the placing's own. */
  readonly flags?: number
  readonly keywords?: readonly string[]
  /** Nobody said where: INBOX by its name here, and the junk mailbox instead when the message is under suspicion. */
  readonly usual?: boolean
  /** Default true. With false a mailbox that is not there is passed over; if nothing is left, the message goes to INBOX. */
  readonly create?: boolean
}

/** Something to do after the commit, by a plugin's 'delivery.after'. `work` is JSON. */
export interface Owed { readonly plugin: string; readonly work: unknown }

/** A sorting hook's answer. */
export interface Placing {
  /** One entry each; empty: discard. */
  readonly mailboxes: readonly (string | Into)[]
  /** For all copies. */
  readonly flags?: number
  readonly keywords?: readonly string[]
  /**
   * Refuse the message with this text, if every recipient of the submission wants that: the submission fails with
   * MESSAGE_REJECTED and nothing is stored. Otherwise `mailboxes` hold, for nobody is sent a bounce later.
   */
  readonly reject?: string
  /** One job each in the commit that files the message; the octets stay until they are done, wherever the copies are. */
  readonly owed?: readonly Owed[]
  /** Told when the answer cannot be followed (an impossible name, too many mailboxes) and the message goes to INBOX. */
  readonly failed?: (error: unknown) => void
}

/** What 'delivery.after' may be asked before the commit: whether there will be anything to do. */
export interface Prospect extends Pick<ArrivalFor, 'account' | 'recipient' | 'originator' | 'summary' | 'at'> {
  /** Whether a copy will be filed anywhere. */
  readonly kept: boolean
}

/** One job of one recipient, after the commit. */
export interface AfterDelivery {
  readonly account: AccountId
  readonly recipient: string
  /** The envelope's sender; '' is the null sender. */
  readonly sender: string
  readonly protocol: string
  /** What is made of it must go by TLS only (RFC 8689 6). */
  readonly requireTls?: boolean
  /** The octets are there until the job is done. */
  readonly message: MessageId
  readonly at: number
  /** Where copies were filed. */
  readonly copies: readonly { readonly mailbox: MailboxId; readonly uid: Uid }[]
  /** What a sorting hook owed; null when the plugin itself wanted the job. */
  readonly work: unknown
}

/** Which hold on the octets a job releases when it is done. */
export interface HoldKey { readonly message: MessageId; readonly recipient: RecipientId; readonly n: number }

/** Text of an automatic answer; `{subject}`, `{sender}`, `{recipient}`, `{date}` and `{time}` stand for what is asked about. */
export interface AnswerText { readonly subject: string; readonly text: string; readonly html?: string }
/** What the vacation plugin (by the name 'vacation') is owed by a rule: the account's own message, unless there is one here. */
export interface VacationWork { readonly send: 'vacation'; readonly message?: AnswerText; /** Between two to one sender. */ readonly days?: number }

declare module '../plugin/hooks.js' {
  interface Hooks {
    'delivery.before': Decision<ArrivalFor, Placing>
    'delivery.after': Duty<AfterDelivery, Prospect>
    'mailbox.changed': Signal<{ readonly mailbox: MailboxId }>
  }
}
