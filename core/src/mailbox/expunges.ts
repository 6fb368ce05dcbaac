// EXPUNGE inside the commit (RFC 3501 6.4.3): entries go, what they held is let go of, and those who look are told; and the report
// of what was read, which comes first. What sessions do at the same time is written together.
import type { RecipientId, Uid } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Quota } from '../accounts/quota.js'
import type { Batch, Database, Transaction } from '../database/connect.js'
import type { Bus } from '../events/bus.js'
import { markReapable } from '../store/submission.js'
import type { Feed } from './feed.js'
import type { Pins } from './ports.js'
import { removeDeleted, rounds, span, touchAll, usageOf, type GoneEntry, type MailboxRow } from './repository.js'

export interface ExpungesParts {
  readonly database: Database
  readonly pins: Pins
  readonly quota: Quota
  readonly feed: Feed
  readonly bus: Bus
  readonly clock: Clock
}

export interface ExpungeWrite {
  readonly row: MailboxRow
  /** Maybe none. */
  readonly uids: readonly Uid[]
  /** What the session handed out whole and has not reported yet: their stores are told (im2000.md D.4). What is gone cannot be reported any more. */
  readonly read: readonly Uid[]
}

/** Answers what reports what was read, then expunges those of `uids` that carry \Deleted, and resolves with them after the commit. */
export function makeExpunges(parts: ExpungesParts): (write: ExpungeWrite) => Promise<readonly Uid[]> {
  const together: Batch<ExpungeWrite, readonly Uid[]> = {
    name: 'expunge',
    async write(tx, items) {
      await reportRead(parts, tx, items)
      const answers = new Map<ExpungeWrite, readonly Uid[]>()
      for (const round of rounds(items.filter(({ uids }) => uids.length > 0))) for (const [item, uids] of await expunge(parts, tx, round)) answers.set(item, uids)
      return items.map((item) => answers.get(item) ?? [])
    },
  }
  return (write) => parts.database.writeBatched(together, write)
}

async function expunge(parts: ExpungesParts, tx: Transaction, writes: readonly ExpungeWrite[]): Promise<Map<ExpungeWrite, readonly Uid[]>> {
  const { quota, feed, bus, clock } = parts
  const states = await touchAll(tx, writes.map(({ row }) => row.id))
  const gone = await removeDeleted(tx, writes.map(({ row, uids }) => ({ mailbox: row.id, modseq: states.get(row.id)!.modseq, uids })))
  await letGo(parts, tx, [...gone.values()].flat())
  return new Map(writes.map((write) => {
    const { row } = write
    const entries = gone.get(row.id)!
    const uids = entries.map((entry) => entry.uid)
    tx.afterCommit(() => {
      quota.changed([usageOf(row.account, entries, -1)])
      feed.tell({ mailbox: row.id, ...span(states.get(row.id)!), expunged: uids })
      if (bus.heard('MessageExpunge')) bus.tell({ type: 'MessageExpunge', account: row.account, at: clock.now(), mailbox: row.id, mailboxName: row.name, uids })
    })
    return [write, uids]
  }))
}

/** What messages leave behind when their entries go: pins at their store, octets that may have lost their last holder. */
export async function letGo({ pins }: Pick<ExpungesParts, 'pins'>, tx: Transaction, entries: readonly GoneEntry[]): Promise<void> {
  await pins.unpin(tx, entries.flatMap((entry) => entry.recipient ?? []))
  await markReapable(tx, entries.map((entry) => entry.message))
  tx.afterCommit(() => pins.released())
}

async function reportRead({ pins }: Pick<ExpungesParts, 'pins'>, tx: Transaction, reports: readonly ExpungeWrite[]): Promise<void> {
  const pairs = reports.flatMap(({ row, read }) => read.map((uid) => [row.id, uid]))
  if (pairs.length === 0) return
  const rows = await tx.all<{ recipient: RecipientId }>(
    `SELECT e.recipient FROM ${tx.dialect.rows({ mailbox: 'int', uid: 'int' })} AS r JOIN entries e ON e.mailbox = r.mailbox AND e.uid = r.uid WHERE e.recipient IS NOT NULL`, [tx.dialect.rowsValue(pairs)])
  await pins.read(tx, rows.map((row) => row.recipient))
}
