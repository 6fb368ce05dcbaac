// `restante cancel`: takes a message back. Copies that were read stay with their readers; unread ones disappear.
import { Command } from 'commander'
import { confirm } from '../ask.js'
import { print } from '../output.js'
import { atStore, hostAndPort, identifierOf, type StoreOptions } from '../peer.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

export const cancelCommand = (): Command => new Command('cancel')
  .description('Take a submission back: unread copies disappear')
  .argument('<what>', 'track id or Message-ID; with --store an identifier that `send` printed')
  .option('--yes', 'do not ask')
  .option('-s, --store <host:port>', 'ask another store (MSOAP)', hostAndPort).option('-a, --account <name>', 'account there')
  .option('--tls', 'the service speaks TLS').option('--ca <file>', 'certificate (PEM) to trust; implies --tls').option('--password-file <file>', 'whose first line is the password')
  .action(async (what: string, options: GlobalOptions & StoreOptions & { yes?: boolean }) => {
    if (options.store) {
      const identifier = identifierOf(what)
      await confirm('Cancel this submission, for all of its recipients?', options.yes)
      await atStore(options, (client) => client.cancel(identifier))
      return print(options.json ? JSON.stringify({ cancelled: 1 }) : 'Cancelled')
    }
    const found = await perform(options, 'track', { what })
    await confirm(`Cancel ${found.length} submission(s) to ${found.flatMap((one) => one.recipients).length} recipient(s)?`, options.yes)
    const result = await perform(options, 'cancel', { what })
    if (options.json) return print(JSON.stringify(result))
    if (result.cancelled === 0) return print('Nothing left to cancel: it was released, cancelled or expired before')
    print(`Cancelled ${result.cancelled} submission(s)${result.late.length === 0 ? '' : `; too late for ${result.late.length} recipient(s), who have it already: ${named(result.late)}`}`)
  })

const mostNamed = 20
const named = (addresses: readonly string[]): string => `${addresses.slice(0, mostNamed).join(', ')}${addresses.length > mostNamed ? ', ...' : ''}`
