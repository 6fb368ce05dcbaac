// Shared mailboxes: accounts that a team reads together below shared/, users' own mailboxes shown to others below user/, and the
// rights to both.
import { definePlugin, type MailboxProvider } from '@restante/core'
import { commands } from './commands.js'
import { config } from './config.js'
import { makeOperations } from './operations.js'
import { migrations, Repository } from './repository.js'
import { RightsTable } from './rights-table.js'
import { SharedMailboxes } from './sharing.js'

export default definePlugin({
  name: 'shared-mailboxes', version: '0.1.0', api: '^1.0.0',
  config, migrations, commands,
  requires: ['accounts', 'administration', 'events', 'mailboxProviders', 'mailboxes', 'settings'],
  provides: [],
  setup({ config, clock, database, services: { accounts, administration, events, mailboxProviders: providers, mailboxes, settings } }) {
    const { separator } = settings.mailboxes
    const table = new RightsTable({ shared: config.shared, user: config.user, nameOf: (user) => user.replaceAll(separator, '^').replaceAll('/', '^') })
    const sharing = new SharedMailboxes({ config, accounts, administration, mailboxes, providers, repository: new Repository(database), table, bus: events, clock })
    const provider = (kind: 'shared' | 'others'): MailboxProvider => ({
      root: kind === 'shared' ? config.shared : config.user, kind, owner: () => undefined, seen: () => nothing,
      grants: (account) => table.grants(account)[kind], created: (owner, parent, mailbox) => sharing.inherit(owner, parent, mailbox),
    })
    const operations = makeOperations({ accounts, providers, sharing, table })
    // Also asked when nothing was started.
    let loaded: Promise<void> | undefined
    const load = (): Promise<void> => (loaded ??= sharing.load())
    return {
      services: {},
      hooks: {
        async 'smtp.sender'({ account, address }) {
          const found = await accounts.resolve(address)
          if (found.kind !== 'account' || !table.shared.has(found.account.id)) return undefined
          const may = table.sends(account, found.account.id)
          return may === 'no' ? undefined : { may }
        },
      },
      operations: Object.fromEntries(Object.entries(operations).map(([name, act]) => [name, async (args: unknown) => {
        await load()
        return act(args)
      }])),
      async start() {
        await load()
        providers.provide(provider('shared'))
        providers.provide(provider('others'))
        providers.share(sharing)
      },
    }
  },
})

const nothing: readonly never[] = []
