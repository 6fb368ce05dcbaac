// Tells recipients' agents of their messages (im2000.md D31-D42). The rows of recipients are the queue: nothing else must
// survive a restart. One lane per domain: a domain that does not answer holds up nobody else, and is asked once per pass.
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import type { Batch, Database } from '../database/connect.js'
import { isFailure } from '../errors/codes.js'
import type { Located } from '../im2000/locate.js'
import type { RnaClient } from '../im2000/seams.js'
import { Lanes } from '../jobs/lanes.js'
import type { Notification } from '../im2000/values.js'
import type { Log } from '../log/logger.js'
import { notificationNumber, sourcesOf } from './status.js'
import type { StatusFeed } from './status-feed.js'
import { outcomes, schedule, type Outcome, type ScheduleOptions } from './notification-schedule.js'
import type { RecipientsElsewhere } from './contract.js'
import { dueOf, type Due } from './due.js'
import { HandOver } from './hand-over.js'
import type { OwedReports, Relay } from './ports.js'

export interface NotifierOptions extends ScheduleOptions {
  /** Domains that are told at once. */
  readonly domains: number
  /** Sessions with one agent at once. */
  readonly perAgent: number
  /** Whether notifications carry the message's digest (H5). */
  readonly digest: boolean
  /** Where recipients read: in every notification (D40). */
  readonly store: Pick<Notification, 'storeClear' | 'storeSsl'>
}
export interface NotifierParts {
  readonly database: Database
  readonly clock: Clock
  readonly random: Pick<Random, 'fraction'>
  readonly log: Log
  readonly statuses: StatusFeed
  readonly reports: OwedReports
  /** A session with a domain's agent. */
  readonly reach: (domain: string) => Promise<Located<RnaClient>>
  readonly options: NotifierOptions
}

interface Result { readonly due: Due; readonly outcome: Outcome; readonly why: string }

/** Notifications of one mailbox in one command (D41): well below RNASP's 64 KiB. */
const perCommand = 40
/** A second session pays from here on. */
const worthASession = 20
/** Sessions that break in one pass, after which the agent is left alone until the next. */
const brokenSessions = 3
const longestWhy = 300
/** Not the notification's fault (D37). */
const lastWords: readonly string[] = ['errorcommandtimeout', 'errorserviceshutdown']

export class Notifier implements RecipientsElsewhere {
  readonly #parts: NotifierParts
  readonly #lanes: Lanes
  readonly #settle: Batch<Result, void>
  readonly #handOver: HandOver

