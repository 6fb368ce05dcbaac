// Who may do what with whose mailboxes, in memory: what mailboxes ask on every command must cost nothing. Loaded once, changed
// after each commit; no database here.
import { rightsOf, type AccountId, type Grant, type MailboxId, type Rights, type RightsEntry } from '@restante/core'
import type { Identifier, RightsRow, SendLeave, SharedAccount } from './repository.js'

const all = 0 as MailboxId

interface Owner { readonly name: string; readonly lists: Map<MailboxId, Map<Identifier, RightsRow>> }

export class RightsTable {
  readonly shared = new Map<AccountId, SharedAccount>()
  readonly #owners = new Map<AccountId, Owner>()
  readonly #groups = new Map<string, Set<AccountId>>()
  readonly #groupsOf = new Map<AccountId, Set<string>>()
  /** Which owners name an identifier anywhere. */
  readonly #naming = new Map<Identifier, Set<AccountId>>()
  #grants = new Map<AccountId, { readonly shared: readonly Grant[]; readonly others: readonly Grant[] }>()

  /** @param levels first levels of names, and how a user's name becomes one level */
  constructor(private readonly levels: { readonly shared: string; readonly user: string; readonly nameOf: (user: string) => string }) {}

  addShared(account: SharedAccount): void {
    this.shared.set(account.account, account)
    this.#changed()
  }

  put(ownerName: string, row: RightsRow): void {
    let owner = this.#owners.get(row.owner)
    if (!owner) this.#owners.set(row.owner, (owner = { name: ownerName, lists: new Map() }))
    let list = owner.lists.get(row.mailbox)
    if (!list) owner.lists.set(row.mailbox, (list = new Map()))
    list.set(row.identifier, row)
    const bare = row.identifier.replace(/^-/, '')
    const naming = this.#naming.get(bare)
    if (naming) naming.add(row.owner)
    else this.#naming.set(bare, new Set([row.owner]))
    this.#changed()
  }

  drop({ owner, mailbox, identifier }: Pick<RightsRow, 'owner' | 'mailbox' | 'identifier'>): void {
    this.#owners.get(owner)?.lists.get(mailbox)?.delete(identifier)
    this.#changed()
  }

  forget(owner: AccountId): void {
    this.shared.delete(owner)
    this.#owners.delete(owner)
    for (const naming of this.#naming.values()) naming.delete(owner)
    this.#changed()
  }

  join(name: string, member: AccountId): void {
    const members = this.#groups.get(name)
    if (members) members.add(member)
    else this.#groups.set(name, new Set([member]))
    const its = this.#groupsOf.get(member)
    if (its) its.add(name)
    else this.#groupsOf.set(member, new Set([name]))
    this.#changed()
  }

  leave(name: string, member: AccountId): void {
    this.#groups.get(name)?.delete(member)
    if (this.#groups.get(name)?.size === 0) this.#groups.delete(name)
    this.#groupsOf.get(member)?.delete(name)
    this.#changed()
  }

  groups(): ReadonlyMap<string, ReadonlySet<AccountId>> {
    return this.#groups
  }

  /** Accounts that an identifier stands for; undefined for anyone. */
  accountsOf(identifier: Identifier): readonly AccountId[] | undefined {
    const bare = identifier.replace(/^-/, '')
    if (bare === 'anyone') return undefined
    if (bare.startsWith('#')) return [Number(bare.slice(1)) as AccountId]
    return [...this.#groups.get(bare.slice('group:'.length)) ?? []]
  }

  /** The list that holds for a mailbox: its own entries, and the owner's for all mailboxes where it has none for the same identifier. */
  entries(owner: AccountId, mailbox: MailboxId): readonly RightsRow[] {
    const lists = this.#owners.get(owner)?.lists
    const own = lists?.get(mailbox)
    const general = lists?.get(all)
    if (mailbox === all || !own || own.size === 0) return [...general?.values() ?? []]
    return [...new Map([...general ?? [], ...own]).values()]
  }

  /** Entries of this very list. */
  own(owner: AccountId, mailbox: MailboxId): ReadonlyMap<Identifier, RightsRow> {
    return this.#owners.get(owner)?.lists.get(mailbox) ?? new Map()
  }

  rights(account: AccountId, owner: AccountId, mailbox: MailboxId): Rights {
    return rightsOf(this.entries(owner, mailbox) as readonly RightsEntry[], this.#identifiers(account))
  }

  /** The most that any entry for all mailboxes lets the account do as a sender. */
  sends(account: AccountId, owner: AccountId): SendLeave {
    const identifiers = this.#identifiers(account)
    const leaves = [...this.own(owner, all).values()].filter(({ identifier }) => identifiers.has(identifier)).map(({ send }) => send)
    return leaves.includes('as') ? 'as' : leaves.includes('behalf') ? 'behalf' : 'no'
  }

  /** What an account sees: the same arrays as long as nothing changed. */
  grants(account: AccountId): { readonly shared: readonly Grant[]; readonly others: readonly Grant[] } {
    const known = this.#grants.get(account)
    if (known) return known
    const owners = new Set([...this.#identifiers(account)].flatMap((identifier) => [...this.#naming.get(identifier) ?? []]))
    owners.delete(account)
    const made = { shared: [] as Grant[], others: [] as Grant[] }
    for (const owner of owners) {
      const its = this.shared.get(owner)
      const name = its ? `${this.levels.shared}/${its.name}` : `${this.levels.user}/${this.levels.nameOf(this.#owners.get(owner)?.name ?? '')}`
      ;(its ? made.shared : made.others).push({ owner, name, ownSeen: its?.ownSeen ?? false, rights: (mailbox) => this.rights(account, owner, mailbox) })
    }
    if (this.#grants.size >= rememberedGrants) this.#grants.clear()
    this.#grants.set(account, made)
    return made
  }

  #identifiers(account: AccountId): ReadonlySet<Identifier> {
    return new Set([`#${account}`, ...[...this.#groupsOf.get(account) ?? []].map((name) => `group:${name}`), 'anyone'])
  }

  #changed(): void {
    this.#grants = new Map()
  }
}

/** Accounts whose grants are kept ready. */
const rememberedGrants = 100_000
