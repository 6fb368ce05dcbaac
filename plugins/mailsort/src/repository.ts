// MailSort's rows: filter files, senders that have written, replies that were sent, notes on rules that failed.
import { createHash } from 'node:crypto'
import type { AccountId, Database, Migration } from '@restante/core'

export const migrations: readonly Migration[] = [{
  name: 'mailsort/0001-filters',
  async up(db) {
    const { int, text } = db.dialect.types
    const account = `account ${int} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE`
    await db.run(`CREATE TABLE mailsort_filters (${account}, text ${text} NOT NULL, changed_at ${int} NOT NULL, PRIMARY KEY (account))`)
    // Senders by a digest: who wrote to whom need not be readable twice.
    await db.run(`CREATE TABLE mailsort_senders (${account}, sender ${text} NOT NULL, PRIMARY KEY (account, sender))${db.dialect.clustered}`)
    await db.run(`CREATE TABLE mailsort_replies (${account}, reply ${text} NOT NULL, sent_at ${int} NOT NULL, PRIMARY KEY (account, reply))${db.dialect.clustered}`)
    await db.run(`CREATE TABLE mailsort_errors (${account}, at ${int} NOT NULL, n ${int} NOT NULL, rule ${text} NOT NULL, why ${text} NOT NULL, message_id ${text} NOT NULL, PRIMARY KEY (account, at, n))${db.dialect.clustered}`)
  },
}]

export interface Note { readonly at: number; readonly rule: string; readonly why: string; readonly messageId: string }

export class Repository {
  readonly #database: Database
  #noted = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Filter files of those accounts that have one: one query. */
  async texts(accounts: readonly AccountId[]): Promise<ReadonlyMap<AccountId, string>> {
    const { read } = this.#database
    const rows = await read.all<{ account: AccountId; text: string }>(`SELECT account, text FROM mailsort_filters WHERE ${read.dialect.oneOf('account')}`, [read.dialect.list(accounts)])
    return new Map(rows.map(({ account, text }) => [account, text]))
  }

  /** '' takes the file away. `done` runs after the commit, before anyone is answered. */
  async save(account: AccountId, text: string, now: number, done: () => void): Promise<void> {
    await this.#database.write(async (tx) => {
      if (text === '') await tx.run('DELETE FROM mailsort_filters WHERE account = ?', [account])
      else await tx.run('INSERT INTO mailsort_filters (account, text, changed_at) VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET text = excluded.text, changed_at = excluded.changed_at', [account, text, now])
      tx.afterCommit(done)
    })
  }

  /** Which of these have written to whom before: one query. */
  async known(pairs: readonly { readonly account: AccountId; readonly sender: string }[]): Promise<ReadonlySet<string>> {
    const { read } = this.#database
    const rows = await read.all<{ account: AccountId; sender: string }>(
      `SELECT s.account, s.sender FROM ${read.dialect.rows({ account: 'int', sender: 'text' })} AS r JOIN mailsort_senders s ON s.account = r.account AND s.sender = r.sender`,
      [read.dialect.rowsValue(pairs.map(({ account, sender }) => [account, digest(sender)]))])
    return new Set(rows.map((row) => `${row.account} ${row.sender}`))
  }
  static key = (account: AccountId, sender: string): string => `${account} ${digest(sender)}`

  async met(account: AccountId, sender: string): Promise<void> {
    await this.#database.write((tx) => tx.run('INSERT INTO mailsort_senders (account, sender) VALUES (?, ?) ON CONFLICT DO NOTHING', [account, digest(sender)]))
  }

  /** Whether this reply is due, noting that it is being sent; false when it was sent after `since`. */
  async claimReply(account: AccountId, template: string, sender: string, now: number, since: number): Promise<boolean> {
    return this.#database.write(async (tx) => {
      const rows = await tx.all(
        `INSERT INTO mailsort_replies (account, reply, sent_at) VALUES (?, ?, ?) ON CONFLICT (account, reply) DO UPDATE SET sent_at = excluded.sent_at WHERE mailsort_replies.sent_at <= ? RETURNING sent_at`,
        [account, digest(`${template}\n${sender}`), now, since])
      return rows.length > 0
    })
  }

  /** Keeps the newest `most` of the account. */
  async note(account: AccountId, note: Note, most: number): Promise<void> {
    await this.#database.write(async (tx) => {
      await tx.run('INSERT INTO mailsort_errors (account, at, n, rule, why, message_id) VALUES (?, ?, ?, ?, ?, ?)', [account, note.at, this.#noted++, note.rule, note.why, note.messageId])
      const oldest = await tx.get<{ at: number }>('SELECT at FROM mailsort_errors WHERE account = ? ORDER BY at DESC, n DESC LIMIT 1 OFFSET ?', [account, most - 1])
      if (oldest) await tx.run('DELETE FROM mailsort_errors WHERE account = ? AND at < ?', [account, oldest.at])
    })
  }

  async notes(account: AccountId): Promise<readonly Note[]> {
    const rows = await this.#database.read.all('SELECT at, rule, why, message_id FROM mailsort_errors WHERE account = ? ORDER BY at DESC, n DESC', [account])
    return rows.map((row) => ({ at: row.at, rule: row.rule, why: row.why, messageId: row.message_id }))
  }
  async clearNotes(account: AccountId): Promise<void> {
    await this.#database.write((tx) => tx.run('DELETE FROM mailsort_errors WHERE account = ?', [account]))
  }

  /** Forgets replies that no longer hold back others. */
  async sweep(before: number): Promise<void> {
    await this.#database.write((tx) => tx.run('DELETE FROM mailsort_replies WHERE sent_at < ?', [before]))
  }
}

const digest = (text: string): string => createHash('sha256').update(text.toLowerCase().toWellFormed()).digest('base64url').slice(0, 27)
