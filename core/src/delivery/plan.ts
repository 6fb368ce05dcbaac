// Where each local copy of an arriving message goes: the agent's policy, then the hooks. Writes nothing; may take its time.
import type { AccountId, MailboxId } from '../base/branded.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import { checkKeywords } from '../mailbox/flags.js'
import type { Action, Facts } from '../rna/policy.js'
import type { Originator } from '../store/contract.js'
import type { Arrival } from '../store/ports.js'
import type { Summary } from '../message/summary.js'

/** What a sorting hook is asked about one recipient's copy. */
export interface ArrivalFor {
  readonly account: AccountId
  readonly recipient: string
  readonly originator: Originator
  readonly summary: Summary
  readonly at: number
}
/** A hook's answer. Mailboxes by name; made when missing. */
export interface Placing {
  /** One entry each; empty: discard. */
  readonly mailboxes: readonly string[]
  readonly flags?: number
  readonly keywords?: readonly string[]
}

export interface Copy { readonly mailbox: MailboxId; readonly flags: number; readonly keywords: readonly string[]; readonly isInbox: boolean }
/** Plan for one recipient. */
export interface RecipientPlan { readonly account: AccountId; readonly recipient: string; readonly copies: readonly Copy[] }
export interface DeliveryPlan { readonly at: number; readonly recipients: readonly RecipientPlan[] }

export interface PlanParts {
  readonly judge: (account: AccountId, facts: Facts) => Promise<Action>
  /** undefined: the account is no more. */
  readonly inboxes: (accounts: readonly AccountId[]) => Promise<readonly (MailboxId | undefined)[]>
  readonly findMailbox: (account: AccountId, name: string) => Promise<MailboxId>
  /** undefined when no plugin sorts: then nobody is asked per recipient. */
  readonly sort: () => ((arrival: ArrivalFor) => Promise<Placing | undefined>) | undefined
  /** Whether any policy rule could apply to mail of our own store. */
  readonly hasPolicy: () => boolean
  readonly storeName: string
  readonly maxKeywords: number
  readonly log: Log
}

/** All system flags there are. */
const systemFlags = 31

export async function planDelivery(parts: PlanParts, arrival: Arrival): Promise<DeliveryPlan> {
  const accounts = arrival.recipients.map((recipient) => recipient.account)
  const inboxes = await parts.inboxes(accounts)
  const sort = parts.sort()
  const facts: Facts = { submitterAddress: '127.0.0.1', storeDomain: parts.storeName, storeLiterals: [], sender: arrival.originator.name, size: arrival.summary.size, tls: true }
  // Mail for an account that was removed while it came in is nobody's; the other recipients get theirs.
  if (!inboxes.some((inbox) => inbox !== undefined)) throw failure('MAILBOX_GONE')
  const toInbox = (i: number): RecipientPlan => {
    const mailbox = inboxes[i]
    return { account: accounts[i], recipient: arrival.recipients[i].address, copies: mailbox === undefined ? [] : [{ mailbox, flags: 0, keywords: [], isInbox: true }] }
  }
  if (!sort && !parts.hasPolicy()) return { at: arrival.at, recipients: accounts.map((_, i) => toInbox(i)) }

  const recipients = await Promise.all(arrival.recipients.map(async ({ account, address }, i): Promise<RecipientPlan> => {
    if (inboxes[i] === undefined) return toInbox(i)
    // Refusals do not reach this far for local mail: the copy is not filed, and the status says silenced (E.21).
    const action = await parts.judge(account, facts)
    if (action !== 'accept') return { account, recipient: address, copies: [] }
    const placing = await sort?.({ account, recipient: address, originator: arrival.originator, summary: arrival.summary, at: arrival.at })
    if (!placing) return toInbox(i)
    try {
      return { account, recipient: address, copies: await copiesOf(parts, account, placing, inboxes[i]) }
    } catch (error) {
      if (isFailure(error) && error.kind === 'temporary') throw error
      // A plugin's mistake must not cost anybody's mail: the default road.
      parts.log.error({ err: error, account }, 'delivery.before gave an answer that cannot be followed; the message goes to INBOX')
      return toInbox(i)
    }
  }))
  return { at: arrival.at, recipients }
}

async function copiesOf(parts: PlanParts, account: AccountId, { mailboxes, flags = 0, keywords = [] }: Placing, inbox: MailboxId): Promise<Copy[]> {
  checkKeywords(keywords, parts.maxKeywords)
  const found = await Promise.all(mailboxes.map((name) => parts.findMailbox(account, name)))
  return [...new Set(found)].map((mailbox) => ({ mailbox, flags: flags & systemFlags, keywords, isInbox: mailbox === inbox }))
}

declare module '../plugin/hooks.js' {
  interface Hooks {
    'delivery.before': Decision<ArrivalFor, Placing>
    'delivery.after': Duty<{ readonly mailbox: MailboxId; readonly uid: number; readonly account: AccountId; readonly recipient: string }>
    'mailbox.changed': Signal<{ readonly mailbox: MailboxId }>
  }
}
