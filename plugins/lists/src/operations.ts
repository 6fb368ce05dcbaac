// What administrators can do with lists, as the command line asks for it. Arguments and results are JSON.
import { failure, type Access, type Accounts, type Lists, type Operation } from '@restante/core'
import type { ListAddresses } from './addresses.js'

export interface OperationParts {
  readonly lists: Lists
  readonly accounts: Accounts
  readonly addresses: ListAddresses
  /** Lists, rules or addresses are other ones now. */
  readonly changed: () => Promise<void>
  /** Takes out of the mailboxes what the lists have no more. */
  readonly prune: () => Promise<void>
  /** A list is going. */
  readonly removing: (name: string) => Promise<void>
}

export function makeOperations({ lists, accounts, addresses, changed, prune, removing }: OperationParts): Readonly<Record<string, Operation>> {
  /** 'public', 'accounts', or names of accounts. */
  const access = async (text: string): Promise<Access> => {
    if (text === 'public' || text === 'accounts') return text
    return Promise.all(text.split(',').map((name) => name.trim()).filter(Boolean).map(async (name) => {
      const account = await accounts.byName(name)
      if (!account) throw failure('ACCOUNT_NOT_FOUND', { account: name })
      return account.id
    }))
  }
  const named = async (rule: Access): Promise<string> => (typeof rule === 'string' ? rule
    : (await Promise.all(rule.map((id) => accounts.byId(id).then((account) => account.name, () => `account ${id} (gone)`)))).join(', ') || 'nobody')
  const rules = async ({ read, write, retention }: { read?: string; write?: string; retention?: number }) => ({
    ...(read === undefined ? {} : { readers: await access(read) }), ...(write === undefined ? {} : { writers: await access(write) }), ...(retention === undefined ? {} : { retention }),
  })
  return {
    async 'lists.create'({ name, ...wanted }: { name: string; read?: string; write?: string; retention?: number }) {
      const { readers = 'accounts' as const, writers = 'accounts' as const, retention } = await rules(wanted)
      await lists.create({ name, readers, writers, ...(retention === undefined ? {} : { retention }) })
      await changed()
      return { name }
    },
    async 'lists.set'({ name, ...wanted }: { name: string; read?: string; write?: string; retention?: number }) {
      await lists.change(name, await rules(wanted))
      await changed()
      return { name }
    },
    async 'lists.all'() {
      const posting = await addresses.all()
      return Promise.all((await lists.all()).map(async ({ name, readers, writers, retention, postings }) =>
        ({ name, readers: await named(readers), writers: await named(writers), retention, postings, addresses: [...posting].filter(([, list]) => list === name).map(([address]) => address) })))
    },
    async 'lists.remove'({ name }: { name: string }) {
      await removing(name)
      await lists.remove(name, (tx) => tx.run('DELETE FROM lists_addresses WHERE list = ?', [name]))
      addresses.forget()
      await changed()
      return { name }
    },
    async 'lists.prune'() {
      await prune()
      return {}
    },
    async 'lists.address.add'({ name, address }: { name: string; address: string }) {
      if (!(await lists.all()).some((list) => list.name === name)) throw failure('LIST_NOT_FOUND')
      await addresses.add(address, name)
      return { name, address }
    },
    async 'lists.address.remove'({ address }: { address: string }) {
      await addresses.remove(address)
      return { address }
    },
  }
}
