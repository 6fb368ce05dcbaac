// The accounts service: where an address leads, whose a sender is, and the administrator's acts on accounts.
import type { AccountId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import type { Database } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { Account, Accounts, Resolution } from './contract.js'
import { formatCredentials, makeCredentials, parseCredentials } from './credentials.js'
import { foldDomain, formatAddress, parseAddress } from './names.js'
import type { Quota } from './quota.js'
import type { AccountsRepository, NewAccount } from './repository.js'

export interface AccountsParts {
  readonly database: Database
  readonly repository: AccountsRepository
  readonly quota: Quota
  readonly clock: Clock
  readonly random: Random
  readonly options: {
    /** Domains of the configuration; those of the database come on top. */
    readonly domains: readonly string[]
    readonly iterations: number
    readonly quotaOctets: number
    readonly quotaMessages: number
    /** Account that gets the mail for all unknown local parts; '': nobody. A domain's own catch-all comes first. */
    readonly catchAll: string
  }
}

/** How an account is wanted. `password` or `hash` (text form of SCRAM keys); neither means that nobody can log in yet. */
export interface WantedAccount {
  readonly address: string
  readonly password?: string
  readonly hash?: string
  readonly displayName?: string
  readonly quotaOctets?: number
  readonly quotaMessages?: number
}

/** What administrators may do, beside what faces may ask. */
export interface AccountsAdministration {
  /** Creates accounts, all or none. `before` runs in the same commit (default mailboxes). Throws ACCOUNT_EXISTS, ADDRESS_EXISTS, ADDRESS_INVALID, NOT_LOCAL. */
  add(wanted: readonly WantedAccount[]): Promise<readonly Account[]>
  /** All accounts with what they hold. */
  all(): Promise<readonly (Account & { readonly createdAt: number; readonly usedOctets: number; readonly usedMessages: number })[]>
  setPassword(name: string, password: string): Promise<void>
  /** The account's keys in text form, as `add` takes them. Throws ACCOUNT_NOT_FOUND. */
  exportHash(name: string): Promise<string>
  /** Opts into APOP, which needs the secret itself; null opts out. */
  setApopSecret(name: string, secret: string | null): Promise<void>
  setEnabled(name: string, enabled: boolean): Promise<void>
  /** Deletes the account's row; its mail must be gone before (the caller sees to that in the same commit). */
  addAddress(name: string, address: string): Promise<void>
  removeAddress(address: string): Promise<void>
  addresses(name: string): Promise<readonly string[]>
  domains(): Promise<readonly { name: string; configured: boolean }[]>
  addDomain(domain: string): Promise<void>
  removeDomain(domain: string): Promise<void>
  forget(): void
}

export function makeAccounts(parts: AccountsParts): Accounts & AccountsAdministration {
  const { database, repository, quota, clock, random, options } = parts
  const configured = new Set(options.domains.map((domain) => foldDomain(domain) ?? domain))

  const isLocal = async (domain: string): Promise<boolean> => configured.has(domain) || (await repository.domains()).has(domain)

  const resolveAll = async (texts: readonly string[]): Promise<Resolution[]> => {
    const addresses = texts.map(parseAddress)
    const local = await Promise.all([...new Set(addresses.map((address) => address.domain))].map(async (domain) => [domain, await isLocal(domain)] as const))
    const locals = new Set(local.filter(([, is]) => is).map(([domain]) => domain))
    const ours = addresses.filter((address) => locals.has(address.domain))
    const owners = await repository.owners(ours)
    const nobodys = ours.filter((_, i) => owners[i] === undefined)
    const fallbackDomains = [...new Set(nobodys.map((address) => address.domain))]
    const catchAlls = new Map((await repository.owners(fallbackDomains.map((domain) => ({ localPart: '*', domain })))).map((owner, i) => [fallbackDomains[i], owner]))
    const last = options.catchAll === '' || nobodys.length === 0 ? undefined : (await repository.login(options.catchAll.toLowerCase()))?.account.id
    const ids = new Map(ours.map((address, i) => [address, owners[i] ?? catchAlls.get(address.domain) ?? last]))
    const gathered = new Set(nobodys)
    return Promise.all(addresses.map(async (address): Promise<Resolution> => {
      if (!locals.has(address.domain)) return { kind: 'foreign' }
      const id = ids.get(address)
      const login = id === undefined ? undefined : await repository.byId(id)
      return login?.account.enabled ? { kind: 'account', account: login.account, address: formatAddress(address), ...(gathered.has(address) ? { gathered: true } : {}) } : { kind: 'unknown' }
    }))
  }

  const named = async (name: string): Promise<Account> => {
    const login = await repository.login(name.toLowerCase())
    if (!login) throw failure('ACCOUNT_NOT_FOUND', { account: name })
    return login.account
  }

  const update = async (name: string, sql: string, values: readonly (string | number | Buffer | null)[]): Promise<void> => {
    const account = await named(name)
    await database.write((tx) => tx.run(`UPDATE accounts SET ${sql} WHERE id = ?`, [...values, account.id]))
    repository.forget()
  }

  return {
    resolveAll,
    resolve: async (address) => (await resolveAll([address]))[0],
    isLocal: (domain) => isLocal(foldDomain(domain) ?? domain),
    async byId(id) {
      const login = await repository.byId(id)
      if (!login) throw failure('ACCOUNT_NOT_FOUND', { account: `number ${id}` })
      return login.account
    },
    byName: async (name) => (await repository.login(name.toLowerCase()))?.account,
    addressesOf: async (account) => (await repository.addressesOf(account)).filter(({ localPart }) => localPart !== '*').map(formatAddress),
    async owns(account, text) {
      let address
      try {
        address = parseAddress(text)
      } catch {
        return false
      }
      const [owner, catchAll] = await repository.owners([address, { localPart: '*', domain: address.domain }])
      return await isLocal(address.domain) && (owner ?? catchAll) === account.id
    },
    async internal(name) {
      const known = await repository.login(name)
      if (known) return known.account.id
      return database.write(async (tx) => (await tx.get<{ id: AccountId }>('SELECT id FROM accounts WHERE name = ?', [name]))?.id ?? await repository.insertInternal(tx, name, clock.now()))
    },
    checkQuota: (account, octets) => quota.check(account, octets),
    async usage(id) {
      const { account } = (await repository.byId(id)) ?? {}
      const { octets, messages } = await quota.usage(id)
      return { octets, messages, quotaOctets: account?.quotaOctets ?? 0, quotaMessages: account?.quotaMessages ?? 0 }
    },

    async add(wanted) {
      // Side by side: an import of thousands is thousands of key derivations, and they run on threads of their own.
      const rows = await inParallel(wanted, async (one): Promise<NewAccount> => {
        const address = parseAddress(one.address)
        if (!await isLocal(address.domain)) throw failure('NOT_LOCAL', { address: one.address })
        const imported = one.hash === undefined ? undefined : parseCredentials(one.hash)
        if (one.hash !== undefined && !imported) throw failure('NOT_PERMITTED', { what: `the hash of ${one.address}: it is not of a known form (SCRAM-SHA-256$…)` })
        return {
          name: formatAddress(address), address, displayName: one.displayName ?? '',
          quotaOctets: one.quotaOctets ?? options.quotaOctets, quotaMessages: one.quotaMessages ?? options.quotaMessages,
          credentials: imported ?? (one.password === undefined ? undefined : await makeCredentials(one.password, options.iterations, random)),
        }
      })
      const seen = new Set<string>()
      for (const row of rows) {
        if (seen.has(row.name)) throw failure('ACCOUNT_EXISTS', { account: row.name })
        seen.add(row.name)
      }
      const ids = await database.write(async (tx) => {
        if (rows.length === 0) return []
        const { dialect } = tx
        const existing = await tx.get<{ name: string }>(`SELECT name FROM accounts WHERE ${dialect.oneOfText('name')}`, [dialect.list(rows.map((row) => row.name))])
        if (existing) throw failure('ACCOUNT_EXISTS', { account: existing.name })
        const taken = await tx.get<{ local_part: string; domain: string }>(
          `SELECT a.local_part, a.domain FROM ${dialect.rows({ domain: 'text', local_part: 'text' })} AS r JOIN addresses a ON a.domain = r.domain AND a.local_part = r.local_part`,
          [dialect.rowsValue(rows.map((row) => [row.address.domain, row.address.localPart]))])
        if (taken) throw failure('ADDRESS_EXISTS', { address: `${taken.local_part}@${taken.domain}` })
        return repository.insert(tx, rows, clock.now())
      })
      repository.forget()
      return ids.map((id, i) => ({ id, name: rows[i].name, displayName: rows[i].displayName, enabled: true, quotaOctets: rows[i].quotaOctets, quotaMessages: rows[i].quotaMessages }))
    },
    async all() {
      const found = await repository.all()
      await quota.load(found.map((account) => account.id))
      return Promise.all(found.map(async (account) => {
        const { octets, messages } = await quota.usage(account.id)
        return { ...account, usedOctets: octets, usedMessages: messages }
      }))
    },
    async setPassword(name, password) {
      const keys = await makeCredentials(password, options.iterations, random)
      await update(name, 'scram_salt = ?, scram_iterations = ?, scram_stored_key = ?, scram_server_key = ?', [keys.salt, keys.iterations, keys.storedKey, keys.serverKey])
    },
    async exportHash(name) {
      const login = await repository.login(name.toLowerCase())
      if (!login?.credentials) throw failure('ACCOUNT_NOT_FOUND', { account: name })
      return formatCredentials(login.credentials)
    },
    setApopSecret: (name, secret) => update(name, 'apop_secret = ?', [secret]),
    setEnabled: (name, enabled) => update(name, 'enabled = ?', [enabled ? 1 : 0]),
    async setQuota(name, wanted) {
      const account = await named(name)
      await update(name, 'quota_octets = ?, quota_messages = ?', [wanted.octets ?? account.quotaOctets, wanted.messages ?? account.quotaMessages])
    },
    async addAddress(name, text) {
      const account = await named(name)
      const catchAll = /^\*@(.+)$/.exec(text)
      const domain = catchAll ? foldDomain(catchAll[1]) : undefined
      const address = catchAll && domain ? { localPart: '*', domain } : parseAddress(text)
      if (!await isLocal(address.domain)) throw failure('NOT_LOCAL', { address: text })
      await database.write(async (tx) => {
        if (await tx.get('SELECT 1 FROM addresses WHERE domain = ? AND local_part = ?', [address.domain, address.localPart])) throw failure('ADDRESS_EXISTS', { address: text })
        await tx.run('INSERT INTO addresses (domain, local_part, account) VALUES (?, ?, ?)', [address.domain, address.localPart, account.id])
      })
      repository.forget()
    },
    async removeAddress(text) {
      const at = text.lastIndexOf('@')
      const domain = foldDomain(text.slice(at + 1))
      const localPart = text.slice(0, at).normalize('NFC').toLowerCase()
      const gone = await database.write((tx) => tx.all('DELETE FROM addresses WHERE domain = ? AND local_part = ? RETURNING account', [domain ?? '', localPart]))
      if (gone.length === 0) throw failure('ADDRESS_NOT_FOUND', { address: text })
      repository.forget()
    },
    addresses: async (name) => (await repository.addressesOf((await named(name)).id)).map(formatAddress),
    async domains() {
      const stored = await repository.domains()
      return [...new Set([...configured, ...stored])].sort().map((name) => ({ name, configured: configured.has(name) }))
    },
    async addDomain(text) {
      const domain = foldDomain(text)
      if (domain === undefined) throw failure('ADDRESS_INVALID', { address: text })
      await database.write((tx) => tx.run('INSERT INTO domains (name, created_at) VALUES (?, ?) ON CONFLICT DO NOTHING', [domain, clock.now()]))
      repository.forget()
    },
    async removeDomain(text) {
      const domain = foldDomain(text) ?? text
      if (configured.has(domain)) throw failure('NOT_PERMITTED', { what: `${domain} is named in the configuration; remove it there` })
      await database.write(async (tx) => {
        const used = await tx.get<{ n: number }>('SELECT count(*) AS n FROM addresses WHERE domain = ?', [domain])
        if (used && used.n > 0) throw failure('NOT_PERMITTED', { what: `${domain} still has ${used.n} addresses` })
        const gone = await tx.all('DELETE FROM domains WHERE name = ? RETURNING name', [domain])
        if (gone.length === 0) throw failure('ADDRESS_NOT_FOUND', { address: domain })
      })
      repository.forget()
    },
    forget: () => repository.forget(),
  }
}

/** Eight at a time, results in order. */
async function inParallel<I, O>(items: readonly I[], work: (item: I) => Promise<O>): Promise<O[]> {
  const results = new Array<O>(items.length)
  let next = 0
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i])
  }))
  return results
}

export type { AccountId }
