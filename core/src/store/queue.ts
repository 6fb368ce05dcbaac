// Recipients elsewhere who still wait, for the administrator: looked at, tried again, held, released, removed, by domain, sender,
// state or one by one. What is held waits without end, also over a restart. Those of a message whose sender's window lasts wait too,
// local ones with them; such a message is held and released as a whole.
import type { MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Database, Transaction, Value } from '../database/connect.js'
import type { OwedReports } from './ports.js'
import { notificationNumber } from './status.js'
import type { StatusFeed } from './status-feed.js'
import { markReapable } from './submission.js'
import type { Windows } from './window.js'

/** `new`: not tried yet. `deferred`: tried, and to be tried again. `announced`: its agent knows, and is reminded. `held`: by the administrator. `window`: by its sender's (window.ts), until its next attempt. */
export const queueStates = ['new', 'deferred', 'announced', 'held', 'window'] as const
export type QueueState = (typeof queueStates)[number]

/** Which recipients; what is absent fits all. */
export interface QueueFilter {
  readonly ids?: readonly number[]
  readonly domain?: string
  /** Envelope sender. */
  readonly sender?: string
  readonly state?: QueueState
  /** Of one submission: what `restante track` takes. */
  readonly token?: string
}
export interface Waiting {
  readonly id: number
  readonly token: string
  readonly sender: string
  readonly recipient: string
  readonly domain: string
  readonly state: QueueState
  readonly size: number
  readonly submittedAt: number
  readonly next: number | null
  readonly attempts: number
  readonly outcome: string | null
  readonly why: string | null
}

const states: Readonly<Record<QueueState, string>> = {
  new: 'r.held IS NULL AND r.outcome IS NULL', deferred: "r.held IS NULL AND r.outcome <> 'accepted'", announced: "r.held IS NULL AND r.outcome = 'accepted'", held: 'r.held IS NOT NULL AND w.until IS NULL', window: 'r.held IS NOT NULL AND w.until IS NOT NULL',
}
const stateOf = `CASE ${queueStates.map((state) => `WHEN ${states[state]} THEN '${state}'`).join(' ')} END`
/** Both have an index of their own. */
const waits = '(r.next_attempt IS NOT NULL OR r.held IS NOT NULL)'
/** Changed in one commit: others' commits go between. */
const atOnce = 1000
const tables = 'recipients r JOIN submissions s ON s.id = r.submission LEFT JOIN windows w ON w.submission = r.submission'
const next = 'coalesce(r.next_attempt, w.until)'

export interface QueueParts {
  readonly database: Database
  readonly clock: Clock
  readonly statuses: StatusFeed
  readonly reports: OwedReports
  readonly windows: Pick<Windows, 'move'>
  readonly notifier: { wake(): void }
  readonly reaper: { soon(): void }
}

export class Queue {
  constructor(private readonly parts: QueueParts) {}

  /** The next first, those held last. */
  async list(filter: QueueFilter, limit = 1000): Promise<Waiting[]> {
    const { where, values } = this.#where(filter)
    return this.parts.database.read.all(
      `SELECT r.id, s.token, s.originator AS sender, r.address AS recipient, r.domain, ${stateOf} AS state, s.size, s.submitted_at AS "submittedAt", ${next} AS next, r.attempts, r.outcome, r.why FROM ${tables}
       WHERE ${where} ORDER BY ${next} IS NULL, ${next}, r.id LIMIT ?`, [...values, limit]) as Promise<Waiting[]>
  }

  /** By domain, those with the most first; at most 1000. */
  async byDomain(filter: QueueFilter = {}): Promise<({ readonly domain: string; readonly next: number | null; readonly oldest: number } & Readonly<Record<QueueState, number>>)[]> {
    const { where, values } = this.#where(filter)
    const { int } = this.parts.database.dialect.types
    const counts = queueStates.map((state) => `CAST(sum(CASE WHEN ${states[state]} THEN 1 ELSE 0 END) AS ${int}) AS "${state}"`).join(', ')
    return this.parts.database.read.all(
      `SELECT r.domain, ${counts}, min(${next}) AS next, min(s.submitted_at) AS oldest FROM ${tables}
       WHERE ${where} GROUP BY r.domain ORDER BY count(*) DESC, r.domain LIMIT 1000`, values) as Promise<never>
  }

  /** How many wait, by state, and since when the oldest (milliseconds UTC). */
  async stats(): Promise<Readonly<Record<QueueState, number>> & { readonly oldest: number | null }> {
    const { read } = this.parts.database
    const rows = await read.all<{ state: QueueState; count: number; first: number }>(`SELECT ${stateOf} AS state, CAST(count(*) AS ${read.dialect.types.int}) AS count, min(r.submission) AS first FROM recipients r LEFT JOIN windows w ON w.submission = r.submission WHERE ${waits} GROUP BY 1`)
    const first = rows.filter(({ state }) => state === 'new' || state === 'deferred').map((row) => row.first).sort((a, b) => a - b)[0]
    const oldest = first === undefined ? undefined : await read.get<{ at: number }>('SELECT submitted_at AS at FROM submissions WHERE id = ?', [first])
    return { new: 0, deferred: 0, announced: 0, held: 0, window: 0, ...Object.fromEntries(rows.map(({ state, count }) => [state, count])), oldest: oldest?.at ?? null }
  }

