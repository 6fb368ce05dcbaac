// Sorting one recipient's copy: rules, loop protection, and the placing that comes of it. What fails ends in INBOX with a note.
import { gather, type AccountId, type Accounts, type ArrivalFor, type Into, type Log, type Mailboxes, type Owed, type Placing } from '@restante/core'
import { evaluateWith, type Afterwards, type Outcome, type WantedCopy } from './evaluate.js'
import type { Filters } from './filters.js'
import { messageOf, Missing } from './message.js'
import type { Circumstances, Program } from './program.js'
import { Repository } from './repository.js'

/** What MailSort owes itself after the commit. */
export type Work =
  | { readonly do: 'forward'; readonly addresses: readonly string[] }
  | { readonly do: 'reply'; readonly template: { readonly name: string; readonly subject: string; readonly text: string; readonly html?: string } }
  | { readonly do: 'met'; readonly sender: string }

export interface SorterParts {
  readonly filters: Filters
  readonly repository: Repository
  readonly accounts: Accounts
  readonly mailboxes: Mailboxes
  readonly log: Log
  readonly options: { readonly timezone: string; readonly trusted: ReadonlySet<string>; readonly evaluationMs: number; readonly maxHops: number; readonly junk: string }
  readonly note: (account: AccountId, rule: string, why: string, messageId: string) => void
}

export class Sorter {
  readonly #parts: SorterParts
  readonly #known: (pair: { readonly account: AccountId; readonly sender: string }) => Promise<boolean>

  constructor(parts: SorterParts) {
    this.#parts = parts
    this.#known = gather(async (pairs) => {
      const known = await parts.repository.known(pairs)
      return ({ account, sender }) => known.has(Repository.key(account, sender))
    })
  }

  /** For 'delivery.before'. undefined: no rule applies. */
  async place(arrival: ArrivalFor): Promise<Placing | undefined> {
    const { account, summary } = arrival
    const found = this.#parts.filters.program(account)
    const program = found instanceof Promise ? await found : found
    if (!program) return undefined
    const failed = (why: unknown, rule = ''): void => {
      this.#parts.log.warn({ err: why, account, rule }, 'a filter rule failed; the message goes to INBOX')
      this.#parts.note(account, rule, why instanceof Error ? why.message : String(why), summary.sort.messageId)
    }
    try {
      const its = await this.circumstances(program, arrival)
      const outcome = await evaluateWith(program, its, arrival.octets, this.#parts.options.evaluationMs)
      if (outcome.applied.length === 0 && !program.asksFirst) return undefined
      return await this.#placing(program, its, outcome, arrival, failed)
    } catch (error) {
      failed(error, (error as { rule?: string }).rule)
      return { mailboxes: ['INBOX'] }
    }
  }

  /** What rules are asked about; also for `mailsort test` and `apply`. */
  async circumstances(program: Program, arrival: Pick<ArrivalFor, 'account' | 'recipient' | 'originator' | 'summary' | 'at'>): Promise<Circumstances> {
    const { options } = this.#parts
    const { account, recipient, originator, summary, at } = arrival
    const store = originator.store?.toLowerCase()
    return {
      message: messageOf(summary), recipient, sender: originator.name, protocol: originator.protocol, store, at, trusted: options.trusted, timezone: program.timezone ?? options.timezone,
      ...(program.asksFirst ? { known: await this.#known({ account, sender: senderOf(summary, originator.name) }) } : {}),
    }
  }

  async #placing(program: Program, its: Circumstances, outcome: Outcome, arrival: ArrivalFor, failed: (why: unknown) => void): Promise<Placing> {
    const { account } = arrival
    const owed: Owed[] = []
    let copies = outcome.copies
    const forwards = outcome.after.some((one) => one.do === 'forward')
    const loop = forwards ? await this.#loop(its, arrival) : undefined
    for (const one of outcome.after) {
      if (one.do === 'forward' && loop !== undefined) continue
      owed.push(owing(one, program))
    }
    if (loop !== undefined) {
      failed(new Error(loop))
      if (copies.length === 0) copies = [inbox]
    }
    if (program.asksFirst && its.known === false) owed.push({ plugin: 'mailsort', work: { do: 'met', sender: senderOf(arrival.summary, arrival.originator.name) } satisfies Work })
    const into = await Promise.all(copies.map((copy) => this.#into(account, copy)))
    return {
      // A refusal that nobody could be told: not lost, and not in the way.
      mailboxes: outcome.reject !== undefined && into.length === 0 ? [await this.#into(account, { mailbox: { junk: true }, ifExists: false, flags: 0, keywords: ['$Junk'] })] : into,
      ...(outcome.reject === undefined ? {} : { reject: outcome.reject }), owed, failed,
    }
  }

  async #into(account: AccountId, { mailbox, usual, ifExists, flags, keywords }: WantedCopy): Promise<Into> {
    return { ...(usual ? { usual } : {}), name: typeof mailbox === 'string' ? mailbox : await this.junkOf(account), create: !ifExists, flags, keywords }
  }

  async junkOf(account: AccountId): Promise<string> {
    return (await this.#parts.mailboxes.list(account)).find(({ specialUse }) => specialUse === '\\Junk')?.name ?? this.#parts.options.junk
  }

  /** Why this message must not be forwarded once more. */
  async #loop({ message }: Circumstances, { account, recipient, octets }: ArrivalFor): Promise<string | undefined> {
    const delivered = await this.#field('delivered-to', message, octets)
    if (delivered.length >= this.#parts.options.maxHops) return `not forwarded: it was forwarded ${delivered.length} times already`
    if (delivered.length === 0) return undefined
    const own = new Set([recipient, ...await this.#parts.accounts.addressesOf(account)].map((address) => address.toLowerCase()))
    return delivered.some((address) => own.has(address.toLowerCase())) ? 'not forwarded: it has been here before (a circle of forwards)' : undefined
  }

  async #field(name: string, message: Circumstances['message'], octets: ArrivalFor['octets']): Promise<readonly string[]> {
    try {
      return message.texts(name)
    } catch (error) {
      if (!(error instanceof Missing)) throw error
      await message.bring(error.what, octets)
      return message.texts(name)
    }
  }
}

const inbox: WantedCopy = { mailbox: 'INBOX', ifExists: false, flags: 0, keywords: [] }

/** Who wrote, as the reader knows it. */
const senderOf = (summary: ArrivalFor['summary'], envelope: string): string => {
  const [first] = messageOf(summary).people('from')
  return first?.address ?? envelope
}

function owing(one: Afterwards, program: Program): Owed {
  const template = one.do !== 'forward' && one.template !== undefined ? program.templates.get(one.template) : undefined
  const bare = template && { name: template.name, subject: template.subject, text: template.text, ...(template.html === undefined ? {} : { html: template.html }) }
  switch (one.do) {
    case 'forward': return { plugin: 'mailsort', work: one satisfies Work }
    case 'reply': return { plugin: 'mailsort', work: { do: 'reply', template: bare! } satisfies Work }
    default: return { plugin: 'vacation', work: { send: 'vacation', ...(bare ? { message: bare } : {}), ...(one.days === undefined ? {} : { days: one.days }) } }
  }
}
