// Deletes what nothing holds: a message without pin, posting, mailbox entry (im2000.md D43), window of its sender's or work that is still owed,
// expired submissions, old tombstones. Looks only at messages that were marked when they lost a holder, never at the whole store.
import type { MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Database, Transaction } from '../database/connect.js'
import type { Log } from '../log/logger.js'
import type { Lists } from './lists.js'
import type { Messages } from './messages.js'
import type { LocalRecipients, Outbox, SentCopies, StillShown } from './ports.js'
import { markReapable } from './submission.js'

export interface ReaperParts {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly messages: Messages
  readonly lists: Lists
  readonly local: LocalRecipients
  readonly outbox: Pick<Outbox, 'clear'>
  readonly sentCopies: Pick<SentCopies, 'forgo'>
  readonly shown: StillShown
  readonly options: {
    /** Seconds a tombstone stays for tracking (D54). */
    readonly tombstoneSeconds: number
    /** Seconds after which a message without lifetime is given up (D51); 0: never. */
    readonly maximumAgeSeconds: number
  }
}

/** Marks are gathered this long, so that a mass deletion is a few commits. */
const gatherMs = 200
const batch = 500
/** Submissions ended in one commit: each may have a thousand entries to withdraw. */
const endAtOnce = 50
const lookMs = 60_000

export class Reaper {
  readonly #parts: ReaperParts
  #timer: { clear(): void } | undefined
  #daily: { clear(): void } | undefined
  #running: Promise<void> | undefined
  #expiring: Promise<void> | undefined
  #stopped = false

  constructor(parts: ReaperParts) {
    this.#parts = parts
  }

  start(): void {
    this.soon()
    this.#everyMinute()
  }

