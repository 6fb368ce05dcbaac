// How much each account holds: the truth is in the accounts' rows, changed in the same commit as the mailboxes; a copy of
// it is kept in memory so that RCPT and APPEND need no query.
import type { AccountId } from '../base/branded.js'
import type { Database, Statements } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { Bus } from '../events/bus.js'
import type { Clock } from '../base/clock.js'
import type { Account } from './contract.js'

export interface Usage { octets: number; messages: number }
/** What a write did to one account's usage. */
export interface UsageChange { readonly account: AccountId; readonly octets: number; readonly messages: number }

/** Accounts whose usage is kept in memory at most. */
const rememberedAtMost = 50_000

export class Quota {
  readonly #database: Database
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #known = new Map<AccountId, Usage>()

  constructor(database: Database, bus: Bus, clock: Clock) {
    this.#database = database
    this.#bus = bus
    this.#clock = clock
  }

  async usage(account: AccountId): Promise<Usage> {
    await this.load([account])
    return this.#known.get(account) ?? { octets: 0, messages: 0 }
  }

  /** Brings the usage of several accounts into memory, with one query for those that are not there. */
  async load(accounts: readonly AccountId[]): Promise<void> {
    const missing = accounts.filter((account) => !this.#known.has(account))
    if (missing.length === 0) return
    const rows = await this.#database.read.all<{ id: AccountId; used_octets: number; used_messages: number }>(
      `SELECT id, used_octets, used_messages FROM accounts WHERE ${this.#database.dialect.oneOf('id')}`, [this.#database.dialect.list(missing)])
    for (const row of rows) if (!this.#known.has(row.id)) this.#known.set(row.id, { octets: row.used_octets, messages: row.used_messages })
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= rememberedAtMost) break
      this.#known.delete(oldest)
    }
  }

  /** Throws OVER_QUOTA when `octets` in `messages` more do not fit. */
  async check(account: Account, octets: number, messages = 1): Promise<void> {
    if (!account.quotaOctets && !account.quotaMessages) return
    if (this.#fits(account, await this.usage(account.id), octets, messages)) return
    this.#bus.tell({ type: 'QuotaExceed', account: account.id, at: this.#clock.now(), octets, messages })
    throw failure('OVER_QUOTA', { account: account.name })
  }

  /** Writes changes of usage, one statement for all accounts. */
  async write(tx: Statements, changes: readonly UsageChange[]): Promise<void> {
    const sums = new Map<AccountId, [number, number]>()
    for (const change of changes) {
      const sum = sums.get(change.account) ?? [0, 0]
      sums.set(change.account, [sum[0] + change.octets, sum[1] + change.messages])
    }
    const rows = [...sums].filter(([, [octets, messages]]) => octets !== 0 || messages !== 0).map(([account, [octets, messages]]) => [account, octets, messages])
    if (rows.length === 0) return
    await tx.run(
      `UPDATE accounts SET used_octets = used_octets + r.octets, used_messages = used_messages + r.messages
       FROM ${tx.dialect.rows({ account: 'int', octets: 'int', messages: 'int' })} AS r WHERE accounts.id = r.account`, [tx.dialect.rowsValue(rows)])
  }

  /** After the commit: the copy in memory follows. */
  changed(changes: readonly UsageChange[]): void {
    const heard = this.#bus.heard('QuotaChange')
    for (const change of changes) {
      const known = this.#known.get(change.account)
      if (!known) continue
      known.octets += change.octets
      known.messages += change.messages
      if (heard) this.#bus.tell({ type: 'QuotaChange', account: change.account, at: this.#clock.now(), octets: known.octets, messages: known.messages })
    }
  }

  /** A failed commit or an administrator's act: read again when next asked. */
  forget(account: AccountId): void {
    this.#known.delete(account)
  }

  #fits(account: Account, usage: Usage, octets: number, messages: number): boolean {
    return (account.quotaOctets === 0 || usage.octets + octets <= account.quotaOctets) && (account.quotaMessages === 0 || usage.messages + messages <= account.quotaMessages)
  }
}
