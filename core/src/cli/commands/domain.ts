// `restante domain`: domains whose mail is delivered here, beside those of the configuration.
import { Command } from 'commander'
import { print, table } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

const answer = (options: GlobalOptions, result: unknown, text: string): void => print(options.json ? JSON.stringify(result) : text)

export const domainCommand = (): Command => {
  const domain = new Command('domain').description('Local domains')
  domain.command('list').description('All local domains').action(async (options: GlobalOptions) => {
    const domains = await perform(options, 'domain.list')
    answer(options, domains, table(domains.map((one) => ({ name: one.name, from: one.configured ? 'configuration' : 'command line' })), ['name', 'from']))
  })
  domain.command('add <domain>').description('Deliver mail for the domain here').action(async (name: string, options: GlobalOptions) => {
    answer(options, await perform(options, 'domain.add', { domain: name }), `${name} is local now`)
  })
  domain.command('remove <domain>').description('No longer; it must have no addresses').action(async (name: string, options: GlobalOptions) => {
    answer(options, await perform(options, 'domain.remove', { domain: name }), `${name} is no longer local`)
  })
  return domain
}
