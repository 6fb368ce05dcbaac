// `restante cancel`: takes a message back. Copies that were read stay with their readers; unread ones disappear.
import { Command } from 'commander'
import { confirm } from '../ask.js'
import { print } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

export const cancelCommand = (): Command => new Command('cancel')
  .description('Take a submission back: unread copies disappear')
  .argument('<what>', 'track id or Message-ID')
  .option('--yes', 'do not ask')
  .action(async (what: string, options: GlobalOptions & { yes?: boolean }) => {
    const found = await perform(options, 'track', { what })
    await confirm(`Cancel ${found.length} submission(s) to ${found.flatMap((one) => one.recipients).length} recipient(s)?`, options.yes)
    const result = await perform(options, 'cancel', { what })
    print(options.json ? JSON.stringify(result) : result.cancelled === 0 ? 'Nothing left to cancel: it was released, cancelled or expired before' : `Cancelled ${result.cancelled} submission(s)`)
  })
