// The rows of mailboxes and entries: the statements that file, flag, expunge and read them, set by set.
import type { AccountId, MailboxId, MessageId, Modseq, RecipientId, Uid } from '../base/branded.js'
import type { UsageChange } from '../accounts/quota.js'
import type { Database, Row, Statements, Transaction, Value } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import { failure } from '../errors/codes.js'
import type { MailboxStatus, SpecialUse } from './contract.js'
import type { Change, EntryRow } from './feed.js'
import type { Rights } from './rights.js'
import { LoadedIndex, type Columns, type KeywordSet } from './mailbox-index.js'

export interface MailboxRow {
  readonly id: MailboxId
  readonly account: AccountId
  /** Stored form: '/' between levels. */
  readonly name: string
  readonly uidValidity: number
  readonly specialUse: SpecialUse | null
  /** Seen by an account that may only look (namespaces.ts). */
  readonly readOnly?: boolean
  /** Of another account's mailbox: its own stored name there, and what we may do as things stand. Absent: everything. */
  readonly foreign?: { readonly name: string; readonly rights: () => Rights }
  /** \\Seen is this account's own here. */
  readonly viewer?: AccountId
}

/** An entry to be filed. The message's row is in the same commit or older. */
export interface Placement {
  readonly mailbox: MailboxId
  readonly message: MessageId
  readonly flags: number
  readonly keywords: KeywordSet
  readonly size: number
  readonly internalDate: number
  /** The pin that this entry holds; null for what a user's hand filed. */
  readonly recipient: RecipientId | null
  /** \\Seen among `flags` is this account's alone. */
  readonly seenBy?: AccountId
}

/** What became of a mailbox in a commit: numbers that were taken inside it. */
export interface Advanced { readonly account: AccountId; readonly modseq: Modseq; readonly uidNext: Uid }

const loadChunk = 50_000
const largestUid = 2 ** 32 - 2

export const mailboxRow = (row: Row): MailboxRow => ({ id: row.id, account: row.account, name: row.name, uidValidity: row.uid_validity, specialUse: row.special_use })

/**
 * Files entries: UIDs and modseq are taken inside the transaction. Answers the changes (one per mailbox) and the UIDs in the order of the placements.
 * Throws MAILBOX_GONE when a mailbox was deleted, UID_EXHAUSTED.
 */
export async function fileEntries(tx: Transaction, placements: readonly Placement[], now: number): Promise<{ changes: Change[]; uids: Uid[] }> {
  const perMailbox = new Map<MailboxId, Growth>()
  for (const { mailbox, size } of placements) {
    const growth = perMailbox.get(mailbox)
    if (growth) {
      growth.messages++
      growth.octets += size
    } else perMailbox.set(mailbox, { messages: 1, octets: size })
  }
  const advanced = await advance(tx, perMailbox)
  const next = new Map([...advanced].map(([mailbox, { uidNext }]) => [mailbox, uidNext - perMailbox.get(mailbox)!.messages]))
  const filed = new Map<MailboxId, EntryRow[]>([...perMailbox.keys()].map((mailbox) => [mailbox, []]))
  const uids = placements.map((placement) => {
    const uid = next.get(placement.mailbox)! as Uid
    next.set(placement.mailbox, uid + 1)
    const own = placement.seenBy !== undefined && (placement.flags & 1) !== 0
    filed.get(placement.mailbox)!.push({
      ...(own ? { seenBy: placement.seenBy } : {}), uid, message: placement.message, flags: own ? placement.flags & ~1 : placement.flags, keywords: placement.keywords, size: placement.size, internalDate: placement.internalDate, saveDate: now, recipient: placement.recipient,
    })
    return uid
  })
  await tx.run(
    `INSERT INTO entries (mailbox, uid, message, flags, keywords, modseq, size, internal_date, save_date, recipient)
     SELECT r.mailbox, r.uid, r.message, r.flags, r.keywords, r.modseq, r.size, r.internal_date, r.save_date, r.recipient
     FROM ${tx.dialect.rows({ mailbox: 'int', uid: 'int', message: 'int', flags: 'int', keywords: 'int', modseq: 'int', size: 'int', internal_date: 'int', save_date: 'int', recipient: 'int' })} AS r`,
    [tx.dialect.rowsValue(placements.map((p, i) => [p.mailbox, uids[i], p.message, p.seenBy === undefined ? p.flags : p.flags & ~1, p.keywords, advanced.get(p.mailbox)!.modseq, p.size, p.internalDate, now, p.recipient]))])
  const seen = placements.flatMap((p, i) => (p.seenBy !== undefined && (p.flags & 1) !== 0 ? [{ mailbox: p.mailbox, account: p.seenBy, uid: uids[i], seen: true, modseq: advanced.get(p.mailbox)!.modseq }] : []))
  await writeOwnSeen(tx, seen)
  const changes = [...filed].map(([mailbox, rows]): Change => ({ mailbox, ...span(advanced.get(mailbox)!), filed: rows }))
  return { changes, uids }
}

