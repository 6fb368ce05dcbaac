// Where each local copy of an arriving message goes: the agent's policy, then the hooks. Writes nothing; may take its time.
import type { AccountId, MailboxId } from '../base/branded.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import { checkKeywords } from '../mailbox/flags.js'
import type { Action, Facts } from '../rna/policy.js'
import type { Arrival } from '../store/ports.js'
import type { ArrivalFor, Into, Owed, Placing, Prospect } from './placing.js'

export interface Copy { readonly mailbox: MailboxId; readonly flags: number; readonly keywords: readonly string[]; readonly isInbox: boolean }
/** Plan for one recipient. */
export interface RecipientPlan { readonly account: AccountId; readonly recipient: string; readonly copies: readonly Copy[]; readonly owed: readonly Owed[]; /** Where each is answered by himself: why he is not to have it. */ readonly refusal?: unknown }
export interface DeliveryPlan { readonly at: number; readonly sender: string; readonly protocol: string; readonly requireTls?: boolean; readonly recipients: readonly RecipientPlan[] }

export interface PlanParts {
  readonly judge: (account: AccountId, facts: Facts) => Promise<Action>
  /** undefined: the account is no more. */
  readonly inboxes: (accounts: readonly AccountId[]) => Promise<readonly (MailboxId | undefined)[]>
  /** The account's \Junk; made when it is missing. */
  readonly junk: (account: AccountId) => Promise<MailboxId>
  /** Throws MAILBOX_NOT_FOUND when it is not there and shall not be made. */
  readonly findMailbox: (account: AccountId, name: string, create: boolean) => Promise<MailboxId>
  /** undefined when no plugin sorts: then nobody is asked per recipient. */
  readonly sort: () => ((arrival: ArrivalFor) => Promise<Placing | undefined>) | undefined
  /** Plugins that want a job after the commit; undefined when none could. */
  readonly owing: () => ((prospect: Prospect) => Promise<readonly string[]>) | undefined
  /** Whether a plugin of that name does jobs after the commit. */
  readonly does: (plugin: string) => boolean
  /** Whether any policy rule could apply to mail of our own store. */
  readonly hasPolicy: () => boolean
  readonly storeName: string
  readonly maxKeywords: number
  readonly log: Log
}

/** All system flags there are. */
const systemFlags = 31
/** What mail programs know unwanted mail by, as a filter rule that calls it spam sets it. */
const junkKeyword = '$Junk'
/** Jobs of one recipient's copy. A plugin that wants more is broken. */
const mostOwed = 100

