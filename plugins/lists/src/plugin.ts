// IM2000 mailing lists: made and ruled from the command line, posted to by MSOAP and by SMTP addresses of their own, read as
// mailboxes below `lists/`; and lists of other stores, subscribed by IMAP SUBSCRIBE.
import { definePlugin, type AccountId } from '@restante/core'
import { ListAddresses } from './addresses.js'
import { commands } from './commands.js'
import { config } from './config.js'
import { migrations } from './migrations.js'
import { makeOperations } from './operations.js'
import { Polls } from './poll.js'
import { makeProvider } from './provider.js'
import { Sources } from './sources.js'

/** No address has such a name, so nobody can log in by it or write to it. */
const ownerName = '(lists)'

export default definePlugin({
  name: 'lists', version: '0.1.0', api: '^1.0.0',
  config, migrations, commands,
  requires: ['accounts', 'lists', 'mailboxProviders', 'mailboxes', 'reach', 'settings', 'spool'],
  provides: [],
  setup({ config, clock, database, log, services: { accounts, lists, mailboxProviders: providers, mailboxes, reach, settings, spool } }) {
    let owner: AccountId | undefined
    const sources = new Sources({ database, lists, root: config.prefix })
    const addresses = new ListAddresses({ database, accounts })
    const polls = new Polls({ config, database, clock, log, sources, lists, spool, reach, mailboxes, providers, owner: () => owner!, limit: settings.limits.messageOctets })
    /** A mailbox for each list of ours that has none yet. */
    const provide = async (): Promise<void> => {
      if (owner === undefined) return
      await sources.loadRules()
      for (const list of sources.local) {
        if (sources.find('', list)) continue
        polls.soon(await sources.add('', list, await providers.mailbox(owner, sources.nameOf({ store: '', list })), 0), 0)
      }
    }
    return {
      services: {},
      hooks: {
        async 'smtp.unknown'({ recipient, account }) {
          const list = await addresses.listOf(recipient)
          if (list === undefined) return undefined
          return (await lists.mayPost([Buffer.from(list)], account))[0] ? { list } : { refuse: 'Posting to this list is not permitted' }
        },
      },
      operations: makeOperations({
        lists, accounts, addresses,
        prune: async () => { if (owner !== undefined) await polls.prune() },
        changed: provide,
        async removing(name) {
          const source = sources.find('', name)
          if (!source || owner === undefined) return
          const { separator } = mailboxes.namespaces(owner)
          await mailboxes.delete(owner, sources.nameOf(source).replaceAll('/', separator))
          await sources.remove(source)
        },
      }),
      async start() {
        owner = await accounts.internal(ownerName)
        await sources.load()
        await provide()
        providers.provide(makeProvider({ config, clock, lists, reach, sources, polls, providers, owner: () => owner }))
        lists.onPosted((name) => {
          const source = sources.find('', name)
          if (source) polls.posted(source)
          else void provide().catch((error: unknown) => log.error({ err: error }, 'a new list cannot be shown'))
        })
      },
      async ready() {
        polls.start()
      },
      stop: () => polls.stop(),
    }
  },
})