export interface OwnSeen { readonly mailbox: MailboxId; readonly account: AccountId; readonly uid: Uid; readonly seen: boolean; readonly modseq: Modseq }

/** Notes what members have seen, each for itself. */
export async function writeOwnSeen(tx: Statements, rows: readonly OwnSeen[]): Promise<void> {
  if (rows.length === 0) return
  await tx.run(
    `INSERT INTO own_seen (mailbox, account, uid, seen, modseq) SELECT r.mailbox, r.account, r.uid, r.seen, r.modseq
     FROM ${tx.dialect.rows({ mailbox: 'int', account: 'int', uid: 'int', seen: 'int', modseq: 'int' })} AS r WHERE 1 = 1 ON CONFLICT (mailbox, account, uid) DO UPDATE SET seen = excluded.seen, modseq = excluded.modseq`,
    [tx.dialect.rowsValue(rows.map((row) => [row.mailbox, row.account, row.uid, row.seen ? 1 : 0, row.modseq]))])
}

/** Forgets what members have seen of messages that are gone. */
export const sweepOwnSeen = (database: Database): Promise<void> =>
  database.write((tx) => tx.run('DELETE FROM own_seen WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.mailbox = own_seen.mailbox AND e.uid = own_seen.uid)'))

/** What comes into a mailbox: as many UIDs are taken. */
interface Growth { messages: number; octets: number }

/** Takes the next modseq, and UIDs for what comes in, of several mailboxes. Throws MAILBOX_GONE, UID_EXHAUSTED. */
async function advance(tx: Statements, mailboxes: ReadonlyMap<MailboxId, Growth>): Promise<Map<MailboxId, Advanced>> {
  const rows = mailboxes.size === 1
    ? await tx.all<{ id: MailboxId; account: AccountId; modseq: Modseq; uid_next: Uid }>('UPDATE mailboxes SET modseq = modseq + 1, uid_next = uid_next + ?, messages = messages + ?, octets = octets + ? WHERE id = ? RETURNING id, account, modseq, uid_next',
      [...mailboxes].flatMap(([mailbox, { messages, octets }]) => [messages, messages, octets, mailbox]))
    : await tx.all<{ id: MailboxId; account: AccountId; modseq: Modseq; uid_next: Uid }>(
      `UPDATE mailboxes SET modseq = modseq + 1, uid_next = uid_next + r.n, messages = messages + r.n, octets = octets + r.o
       FROM ${tx.dialect.rows({ mailbox: 'int', n: 'int', o: 'int' })} AS r WHERE mailboxes.id = r.mailbox RETURNING id, account, modseq, uid_next`,
      [tx.dialect.rowsValue([...mailboxes].map(([mailbox, { messages, octets }]) => [mailbox, messages, octets]))])
  if (rows.length !== mailboxes.size) throw failure('MAILBOX_GONE')
  for (const row of rows) if (row.uid_next > largestUid) throw failure('UID_EXHAUSTED')
  return new Map(rows.map((row) => [row.id, { account: row.account, modseq: row.modseq, uidNext: row.uid_next }]))
}

/** Takes the next modseq of mailboxes for a change of what is in them already. */
export const touchAll = (tx: Statements, mailboxes: readonly MailboxId[]): Promise<Map<MailboxId, Advanced>> => advance(tx, new Map(mailboxes.map((mailbox) => [mailbox, { messages: 0, octets: 0 }])))

export const touch = async (tx: Statements, mailbox: MailboxId): Promise<Advanced> => (await touchAll(tx, [mailbox])).get(mailbox)!

/**
 * Items that each change a mailbox, in rounds in which no mailbox comes twice: a modseq stands for one change of a mailbox, so that
 * whoever made it knows from the number that no other is hidden behind it.
 */
export function rounds<T extends { readonly row: MailboxRow }>(items: readonly T[]): T[][] {
  const found: T[][] = []
  const before = new Map<MailboxId, number>()
  for (const item of items) {
    const round = before.get(item.row.id) ?? 0
    before.set(item.row.id, round + 1)
    ;(found[round] ??= []).push(item)
  }
  return found
}

