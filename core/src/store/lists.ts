// Mailing lists at this store (im2000.md D.6): messages indexed by list and submission time, read by scanning, written by
// those who may submit. Not mailboxes; no subscribers are kept.
import type { AccountId, MessageId, SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import type { Database, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import { failure } from '../errors/codes.js'

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

  async create(list: List): Promise<void> {
    const name = Buffer.from(list.name)
    if (name.length < 1 || name.length > nameOctets) throw failure('NOT_PERMITTED', { what: `a list name of ${name.length} octets; 1 to ${nameOctets} are` })
    await this.#database.write(async (tx) => {
      const { lists: id } = await allocate(tx, { lists: 1 })
      await tx.run('INSERT INTO lists (id, name, readers, writers, retention, last_posted) VALUES (?, ?, ?, ?, ?, 0)', [id, name, JSON.stringify(list.readers), JSON.stringify(list.writers), list.retention ?? this.#retention])
    })
  }

  /** Which of the lists the account may post to, in order (SubmissionStatus). */
  async mayPost(names: readonly Buffer[], account: AccountId | null): Promise<boolean[]> {
    const found = await this.#named(names)
    return names.map((name) => {
      const row = found.get(name.toString('hex'))
      return row !== undefined && permits(JSON.parse(row.writers) as Access, account)
    })
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
    return identifiers
  }

  /** ScanList (D59-D62). Unknown and forbidden lists answer alike: LIST_NOT_FOUND. @param begintime seconds */
  async scan(listName: string, begintime: number, account: AccountId | null): Promise<Scan> {
    const name = Buffer.from(listName)
    const row = (await this.#named([name])).get(name.toString('hex'))
    if (!row || !permits(JSON.parse(row.readers) as Access, account)) throw failure('LIST_NOT_FOUND')
    const now = Math.floor(this.#clock.now() / 1000)
    if (begintime >= now) return { identifiers: [], endtime: begintime }
    // Announced before the look: whatever is posted from here on gets a time of `now` or later.
    const key = name.toString('hex')
    this.#handedOut.set(key, Math.max(this.#handedOut.get(key) ?? 0, now))
    // Postings whose commit is under way have been given their time already; let them land first.
    await this.#database.write(async () => undefined)
    const rows = await this.#database.read.all<{ identifier: Buffer; posted_at: number }>(
      'SELECT identifier, posted_at FROM postings WHERE list = ? AND posted_at >= ? AND posted_at < ? ORDER BY posted_at, identifier LIMIT ?', [row.id, begintime * 1000, now * 1000, largestScan + 1])
    if (rows.length <= largestScan) return { identifiers: rows.map((found) => found.identifier), endtime: now }
    // Cut at a whole second, so that the next scan neither repeats nor misses one; a second with more than fits is given whole.
    const cut = Math.floor(rows[largestScan].posted_at / 1000)
    const before = rows.filter((found) => Math.floor(found.posted_at / 1000) < cut)
    if (before.length > 0) return { identifiers: before.map((found) => found.identifier), endtime: cut }
    const whole = await this.#database.read.all<{ identifier: Buffer }>(
      'SELECT identifier FROM postings WHERE list = ? AND posted_at >= ? AND posted_at < ? ORDER BY posted_at, identifier', [row.id, cut * 1000, (cut + 1) * 1000])
    return { identifiers: whole.map((found) => found.identifier), endtime: cut + 1 }
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
