// Hooks that faces offer to policies. Types only; what arrives in a mailbox is delivery's to ask about.
import type { AccountId } from '../base/branded.js'

/** A recipient that a peer names and that we would take. */
export interface RcptTo {
  readonly listener: 'mx' | 'submission' | 'lmtp'
  /** Who logged in; null on MX and LMTP. */
  readonly account: AccountId | null
  readonly remoteAddress: string
  /** What the peer calls itself. */
  readonly helo: string
  /** '' is the null sender. */
  readonly sender: string
  readonly recipient: string
}

/** `accept` ends the questions; `undefined` leaves it to the next plugin; nobody's opinion means accept. */
export type Verdict =
  | { readonly verdict: 'accept' }
  /** 451 4.7.1 or 550 5.7.1; `text` without codes. */
  | { readonly verdict: 'tempfail' | 'reject'; readonly text: string }

/** What an address of ours is that is no account's own (a catch-all comes after it): the front end of a list (im2000.md G8), to which the sender may post; or a list to which he may not. */
export type RecipientKind = { readonly list: string } | { readonly refuse: string } | { /** It stands for an address elsewhere, to which returned mail goes back. */ readonly returned: string }

/** Where a message comes from, before there is one. */
export interface Origin { readonly remoteAddress: string; readonly helo: string; /** '' is the null sender. */ readonly sender: string }
/** Whether the sender's domain stands for the address (SPF, RFC 7208 2.6). */
export interface OriginVerdict { readonly result: string }

/** A message that an outside server has sent to its end, before it is stored. */
export interface IncomingMessage {
  readonly remoteAddress: string
  readonly helo: string
  /** '' is the null sender. */
  readonly sender: string
  readonly recipients: readonly string[]
  readonly size: number
  /** As the peer sent it. May be read several times. */
  octets(): AsyncIterable<Buffer>
}

/**
 * Everyone is asked; a refusal ends the questions. `trace`: header lines to put before the message, complete with CRLF. `junk`:
 * why it is taken for unwanted; the message goes to \Junk unless the recipient's rules place it.
 */
export type IncomingVerdict = { readonly trace: string; readonly junk?: string } | { readonly reject: string } | { readonly tempfail: string }

/** A sender of a submission that does not belong to the account that logged in. */
export interface ForeignSender {
  readonly account: AccountId
  readonly address: string
  readonly where: 'envelope' | 'from'
}
/** `as`: as if it were one's own. `behalf`: only if the message says who sent it (RFC 5322 3.6.2, Sender). */
export interface SenderLeave { readonly may: 'as' | 'behalf' }

declare module './hooks.js' {
  interface Hooks { 'smtp.message': Decision<IncomingMessage, IncomingVerdict> }
  interface Hooks { 'smtp.origin': Decision<Origin, OriginVerdict> }
  interface Hooks { 'smtp.sender': Decision<ForeignSender, SenderLeave> }
  interface Hooks { 'smtp.unknown': Decision<RcptTo, RecipientKind> }
  interface Hooks { 'smtp.rcptTo': Decision<RcptTo, Verdict> }
}
