// The notifications that an agent holds, as rows: collapse, bounds, replacement, in one set of statements for all who notify at
// once. How many are held is kept beside them (notification_counts), so that no bound needs a count. Every change of the
// notifications table is here, or the counts would lie.
import type { AccountId } from '../base/branded.js'
import type { Batch, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import { failure } from '../errors/codes.js'
import type { Notification } from '../im2000/values.js'

/** What one Notify wants held: all of it or nothing (E.17). */
export interface Wanted {
  readonly submitter: { readonly address: string; readonly port: number; readonly domain?: string }
  /** Milliseconds UTC. */
  readonly at: number
  readonly rows: readonly WantedRow[]
}
export interface WantedRow {
  readonly account: AccountId
  readonly mailbox: string
  /** The store's location, as one canonical text. */
  readonly store: string
  readonly notification: Pick<Notification, 'identifier' | 'sender' | 'size' | 'digest'>
}
export interface Bounds {
  readonly bound: number
  readonly perMailbox: number
  readonly replacement: 'off' | 'oldest-of-store' | 'oldest-of-mailbox'
}

/** All mailboxes together, in notification_counts; no mailbox has this name. */
const everybody = ''

/** Room must be made: with others in the same statements it would not be plain for whom. The commit queue tries each alone. */
class Alone extends Error {}

/** Answers whether there was room. Never evicts unless the owner's replacement policy says so (E.12-E.16). */
export function makeHoldBatch({ bound, perMailbox, replacement }: Bounds): Batch<Wanted, boolean> {
  return {
    name: 'notify',
    async write(tx, items) {
      const unknown = await withoutKnown(tx, items)
      const held = await heldOf(tx, unknown.flat().map((row) => row.mailbox))
      const kept = new Map<string, { item: Wanted; row: WantedRow }>()
      const answers: boolean[] = []
      for (const [i, candidates] of unknown.entries()) {
        // The first of equals stays whole (E.9); a duplicate needs no room (E.16).
        const rows = [...new Map(candidates.filter((row) => !kept.has(identityOf(row))).reverse().map((row) => [identityOf(row), row])).values()].reverse()
        const more = tally(rows.map((row) => row.mailbox))
        if (rows.length > 0 && !fits(held, more, rows.length)) {
          if (replacement === 'off') {
            answers.push(false)
            continue
          }
          if (items.length > 1) throw new Alone()
          await replaceFor(tx, rows, more, held)
        }
        for (const [mailbox, count] of [...more, [everybody, rows.length] as const]) held.set(mailbox, (held.get(mailbox) ?? 0) + count)
        for (const row of rows) kept.set(identityOf(row), { item: items[i], row })
        answers.push(true)
      }
      if (kept.size > 0) {
        await insert(tx, [...kept.values()])
        await addCounts(tx, tally([...kept.values()].map(({ row }) => row.mailbox)), 1)
      }
      return answers
    },
  }

  function fits(held: ReadonlyMap<string, number>, more: ReadonlyMap<string, number>, total: number): boolean {
    for (const [mailbox, count] of more) if ((held.get(mailbox) ?? 0) + count > perMailbox) return false
    return (held.get(everybody) ?? 0) + total <= bound
  }

  /** E.14. Throws NOTIFICATIONS_FULL when the policy cannot make enough room; the savepoint undoes what went. */
  async function replaceFor(tx: Transaction, rows: readonly WantedRow[], more: ReadonlyMap<string, number>, held: Map<string, number>): Promise<void> {
    const evict = async (cause: WantedRow, count: number, inMailbox: boolean): Promise<void> => {
      if (count <= 0) return
      const [store, mailbox] = [replacement === 'oldest-of-store', inMailbox || replacement === 'oldest-of-mailbox']
      const gone = await tx.all<{ mailbox: string }>(
        `DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE ${[...(mailbox ? ['mailbox = ?'] : []), ...(store ? ['store = ?'] : [])].join(' AND ')} ORDER BY id LIMIT ?) RETURNING mailbox`,
        [...(mailbox ? [cause.mailbox] : []), ...(store ? [cause.store] : []), count])
      if (gone.length < count) throw failure('NOTIFICATIONS_FULL')
      const less = tally(gone.map((row) => row.mailbox))
      await addCounts(tx, less, -1)
      for (const [name, n] of [...less, [everybody, gone.length] as const]) held.set(name, (held.get(name) ?? 0) - n)
    }
    for (const [mailbox, count] of more) await evict(rows.find((row) => row.mailbox === mailbox)!, (held.get(mailbox) ?? 0) + count - perMailbox, true)
    // Looked at when the mailboxes' own bounds have made their room.
    await evict(rows[0], (held.get(everybody) ?? 0) + rows.length - bound, false)
  }
}

/** Takes notifications away, by their number. */
export async function release(tx: Transaction, ids: readonly number[]): Promise<void> {
  await counted(tx, await tx.all<{ mailbox: string }>(`DELETE FROM notifications WHERE ${tx.dialect.oneOf('id')} RETURNING mailbox`, [tx.dialect.list(ids)]))
}

/** Takes away all that is held for an account. */
export async function releaseAll(tx: Transaction, account: AccountId): Promise<void> {
  await counted(tx, await tx.all<{ mailbox: string }>('DELETE FROM notifications WHERE account = ? RETURNING mailbox', [account]))
}

const counted = async (tx: Transaction, gone: readonly { mailbox: string }[]): Promise<void> => {
  if (gone.length > 0) await addCounts(tx, tally(gone.map((row) => row.mailbox)), -1)
}

/** What of each item is neither held nor was collected lately (F.2 step 6). */
async function withoutKnown(tx: Transaction, items: readonly Wanted[]): Promise<WantedRow[][]> {
  const all = items.flatMap((item) => item.rows)
  const known = new Set((await tx.all<{ n: number }>(
    `SELECT r.n FROM ${tx.dialect.rows({ n: 'int', mailbox: 'text', store: 'text', identifier: 'bytes' })} AS r
     WHERE EXISTS (SELECT 1 FROM notifications x WHERE x.mailbox = r.mailbox AND x.store = r.store AND x.identifier = r.identifier)
        OR EXISTS (SELECT 1 FROM collected c WHERE c.mailbox = r.mailbox AND c.store = r.store AND c.identifier = r.identifier)`,
    [tx.dialect.rowsValue(all.map((row, n) => [n, row.mailbox, row.store, row.notification.identifier]))])).map((row) => row.n))
  let n = 0
  return items.map((item) => item.rows.filter(() => !known.has(n++)))
}

/** E.8. */
const identityOf = (row: WantedRow): string => `${row.mailbox}\n${row.store}\n${row.notification.identifier.toString('latin1')}`

/** Of these mailboxes, and of all together. */
async function heldOf(tx: Transaction, mailboxes: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.all<{ mailbox: string; held: number }>(`SELECT mailbox, held FROM notification_counts WHERE ${tx.dialect.oneOfText('mailbox')}`, [tx.dialect.list([...new Set([everybody, ...mailboxes])])])
  return new Map(rows.map((row) => [row.mailbox, row.held]))
}

async function addCounts(tx: Transaction, by: ReadonlyMap<string, number>, sign: 1 | -1): Promise<void> {
  let total = 0
  for (const count of by.values()) total += count
  await tx.run(
    `INSERT INTO notification_counts (mailbox, held) SELECT r.mailbox, r.held FROM ${tx.dialect.rows({ mailbox: 'text', held: 'int' })} AS r WHERE 1 = 1
     ON CONFLICT (mailbox) DO UPDATE SET held = notification_counts.held + excluded.held`,
    [tx.dialect.rowsValue([...by, [everybody, total] as const].map(([mailbox, count]) => [mailbox, sign * count]))])
  // Addresses of a catch-all are without number: a row stays only as long as something is held.
  if (sign < 0) await tx.run(`DELETE FROM notification_counts WHERE held = 0 AND ${tx.dialect.oneOfText('mailbox')}`, [tx.dialect.list([...by.keys()])])
}

async function insert(tx: Transaction, kept: readonly { item: Wanted; row: WantedRow }[]): Promise<void> {
  const { notifications: first } = await allocate(tx, { notifications: kept.length })
  await tx.run(
    `INSERT INTO notifications (id, account, mailbox, store, identifier, sender, size, submitter_address, submitter_port, submitter_domain, received_at, digest, next_try)
     SELECT r.id, r.account, r.mailbox, r.store, r.identifier, r.sender, r.size, r.address, r.port, r.domain, r.at, r.digest, r.at
     FROM ${tx.dialect.rows({ id: 'int', account: 'int', mailbox: 'text', store: 'text', identifier: 'bytes', sender: 'text', size: 'int', address: 'text', port: 'int', domain: 'text', at: 'int', digest: 'bytes' })} AS r`,
    [tx.dialect.rowsValue(kept.map(({ item: { submitter, at }, row }, i) => [first + i, row.account, row.mailbox, row.store, row.notification.identifier, row.notification.sender, row.notification.size ?? null,
      submitter.address, submitter.port, submitter.domain ?? null, at, row.notification.digest ?? null]))])
}

const tally = (names: readonly string[]): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}