  constructor(parts: NotifierParts) {
    this.#parts = parts
    const { read } = parts.database
    this.#lanes = new Lanes({
      clock: parts.clock, log: parts.log, most: parts.options.domains,
      due: async (now, limit) => (await read.all<{ domain: string }>(
        'SELECT domain, min(next_attempt) AS due FROM recipients WHERE next_attempt IS NOT NULL AND next_attempt <= ? GROUP BY domain ORDER BY due LIMIT ?', [now, limit])).map((row) => row.domain),
      next: async (now) => (await read.get<{ at: number | null }>('SELECT min(next_attempt) AS at FROM recipients WHERE next_attempt IS NOT NULL AND next_attempt > ?', [now]))?.at ?? undefined,
      run: (domain, now, signal) => this.#lane(domain, now, signal),
    })
    this.#settle = { name: 'notified', write: async (tx, results) => { await this.#write(tx, results); return results.map(() => undefined) } }
    this.#handOver = new HandOver({ ...parts, again: parts.options.retry * 1000, over: () => this.#lanes.over })
  }

  relayThrough(relay: Relay): void {
    this.#handOver.relay = relay
  }

  reaches(domain: string): boolean {
    return isDomain(domain)
  }

  async start(): Promise<void> {
    // A clock that was ahead: nothing waits longer than the longest repeat.
    const { database, clock, options } = this.#parts
    const longest = Math.max(options.longest * 1.2, (Math.max(...options.repeatDays) + 1) * 86_400) * 1000
    await database.write((tx) => tx.run('UPDATE recipients SET next_attempt = ? WHERE next_attempt IS NOT NULL AND next_attempt > ?', [clock.now(), clock.now() + longest]))
    this.#lanes.start()
  }

  /** There may be something to do. */
  wake(): void {
    this.#lanes.wake()
  }

  /** Starts nothing new and waits a moment for the sessions that run. */
  stop(): Promise<void> {
    return this.#lanes.stop()
  }

  /** Resolves when nothing is due any more. */
  settled(): Promise<void> {
    return this.#lanes.settled()
  }

  /** One pass over a domain: those due by `until`. The agent is looked up once, and anew in each pass (C.2: nothing is cached between attempts). */
  async #lane(domain: string, until: number, signal: AbortSignal): Promise<void> {
    let first = await this.#due(domain, until)
    if (first.length === 0) return
    if (!isDomain(domain)) return this.#allOf(domain, until, signal, first, 'baddomain', 'the domain cannot be one')
    const located = await this.#parts.reach(domain)
    if (located.kind === 'connected') return this.#tell(domain, until, signal, first, located)
    this.#parts.log.info({ domain, why: located.why, lasting: located.kind === 'permanent' }, 'agent not reached')
    // Below a wildcard each name exists without SRV records: IM2000 would wait (C.1.5), SMTP need not.
    if (this.#handOver.relay && (located.kind === 'permanent' || located.unoffered)) {
      for (; first.length > 0 && !signal.aborted; first = await this.#due(domain, until)) await this.#handOver.run(domain, signal, first)
      return
    }
    return this.#allOf(domain, until, signal, first, located.kind === 'permanent' ? 'noservice' : 'unreachable', located.why)
  }

  async #tell(domain: string, until: number, signal: AbortSignal, first: readonly Due[], { value, secure }: { readonly value: RnaClient; readonly secure: boolean }): Promise<void> {
    const agent = new Agent(domain, value, this.#parts, signal)
    const open = secure ? this.#parts.options.store.storeSsl === undefined ? 'this store has no TLS service' : undefined : 'the agent is reached without TLS'
    try {
      for (let due = first; due.length > 0; due = await this.#due(domain, until)) {
        const kept = open === undefined ? [] : due.filter(({ requireTls }) => requireTls)
        await Promise.all(kept.map((one) => this.#settled(one, 'noservice', `${open}, and the sender requires TLS all the way (REQUIRETLS)`)))
        const waiting = byMailbox(due.filter((one) => !kept.includes(one)))
        const hands = due.length >= worthASession ? this.#parts.options.perAgent : 1
        // Each takes the next mailbox; a hand without a session of its own asks for one.
        await Promise.all(Array.from({ length: hands }, async () => {
          for (let group = waiting.pop(); group; group = waiting.pop()) {
            if (signal.aborted) return
            const { outcome, why } = await agent.notify(group.map((one) => this.#notification(one)))
            await Promise.all(group.map((one) => this.#settled(one, outcome, why)))
          }
        }))
        if (signal.aborted) return
      }
    } finally {
      agent.close()
    }
  }

  #notification(due: Due): Notification {
    const { store, digest } = this.#parts.options
    return {
      // Clear text is "not offered" (im2000.md Q15) for what must not be fetched that way (RFC 8689).
      ...store, ...(due.requireTls ? { storeClear: { literals: [] } } : {}), recipient: due.address, identifier: due.identifier, sender: due.originator, size: due.size,
      ...(digest && due.digest ? { digest: Buffer.from(due.digest, 'hex') } : {}),
    }
  }

  /** The same for all that are due at a domain. */
  async #allOf(domain: string, until: number, signal: AbortSignal, first: readonly Due[], outcome: Outcome, why: string): Promise<void> {
    for (let due = first; due.length > 0; due = await this.#due(domain, until)) {
      await Promise.all(due.map((one) => this.#settled(one, outcome, why)))
      if (signal.aborted) return
    }
  }

  async #settled(due: Due, outcome: Outcome, why: string): Promise<void> {
    if (this.#lanes.over) return
    return this.#parts.database.writeBatched(this.#settle, { due, outcome, why })
  }

  async #write(tx: Parameters<Batch<Result, void>['write']>[0], results: readonly Result[]): Promise<void> {
    const { clock, random, options } = this.#parts
    const now = clock.now()
    tx.afterCommit(() => {
      for (const { due, outcome, why } of results) this.#parts.log.info({ to: due.address.slice(due.address.lastIndexOf('@') + 1), id: due.token, outcome, ...(why === '' ? {} : { why }) }, 'announced by IM2000')
      this.#parts.statuses.tell(results.map(({ due }) => due.id))
    })
    // Announced to an agent: from here on it is the recipient's business when it is read (RFC 3461 6.2.2, 'relayed').
    await this.#parts.reports.owe(tx, results.filter(({ due, outcome }) => outcome === 'accepted' && due.outcome !== 'accepted' && due.notify?.includes('SUCCESS'))
      .map(({ due }) => ({ kind: 'relayed', submission: due.submission, about: [{ id: due.id, status: '2.1.9', why: "it was announced to the recipient's agent (IM2000)" }] })))
    const rows = results.map(({ due, outcome, why }) => {
      const { attempts, at } = schedule(outcome, due, now, options, random.fraction())
      return { id: due.id, status: outcomes[outcome].status, at, attempts, outcome, why: why.slice(0, longestWhy) }
    })
    // What was silenced, un-pinned or cancelled meanwhile has no next attempt any more, and stays so (D33).
    await tx.run(
      `UPDATE recipients SET next_attempt = r.at, attempts = r.attempts, outcome = r.outcome, why = r.why FROM ${tx.dialect.rows({ id: 'int', at: 'int', attempts: 'int', outcome: 'text', why: 'text' })} AS r
       WHERE recipients.id = r.id AND recipients.next_attempt IS NOT NULL`,
      [tx.dialect.rowsValue(rows.map((row) => [row.id, row.at ?? null, row.attempts, row.outcome, row.why === '' ? null : row.why]))])
    for (const status of new Set(rows.map((row) => row.status))) {
      await tx.run(`UPDATE recipients SET notification = ? WHERE ${tx.dialect.oneOf('id')} AND ${tx.dialect.oneOf('notification')}`,
        [notificationNumber(status), tx.dialect.list(rows.filter((row) => row.status === status).map((row) => row.id)), tx.dialect.list(sourcesOf(status))])
    }
  }

  async #due(domain: string, until: number): Promise<Due[]> {
    return this.#lanes.over ? [] : dueOf(this.#parts.database.read, domain, until)
  }
}

/** Sessions with one agent during one pass. */
class Agent {
  readonly #idle: RnaClient[]
  #broken = 0

  constructor(private readonly domain: string, first: RnaClient, private readonly parts: NotifierParts, private readonly signal: AbortSignal) {
    this.#idle = [first]
  }

  async notify(notifications: readonly Notification[]): Promise<{ readonly outcome: Outcome; readonly why: string }> {
    const session = this.#idle.pop() ?? await this.#another()
    if (typeof session === 'string') return { outcome: this.#broken >= brokenSessions ? 'broken' : 'unreachable', why: session }
    try {
      await session.notify(notifications)
      this.#idle.push(session)
      return { outcome: 'accepted', why: '' }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (isFailure(error, 'NOTIFICATION_REFUSED') || isFailure(error, 'ACCOUNT_NOT_FOUND') || isFailure(error, 'PEER_REFUSED')) {
        // If these were last words (B20, B21), the next command finds that out.
        this.#idle.push(session)
        const over = isFailure(error, 'PEER_REFUSED') && lastWords.includes(String(error.details.status))
        return { outcome: over ? 'broken' : isFailure(error, 'ACCOUNT_NOT_FOUND') ? 'unknown' : 'refused', why }
      }
      session.close()
      this.#broken++
      // Nothing was sent: the agent had only grown tired of waiting.
      if (isFailure(error, 'PEER_GONE')) return this.notify(notifications)
      return { outcome: 'broken', why }
    }
  }

  async #another(): Promise<RnaClient | string> {
    if (this.#broken >= brokenSessions || this.signal.aborted) return 'the agent breaks its sessions'
    const located = await this.parts.reach(this.domain)
    return located.kind === 'connected' ? located.value : located.why
  }

  close(): void {
    for (const session of this.#idle) session.close()
  }
}

/** One mailbox per command, so that one refusal hurts nobody else (D41, Q14). The longest due last: they are popped. */
function byMailbox(due: readonly Due[]): Due[][] {
  const groups = new Map<string, Due[]>()
  for (const one of due) groups.set(one.address, [...(groups.get(one.address) ?? []), one])
  return [...groups.values()].flatMap((group) => Array.from({ length: Math.ceil(group.length / perCommand) }, (_, i) => group.slice(i * perCommand, (i + 1) * perCommand))).reverse()
}

/** A name that DNS can be asked for (D.4 baddomain): labels of letters, digits, hyphens; no address literal (C.2). */
export const isDomain = (domain: string): boolean => domain.length <= 253 && domain.includes('.')
  && domain.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label)) && !/(?:^|\.)\d+$/.test(domain)