/** The part of a Change that says where it stands. */
export const span = ({ account, modseq, uidNext }: Advanced): Pick<Change, 'account' | 'from' | 'to' | 'uidNext'> => ({ account, from: modseq - 1 as Modseq, to: modseq, uidNext })

export interface GoneEntry { readonly uid: Uid; readonly message: MessageId; readonly size: number; readonly recipient: RecipientId | null }

/** Rows above which they are better read as columns. */
export const manyRows = 64

/**
 * What a SELECT finds as arrays, column by column: the driver makes an object of each row, which for thousands of rows takes ten times as
 * long as finding them.
 */
export async function readColumns<C extends string>(from: Statements, columns: readonly C[], rest: string, values: readonly Value[]): Promise<Record<C, any[]>> {
  const row = await from.get(`SELECT ${columns.map((column) => `${from.dialect.gather(column)} AS ${column}`).join(', ')} FROM (SELECT ${columns.join(', ')} ${rest}) AS e`, values)
  return Object.fromEntries(columns.map((column) => [column, typeof row![column] === 'string' ? JSON.parse(row![column]) : row![column] ?? []])) as Record<C, any[]>
}

/** Likewise, as rows. */
export async function readMany<R extends Row>(from: Statements, columns: readonly (keyof R & string)[], rest: string, values: readonly Value[]): Promise<R[]> {
  const found = await readColumns(from, columns, rest, values)
  return found[columns[0]].map((_, i) => Object.fromEntries(columns.map((column) => [column, found[column][i]])) as R)
}

/** Deletes rows of `entries`, and answers them. @param where of few or many entries */
const takeOut = async <R extends Row>(tx: Statements, columns: readonly (keyof R & string)[], many: boolean, where: string, values: readonly Value[]): Promise<R[]> => {
  if (!many) return tx.all<R>(`DELETE FROM entries WHERE ${where} RETURNING ${columns.join(', ')}`, values)
  const rows = await readMany<R>(tx, columns, `FROM entries WHERE ${where}`, values)
  await tx.run(`DELETE FROM entries WHERE ${where}`, values)
  return rows
}
const goneColumns = ['uid', 'message', 'size', 'recipient'] as const

/** Deletes entries, remembers that they were there, and takes them off the mailbox's sums. `uids` undefined: all. */
export async function removeEntries(tx: Statements, mailbox: MailboxId, modseq: Modseq, uids: readonly Uid[] | undefined): Promise<GoneEntry[]> {
  const gone = await takeOut<GoneEntry>(tx, goneColumns, uids === undefined || uids.length > manyRows, `mailbox = ?${uids ? ` AND ${tx.dialect.oneOf('uid')}` : ''}`, [mailbox, ...(uids ? [tx.dialect.list(uids)] : [])])
  gone.sort((a, b) => a.uid - b.uid)
  await rememberGone(tx, [{ mailbox, modseq, gone }])
  return gone
}

/** The same in several mailboxes, of those listed that carry \\Deleted; answers per mailbox. */
export async function removeDeleted(tx: Statements, removals: readonly { readonly mailbox: MailboxId; readonly modseq: Modseq; readonly uids: readonly Uid[] }[]): Promise<Map<MailboxId, GoneEntry[]>> {
  const pairs = removals.flatMap(({ mailbox, uids }) => uids.map((uid) => [mailbox, uid]))
  const rows = await takeOut<GoneEntry & { mailbox: MailboxId }>(tx, ['mailbox', ...goneColumns], pairs.length > manyRows,
    `(mailbox, uid) IN (SELECT r.mailbox, r.uid FROM ${tx.dialect.rows({ mailbox: 'int', uid: 'int' })} AS r) AND (flags & 8) <> 0`, [tx.dialect.rowsValue(pairs)])
  const gone = new Map<MailboxId, GoneEntry[]>(removals.map(({ mailbox }) => [mailbox, []]))
  for (const { mailbox, ...entry } of rows.sort((a, b) => a.uid - b.uid)) gone.get(mailbox)!.push(entry)
  await rememberGone(tx, removals.map(({ mailbox, modseq }) => ({ mailbox, modseq, gone: gone.get(mailbox)! })))
  return gone
}

