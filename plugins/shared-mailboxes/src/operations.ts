// What the command line (and later the pages) can ask of sharing. Arguments and results are JSON.
import { failure, formatRights, type Account, type AccountId, type Accounts, type MailboxId, type MailboxProviders, type Operation } from '@restante/core'
import type { RightsTable } from './rights-table.js'
import type { MemberWish, SharedMailboxes } from './sharing.js'

const everything = 0 as MailboxId

export function makeOperations({ accounts, providers, sharing, table }: { accounts: Accounts; providers: MailboxProviders; sharing: SharedMailboxes; table: RightsTable }): Readonly<Record<string, Operation>> {
  const named = async (user: string): Promise<Account> => {
    const account = await accounts.byName(user)
    if (!account) throw failure('ACCOUNT_NOT_FOUND', { account: user })
    return account
  }
  const shown = async (owner: AccountId, mailbox: MailboxId) => (await sharing.listed(owner, mailbox)).map(({ rights, ...entry }) => ({ ...entry, rights: formatRights(rights) }))
  /** A mailbox of a shared account (by its shared name) or of a user; '' is all of them. */
  const place = async (of: string, mailbox: string): Promise<{ owner: AccountId; id: MailboxId }> => {
    const shared = [...table.shared.values()].find(({ name }) => name === of.toLowerCase())
    const owner = shared?.account ?? (await named(of)).id
    return { owner, id: mailbox === '' ? everything : (await providers.row(owner, mailbox)).id }
  }
  return {
    'shared-mailboxes.create': (wanted: { name: string; address: string; members: MemberWish[]; ownSeen: boolean; quotaOctets?: number }) => sharing.create(wanted),
    'shared-mailboxes.remove': ({ name, archive }: { name: string; archive?: string }) => sharing.destroy(name, archive),
    async 'shared-mailboxes.list'() {
      const found = await Promise.all([...table.shared.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(async ({ account, name, ownSeen, createdAt }) => {
        // Somebody may have removed the account by its address.
        const owner = await accounts.byId(account).catch(() => undefined)
        if (!owner) return []
        const { octets, messages } = await accounts.usage(account)
        return [{ name, address: owner.name, members: table.own(account, everything).size, seen: ownSeen ? 'own' : 'shared', usedOctets: octets, usedMessages: messages, createdAt }]
      }))
      return found.flat()
    },
    async 'shared-mailboxes.show'({ name }: { name: string }) {
      const { account, name: its, ownSeen, createdAt } = sharing.find(name)
      const usage = await accounts.usage(account)
      return { name: its, address: (await accounts.byId(account)).name, addresses: await accounts.addressesOf(account), seen: ownSeen ? 'own' : 'shared', createdAt, ...usage, members: await shown(account, everything), mailboxes: (await providers.own(account)).map((box) => box.name) }
    },
    async 'shared-mailboxes.member'({ name, ...wish }: MemberWish & { name: string }) {
      await sharing.member(name, wish)
      return shown(sharing.find(name).account, everything)
    },
    async 'shared-mailboxes.dismiss'({ name, member }: { name: string; member: string }) {
      await sharing.removeMember(name, member)
      return shown(sharing.find(name).account, everything)
    },
    async 'shared-mailboxes.rights'({ of, mailbox, identifier, change }: { of: string; mailbox: string; identifier?: string; change?: string }) {
      const { owner, id } = await place(of, mailbox)
      if (identifier !== undefined && change !== undefined) await (change === '' ? sharing.removeRights(owner, id, identifier) : sharing.setRights(owner, id, identifier, change))
      return shown(owner, id)
    },
    async 'shared-mailboxes.group'({ act, name, member }: { act: 'join' | 'leave'; name: string; member: string }) {
      await sharing.group(act, name, member)
      return { name, member }
    },
    async 'shared-mailboxes.groups'() {
      return Promise.all([...table.groups()].map(async ([name, members]) => ({ name, members: await Promise.all([...members].map(async (id) => (await accounts.byId(id).catch(() => undefined))?.name ?? `number ${id}`)) })))
    },
  }
}
