// The relay: recipients whose domain has no agent get their mail by SMTP. There is no queue here: the store's recipients are the
// queue, and it tells us who is due. Recipients of one message at one host share a transaction.
import type { Clock, Content, Contents, Log, MessageId, OwedReport, Relay, RelayDone, RelayOutcome, RelayRecipient } from '@restante/core'
import { readAhead, type Ahead } from './ahead.js'
import type { Config } from './config.js'
import type { Connections, Conversation } from './connections.js'
import { again, type Verdict } from './outcome.js'
import type { Pace } from './pace.js'
import type { Prepared } from './prepare.js'
import type { Routed } from './route.js'
import { strictly } from './tls/harden.js'

export interface RelayParts {
  readonly config: Config
  readonly hostname: string
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  readonly contents: Contents
  readonly prepare: (opened: Promise<Content>, one: RelayRecipient) => Promise<Prepared | Verdict>
  /** Who stands as the sender in the envelope. */
  readonly envelopeSender: (one: RelayRecipient) => Promise<string>
  readonly connections: Connections
  readonly route: (domain: string, sender: string) => Promise<Routed>
  readonly harden: (routed: Routed, domain: string) => Promise<Routed>
  readonly pace: Pace
  readonly count: (domain: string, verdict: Verdict) => void
}

/** Recipients of one message by one road. */
interface Group { readonly message: MessageId; readonly sender: string; readonly recipients: readonly RelayRecipient[] }

/** As policies ask for; whatever they ask for (TLS-Required: No); by hosts that prove themselves (REQUIRETLS; both RFC 8689). */
type Way = 'usual' | 'lax' | 'strict'

export function makeRelay(parts: RelayParts): Relay {
  const { config, clock, connections, log } = parts

  /** Late, and its sender does not know yet. */
  const isLate = ({ submittedAt, warned }: RelayRecipient, now: number): boolean => !warned && config.warnAfter > 0 && now - submittedAt >= config.warnAfter * 1000

  return {
    async relay(domain, recipients, done, signal) {
      for (const [sender, groups] of bySender(recipients)) {
        const routed = await parts.route(domain, sender)
        const hardened = await parts.harden(routed, domain)
        const ways: Record<Way, Routed> = { usual: hardened, lax: routed, strict: 'road' in hardened ? { ...hardened, road: strictly(hardened.road) } : hardened }
        // Several conversations only where there is enough to say.
        const waiting = [...groups]
        const ahead = readAhead(parts.contents, groups.map(({ message }) => message))
        const hands = Math.min('road' in hardened ? hardened.road.connections ?? config.connections : 1, Math.ceil(groups.length / 5))
        await Promise.all(Array.from({ length: hands }, () => work(domain, waiting, ahead, ways, done, signal)))
      }
    },
  }

  /** Takes groups as long as there are any, on one conversation as long as it lasts. */
  async function work(domain: string, waiting: Group[], ahead: Ahead, ways: Readonly<Record<Way, Routed>>, done: RelayDone, signal: AbortSignal): Promise<void> {
    let open: { readonly way: Way; readonly conversation: Conversation } | undefined
    /** Nobody can be reached that way just now: not asked again for each message. */
    const closed = new Map<Way, Verdict>()
    const book = new Book(settle, done)
    // The next message is read while this one is sent, and the last one written down.
    const take = (): { group: Group; coming: ReturnType<RelayParts['prepare']> } | undefined => {
      const group = waiting.shift()
      return group && { group, coming: parts.prepare(ahead.take(), group.recipients[0]) }
    }
    try {
      for (let next = take(); next && !signal.aborted;) {
        const { group, coming } = next
        const found = await coming
        next = take()
        if ('kind' in found) {
          await book.write(group, () => found)
          continue
        }
        const way: Way = group.recipients[0].requireTls ? 'strict' : found.lax ? 'lax' : 'usual'
        if (open && open.way !== way) {
          open.conversation.done(false)
          open = undefined
        }
        const { rate = config.rate } = 'road' in ways[way] ? ways[way].road : {}
        const later = rate === undefined ? 0 : parts.pace.take(domain, rate)
        if (later > 0) {
          await done(group.recipients.map((recipient) => ({ recipient, outcome: { kind: 'waiting', again: later } })))
          continue
        }
        const had = open?.conversation ?? closed.get(way) ?? await reach(ways[way], domain, signal)
        if ('kind' in had) {
          closed.set(way, had)
          await book.write(group, () => had)
          continue
        }
        open = { way, conversation: had }
        if (await hand(group, found, had, book)) {
          had.done(true)
          open = undefined
        }
      }
      await book.written()
    } finally {
      open?.conversation.done(false)
    }
  }

  async function reach(routed: Routed, domain: string, signal: AbortSignal): Promise<Conversation | Verdict> {
    return 'road' in routed ? connections.open(routed.road, domain, signal) : { kind: routed.kind, status: routed.status, why: routed.why }
  }

  /** Answers whether the conversation is broken. */
  async function hand(group: Group, found: Prepared, conversation: Conversation, book: Book): Promise<boolean> {
    for (let i = 0; i < group.recipients.length; i += config.perTransaction) {
      const part = { ...group, recipients: group.recipients.slice(i, i + config.perTransaction) }
      const { verdicts, broken, reports } = await conversation.send({
        from: await parts.envelopeSender(group.recipients[0]), to: new Map(part.recipients.map((one) => [one.address, one.wishes])), reports: group.recipients[0].reports, size: found.size, eightBit: found.eightBit, octets: found.octets(),
        requireTls: group.recipients[0].requireTls,
      })
      await book.write(part, (recipient) => verdicts.get(recipient.address)!, reports)
      if (!broken) continue
      // The rest of a message whose conversation broke comes again soon: nothing was said of it.
      const rest = { ...group, recipients: group.recipients.slice(i + config.perTransaction) }
      await book.write(rest, () => ({ kind: 'temporary', status: '4.4.2', why: `the conversation with ${conversation.host} broke` }))
      return true
    }
    return false
  }

  /** Writes down what became of each, with what the sender must know of it. @param reports the next server reports from here on */
  async function settle(done: RelayDone, group: Group, verdictOf: (recipient: RelayRecipient) => Verdict, reports = false): Promise<void> {
    const now = clock.now()
    const owed: Record<OwedReport['kind'], OwedReport['about'][number][]> = { failed: [], delayed: [], relayed: [], delivered: [] }
    const results = group.recipients.map((recipient) => {
      let verdict = verdictOf(recipient)
      const next = verdict.kind === 'temporary' ? again(recipient.attempts, recipient.submittedAt, now, config, parts.random()) : undefined
      if (verdict.kind === 'temporary' && next === undefined) verdict = { ...verdict, kind: 'permanent', status: '4.4.7', why: `given up after ${Math.round(config.giveUp / 3600)} hours; at last: ${verdict.why}` }
      const domain = domainOf(recipient.address)
      parts.count(domain, verdict)
      log.info({ to: domain, id: recipient.token, result: verdict.kind, status: verdict.status, why: verdict.why }, 'relayed by SMTP')
      const { kind, status, ...words } = verdict
      if (kind === 'permanent') owed.failed.push({ id: recipient.id, status, ...words })
      else if (kind === 'delivered') {
        if (!reports) owed.relayed.push({ id: recipient.id, status, ...words })
      } else if (isLate(recipient, now)) owed.delayed.push({ id: recipient.id, ...words, status: `4${status.slice(1)}` })
      return { recipient, outcome: { kind, why: verdict.why, ...(kind === 'temporary' ? { again: next! } : {}) } as RelayOutcome }
    })
    if (results.length === 0) return
    const { submission, submittedAt } = group.recipients[0]
    await done(results, (Object.keys(owed) as OwedReport['kind'][]).filter((kind) => owed[kind].length > 0 && isHeardOf(kind, group.recipients))
      .map((kind) => ({ kind, submission, about: owed[kind], ...(kind === 'delayed' ? { left: config.giveUp - (now - submittedAt) / 1000 } : {}) })))
  }
}