async function rememberGone(tx: Statements, removed: readonly { readonly mailbox: MailboxId; readonly modseq: Modseq; readonly gone: readonly GoneEntry[] }[]): Promise<void> {
  const some = removed.filter(({ gone }) => gone.length > 0)
  if (some.length === 0) return
  await tx.run(`INSERT INTO expunged (mailbox, modseq, uid) SELECT r.mailbox, r.modseq, r.uid FROM ${tx.dialect.rows({ mailbox: 'int', modseq: 'int', uid: 'int' })} AS r`,
    [tx.dialect.rowsValue(some.flatMap(({ mailbox, modseq, gone }) => gone.map((entry) => [mailbox, modseq, entry.uid])))])
  await tx.run(`UPDATE mailboxes SET messages = messages - r.n, octets = octets - r.o FROM ${tx.dialect.rows({ mailbox: 'int', n: 'int', o: 'int' })} AS r WHERE mailboxes.id = r.mailbox`,
    [tx.dialect.rowsValue(some.map(({ mailbox, gone }) => [mailbox, gone.length, gone.reduce((sum, entry) => sum + entry.size, 0)]))])
}

/** @param sign 1: came, -1: went */
export function usageOf(account: AccountId, entries: readonly { readonly size: number }[], sign: 1 | -1): UsageChange {
  let octets = 0
  for (const entry of entries) octets += entry.size
  return { account, octets: sign * octets, messages: sign * entries.length }
}

/** Expunges that are answered from their rows; more are answered by what the mailbox lacks, which is no longer than it. */
export const mostExpunged = 10_000

/** Forgets expunges that are never answered from their rows any more: of each mailbox the oldest beyond `mostExpunged`. */
export async function trimExpunged(database: Database): Promise<void> {
  for (const { mailbox } of await database.read.all<{ mailbox: MailboxId }>('SELECT mailbox FROM expunged GROUP BY mailbox HAVING count(*) > ?', [mostExpunged])) {
    // What has one modseq goes or stays together.
    const kept = await database.read.get<{ modseq: Modseq }>('SELECT modseq FROM expunged WHERE mailbox = ? ORDER BY modseq DESC, uid DESC LIMIT 1 OFFSET ?', [mailbox, mostExpunged - 1])
    if (kept) await database.write((tx) => tx.run('DELETE FROM expunged WHERE mailbox = ? AND modseq < ?', [mailbox, kept.modseq]))
  }
}

/**
 * UIDs expunged after `since`, ascending; undefined when there are more than `most`, or when the rows do not reach back so far
 * (whoever trims them takes the lowest modseqs first): what the mailbox lacks is the answer then.
 */
export async function readExpunged(database: Database, mailbox: MailboxId, since: Modseq, most: number): Promise<Uid[] | undefined> {
  const { read } = database
  const first = await read.get<{ modseq: Modseq | null }>('SELECT min(modseq) AS modseq FROM expunged WHERE mailbox = ?', [mailbox])
  if (!first?.modseq || first.modseq > since + 1) return undefined
  const rows = await read.all<{ uid: Uid }>('SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ? LIMIT ?', [mailbox, since, most + 1])
  return rows.length > most ? undefined : rows.map((row) => row.uid).sort((a, b) => a - b)
}

/** What STATUS says of mailboxes whose index is not loaded: one query for all of them. */
export async function readCounts(database: Database, mailboxes: readonly MailboxId[]): Promise<Omit<MailboxStatus, 'uidValidity'>[]> {
  if (mailboxes.length === 0) return []
  const { read } = database
  const sum = (what: string): string => `CAST(coalesce(sum(${what}), 0) AS ${read.dialect.types.int})`
  const one = (condition: string): string => sum(`CASE WHEN ${condition} THEN 1 ELSE 0 END`)
  const rows = await read.all(
    `SELECT m.id, m.uid_next, m.modseq, CAST(count(e.uid) AS ${read.dialect.types.int}) AS messages, ${sum('e.size')} AS size, ${one('(e.flags & 1) = 0')} AS unseen, ${one('(e.flags & 8) <> 0')} AS deleted,
     ${one('e.uid >= m.recent_uid')} AS recent FROM mailboxes m LEFT JOIN entries e ON e.mailbox = m.id WHERE ${read.dialect.oneOf('m.id')} GROUP BY m.id, m.uid_next, m.modseq`, [read.dialect.list(mailboxes)])
  return rows.map((row) => ({ id: row.id, messages: row.messages, recent: row.recent, unseen: row.unseen, deleted: row.deleted, uidNext: row.uid_next, highestModseq: row.modseq, size: row.size }))
}

