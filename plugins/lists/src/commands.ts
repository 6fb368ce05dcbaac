// `restante list ...`: IM2000 mailing lists.
import { failure, type PluginCommands } from '@restante/core'

const rules = [
  ['--read <who>', 'who may read: public (also from elsewhere), accounts (all of ours), or account names with commas between'],
  ['--write <who>', 'who may post: likewise; public also means mail from SMTP'],
  ['--retention <time>', 'how long postings are kept, for example 90d; 0: for ever'],
] as const

const units: Readonly<Record<string, number>> = { '': 1, s: 1, min: 60, h: 3600, d: 86_400 }
function wanted(options: Readonly<Record<string, any>>): Record<string, unknown> {
  const { read, write, retention } = options as { read?: string; write?: string; retention?: string }
  const time = retention === undefined ? undefined : /^(\d{1,9})(s|min|h|d)?$/.exec(retention)
  if (time === null) throw failure('NOT_PERMITTED', { what: `"${retention!.slice(0, 40)}" as a time; accepted: 3600, 30min, 12h, 90d` })
  return { ...(read === undefined ? {} : { read }), ...(write === undefined ? {} : { write }), ...(time === undefined ? {} : { retention: Number(time[1]) * units[time[2] ?? ''] }) }
}

export const commands: PluginCommands = {
  word: 'list',
  description: 'IM2000 mailing lists',
  commands: [{
    usage: 'create <name>', description: 'Make a list; by default our accounts read and write', options: [...rules, ['--address <address>', 'mail to this address is posted to it']],
    async run({ args, options, perform, answer }) {
      const made = await perform('lists.create', { name: args.name, ...wanted(options) })
      if (options.address !== undefined) await perform('lists.address.add', { name: args.name, address: options.address })
      answer(made, `Made the list ${args.name}`)
    },
  }, {
    usage: 'set <name>', description: 'Change the rules of a list', options: rules,
    run: async ({ args, options, perform, answer }) => answer(await perform('lists.set', { name: args.name, ...wanted(options) }), `Changed the list ${args.name}`),
  }, {
    usage: 'all', description: 'All lists',
    async run({ perform, answer, table }) {
      const lists = await perform('lists.all') as { name: string; readers: string; writers: string; retention: number; postings: number; addresses: string[] }[]
      answer(lists, lists.length === 0 ? 'There are no lists' : table(lists.map((list) => ({ ...list, addresses: list.addresses.join(', ') || null, days: list.retention === 0 ? null : Math.round(list.retention / 8640) / 10 })), ['name', 'readers', 'writers', 'days', 'postings', 'addresses']))
    },
  }, {
    usage: 'remove <name>', description: 'Remove a list with its postings', options: [['--yes', 'do not ask']],
    async run({ args, perform, answer, confirm }) {
      await confirm(`Remove the list ${args.name} with all its postings?`)
      answer(await perform('lists.remove', { name: args.name }), `Removed the list ${args.name}`)
    },
  }, {
    usage: 'prune', description: 'Take cancelled and expired messages out of the mailboxes of lists now, not within ten minutes',
    run: async ({ perform, answer }) => answer(await perform('lists.prune'), 'Done'),
  }, {
    usage: 'address add <name> <address>', description: 'Mail to the address is posted to the list',
    run: async ({ args, perform, answer }) => answer(await perform('lists.address.add', { name: args.name, address: args.address }), `Mail to ${args.address} is posted to ${args.name}`),
  }, {
    usage: 'address remove <address>', description: 'No longer',
    run: async ({ args, perform, answer }) => answer(await perform('lists.address.remove', { address: args.address }), `${args.address} is nobody's now`),
  }],
}
