// Where each local copy of an arriving message goes: the agent's policy, then the hooks. Writes nothing; may take its time.
import type { AccountId, MailboxId } from '../base/branded.js'
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
  readonly inboxes: (accounts: readonly AccountId[]) => Promise<readonly MailboxId[]>
  readonly findMailbox: (account: AccountId, name: string) => Promise<MailboxId>
  /** undefined when no plugin sorts: then nobody is asked per recipient. */
  readonly sort: () => ((arrival: ArrivalFor) => Promise<Placing | undefined>) | undefined
  /** Whether any policy rule could apply to mail of our own store. */
  readonly hasPolicy: () => boolean
  readonly storeName: string
}

export async function planDelivery(parts: PlanParts, arrival: Arrival): Promise<DeliveryPlan> {
  const accounts = arrival.recipients.map((recipient) => recipient.account)
  const inboxes = await parts.inboxes(accounts)
  const sort = parts.sort()
  const facts: Facts = { submitterAddress: '127.0.0.1', storeDomain: parts.storeName, storeLiterals: [], sender: arrival.originator.name, size: arrival.summary.size, tls: true }
  const toInbox = (i: number): RecipientPlan => ({ account: accounts[i], recipient: arrival.recipients[i].address, copies: [{ mailbox: inboxes[i], flags: 0, keywords: [], isInbox: true }] })
  if (!sort && !parts.hasPolicy()) return { at: arrival.at, recipients: accounts.map((_, i) => toInbox(i)) }

  const recipients = await Promise.all(arrival.recipients.map(async ({ account, address }, i): Promise<RecipientPlan> => {
    // Refusals do not reach this far for local mail: the copy is not filed, and the status says silenced (E.21).
    const action = await parts.judge(account, facts)
    if (action !== 'accept') return { account, recipient: address, copies: [] }
    const placing = await sort?.({ account, recipient: address, originator: arrival.originator, summary: arrival.summary, at: arrival.at })
    if (!placing) return toInbox(i)
    const copies = await Promise.all([...new Set(placing.mailboxes)].map(async (name): Promise<Copy> => {
      const mailbox = await parts.findMailbox(account, name)
      return { mailbox, flags: placing.flags ?? 0, keywords: placing.keywords ?? [], isInbox: mailbox === inboxes[i] }
    }))
    return { account, recipient: address, copies }
  }))
  return { at: arrival.at, recipients }
}

declare module '../plugin/hooks.js' {
  interface Hooks {
    'delivery.before': Decision<ArrivalFor, Placing>
    'delivery.after': Duty<{ readonly mailbox: MailboxId; readonly uid: number; readonly account: AccountId; readonly recipient: string }>
    'mailbox.changed': Signal<{ readonly mailbox: MailboxId }>
  }
}
