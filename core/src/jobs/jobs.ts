// What must happen after a commit, as rows of that commit: leased, retried with back-off, parked when it keeps failing.
import type { Clock } from '../base/clock.js'
import type { Database, Transaction } from '../database/connect.js'
import { allocate, type Migration } from '../database/migrator.js'
import type { Log } from '../log/logger.js'
import { idleLookMs, Looker } from './looker.js'
import { nextAttempt } from './schedule.js'

export const jobsMigrations: readonly Migration[] = [{
  name: 'jobs/0001-jobs',
  async up(db) {
    const { id, int, text } = db.dialect.types
    await db.run(`CREATE TABLE jobs (
      id ${id},
      kind ${text} NOT NULL,
      payload ${text} NOT NULL,
      run_at ${int} NOT NULL,
      attempts ${int} NOT NULL,
      parked ${int} NOT NULL,
      last_error ${text})`)
    await db.run('CREATE INDEX jobs_due ON jobs (parked, run_at)')
  },
}]

export interface NewJob {
  readonly kind: string
  /** JSON. */
  readonly payload: unknown
  /** Milliseconds UTC; at once when absent. */
  readonly runAt?: number
}
export interface Job { readonly id: number; readonly kind: string; readonly payload: any; readonly runAt: number; readonly attempts: number; readonly parked: boolean; readonly lastError: string | null }

/** Does one job. Throwing means "try again later"; answering `{ again: ms }` means "not done, and nobody's fault". */
export type JobHandler = (payload: any, job: { readonly attempts: number; readonly signal: AbortSignal }) => Promise<void | { readonly again: number }>

/** Attempts before a job is parked for the administrator (`restante queue`). */
const mostAttempts = 25
const batch = 64
/** Rest after what became of a job could not be written down (a full disk): it would be done again and again meanwhile. */
const restMs = 30_000

export class Jobs {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Log
  readonly #handlers = new Map<string, JobHandler>()
  readonly #running = new Map<number, Promise<void>>()
  readonly #stop = new AbortController()
  readonly #looker: Looker
  /** Jobs that ended since the look that is under way asked for rows: what it sees of them is old. */
  readonly #ended = new Set<number>()
  #restUntil = 0

  constructor({ database, clock, log }: { database: Database; clock: Clock; log: Log }) {
    this.#database = database
    this.#clock = clock
    this.#log = log
    this.#looker = new Looker(clock, () => this.#look().catch((error: unknown) => {
      log.error({ err: error }, 'cannot look for jobs')
      this.#looker.wakeIn(idleLookMs)
    }))
  }

  /** Who does jobs of a kind. Kinds without a handler (a plugin that is switched off) wait. */
  handle(kind: string, handler: JobHandler): void {
    this.#handlers.set(kind, handler)
  }

  /** Writes job rows in the caller's transaction; they start after its commit. */
  async add(tx: Transaction, jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length === 0) return
    const { jobs: first } = await allocate(tx, { jobs: jobs.length })
    const now = this.#clock.now()
    await tx.run(
      `INSERT INTO jobs (id, kind, payload, run_at, attempts, parked) SELECT r.id, r.kind, r.payload, r.run_at, 0, 0 FROM ${tx.dialect.rows({ id: 'int', kind: 'text', payload: 'text', run_at: 'int' })} AS r`,
      [tx.dialect.rowsValue(jobs.map((job, i) => [first + i, job.kind, JSON.stringify(job.payload), job.runAt ?? now]))])
    tx.afterCommit(() => this.wake())
  }

  start(): void {
    this.#looker.start()
  }

  /** Looks for due jobs now. */
  wake(): void {
    this.#looker.wake()
  }

  /** Starts nothing new and waits for what runs. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#looker.stop()
    await Promise.allSettled(this.#running.values())
  }

  /** Resolves when nothing is due and nothing runs: for tests and `queue --wait`. */
  async settled(): Promise<void> {
    for (;;) {
      await this.#looker.looking
      if (this.#running.size === 0 && !this.#looker.looking) return
      await Promise.allSettled(this.#running.values())
    }
  }

  async list(limit = 1000): Promise<Job[]> {
    const rows = await this.#database.read.all('SELECT * FROM jobs ORDER BY run_at LIMIT ?', [limit])
    return rows.map((row) => ({ id: row.id, kind: row.kind, payload: JSON.parse(row.payload), runAt: row.run_at, attempts: row.attempts, parked: row.parked === 1, lastError: row.last_error }))
  }

  /** Takes parked jobs up again. */
  async retry(ids: readonly number[]): Promise<void> {
    if (ids.length === 0) return
    await this.#database.write((tx) => tx.run(`UPDATE jobs SET parked = 0, attempts = 0, run_at = ? WHERE ${tx.dialect.oneOf('id')}`, [this.#clock.now(), tx.dialect.list(ids)]))
    this.wake()
  }

  async #look(): Promise<void> {
    const kinds = [...this.#handlers.keys()]
    if (kinds.length === 0) return
    const now = this.#clock.now()
    if (now < this.#restUntil) return this.#looker.wakeIn(this.#restUntil - now)
    const { read } = this.#database
    this.#ended.clear()
    const rows = await read.all<{ id: number; kind: string; payload: string; run_at: number; attempts: number }>(
      `SELECT id, kind, payload, run_at, attempts FROM jobs WHERE parked = 0 AND ${read.dialect.oneOfText('kind')} ORDER BY run_at LIMIT ?`, [read.dialect.list(kinds), batch + this.#running.size])
    for (const row of rows) {
      if (row.run_at > now || this.#running.size >= batch) break
      if (this.#running.has(row.id) || this.#ended.has(row.id)) continue
      this.#running.set(row.id, this.#run(row).finally(() => {
        this.#running.delete(row.id)
        if (this.#looker.looking) this.#ended.add(row.id)
        if (this.#running.size === batch - 1 || this.#running.size === 0) this.wake()
      }))
    }
    // With all hands full the next that is done wakes us.
    const next = this.#running.size >= batch ? undefined : rows.find((row) => !this.#running.has(row.id))
    this.#looker.wakeIn(next ? next.run_at - now : idleLookMs)
  }

  async #run(row: { id: number; kind: string; payload: string; attempts: number }): Promise<void> {
    try {
      const result = await this.#handlers.get(row.kind)!(JSON.parse(row.payload), { attempts: row.attempts, signal: this.#stop.signal })
      if (result?.again !== undefined) await this.#later(row.id, this.#clock.now() + result.again, row.attempts, 0, null)
      else await this.#database.write((tx) => tx.run('DELETE FROM jobs WHERE id = ?', [row.id]))
    } catch (error) {
      const attempts = row.attempts + 1
      const parked = attempts >= mostAttempts
      this.#log.warn({ err: error, job: row.id, kind: row.kind, attempts, parked }, 'a job failed')
      await this.#later(row.id, nextAttempt(attempts, this.#clock.now()), attempts, parked ? 1 : 0, String((error as Error)?.message ?? error).slice(0, 500))
        .catch((again: unknown) => {
          this.#restUntil = this.#clock.now() + restMs
          this.#log.error({ err: again, job: row.id }, 'cannot write down what became of a job')
        })
    }
  }

  #later(id: number, runAt: number, attempts: number, parked: number, error: string | null): Promise<void> {
    return this.#database.write((tx) => tx.run('UPDATE jobs SET run_at = ?, attempts = ?, parked = ?, last_error = ? WHERE id = ?', [runAt, attempts, parked, error, id]))
  }
}

declare module '../plugin/services.js' {
  interface Services { jobs: Jobs }
}
