// The sender's window (undo send): a submission that is stored and answered, but that nobody sees before its time, so that its
// sender can take it back from everybody. Its recipients are held; the rows say until when, and nothing else must survive a restart.
import type { SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Database, Transaction } from '../database/connect.js'
import { Lanes } from '../jobs/lanes.js'
import type { Log } from '../log/logger.js'

/** Seconds: a window cannot be longer. */
export const longestWindow = 3600
/** Let go at once. */
const atOnce = 64
/** What could not be let go is tried again after this. */
const retryMs = 30_000

export interface WindowsParts {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  /** Lets a submission go (let-go.ts): afterwards it has no window any more, or another time. */
  readonly letGo: (submission: SubmissionId) => Promise<void>
}

export class Windows {
  readonly #parts: WindowsParts
  readonly #lanes: Lanes

  constructor(parts: WindowsParts) {
    this.#parts = parts
    const { read } = parts.database
    this.#lanes = new Lanes({
      clock: parts.clock, log: parts.log, most: atOnce,
      due: async (now, limit) => (await read.all<{ submission: number }>('SELECT submission FROM windows WHERE until IS NOT NULL AND until <= ? ORDER BY until LIMIT ?', [now, limit])).map((row) => String(row.submission)),
      next: async (now) => (await read.get<{ at: number | null }>('SELECT min(until) AS at FROM windows WHERE until IS NOT NULL AND until > ?', [now]))?.at ?? undefined,
      run: (key) => this.#run(Number(key) as SubmissionId),
    })
  }

  /** What was due while the gateway was down goes at once. */
  async start(): Promise<void> {
    // A clock that was ahead: nothing waits longer than the longest window.
    const { database, clock } = this.#parts
    const latest = clock.now() + longestWindow * 1000
    await database.write((tx) => tx.run('UPDATE windows SET until = ? WHERE until IS NOT NULL AND until > ?', [latest, latest]))
    this.#lanes.start()
  }

  stop(): Promise<void> {
    return this.#lanes.stop()
  }

  /** Resolves when nothing is due any more. */
  settled(): Promise<void> {
    return this.#lanes.settled()
  }

  /** In the submissions' own commit. @param until milliseconds UTC */
  async open(tx: Transaction, windows: readonly { readonly submission: SubmissionId; readonly until: number; readonly lists: readonly Buffer[] }[]): Promise<void> {
    if (windows.length === 0) return
    await tx.run(`INSERT INTO windows (submission, until, lists) SELECT r.submission, r.until, r.lists FROM ${tx.dialect.rows({ submission: 'int', until: 'int', lists: 'text' })} AS r`,
      [tx.dialect.rowsValue(windows.map(({ submission, until, lists }) => [submission, until, JSON.stringify(lists.map((name) => name.toString()))]))])
    tx.afterCommit(() => this.#lanes.wake())
  }

  /** Those of the submissions that have a window wait without end (null), or until another time. */
  async move(tx: Transaction, submissions: readonly SubmissionId[], until: number | null): Promise<void> {
    if (submissions.length === 0) return
    await tx.run(`UPDATE windows SET until = ? WHERE ${tx.dialect.oneOf('submission')}`, [until, tx.dialect.list(submissions)])
    tx.afterCommit(() => this.#lanes.wake())
  }

  async #run(submission: SubmissionId): Promise<void> {
    const { database, clock, log, letGo } = this.#parts
    try {
      await letGo(submission)
    } catch (error) {
      if (this.#lanes.over) return
      log.error({ err: error, submission }, 'a held message could not be let go; it is tried again')
      await database.write((tx) => tx.run('UPDATE windows SET until = ? WHERE submission = ? AND until IS NOT NULL', [clock.now() + retryMs, submission]))
    }
  }
}
