// Which mailboxes an account sees under which names, from memory: its own, and those that providers show it. A name leads from here
// to a row, or to an error.
import type { AccountId, MailboxId } from '../base/branded.js'
import type { Database, Transaction } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import { isUnder, type MailboxProvider } from './namespaces.js'
import { compareNames, parents, storedName } from './names.js'
import { need, rightsTo } from './permitted.js'
import { mailboxRow, type MailboxRow } from './repository.js'
import { noRights } from './rights.js'

/** Rows in the order of their names (stored form). */
export interface Tree { readonly rows: readonly MailboxRow[]; readonly byName: ReadonlyMap<string, MailboxRow>; readonly subscribed: ReadonlySet<string> }

export interface Trees {
  /** In the order in which their mailboxes are shown. */
  readonly providers: MailboxProvider[]
  own(account: AccountId): Promise<Tree>
  /** The account's own mailboxes, and what it sees of others'. */
  visible(account: AccountId): Promise<Tree>
  /** The INBOX of each account that has one. */
  inboxes(accounts: readonly AccountId[]): Promise<Map<AccountId, MailboxId>>
  /** In the commit that changes names: forgotten after it, before anyone is answered. */
  forget(tx: Transaction, account: AccountId): void
  /** Whose name it is to give, when it is not the account's. */
  providerOf(account: AccountId, stored: string): MailboxProvider | undefined
  /** Throws MAILBOX_PROTECTED for names below a provider's root. */
  mustBePersonal(account: AccountId, stored: string, name: string): void
  /** A mailbox by the name that clients know. Throws MAILBOX_NOT_FOUND. */
  byName(account: AccountId, name: string): Promise<MailboxRow>
  /** One that may be opened. Throws MAILBOX_NOT_FOUND, RIGHTS_MISSING. */
  readable(account: AccountId, name: string): Promise<MailboxRow>
  /** One that messages may be put into. Throws MAILBOX_NOT_FOUND, MAILBOX_READ_ONLY, RIGHTS_MISSING. */
  writable(account: AccountId, name: string): Promise<MailboxRow>
  /** Where a name below a grant leads: the owner's own name for it, and the nearest mailbox above that is there. */
  below(account: AccountId, stored: string): Promise<{ readonly provider: MailboxProvider; readonly owner: AccountId; readonly name: string; readonly parent: MailboxRow } | undefined>
}

/** Accounts whose mailbox lists are kept in memory at most. */
const remembered = 20_000