/** Reads a mailbox's whole index (as `viewer` sees it, where \\Seen is each member's own), column by column, in chunks: no object per message. undefined when there is no such mailbox. */
export async function loadIndex(database: Database, mailbox: MailboxId, keywordNames: (set: KeywordSet) => readonly string[], viewer?: AccountId): Promise<LoadedIndex | undefined> {
  const { read } = database
  const columns = ['uid', 'message', 'flags', 'keywords', 'modseq', 'size', 'internal_date', 'save_date'] as const
  for (;;) {
    const state = await read.get('SELECT modseq, uid_next, recent_uid FROM mailboxes WHERE id = ?', [mailbox])
    if (!state) return undefined
    const index = new LoadedIndex({ modseq: state.modseq, uidNext: state.uid_next, recentUid: state.recent_uid }, keywordNames, viewer)
    for (let after = 0; ;) {
      const chunk: Columns = await readColumns(read, columns, 'FROM entries WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ?', [mailbox, after, loadChunk])
      if (chunk.uid.length === 0) break
      index.load(chunk)
      after = chunk.uid.at(-1)!
      if (chunk.uid.length < loadChunk) break
    }
    if (viewer !== undefined) index.overlay(await read.all<{ uid: Uid; seen: number; modseq: Modseq }>('SELECT uid, seen, modseq FROM own_seen WHERE mailbox = ? AND account = ?', [mailbox, viewer]))
    // The chunks are one picture only if nothing was committed to the mailbox in between.
    const then = await read.get<{ modseq: number }>('SELECT modseq FROM mailboxes WHERE id = ?', [mailbox])
    if (then?.modseq === state.modseq) return index
  }
}

/** A UIDVALIDITY that was never used before: seconds since 1970, pushed on when several fall into one second (RFC 3501 2.3.1.1). */
export async function newUidValidity(tx: Statements, now: number, count = 1): Promise<number> {
  const seconds = Math.floor(now / 1000)
  const row = await tx.get<{ next: number }>(
    `INSERT INTO ids (name, next) VALUES ('uid_validity', ?) ON CONFLICT (name) DO UPDATE SET next = CASE WHEN ids.next < ? THEN ? ELSE ids.next + ? END RETURNING next`,
    [seconds + count, seconds, seconds + count, count])
  return row!.next - count
}

export interface NewMailbox { readonly account: AccountId; readonly name: string; readonly specialUse: SpecialUse | null; readonly subscribed: boolean }

/** Inserts mailboxes; the caller has checked that the names are free. */
export async function insertMailboxes(tx: Transaction, mailboxes: readonly NewMailbox[], now: number): Promise<MailboxId[]> {
  if (mailboxes.length === 0) return []
  const { mailboxes: first } = await allocate(tx, { mailboxes: mailboxes.length })
  const validity = await newUidValidity(tx, now, mailboxes.length)
  await tx.run(
    `INSERT INTO mailboxes (id, account, name, uid_validity, uid_next, modseq, recent_uid, messages, octets, special_use, created_at)
     SELECT r.id, r.account, r.name, r.validity, 1, 1, 1, 0, 0, r.use, r.at FROM ${tx.dialect.rows({ id: 'int', account: 'int', name: 'text', validity: 'int', use: 'text', at: 'int' })} AS r`,
    [tx.dialect.rowsValue(mailboxes.map((mailbox, i) => [first + i, mailbox.account, mailbox.name, validity + i, mailbox.specialUse, now]))])
  const subscribed = mailboxes.filter((mailbox) => mailbox.subscribed)
  if (subscribed.length > 0) {
    await tx.run(`INSERT INTO subscriptions (account, name) SELECT r.account, r.name FROM ${tx.dialect.rows({ account: 'int', name: 'text' })} AS r WHERE 1 = 1 ON CONFLICT DO NOTHING`,
      [tx.dialect.rowsValue(subscribed.map((mailbox) => [mailbox.account, mailbox.name]))])
  }
  return mailboxes.map((_, i) => first + i as MailboxId)
}

/** What accounts hold, summed over their mailboxes: one query. */
export async function usageOfAccounts(read: Statements, accounts: readonly AccountId[]): Promise<Map<AccountId, { octets: number; messages: number }>> {
  const rows = await read.all<{ account: AccountId; octets: number; messages: number }>(
    `SELECT account, CAST(sum(octets) AS ${read.dialect.types.int}) AS octets, CAST(sum(messages) AS ${read.dialect.types.int}) AS messages FROM mailboxes WHERE ${read.dialect.oneOf('account')} GROUP BY account`, [read.dialect.list(accounts)])
  return new Map(rows.map(({ account, octets, messages }) => [account, { octets, messages }]))
}
