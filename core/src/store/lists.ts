// Mailing lists at this store (im2000.md D.6): messages indexed by list and submission time, read by scanning, written by
// those who may submit. Not mailboxes; no subscribers are kept.
import type { AccountId, MailboxId, MessageId, SubmissionId, Uid } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import type { Database, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import { failure } from '../errors/codes.js'
import { markReapable } from './submission.js'

/** Who may read or write: everybody, all accounts of this gateway, or the accounts named. */
export type Access = 'public' | 'accounts' | readonly AccountId[]
export interface List {
  readonly name: string
  readonly readers: Access
  readonly writers: Access
  /** Seconds a posting is kept when nothing else ends it; 0 without limit (D50). The gateway's setting when absent. */
  readonly retention?: number
}
export interface Scan {
  readonly identifiers: readonly Buffer[]
  /** Seconds; the begintime of the next scan (D59, D60). */
  readonly endtime: number
}

interface PostingRow { readonly identifier: Buffer; readonly message: MessageId; readonly posted_at: number }

/** Identifiers in one scan's answer (D60; H24). */
const largestScan = 1000
/** Names are octets, valid UTF-8, 1..255 (im2000.md Q11). */
const nameOctets = 255

export class Lists {
  readonly #database: Database
  readonly #clock: Clock
  readonly #random: Random
  readonly #retention: number
  /** Per list: the highest endtime (seconds) ever handed out. Nothing may be posted below it (D62). */
  readonly #handedOut = new Map<string, number>()

  constructor({ database, clock, random, retention }: { database: Database; clock: Clock; random: Random; retention: number }) {
    this.#retention = retention
    this.#database = database
    this.#clock = clock
    this.#random = random
  }

  /** Throws NOT_PERMITTED for a name that cannot be one, LIST_EXISTS. */
  async create(list: List): Promise<void> {
    const name = Buffer.from(list.name)
    if (name.length < 1 || name.length > nameOctets) throw failure('NOT_PERMITTED', { what: `a list name of ${name.length} octets; 1 to ${nameOctets} are` })
    await this.#database.write(async (tx) => {
      if (await tx.get('SELECT 1 FROM lists WHERE name = ?', [name])) throw failure('LIST_EXISTS', { list: list.name })
      const { lists: id } = await allocate(tx, { lists: 1 })
      await tx.run('INSERT INTO lists (id, name, readers, writers, retention, last_posted) VALUES (?, ?, ?, ?, ?, 0)', [id, name, JSON.stringify(list.readers), JSON.stringify(list.writers), list.retention ?? this.#retention])
    })
  }

  /** All lists, by name. */
  async all(): Promise<(Required<List> & { readonly postings: number })[]> {
    const { read } = this.#database
    const rows = await read.all<{ name: Buffer; readers: string; writers: string; retention: number; postings: number }>(
      `SELECT l.name, l.readers, l.writers, l.retention, CAST(count(p.identifier) AS ${read.dialect.types.int}) AS postings FROM lists l LEFT JOIN postings p ON p.list = l.id GROUP BY l.id, l.name, l.readers, l.writers, l.retention ORDER BY l.name`)
    return rows.map(({ name, readers, writers, retention, postings }) => ({ name: name.toString(), readers: JSON.parse(readers) as Access, writers: JSON.parse(writers) as Access, retention, postings }))
  }

  /** Throws LIST_NOT_FOUND. */
  async change(name: string, { readers, writers, retention }: Partial<Omit<List, 'name'>>): Promise<void> {
    await this.#database.write(async (tx) => {
      const changed = await tx.all('UPDATE lists SET readers = coalesce(?, readers), writers = coalesce(?, writers), retention = coalesce(?, retention) WHERE name = ? RETURNING id',
        [readers === undefined ? null : JSON.stringify(readers), writers === undefined ? null : JSON.stringify(writers), retention ?? null, Buffer.from(name)])
      if (changed.length === 0) throw failure('LIST_NOT_FOUND')
    })
  }

  /** With its postings; `also` removes what others keep of it. Throws LIST_NOT_FOUND. */
  async remove(name: string, also?: (tx: Transaction) => Promise<void>): Promise<void> {
    await this.#database.write(async (tx) => {
      const messages = await tx.all<{ message: MessageId }>('SELECT p.message FROM postings p JOIN lists l ON l.id = p.list WHERE l.name = ?', [Buffer.from(name)])
      const gone = await tx.all('DELETE FROM lists WHERE name = ? RETURNING id', [Buffer.from(name)])
      if (gone.length === 0) throw failure('LIST_NOT_FOUND')
      await markReapable(tx, messages.map((row) => row.message))
      await also?.(tx)
    })
  }

  /** Whether an account may read a list. */
  async mayRead(name: string, account: AccountId | null): Promise<boolean> {
    const row = (await this.#named([Buffer.from(name)])).get(Buffer.from(name).toString('hex'))
    return row !== undefined && permits(JSON.parse(row.readers) as Access, account)
  }

  /** Calls `listener` with a list's name after each commit that posted to it. */
  onPosted(listener: (name: string) => void): void {
    this.#listeners.add(listener)
  }
  readonly #listeners = new Set<(name: string) => void>()

  /** Which of the lists the account may post to, in order (SubmissionStatus). */
  async mayPost(names: readonly Buffer[], account: AccountId | null): Promise<boolean[]> {
    const found = await this.#named(names)
    return names.map((name) => {
      const row = found.get(name.toString('hex'))
      return row !== undefined && permits(JSON.parse(row.writers) as Access, account)
    })
  }

  /** Messages posted at `begintime` or later, oldest first, and the begintime of the next look: as `scan`, for this gateway itself. Throws LIST_NOT_FOUND. */
  async postedSince(name: string, begintime: number): Promise<{ readonly messages: readonly { readonly message: MessageId; readonly at: number }[]; readonly endtime: number }> {
    const row = (await this.#named([Buffer.from(name)])).get(Buffer.from(name).toString('hex'))
    if (!row) throw failure('LIST_NOT_FOUND')
    const { rows, endtime } = await this.#between(row, begintime)
    return { messages: rows.map(({ message, posted_at }) => ({ message, at: posted_at })), endtime }
  }

  /** UIDs of a mailbox that shows a list, of messages that are not on it any more (cancelled, expired). */
  async takenOff(name: string, mailbox: MailboxId): Promise<Uid[]> {
    const rows = await this.#database.read.all<{ uid: Uid }>(
      'SELECT e.uid FROM entries e WHERE e.mailbox = ? AND NOT EXISTS (SELECT 1 FROM postings p JOIN lists l ON l.id = p.list WHERE p.message = e.message AND l.name = ?) ORDER BY e.uid', [mailbox, Buffer.from(name)])
    return rows.map((row) => row.uid)
  }

  /** Inside the submission's commit. Answers one identifier each, in order. */
  async post(tx: Transaction, postings: readonly { name: Buffer; message: MessageId; submission: SubmissionId; at: number }[]): Promise<Buffer[]> {
    const identifiers: Buffer[] = []
    for (const posting of postings) {
      const row = await tx.get<{ id: number; last_posted: number }>('SELECT id, last_posted FROM lists WHERE name = ?', [posting.name])
      if (!row) throw failure('LIST_NOT_FOUND')
      // Whole seconds on the wire: a time whose second was handed out as an endtime is never used again.
      const at = Math.max(posting.at, (this.#handedOut.get(posting.name.toString('hex')) ?? 0) * 1000, row.last_posted)
      const identifier = Buffer.from(this.#random.octets(16))
      identifiers.push(identifier)
      await tx.run('INSERT INTO postings (list, posted_at, identifier, submission, message) VALUES (?, ?, ?, ?, ?)', [row.id, at, identifier, posting.submission, posting.message])
      await tx.run('UPDATE lists SET last_posted = ? WHERE id = ?', [at, row.id])
    }
    const names = new Set(postings.map((posting) => posting.name.toString()))
    tx.afterCommit(() => { for (const name of names) for (const listener of this.#listeners) listener(name) })
    return identifiers
  }

  /** ScanList (D59-D62). Unknown and forbidden lists answer alike: LIST_NOT_FOUND. @param begintime seconds */
  async scan(listName: string, begintime: number, account: AccountId | null): Promise<Scan> {
    const name = Buffer.from(listName)
    const row = (await this.#named([name])).get(name.toString('hex'))
    if (!row || !permits(JSON.parse(row.readers) as Access, account)) throw failure('LIST_NOT_FOUND')
    const { rows, endtime } = await this.#between(row, begintime)
    return { identifiers: rows.map((found) => found.identifier), endtime }
  }

  /** Postings of whole seconds from `begintime` on, never those of the second that runs (D59-D62). */
  async #between(row: { id: number; name: Buffer }, begintime: number): Promise<{ rows: PostingRow[]; endtime: number }> {
    const now = Math.floor(this.#clock.now() / 1000)
    if (begintime >= now) return { rows: [], endtime: begintime }
    // Announced before the look: whatever is posted from here on gets a time of `now` or later.
    const key = row.name.toString('hex')
    this.#handedOut.set(key, Math.max(this.#handedOut.get(key) ?? 0, now))
    // Postings whose commit is under way have been given their time already; let them land first.
    await this.#database.write(async () => undefined)
    const ask = (from: number, to: number, limit: string): Promise<PostingRow[]> => this.#database.read.all<PostingRow>(
      `SELECT identifier, message, posted_at FROM postings WHERE list = ? AND posted_at >= ? AND posted_at < ? ORDER BY posted_at, identifier${limit}`, [row.id, from * 1000, to * 1000])
    const rows = await ask(begintime, now, ` LIMIT ${largestScan + 1}`)
    if (rows.length <= largestScan) return { rows, endtime: now }
    // Cut at a whole second, so that the next scan neither repeats nor misses one; a second with more than fits is given whole.
    const cut = Math.floor(rows[largestScan].posted_at / 1000)
    const before = rows.filter((found) => Math.floor(found.posted_at / 1000) < cut)
    if (before.length > 0) return { rows: before, endtime: cut }
    return { rows: await ask(cut, cut + 1, ''), endtime: cut + 1 }
  }

  /** Takes postings off their lists whose time is over (D49, D50). Answers their messages, which may have lost their last holder. */
  async expire(tx: Transaction): Promise<MessageId[]> {
    const now = this.#clock.now()
    const gone: MessageId[] = []
    // A list at a time: its postings lie in order of their time, and those that stay are not looked at.
    for (const { id, retention } of await tx.all<{ id: number; retention: number }>('SELECT id, retention FROM lists WHERE retention > 0')) {
      for (const { message } of await tx.all<{ message: MessageId }>('DELETE FROM postings WHERE list = ? AND posted_at < ? RETURNING message', [id, now - retention * 1000])) gone.push(message)
    }
    return gone
  }

  async #named(names: readonly Buffer[]): Promise<Map<string, { id: number; name: Buffer; readers: string; writers: string }>> {
    if (names.length === 0) return new Map()
    const { read } = this.#database
    const rows = await read.all<{ id: number; name: Buffer; readers: string; writers: string }>(
      `SELECT l.id, l.name, l.readers, l.writers FROM ${read.dialect.rows({ name: 'bytes' })} AS r JOIN lists l ON l.name = r.name`, [read.dialect.rowsValue(names.map((name) => [name]))])
    return new Map(rows.map((row) => [row.name.toString('hex'), row]))
  }
}

const permits = (access: Access, account: AccountId | null): boolean => access === 'public' || (account !== null && (access === 'accounts' || access.includes(account)))

declare module '../plugin/services.js' {
  interface Services { lists: Lists }
}
