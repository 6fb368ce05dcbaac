// `restante address`: further addresses of accounts; `*@domain` is the domain's catch-all.
import { Command } from 'commander'
import { print } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

const answer = (options: GlobalOptions, result: unknown, text: string): void => print(options.json ? JSON.stringify(result) : text)

export const addressCommand = (): Command => {
  const address = new Command('address').description('Addresses of accounts')
  address.command('add <account> <address>').description("Mail for the address goes to the account ('*@domain': all that is nobody's)").action(async (name: string, text: string, options: GlobalOptions) => {
    answer(options, await perform(options, 'address.add', { name, address: text }), `${text} now leads to ${name}`)
  })
  address.command('list <account>').description('Addresses of an account').action(async (name: string, options: GlobalOptions) => {
    const addresses = await perform(options, 'address.list', { name })
    answer(options, addresses, addresses.join('\n'))
  })
  address.command('remove <address>').description('Mail for the address is refused from now on').action(async (text: string, options: GlobalOptions) => {
    answer(options, await perform(options, 'address.remove', { address: text }), `${text} is nobody's now`)
  })
  return address
}
