// Sharing as faces and administration ask for it: checks, rows, memory, and telling those whom it concerns.
import {
  allRights, changedRights, failure, foldIdentifier, isFailure, noRights, parseRights, right, rolePresets,
  type Account, type AccountId, type Accounts, type Administration, type Bus, type Clock, type MailboxId, type MailboxProviders, type Mailboxes, type Rights, type Role, type Sharing,
} from '@restante/core'
import type { Config } from './config.js'
import { memberOf, type Identifier, type Repository, type RightsRow, type SendLeave } from './repository.js'
import type { RightsTable } from './rights-table.js'

export interface SharingParts {
  readonly config: Config
  readonly accounts: Accounts
  readonly administration: Administration
  readonly mailboxes: Mailboxes
  readonly providers: MailboxProviders
  readonly repository: Repository
  readonly table: RightsTable
  readonly bus: Bus
  readonly clock: Clock
}

const all = 0 as MailboxId
export interface MemberWish { readonly member: string; readonly role?: Role; readonly rights?: string; readonly send?: SendLeave }

export class SharedMailboxes implements Sharing {
  readonly #parts: SharingParts
  constructor(parts: SharingParts) {
    this.#parts = parts
  }

  async load(): Promise<void> {
    const { repository, table } = this.#parts
    const { accounts, rights, groups } = await repository.load()
    for (const account of accounts) table.addShared(account)
    for (const { ownerName, ...row } of rights) table.put(ownerName, row)
    for (const { name, member } of groups) table.join(name, member)
  }

  // What IMAP asks (RFC 4314).

  async entries(account: AccountId, mailbox: string): Promise<readonly { identifier: string; rights: Rights }[]> {
    const { id, owner } = await this.#mayAdminister(account, mailbox)
    const entries = await this.#shown(this.#parts.table.entries(owner, id))
    return this.#isShared(owner) ? entries : [{ identifier: (await this.#parts.accounts.byId(owner)).name, rights: allRights }, ...entries]
  }

  async set(account: AccountId, mailbox: string, identifier: string, change: string): Promise<void> {
    const { id, owner } = await this.#mayAdminister(account, mailbox)
    await this.setRights(owner, id, identifier, change)
  }

  async remove(account: AccountId, mailbox: string, identifier: string): Promise<void> {
    const { id, owner } = await this.#mayAdminister(account, mailbox)
    await this.removeRights(owner, id, identifier)
  }

  async always(account: AccountId, mailbox: string, identifier: string): Promise<Rights> {
    const { owner } = await this.#mayAdminister(account, mailbox)
    const kept = await this.#kept(identifier)
    return kept === `#${owner}` ? allRights : noRights
  }