/** Throws MESSAGE_REJECTED when every recipient refuses the message, MAILBOX_GONE when no account is left. */
export async function planDelivery(parts: PlanParts, arrival: Arrival): Promise<DeliveryPlan> {
  const accounts = arrival.recipients.map((recipient) => recipient.account)
  const inboxes = await parts.inboxes(accounts)
  const [sort, owing] = [parts.sort(), parts.owing()]
  const { originator, summary, at } = arrival
  const facts: Facts = { submitterAddress: '127.0.0.1', storeDomain: parts.storeName, storeLiterals: [], sender: originator.name, size: summary.size, tls: true }
  // Mail for an account that was removed while it came in is nobody's; the other recipients get theirs.
  if (!arrival.each && !inboxes.some((inbox) => inbox !== undefined)) throw failure('MAILBOX_GONE')
  const toInbox = (i: number): RecipientPlan => {
    const mailbox = inboxes[i]
    const gone = mailbox === undefined && arrival.each ? { refusal: failure('ACCOUNT_NOT_FOUND', { account: arrival.recipients[i].address }) } : {}
    return { ...gone, account: accounts[i], recipient: arrival.recipients[i].address, owed: [], copies: mailbox === undefined ? [] : [{ mailbox, flags: 0, keywords: [], isInbox: true }] }
  }
  /** Where mail goes that nobody sorts. */
  const toUsual = async (i: number): Promise<RecipientPlan> => {
    const usual = toInbox(i)
    if (originator.suspicion === undefined || usual.copies.length === 0) return usual
    const mailbox = await junkOf(parts, accounts[i])
    return mailbox === undefined ? usual : { ...usual, copies: [{ mailbox, flags: 0, keywords: [junkKeyword], isInbox: false }] }
  }
  const plan = (recipients: readonly RecipientPlan[]): DeliveryPlan => ({ at, sender: originator.name, protocol: originator.protocol, ...(arrival.requireTls ? { requireTls: true } : {}), recipients })
  if (!sort && !owing && !parts.hasPolicy()) return plan(await Promise.all(accounts.map((_, i) => toUsual(i))))

  const rejections: string[] = []
  const recipients = await Promise.all(arrival.recipients.map(async ({ account, address }, i): Promise<RecipientPlan> => {
    const inbox = inboxes[i]
    if (inbox === undefined) return toInbox(i)
    // Refusals do not reach this far for local mail: the copy is not filed, and the status says silenced (E.21).
    const action = arrival.judged ? 'accept' : await parts.judge(account, facts)
    if (action !== 'accept') return { ...toInbox(i), copies: [] }
    const common = { account, recipient: address, originator, summary, at }
    const placing = await sort?.({ ...common, octets: arrival.octets })
    let its = await toUsual(i)
    if (placing) {
      try {
        its = { ...its, copies: await copiesOf(parts, account, placing, inbox, its.copies), owed: owedOf(parts, placing) }
        if (placing.reject !== undefined && arrival.each) return { ...its, refusal: failure('MESSAGE_REJECTED', { why: String(placing.reject) }) }
        if (placing.reject !== undefined) rejections.push(String(placing.reject))
      } catch (error) {
        if (isFailure(error) && error.kind === 'temporary') throw error
        // A plugin's mistake must not cost anybody's mail: the default road.
        parts.log.error({ err: error, account }, 'delivery.before gave an answer that cannot be followed; the message goes where it would go without')
        placing.failed?.(error)
      }
    }
    const wanting = owing ? await owing({ ...common, kept: its.copies.length > 0 }) : []
    return wanting.length === 0 ? its : { ...its, owed: [...its.owed, ...wanting.map((plugin) => ({ plugin, work: null }))] }
  }))
  if (arrival.alone && rejections.length === recipients.length) throw failure('MESSAGE_REJECTED', { why: rejections[0] })
  return plan(recipients)
}

/** undefined: it cannot be had, and INBOX must do. */
async function junkOf(parts: PlanParts, account: AccountId): Promise<MailboxId | undefined> {
  try {
    return await parts.junk(account)
  } catch (error) {
    if (isFailure(error) && error.kind === 'temporary') throw error
    parts.log.warn({ err: error, account }, 'there is no junk mailbox; the message goes to INBOX')
    return undefined
  }
}

async function copiesOf(parts: PlanParts, account: AccountId, { mailboxes, flags = 0, keywords = [] }: Placing, inbox: MailboxId, usual: readonly Copy[]): Promise<Copy[]> {
  checkKeywords(keywords, parts.maxKeywords)
  const wanted = mailboxes.map((one): Into => (typeof one === 'string' ? { name: one } : one))
  const found = await Promise.all(wanted.map(async ({ name, create = true, usual: anywhere }) => {
    if (anywhere && usual.length > 0) return usual[0].mailbox
    try {
      return await parts.findMailbox(account, name, create)
    } catch (error) {
      if (!create && isFailure(error, 'MAILBOX_NOT_FOUND')) return undefined
      throw error
    }
  }))
  const copies = new Map<MailboxId, Copy>()
  for (const [i, mailbox] of found.entries()) {
    if (mailbox === undefined) continue
    const before = copies.get(mailbox)
    const all = [...new Set([...keywords, ...(before?.keywords ?? []), ...(wanted[i].keywords ?? []), ...(wanted[i].usual ? usual.flatMap((one) => one.keywords) : [])])]
    checkKeywords(all, parts.maxKeywords)
    copies.set(mailbox, { mailbox, flags: (flags | (before?.flags ?? 0) | (wanted[i].flags ?? 0)) & systemFlags, keywords: all, isInbox: mailbox === inbox })
  }
  if (copies.size === 0 && wanted.length > 0) return [{ mailbox: inbox, flags: flags & systemFlags, keywords, isInbox: true }]
  return [...copies.values()]
}

function owedOf(parts: PlanParts, { owed = [] }: Placing): readonly Owed[] {
  if (owed.length > mostOwed) throw new Error(`${owed.length} jobs are owed; ${mostOwed} are the most`)
  return owed.filter(({ plugin }) => {
    const does = parts.does(plugin)
    if (!does) parts.log.warn({ plugin }, 'a job is owed to a plugin that is not enabled; it is dropped')
    return does
  })
}
