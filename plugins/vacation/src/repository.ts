// Vacation's rows: what users have set, and who was told what and when.
import { createHash } from 'node:crypto'
import type { AccountId, Database, Migration } from '@restante/core'
import type { Vacation } from './vacation.js'

export const migrations: readonly Migration[] = [{
  name: 'vacation/0001-vacations',
  async up(db) {
    const { int, text } = db.dialect.types
    const account = `account ${int} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE`
    await db.run(`CREATE TABLE vacation_settings (${account}, settings ${text} NOT NULL, changed_at ${int} NOT NULL, PRIMARY KEY (account))`)
    // By digests of text and sender: a new text is told anew (RFC 5230 4.2).
    await db.run(`CREATE TABLE vacation_told (${account}, what ${text} NOT NULL, told_at ${int} NOT NULL, PRIMARY KEY (account, what))${db.dialect.clustered}`)
    await db.run('CREATE INDEX vacation_told_at ON vacation_told (told_at)')
  },
}]

export class Repository {
  readonly #database: Database
  constructor(database: Database) {
    this.#database = database
  }

  /** Of those accounts that have one: one query. */
  async settings(accounts: readonly AccountId[]): Promise<ReadonlyMap<AccountId, Vacation>> {
    const { read } = this.#database
    const rows = await read.all<{ account: AccountId; settings: string }>(`SELECT account, settings FROM vacation_settings WHERE ${read.dialect.oneOf('account')}`, [read.dialect.list(accounts)])
    return new Map(rows.map(({ account, settings }) => [account, JSON.parse(settings) as Vacation]))
  }

  /** `done` runs after the commit, before anyone is answered. */
  async save(account: AccountId, vacation: Vacation, now: number, done: () => void): Promise<void> {
    await this.#database.write(async (tx) => {
      await tx.run('INSERT INTO vacation_settings (account, settings, changed_at) VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET settings = excluded.settings, changed_at = excluded.changed_at', [account, JSON.stringify(vacation), now])
      tx.afterCommit(done)
    })
  }

  /** Whether this sender is due this text, noting that it is being told. Whoever was told after `since` is not. */
  async claim(account: AccountId, text: string, sender: string, now: number, since: number): Promise<boolean> {
    const what = createHash('sha256').update(`${text}\n${sender.toLowerCase()}`.toWellFormed()).digest('base64url').slice(0, 27)
    return this.#database.write(async (tx) => (await tx.all(
      'INSERT INTO vacation_told (account, what, told_at) VALUES (?, ?, ?) ON CONFLICT (account, what) DO UPDATE SET told_at = excluded.told_at WHERE vacation_told.told_at <= ? RETURNING told_at',
      [account, what, now, since])).length > 0)
  }

  /** Forgets whom nobody would ask about any more. */
  async sweep(before: number): Promise<void> {
    await this.#database.write((tx) => tx.run('DELETE FROM vacation_told WHERE told_at < ?', [before]))
  }
}