/** Most success is of no interest to anybody: no row is written for it. */
const isHeardOf = (kind: OwedReport['kind'], recipients: readonly RelayRecipient[]): boolean => kind !== 'relayed' || recipients.some(({ wishes }) => wishes.notify?.includes('SUCCESS'))

type Settle = (done: RelayDone, group: Group, verdictOf: (recipient: RelayRecipient) => Verdict, reports?: boolean) => Promise<void>

/** Writes down what became of messages while the next is sent: one commit behind, never more, so that a crash repeats little. */
class Book {
  #writing: Promise<void> = Promise.resolve()
  constructor(private readonly settle: Settle, private readonly done: RelayDone) {}

  /** Resolves when what was written before is durable. Throws what that met. */
  async write(group: Group, verdictOf: (recipient: RelayRecipient) => Verdict, reports = false): Promise<void> {
    const before = this.#writing
    this.#writing = this.settle(this.done, group, verdictOf, reports)
    this.#writing.catch(() => undefined) // thrown by whoever comes next
    await before
  }
  written(): Promise<void> {
    return this.#writing
  }
}

function bySender(recipients: readonly RelayRecipient[]): Map<string, Group[]> {
  const groups = new Map<string, { message: MessageId; sender: string; recipients: RelayRecipient[] }>()
  for (const recipient of recipients) {
    // An originator that is no address is an account's name at this store.
    const key = `${recipient.submission}`
    const group = groups.get(key) ?? { message: recipient.message, sender: recipient.originator, recipients: [] }
    group.recipients.push(recipient)
    groups.set(key, group)
  }
  const senders = new Map<string, Group[]>()
  for (const group of groups.values()) senders.set(group.sender, [...senders.get(group.sender) ?? [], group])
  return senders
}

const domainOf = (address: string): string => /@([A-Za-z0-9.-]+)[^@]*$/.exec(address)?.[1].toLowerCase() ?? ''
