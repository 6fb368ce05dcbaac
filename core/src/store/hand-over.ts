// Recipients whose domain has no agent go to the relay (the smtp-relay bridge); what became of them is written down here.
import type { RecipientId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Batch, Database, Transaction } from '../database/connect.js'
import type { Log } from '../log/logger.js'
import type { NotificationStatus, NotifyOn } from './contract.js'
import type { Due } from './due.js'
import type { OwedReport, OwedReports, Relay, RelayDone, Relayed, RelayOutcome, RelayRecipient } from './ports.js'
import type { StatusFeed } from './status-feed.js'
import { notificationNumber, sourcesOf } from './status.js'
import { markReapable } from './submission.js'

export interface HandOverParts {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly statuses: StatusFeed
  readonly reports: OwedReports
  /** Milliseconds after which a relay is asked again about whom it said nothing of. */
  readonly again: number
  /** The database may be closed. */
  readonly over: () => boolean
}
/** What is written in one commit. */
interface Group { readonly results: readonly Relayed[]; readonly reports: readonly OwedReport[] }

const statusOf: Readonly<Record<Exclude<RelayOutcome['kind'], 'waiting'>, NotificationStatus>> = { delivered: 'silenced', temporary: 'noserver', permanent: 'noservice' }
const longestWhy = 300

export class HandOver {
  relay: Relay | undefined
  readonly #batch: Batch<Group, void> = { name: 'relayed', write: async (tx, groups) => { await this.#write(tx, groups); return groups.map(() => undefined) } }
  constructor(private readonly parts: HandOverParts) {}

  /** Resolves when each has a next attempt, or none any more; or when `signal` says so. */
  async run(domain: string, signal: AbortSignal, due: readonly Due[]): Promise<void> {
    const { database, clock, log, over } = this.parts
    const told = new Set<RecipientId>()
    const recipients = due.map(recipientOf)
    const done: RelayDone = async (results, reports = []) => {
      for (const { recipient } of results) told.add(recipient.id)
      if (!over()) await database.writeBatched(this.#batch, { results, reports })
    }
    await this.relay!.relay(domain, recipients, done, signal).catch((error: unknown) => { log.error({ err: error, domain }, 'the relay failed') })
    // What it did not speak of comes again: a relay that fails must not be asked in a circle.
    if (signal.aborted) return
    const left = recipients.filter(({ id }) => !told.has(id))
    if (left.length > 0) await done(left.map((recipient) => ({ recipient, outcome: { kind: 'temporary', why: 'the relay did not say', again: clock.now() + this.parts.again } })))
  }

  async #write(tx: Transaction, groups: readonly Group[]): Promise<void> {
    const results = groups.flatMap((group) => group.results)
    // Not tried at all: nothing is known that was not before.
    const waiting = results.filter(({ outcome }) => outcome.kind === 'waiting')
    if (waiting.length > 0) {
      await tx.run(`UPDATE recipients SET next_attempt = r.at FROM ${tx.dialect.rows({ id: 'int', at: 'int' })} AS r WHERE recipients.id = r.id AND recipients.next_attempt IS NOT NULL`,
        [tx.dialect.rowsValue(waiting.map(({ recipient, outcome }) => [recipient.id, (outcome as { again: number }).again]))])
    }
    for (const [kind, status] of Object.entries(statusOf) as [keyof typeof statusOf, NotificationStatus][]) {
      const some = results.filter(({ outcome }) => outcome.kind === kind)
      if (some.length === 0) continue
      // Delivered to another world: nobody will fetch it here any more. Failed: the sender's business, not the message's. What was
      // cancelled meanwhile has no next attempt, and stays so; what was held meanwhile is held, unless it is over.
      await tx.run(
        `UPDATE recipients SET notification = ?, ${kind === 'temporary' ? 'next_attempt = CASE WHEN held IS NULL THEN r.at END' : 'next_attempt = NULL, held = NULL, pinned = 0'}, attempts = attempts + 1, outcome = 'relay', why = r.why FROM ${tx.dialect.rows({ id: 'int', at: 'int', why: 'text' })} AS r
         WHERE recipients.id = r.id AND (recipients.next_attempt IS NOT NULL OR recipients.held IS NOT NULL) AND ${tx.dialect.oneOf('notification')}`,
        [notificationNumber(status), tx.dialect.rowsValue(some.map(({ recipient, outcome }) => [recipient.id, outcome.kind === 'temporary' ? outcome.again : null, (outcome as { why?: string }).why?.slice(0, longestWhy) ?? null])),
          tx.dialect.list([...sourcesOf(status), notificationNumber(status)])])
    }
    await markReapable(tx, results.flatMap(({ recipient, outcome }) => (outcome.kind === 'temporary' || outcome.kind === 'waiting' ? [] : [recipient.message])))
    const reports = groups.flatMap((group) => group.reports)
    const late = reports.flatMap(({ kind, about }) => (kind === 'delayed' ? about.map(({ id }) => id) : []))
    if (late.length > 0) await tx.run(`UPDATE recipients SET warned = 1 WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list(late)])
    await this.parts.reports.owe(tx, reports)
    tx.afterCommit(() => this.parts.statuses.tell(results.map(({ recipient }) => recipient.id)))
  }
}

const recipientOf = ({ id, address, outcome, attempts, submittedAt, submission, message, originator, account, notify, original, returns, envelopeId, warned, requireTls, forwardedFor, token }: Due): RelayRecipient => ({
  id, address, attempts: outcome === 'relay' ? attempts : 0, submittedAt, submission, message, originator, account, requireTls, forwardedFor, token, warned: warned === 1,
  wishes: { ...(notify === null ? {} : { notify: notify.split(',') as NotifyOn[] }), ...(original === null ? {} : { original }) },
  reports: { ...(returns === null ? {} : { returns }), ...(envelopeId === null ? {} : { envelopeId }) },
})