  /** Tries again at once those that wait after a failure. */
  async retry(filter: QueueFilter): Promise<number> {
    const count = await this.#each({ ...filter, state: 'deferred' }, (tx, ids) => tx.run(`UPDATE recipients SET next_attempt = ? WHERE next_attempt IS NOT NULL AND ${tx.dialect.oneOf('id')}`, [this.parts.clock.now(), tx.dialect.list(ids)]))
    this.parts.notifier.wake()
    return count
  }

  /** They wait until they are released. An attempt that is under way is not stopped. */
  hold(filter: QueueFilter): Promise<number> {
    return this.#each(filter, async (tx, ids, submissions) => {
      await this.parts.windows.move(tx, submissions, null)
      await tx.run(`UPDATE recipients SET held = ?, next_attempt = NULL WHERE held IS NULL AND next_attempt IS NOT NULL AND ${tx.dialect.oneOf('id')}`, [this.parts.clock.now(), tx.dialect.list(ids)])
    }, '(r.held IS NULL OR w.until IS NOT NULL)')
  }

  /** A sender's window ends early only for what is named: by number, by message, or by that state. */
  async release(filter: QueueFilter): Promise<number> {
    const named = filter.ids !== undefined || filter.token !== undefined || filter.state !== undefined
    const count = await this.#each(named ? filter : { ...filter, state: 'held' }, async (tx, ids, submissions) => {
      await this.parts.windows.move(tx, submissions, this.parts.clock.now())
      await tx.run(`UPDATE recipients SET held = NULL, next_attempt = ? WHERE held IS NOT NULL AND ${tx.dialect.oneOf('id')} AND NOT EXISTS (SELECT 1 FROM windows w WHERE w.submission = recipients.submission)`,
        [this.parts.clock.now(), tx.dialect.list(ids)])
    }, 'r.held IS NOT NULL')
    this.parts.notifier.wake()
    return count
  }

  /** Gives them up. @param tell whether their senders get a report, as of any other failure */
  async remove(filter: QueueFilter, tell: boolean): Promise<number> {
    const count = await this.#each(filter, async (tx, ids) => {
      const gone = await tx.all<{ id: RecipientId; submission: SubmissionId }>(
        `UPDATE recipients SET held = NULL, next_attempt = NULL, pinned = 0, notification = ?, outcome = 'removed', why = ? WHERE (held IS NOT NULL OR next_attempt IS NOT NULL) AND ${tx.dialect.oneOf('id')} RETURNING id, submission`,
        [notificationNumber('noservice'), removed, tx.dialect.list(ids)])
      const messages = await tx.all<{ message: MessageId }>(`SELECT DISTINCT message FROM submissions WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list([...new Set(gone.map(({ submission }) => submission))])])
      await markReapable(tx, messages.map(({ message }) => message))
      if (tell) await this.parts.reports.owe(tx, gone.map(({ id, submission }) => ({ kind: 'failed', submission, about: [{ id, status: '5.3.0', why: removed }] })))
      tx.afterCommit(() => this.parts.statuses.tell(gone.map(({ id }) => id)))
    })
    this.parts.reaper.soon()
    return count
  }

  /** Changes all that fit, some at a time. Answers how many there were. */
  async #each(filter: QueueFilter, change: (tx: Transaction, ids: readonly RecipientId[], submissions: readonly SubmissionId[]) => Promise<void>, also = '1 = 1'): Promise<number> {
    const { where, values } = this.#where(filter)
    let count = 0
    for (let after = 0; ;) {
      const rows = await this.parts.database.read.all<{ id: RecipientId; submission: SubmissionId }>(`SELECT r.id, r.submission FROM ${tables} WHERE ${where} AND ${also} AND r.id > ? ORDER BY r.id LIMIT ?`, [...values, after, atOnce])
      if (rows.length === 0) return count
      after = rows.at(-1)!.id
      count += rows.length
      await this.parts.database.write((tx) => change(tx, rows.map(({ id }) => id), [...new Set(rows.map(({ submission }) => submission))]))
    }
  }

  #where({ ids, domain, sender, state, token }: QueueFilter): { where: string; values: Value[] } {
    const { dialect } = this.parts.database
    const parts: [string, Value[]][] = [
      [waits, []],
      ...(ids === undefined ? [] : [[dialect.oneOf('r.id'), [dialect.list(ids)]] as [string, Value[]]]),
      ...(domain === undefined ? [] : [['r.domain = ?', [domain.toLowerCase()]] as [string, Value[]]]),
      ...(sender === undefined ? [] : [['s.originator = ?', [sender]] as [string, Value[]]]),
      ...(state === undefined ? [] : [[states[state], []] as [string, Value[]]]),
      ...(token === undefined ? [] : [['s.token = ?', [token]] as [string, Value[]]]),
    ]
    return { where: parts.map(([sql]) => sql).join(' AND '), values: parts.flatMap(([, values]) => values) }
  }
}

const removed = 'it was removed from the queue by the administrator'

declare module '../plugin/services.js' {
  interface Services { queue: Queue }
}