  /** Something lost a holder. */
  soon(): void {
    if (this.#stopped || this.#timer) return
    this.#timer = this.#parts.clock.after(gatherMs, () => {
      this.#timer = undefined
      this.#running = (this.#running ?? Promise.resolve()).then(() => this.reap()).then(() => undefined, (error: unknown) => { this.#parts.log.error({ err: error }, 'the reaper failed') })
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.clear()
    this.#daily?.clear()
    await this.#running
    await this.#expiring
  }

  /** Looks at all marked messages now. Answers how many were deleted. */
  async reap(): Promise<number> {
    const { database, messages, outbox, shown } = this.#parts
    let deleted = 0
    for (let after = 0; !this.#stopped;) {
      const rows = await database.read.all<{ message: MessageId }>('SELECT message FROM reapable WHERE message > ? ORDER BY message LIMIT ?', [after, batch])
      if (rows.length === 0) break
      after = rows.at(-1)!.message
      deleted += await database.write(async (tx) => {
        // Asked here, where every earlier commit has been told: a reader may see a row before its teller has spoken.
        const held = shown.shown()
        const candidates = rows.map((row) => row.message).filter((message) => !held.has(message))
        if (candidates.length === 0) return 0
        const gone = await tx.all<{ message: MessageId }>(
          `SELECT c.message FROM ${tx.dialect.rows({ message: 'int' })} AS c
           WHERE NOT EXISTS (SELECT 1 FROM entries e LEFT JOIN outbox_pins o ON o.id = e.recipient WHERE e.message = c.message AND o.id IS NULL)
             AND NOT EXISTS (SELECT 1 FROM postings p WHERE p.message = c.message)
             AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.message = c.message)
             AND NOT EXISTS (SELECT 1 FROM submissions s JOIN recipients r ON r.submission = s.id WHERE s.message = c.message AND r.pinned = 1)
             AND NOT EXISTS (SELECT 1 FROM submissions s JOIN windows w ON w.submission = s.id WHERE s.message = c.message)`,
          [tx.dialect.rowsValue(candidates.map((message) => [message]))])
        const ids = gone.map((row) => row.message)
        if (ids.length > 0) {
          await this.#tell(tx, ids)
          await outbox.clear(tx, ids)
          await messages.remove(tx, ids)
          await tx.run(`UPDATE submissions SET ended_at = ?, ended_by = 'released' WHERE ended_at IS NULL AND ${tx.dialect.oneOf('message')}`, [this.#parts.clock.now(), tx.dialect.list(ids)])
        }
        await tx.run(`DELETE FROM reapable WHERE ${tx.dialect.oneOf('message')}`, [tx.dialect.list(candidates)])
        return ids.length
      })
    }
    return deleted
  }

  /** Ends submissions whose lifetime is over, and forgets old tombstones. */
  async expire(): Promise<void> {
    const { database, clock, options } = this.#parts
    const now = clock.now()
    await this.#end('SELECT id FROM submissions WHERE expires_at IS NOT NULL AND ended_at IS NULL AND expires_at <= ? LIMIT ?', now)
    if (options.maximumAgeSeconds > 0) {
      // From the foreign pins, oldest submissions first: they are few, and all others are none of this rule's business.
      await this.#end(`SELECT s.id FROM (SELECT DISTINCT submission FROM recipients WHERE account IS NULL AND pinned = 1 ORDER BY submission LIMIT ${batch}) AS r
        JOIN submissions s ON s.id = r.submission WHERE s.ended_at IS NULL AND s.submitted_at < ? LIMIT ?`, now - options.maximumAgeSeconds * 1000)
    }
    await database.write(async (tx) => markReapable(tx, await this.#parts.lists.expire(tx)))
    await database.write((tx) => tx.run('DELETE FROM submissions WHERE ended_at IS NOT NULL AND ended_at < ?', [now - options.tombstoneSeconds * 1000]))
    this.soon()
  }

  /** Ends what a query finds, a few at a time, until it finds no more: other people's commits go between. */
  async #end(query: string, before: number): Promise<void> {
    const { database, clock } = this.#parts
    while (!this.#stopped) {
      const found = await database.read.all<{ id: SubmissionId }>(query, [before, endAtOnce])
      if (found.length > 0) await database.write((tx) => endSubmissions(tx, this.#parts, found.map((row) => row.id), 'expired', clock.now()))
      if (found.length < endAtOnce) return
    }
  }

  async #tell(tx: Transaction, ids: readonly MessageId[]): Promise<void> {
    const { log } = this.#parts
    if (!log.isLevelEnabled('debug')) return
    const rows = await tx.all<{ token: string }>(`SELECT token FROM submissions WHERE ${tx.dialect.oneOf('message')}`, [tx.dialect.list(ids)])
    tx.afterCommit(() => { for (const { token } of rows) log.debug({ id: token }, 'nobody holds it any more: deleted') })
  }

  #everyMinute(): void {
    this.#daily = this.#parts.clock.after(lookMs, () => {
      this.#expiring = this.expire().catch((error: unknown) => { this.#parts.log.error({ err: error }, 'expiry failed') }).finally(() => { if (!this.#stopped) this.#everyMinute() })
    })
  }
}

/** Cancel and expiry are the same thing (D44): all pins and postings go, unread local copies disappear, the octets follow. */
export async function endSubmissions(tx: Transaction, { local, sentCopies, log }: { readonly local: Pick<LocalRecipients, 'withdraw'>; readonly sentCopies: Pick<SentCopies, 'forgo'>; readonly log: Log }, ids: readonly SubmissionId[], reason: 'cancelled' | 'expired', now: number): Promise<void> {
  const list = [tx.dialect.list(ids)]
  const recipients = await tx.all<{ id: RecipientId; pinned: number; account: number | null }>(`SELECT id, pinned, account FROM recipients WHERE ${tx.dialect.oneOf('submission')}`, list)
  await local.withdraw(tx, recipients.filter((recipient) => recipient.account !== null && recipient.pinned === 1).map((recipient) => recipient.id), reason)
  await tx.run(`UPDATE recipients SET pinned = 0, next_attempt = NULL, held = NULL WHERE ${tx.dialect.oneOf('submission')}`, list)
  for (const table of ['postings', 'windows']) await tx.run(`DELETE FROM ${table} WHERE ${tx.dialect.oneOf('submission')}`, list)
  const rows = await tx.all<{ message: MessageId; token: string }>(`UPDATE submissions SET ended_at = ?, ended_by = ? WHERE ended_at IS NULL AND ${tx.dialect.oneOf('id')} RETURNING message, token`, [now, reason, ...list])
  if (reason === 'cancelled') await sentCopies.forgo(tx, rows.map((row) => row.message))
  await markReapable(tx, rows.map((row) => row.message))
  tx.afterCommit(() => { for (const { token } of rows) log.info({ id: token }, reason) })
}