  async mine(account: AccountId, mailbox: string): Promise<Rights> {
    return (await this.#parts.providers.row(account, mailbox)).rights
  }

  // What administration asks.

  /** Sets rights to one mailbox, or (0) to all of an owner's. Throws RIGHTS_INVALID, ACCOUNT_NOT_FOUND, NOT_PERMITTED. */
  async setRights(owner: AccountId, mailbox: MailboxId, identifier: string, change: string, send?: SendLeave): Promise<void> {
    const { table, config } = this.#parts
    const kept = await this.#kept(identifier)
    if (memberOf(kept) === owner) throw failure('NOT_PERMITTED', { what: 'to change the rights of the owner, who has all' })
    const before = table.entries(owner, mailbox).find((row) => row.identifier === kept)
    if (!before && table.entries(owner, mailbox).length >= config.maxMembers) throw failure('NOT_PERMITTED', { what: `more than ${config.maxMembers} entries in one list of rights` })
    await this.#write(owner, { owner, mailbox, identifier: kept, rights: changedRights(before?.rights ?? noRights, change), send: send ?? (mailbox === all ? before?.send ?? 'no' : 'no') })
  }

  /** Takes an entry away; of one mailbox also what holds for all of the owner's. */
  async removeRights(owner: AccountId, mailbox: MailboxId, identifier: string): Promise<void> {
    const { table, repository } = this.#parts
    const kept = await this.#kept(identifier, true)
    if (mailbox !== all && table.own(owner, all).has(kept)) return this.#write(owner, { owner, mailbox, identifier: kept, rights: noRights, send: 'no' })
    const row = { owner, mailbox, identifier: kept }
    await this.#telling(owner, [kept], () => repository.write({ drop: [row] }, () => table.drop(row)))
  }

  async create({ name, address, members, ownSeen, quotaOctets }: { name: string; address: string; members: readonly MemberWish[]; ownSeen: boolean; quotaOctets?: number }): Promise<{ name: string; address: string }> {
    const { accounts, administration, repository, table, clock, mailboxes } = this.#parts
    const folded = name.normalize('NFC').toLowerCase()
    const { separator } = mailboxes.namespaces(0 as AccountId)
    if (!/^[^\s/\\*%"\u0000-\u001f\u007f]{1,64}$/.test(folded) || folded.includes(separator) || folded === '.' || folded === '..') throw failure('MAILBOX_NAME_INVALID', { why: `a shared name is one level without blanks, ${separator}, * and %` })
    if (members.length === 0) throw failure('NOT_PERMITTED', { what: 'a shared mailbox without a member' })
    if ([...table.shared.values()].some((other) => other.name === folded)) throw failure('MAILBOX_EXISTS', { mailbox: `${this.#parts.config.shared}/${folded}` })
    // All are checked before anything is made.
    const rows = await Promise.all(members.map(async (wish) => ({ identifier: await this.#kept(wish.member), rights: rightsWished(wish), send: wish.send ?? 'no' as const })))
    const [made] = await administration.add([{ address, displayName: folded, ...(quotaOctets === undefined ? {} : { quotaOctets }) }])
    const account = { account: made.id, name: folded, ownSeen, createdAt: clock.now() }
    const put = rows.map((row): RightsRow => ({ owner: made.id, mailbox: all, ...row }))
    try {
      await repository.write({ account, put }, () => {
        table.addShared(account)
        for (const row of put) table.put(made.name, row)
      })
    } catch (error) {
      await administration.remove(made.name)
      throw error
    }
    accounts.resolve(address).catch(() => undefined)
    await this.#tellAccess(made.id, put.map(({ identifier }) => identifier), new Map())
    return { name: folded, address: made.name }
  }

  /** Deletes a shared account with its mail; first copies it below `Archive/<name>` of a user, if wanted. */
  async destroy(name: string, archive?: string): Promise<{ name: string; archived: number }> {
    const { accounts, administration, table, providers, mailboxes } = this.#parts
    const shared = this.find(name)
    const owner = await accounts.byId(shared.account)
    let archived = 0
    if (archive !== undefined) {
      const to = await accounts.byName(archive)
      if (!to) throw failure('ACCOUNT_NOT_FOUND', { account: archive })
      const { separator } = mailboxes.namespaces(shared.account)
      for (const { name: stored } of await providers.own(shared.account)) {
        const box = await mailboxes.open(shared.account, stored.replaceAll('/', separator), { readOnly: true })
        try {
          const messages = Array.from({ length: box.index.count }, (_, i) => ({ message: box.index.messages[i] as never, internalDate: box.index.internalDates[i] }))
          if (messages.length === 0) continue
          const target = await providers.mailbox(to.id, `Archive/${shared.name}${stored === 'INBOX' ? '' : `/${stored}`}`)
          await providers.place(to.id, target, messages, async () => undefined)
          archived += messages.length
        } finally {
          box.close()
        }
      }
    }
    const seen = new Map<AccountId, ReadonlyMap<MailboxId, string>>()
    for (const { identifier } of table.entries(shared.account, all)) for (const account of table.accountsOf(identifier) ?? []) seen.set(account, await this.#visible(account, shared.account))
    await administration.remove(owner.name)
    table.forget(shared.account)
    for (const [account, before] of seen) this.#tellGone(account, before)
    return { name: shared.name, archived }
  }

  find(name: string): { readonly account: AccountId; readonly name: string; readonly ownSeen: boolean; readonly createdAt: number } {
    const folded = name.normalize('NFC').toLowerCase()
    const found = [...this.#parts.table.shared.values()].find((one) => one.name === folded)
    if (!found) throw failure('MAILBOX_NOT_FOUND', { mailbox: `${this.#parts.config.shared}/${name}` })
    return found
  }

  async member(name: string, wish: MemberWish): Promise<void> {
    const { account } = this.find(name)
    const before = this.#parts.table.own(account, all).get(await this.#kept(wish.member))
    const rights = wish.role === undefined && wish.rights === undefined && before ? '+' : undefined
    await this.setRights(account, all, wish.member, rights ?? (wish.rights ?? rolePresets[wish.role ?? 'editor']), wish.send)
  }

  async removeMember(name: string, member: string): Promise<void> {
    const { account } = this.find(name)
    const kept = await this.#kept(member, true)
    const own = this.#parts.table.own(account, all)
    if (!own.has(kept)) throw failure('ACCOUNT_NOT_FOUND', { account: member })
    if ([...own.keys()].filter((identifier) => !identifier.startsWith('-')).length <= 1 && !kept.startsWith('-')) throw failure('NOT_PERMITTED', { what: 'to remove the last member; remove the shared mailbox instead' })
    await this.removeRights(account, all, member)
  }

  async group(act: 'join' | 'leave', name: string, member: string): Promise<void> {
    const { accounts, repository, table } = this.#parts
    const folded = foldIdentifier(`group:${name}`).slice('group:'.length)
    const found = await accounts.byName(member)
    if (!found) throw failure('ACCOUNT_NOT_FOUND', { account: member })
    const owners = [...table.shared.keys()]
    const before = new Map(await Promise.all(owners.map(async (owner) => [owner, await this.#visible(found.id, owner)] as const)))
    await repository.write({ [act]: { name: folded, member: found.id } }, () => table[act](folded, found.id))
    for (const owner of owners) await this.#tellAccess(owner, [`#${found.id}`], new Map([[found.id, before.get(owner)!]]))
  }

  /** Entries with identifiers as people write them. */
  async listed(owner: AccountId, mailbox: MailboxId): Promise<readonly { identifier: string; rights: Rights; send: SendLeave }[]> {
    return this.#shown(this.#parts.table.entries(owner, mailbox))
  }

  /** A mailbox was made below another: it begins with the same list. */
  async inherit(owner: AccountId, parent: MailboxId, mailbox: MailboxId): Promise<void> {
    const { repository, table, accounts } = this.#parts
    const put = [...table.own(owner, parent).values()].map((row) => ({ ...row, mailbox }))
    if (put.length === 0) return
    const { name } = await accounts.byId(owner)
    await this.#telling(owner, put.map(({ identifier }) => identifier), () => repository.write({ put }, () => { for (const row of put) table.put(name, row) }))
  }

  async #write(owner: AccountId, row: RightsRow): Promise<void> {
    const { repository, table, accounts } = this.#parts
    const { name } = await accounts.byId(owner)
    await this.#telling(owner, [row.identifier], () => repository.write({ put: [row] }, () => table.put(name, row)))
  }

  async #telling(owner: AccountId, identifiers: readonly Identifier[], act: () => Promise<void>): Promise<void> {
    const accounts = this.#accountsOf(identifiers)
    const before = new Map(await Promise.all(accounts.map(async (account) => [account, await this.#visible(account, owner)] as const)))
    await act()
    await this.#tellAccess(owner, identifiers, before)
  }

  #accountsOf(identifiers: readonly Identifier[]): readonly AccountId[] {
    return [...new Set(identifiers.flatMap((identifier) => this.#parts.table.accountsOf(identifier) ?? []))]
  }

  /** Sessions look again; what appeared or disappeared for an account is an event of its own (RFC 5423 4.5). */
  async #tellAccess(owner: AccountId, identifiers: readonly Identifier[], before: ReadonlyMap<AccountId, ReadonlyMap<MailboxId, string>>): Promise<void> {
    const { providers, bus, clock } = this.#parts
    providers.changed((await providers.own(owner)).map(({ id }) => id))
    for (const account of this.#accountsOf(identifiers)) {
      const then = before.get(account) ?? new Map<MailboxId, string>()
      const now = await this.#visible(account, owner)
      for (const [mailbox, mailboxName] of now) if (!then.has(mailbox)) bus.tell({ type: 'MailboxCreate', account, at: clock.now(), mailbox, mailboxName })
      this.#tellGone(account, new Map([...then].filter(([mailbox]) => !now.has(mailbox))))
    }
  }

  #tellGone(account: AccountId, gone: ReadonlyMap<MailboxId, string>): void {
    const { bus, clock } = this.#parts
    for (const [mailbox, mailboxName] of gone) bus.tell({ type: 'MailboxDelete', account, at: clock.now(), mailbox, mailboxName })
  }

  /** An owner's mailboxes that an account sees, with their names there. */
  async #visible(account: AccountId, owner: AccountId): Promise<ReadonlyMap<MailboxId, string>> {
    const { table, providers, mailboxes } = this.#parts
    const grants = table.grants(account)
    const grant = [...grants.shared, ...grants.others].find((one) => one.owner === owner)
    if (!grant) return new Map()
    const { separator } = mailboxes.namespaces(account)
    const own = await providers.own(owner)
    return new Map(own.flatMap(({ id, name }) => ((grant.rights(id) & right.l) === 0 ? [] : [[id, (name === 'INBOX' ? grant.name : `${grant.name}/${name}`).replaceAll('/', separator)] as const])))
  }

  async #mayAdminister(account: AccountId, mailbox: string): Promise<{ id: MailboxId; owner: AccountId }> {
    const { id, owner, rights } = await this.#parts.providers.row(account, mailbox)
    if ((rights & right.a) === 0) throw (rights & (right.l | right.r)) === 0 ? failure('MAILBOX_NOT_FOUND', { mailbox }) : failure('RIGHTS_MISSING', { mailbox, right: 'a' })
    return { id, owner }
  }

  #isShared(owner: AccountId): boolean {
    return this.#parts.table.shared.has(owner)
  }

  /** An identifier as people write it → as it is kept. @param gone also one that is nobody any more */
  async #kept(text: string, gone = false): Promise<Identifier> {
    const folded = foldIdentifier(text)
    const [sign, bare] = folded.startsWith('-') ? ['-', folded.slice(1)] : ['', folded]
    if (bare === 'anyone' || bare === 'anonymous') return `${sign}anyone`
    if (bare.startsWith('group:')) {
      if (!gone && !this.#parts.table.groups().has(bare.slice('group:'.length))) throw failure('ACCOUNT_NOT_FOUND', { account: text })
      return folded
    }
    const account = await this.#parts.accounts.byName(bare)
    if (!account) throw failure('ACCOUNT_NOT_FOUND', { account: text })
    return `${sign}#${account.id}`
  }

  async #shown(rows: readonly RightsRow[]): Promise<{ identifier: string; rights: Rights; send: SendLeave }[]> {
    const shown = await Promise.all(rows.map(async ({ identifier, rights, send }) => {
      const member = memberOf(identifier)
      const account: Account | undefined = member === undefined ? undefined : await this.#parts.accounts.byId(member).catch((error: unknown) => {
        if (isFailure(error, 'ACCOUNT_NOT_FOUND')) return undefined
        throw error
      })
      if (member !== undefined && !account) return undefined
      return { identifier: account ? `${identifier.startsWith('-') ? '-' : ''}${account.name}` : identifier, rights, send }
    }))
    return shown.filter((one) => one !== undefined).sort((a, b) => (a.identifier < b.identifier ? -1 : 1))
  }
}

const rightsWished = ({ role, rights }: MemberWish): Rights => parseRights(rights ?? rolePresets[role ?? 'editor'])
