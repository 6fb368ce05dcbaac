// The rows of accounts, addresses and domains, and what of them is kept in memory.
import type { AccountId } from '../base/branded.js'
import type { Database, Row, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import type { Account } from './contract.js'
import type { Credentials } from './credentials.js'
import type { Address } from './names.js'

export interface LoginRow { readonly account: Account; readonly credentials: Credentials | undefined; readonly apopSecret: string | null }
export interface NewAccount {
  readonly name: string
  readonly address: Address
  readonly displayName: string
  readonly quotaOctets: number
  readonly quotaMessages: number
  readonly credentials: Credentials | undefined
}

/** Addresses remembered at most, known and unknown ones; beyond it the oldest are forgotten. */
const rememberedAddresses = 100_000

export class AccountsRepository {
  readonly #database: Database
  readonly #byId = new Map<AccountId, LoginRow>()
  readonly #byName = new Map<string, LoginRow | null>()
  /** 'local@domain' → account, or null for nobody. */
  readonly #addresses = new Map<string, AccountId | null>()
  #domains: Set<string> | undefined
  /** Times that everything was forgotten: what was read across one may be old, and is not remembered. */
  #forgotten = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** Everything remembered may be wrong: an account, address or domain was changed. */
  forget(): void {
    this.#forgotten++
    this.#byId.clear()
    this.#byName.clear()
    this.#addresses.clear()
    this.#domains = undefined
  }

  async login(name: string): Promise<LoginRow | undefined> {
    const known = this.#byName.get(name)
    if (known !== undefined) return known ?? undefined
    // No account has such a name, and PostgreSQL has no such text.
    if (name.includes('\0')) return undefined
    const before = this.#forgotten
    const row = await this.#database.read.get('SELECT * FROM accounts WHERE name = ?', [name])
    // A name that does not exist is not remembered: a guesser would fill the memory.
    return row && this.#remember(row, before)
  }

  async byId(id: AccountId): Promise<LoginRow | undefined> {
    const known = this.#byId.get(id)
    if (known) return known
    const before = this.#forgotten
    const row = await this.#database.read.get('SELECT * FROM accounts WHERE id = ?', [id])
    return row && this.#remember(row, before)
  }

  async domains(): Promise<ReadonlySet<string>> {
    if (this.#domains) return this.#domains
    const before = this.#forgotten
    const domains = new Set((await this.#database.read.all<{ name: string }>('SELECT name FROM domains')).map((row) => row.name))
    if (this.#forgotten === before) this.#domains = domains
    return domains
  }

  /** Accounts of addresses, in order; undefined for nobody. One query for those not in memory. */
  async owners(addresses: readonly Address[]): Promise<(AccountId | undefined)[]> {
    const key = (address: Address): string => `${address.localPart}@${address.domain}`
    const missing = addresses.filter((address) => !this.#addresses.has(key(address)))
    if (missing.length > 0) {
      // What is in memory now, before the wait: it may be forgotten meanwhile.
      const remembered = addresses.map((address) => this.#addresses.get(key(address)))
      const before = this.#forgotten
      const { dialect } = this.#database.read
      const rows = await this.#database.read.all<{ domain: string; local_part: string; account: AccountId }>(
        `SELECT r.domain, r.local_part, a.account FROM ${dialect.rows({ domain: 'text', local_part: 'text' })} AS r
         JOIN addresses a ON a.domain = r.domain AND a.local_part = r.local_part`,
        [dialect.rowsValue(missing.map((address) => [address.domain, address.localPart]))])
      const found = new Map(rows.map((row) => [`${row.local_part}@${row.domain}`, row.account]))
      if (this.#forgotten === before) for (const address of missing) this.#addresses.set(key(address), found.get(key(address)) ?? null)
      for (const oldest of this.#addresses.keys()) {
        if (this.#addresses.size <= rememberedAddresses) break
        this.#addresses.delete(oldest)
      }
      return addresses.map((address, i) => found.get(key(address)) ?? remembered[i] ?? undefined)
    }
    return addresses.map((address) => this.#addresses.get(key(address)) ?? undefined)
  }

  async addressesOf(account: AccountId): Promise<Address[]> {
    const rows = await this.#database.read.all<{ domain: string; local_part: string }>('SELECT domain, local_part FROM addresses WHERE account = ? ORDER BY domain, local_part', [account])
    return rows.map((row) => ({ localPart: row.local_part, domain: row.domain }))
  }

  async all(): Promise<(Account & { createdAt: number })[]> {
    const rows = await this.#database.read.all('SELECT * FROM accounts ORDER BY name')
    return rows.map((row) => ({ ...accountOf(row), createdAt: row.created_at }))
  }

  /** Inserts accounts with their first address each. The caller has checked that neither exists. */
  async insert(tx: Transaction, accounts: readonly NewAccount[], now: number): Promise<AccountId[]> {
    const { accounts: first } = await allocate(tx, { accounts: accounts.length })
    const { dialect } = tx
    await tx.run(
      `INSERT INTO accounts (id, name, display_name, enabled, quota_octets, quota_messages, scram_salt, scram_iterations, scram_stored_key, scram_server_key, created_at)
       SELECT r.id, r.name, r.display_name, 1, r.octets, r.messages, r.salt, r.iterations, r.stored, r.server, r.at
       FROM ${dialect.rows({ id: 'int', name: 'text', display_name: 'text', octets: 'int', messages: 'int', salt: 'bytes', iterations: 'int', stored: 'bytes', server: 'bytes', at: 'int' })} AS r`,
      [dialect.rowsValue(accounts.map((a, i) => [first + i, a.name, a.displayName, a.quotaOctets, a.quotaMessages,
        a.credentials?.salt ?? null, a.credentials?.iterations ?? null, a.credentials?.storedKey ?? null, a.credentials?.serverKey ?? null, now]))])
    await tx.run(
      `INSERT INTO addresses (domain, local_part, account) SELECT r.domain, r.local_part, r.account FROM ${dialect.rows({ domain: 'text', local_part: 'text', account: 'int' })} AS r`,
      [dialect.rowsValue(accounts.map((a, i) => [a.address.domain, a.address.localPart, first + i]))])
    return accounts.map((_, i) => first + i as AccountId)
  }

  /** Without address and password, and disabled. */
  async insertInternal(tx: Transaction, name: string, now: number): Promise<AccountId> {
    const { accounts: id } = await allocate(tx, { accounts: 1 })
    await tx.run("INSERT INTO accounts (id, name, display_name, enabled, quota_octets, quota_messages, created_at) VALUES (?, ?, '', 0, 0, 0, ?)", [id, name, now])
    return id as AccountId
  }

  #remember(row: Row, before: number): LoginRow {
    const login = loginOf(row)
    if (this.#forgotten !== before) return login
    // A concurrent look-up may have been first: keep one object, the password cache compares by identity.
    const known = this.#byId.get(login.account.id)
    if (known) return known
    this.#byId.set(login.account.id, login)
    this.#byName.set(login.account.name, login)
    return login
  }
}

const accountOf = (row: Row): Account => ({
  id: row.id, name: row.name, displayName: row.display_name, enabled: row.enabled === 1, quotaOctets: row.quota_octets, quotaMessages: row.quota_messages,
})
const loginOf = (row: Row): LoginRow => ({
  account: accountOf(row),
  credentials: row.scram_salt ? { salt: row.scram_salt, iterations: row.scram_iterations, storedKey: row.scram_stored_key, serverKey: row.scram_server_key } : undefined,
  apopSecret: row.apop_secret,
})