export function makeTrees({ database, separator }: { database: Database; separator: string }): Trees {
  const trees = new Map<AccountId, Tree>()
  const inboxIds = new Map<AccountId, MailboxId>()
  const providers: MailboxProvider[] = []
  const merged = new Map<AccountId, { readonly of: readonly unknown[]; readonly made: Tree }>()
  /** Commits that changed names: what was read across one may be old, and is not remembered. */
  let changes = 0

  const self: Trees = {
    providers,
    async own(account) {
      const known = trees.get(account)
      if (known) return known
      const before = changes
      const [rows, subscriptions] = await Promise.all([
        database.read.all('SELECT id, account, name, uid_validity, special_use FROM mailboxes WHERE account = ?', [account]),
        database.read.all<{ name: string }>('SELECT name FROM subscriptions WHERE account = ?', [account]),
      ])
      const sorted = rows.map(mailboxRow).sort((a, b) => compareNames(a.name, b.name))
      const made: Tree = { rows: sorted, byName: new Map(sorted.map((row) => [row.name, row])), subscribed: new Set(subscriptions.map((row) => row.name)) }
      if (changes === before) remember(trees, account, made)
      return made
    },

    async visible(account) {
      const own = await self.own(account)
      const seen = providers.map((provider) => (provider.owner() === account ? [] : provider.seen(account)))
      const grants = providers.flatMap((provider) => provider.grants?.(account) ?? [])
      if (grants.length === 0 && seen.every((some) => some.length === 0)) return own
      const granted = await Promise.all(grants.map((grant) => self.own(grant.owner)))
      const theirs = await Promise.all(providers.map((provider, i) => (seen[i].length === 0 ? undefined : self.own(provider.owner()!))))
      const of = [own, ...seen, ...theirs, ...grants, ...granted]
      const known = merged.get(account)
      if (known && known.of.length === of.length && known.of.every((part, i) => part === of[i])) return known.made
      // What is one's own already keeps its name.
      const byName = new Map(own.byName)
      for (const [i, some] of seen.entries()) {
        const rows = new Map(theirs[i]?.rows.map((row) => [row.id, row]))
        for (const { mailbox, name, readOnly } of some) {
          const row = rows.get(mailbox)
          if (row && !byName.has(name)) byName.set(name, { ...row, name, specialUse: null, readOnly })
        }
      }
      for (const [i, grant] of grants.entries()) {
        for (const row of granted[i].rows) {
          const name = row.name === 'INBOX' ? grant.name : `${grant.name}/${row.name}`
          if (grant.rights(row.id) === noRights || byName.has(name)) continue
          byName.set(name, { ...row, name, specialUse: null, foreign: { name: row.name, rights: () => grant.rights(row.id) }, ...(grant.ownSeen ? { viewer: account } : {}) })
        }
      }
      const sorted = [...byName].sort(([a], [b]) => compareNames(a, b))
      const made: Tree = { rows: sorted.map(([, row]) => row), byName: new Map(sorted), subscribed: own.subscribed }
      remember(merged, account, { of, made })
      return made
    },

    async inboxes(accounts) {
      const found = new Map<AccountId, MailboxId>()
      for (const account of accounts) if (inboxIds.has(account)) found.set(account, inboxIds.get(account)!)
      const missing = accounts.filter((account) => !found.has(account))
      if (missing.length === 0) return found
      const before = changes
      for (const { id, account } of await database.read.all<{ id: MailboxId; account: AccountId }>(`SELECT id, account FROM mailboxes WHERE name = 'INBOX' AND ${database.dialect.oneOf('account')}`, [database.dialect.list(missing)])) {
        found.set(account, id)
        if (changes === before) inboxIds.set(account, id)
      }
      return found
    },

    forget(tx, account) {
      tx.afterCommit(() => {
        changes++
        trees.delete(account)
        inboxIds.delete(account)
      })
    },

    providerOf: (account, stored) => providers.find((provider) => isUnder(stored, provider.root) && provider.owner() !== account),
    mustBePersonal(account, stored, name) {
      if (self.providerOf(account, stored)) throw failure('MAILBOX_PROTECTED', { mailbox: name })
    },

    async byName(account, name) {
      const row = (await self.visible(account)).byName.get(storedName(name, separator))
      if (!row || rightsTo(row) === noRights) throw failure('MAILBOX_NOT_FOUND', { mailbox: name })
      return row
    },
    async readable(account, name) {
      const row = await self.byName(account, name)
      need(row, name, 'r')
      return row
    },
    async writable(account, name) {
      const row = await self.byName(account, name)
      if (row.readOnly) throw failure('MAILBOX_READ_ONLY')
      need(row, name, 'i')
      return row
    },

    async below(account, stored) {
      const provider = self.providerOf(account, stored)
      const grant = provider?.grants?.(account).find(({ name }) => stored.startsWith(`${name}/`))
      if (!provider || !grant) return undefined
      const { byName: rows } = await self.visible(account)
      const parent = parents(stored).reverse().map((level) => rows.get(level)).find((row) => row !== undefined)
      return parent && { provider, owner: grant.owner, name: stored.slice(grant.name.length + 1), parent }
    },
  }
  return self
}

function remember<T>(memory: Map<AccountId, T>, account: AccountId, made: T): void {
  if (memory.size >= remembered) memory.delete(memory.keys().next().value!)
  memory.set(account, made)
}
