// `restante index`: how far the text index is, and making it anew.
import { Command } from 'commander'
import { print } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

export const indexCommand = (): Command => {
  const index = new Command('index').description('The text index that SEARCH uses')
  index.command('status').description('how many messages are indexed, and how many wait').action(async (options: GlobalOptions) => {
    const status = await perform(options, 'index.status')
    if (options.json) print(JSON.stringify(status))
    else print(status.enabled ? `${status.indexed} messages indexed, ${status.waiting} waiting, ${status.leftOut} too large or out of reach` : 'The text index is switched off')
  })
  index.command('rebuild').description('forget the index and make it anew, in the background of a running gateway').action(async (options: GlobalOptions) => {
    const { waiting } = await perform(options, 'index.rebuild')
    if (options.json) print(JSON.stringify({ waiting }))
    else print(`${waiting} messages will be indexed`)
  })
  return index
}
