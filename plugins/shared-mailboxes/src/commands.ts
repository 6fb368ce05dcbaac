// `restante shared …`: words for people around the operations.
import { failure, rolePresets, type Asked, type PluginCommands, type Role } from '@restante/core'
import type { SendLeave } from './repository.js'
import type { MemberWish } from './sharing.js'

interface Entry { readonly identifier: string; readonly rights: string; readonly send: SendLeave }
const roles = Object.keys(rolePresets).join(', ')
const roleOf = (rights: string): string => Object.entries(rolePresets).find(([, letters]) => letters === rights)?.[0] ?? '-'
const entries = (asked: Asked, list: readonly Entry[]): string => (list.length === 0 ? 'Nobody' : asked.table(list.map((one) => ({ who: one.identifier, rights: one.rights || '(none)', role: roleOf(one.rights), send: one.send })), ['who', 'rights', 'role', 'send']))

function role(text: string): Role {
  if (!Object.hasOwn(rolePresets, text)) throw failure('NOT_PERMITTED', { what: `the role ${text}; there are ${roles}` })
  return text as Role
}
function send(text: string): SendLeave {
  const words: Readonly<Record<string, SendLeave>> = { 'no': 'no', 'on-behalf': 'behalf', 'as': 'as' }
  const meant = words[text]
  if (!meant) throw failure('NOT_PERMITTED', { what: `--send ${text}; there are as, on-behalf, no` })
  return meant
}
/** 'anna@example.org' or 'anna@example.org=reader'. */
function wish(text: string): MemberWish {
  const at = text.lastIndexOf('=')
  return at < 0 ? { member: text } : { member: text.slice(0, at), role: role(text.slice(at + 1)) }
}
const units: Readonly<Record<string, number>> = { '': 1, 'KiB': 1024, 'MiB': 1024 ** 2, 'GiB': 1024 ** 3 }
function octets(text: string): number {
  const [, digits, unit] = /^(\d+)\s*(|KiB|MiB|GiB)$/.exec(text) ?? []
  if (digits === undefined) throw failure('NOT_PERMITTED', { what: `${text} as a size; for example 2GiB` })
  return Number(digits) * units[unit]
}

export const commands: PluginCommands = {
  word: 'shared', description: 'Shared mailboxes, their members, and rights to mailboxes',
  commands: [
    {
      usage: 'create <name>', description: 'A mailbox with an address of its own, seen by its members as shared/<name>',
      options: [['--address <address>', 'where its mail comes to (needed)'], ['--member <members>', `first members, with commas: anna@example.org=owner,bert@example.org (${roles}; editor when none is named)`],
        ['--shared-seen', 'what one has seen, all have seen (otherwise each member for itself)'], ['--quota <octets>', 'for example 2GiB; 0: no limit']],
      async run(asked) {
        if (asked.options.address === undefined) throw failure('NOT_PERMITTED', { what: 'a shared mailbox without an address; give --address' })
        const members = String(asked.options.member ?? '').split(',').map((text) => text.trim()).filter((text) => text !== '').map(wish)
        const made = await asked.perform('shared-mailboxes.create', { name: asked.args.name, address: asked.options.address, members, ownSeen: !asked.options.sharedSeen, ...(asked.options.quota === undefined ? {} : { quotaOctets: octets(asked.options.quota as string) }) }) as { name: string; address: string }
        asked.answer(made, `Created ${made.name} with the address ${made.address}`)
      },
    },
    {
      usage: 'list', description: 'All shared mailboxes',
      async run(asked) {
        const list = await asked.perform('shared-mailboxes.list') as { name: string; address: string; members: number; seen: string; usedMessages: number }[]
        asked.answer(list, list.length === 0 ? 'None' : asked.table(list.map((one) => ({ name: one.name, address: one.address, members: one.members, seen: one.seen, messages: one.usedMessages })), ['name', 'address', 'members', 'seen', 'messages']))
      },
    },
    {
      usage: 'show <name>', description: 'One with its members and mailboxes',
      async run(asked) {
        const one = await asked.perform('shared-mailboxes.show', { name: asked.args.name }) as { name: string; addresses: string[]; seen: string; messages: number; mailboxes: string[]; members: Entry[] }
        asked.answer(one, [`Name       ${one.name}`, `Addresses  ${one.addresses.join(', ')}`, `\\Seen      ${one.seen === 'own' ? "each member's own" : 'shared'}`, `Holds      ${one.messages} messages`, `Mailboxes  ${one.mailboxes.join(', ')}`, '', entries(asked, one.members)].join('\n'))
      },
    },
    {
      usage: 'remove <name>', description: 'Delete it with its mail; asks first', options: [['--archive <user>', 'copy everything to Archive/<name> of this user first'], ['--yes', 'do not ask']],
      async run(asked) {
        const one = await asked.perform('shared-mailboxes.show', { name: asked.args.name }) as { name: string; messages: number }
        await asked.confirm(`Delete ${one.name} with ${one.messages} messages${asked.options.archive ? ` after copying them to ${String(asked.options.archive)}` : ''}?`)
        const done = await asked.perform('shared-mailboxes.remove', { name: asked.args.name, ...(asked.options.archive === undefined ? {} : { archive: asked.options.archive }) }) as { name: string; archived: number }
        asked.answer(done, `Deleted ${done.name}${asked.options.archive ? `; ${done.archived} messages were archived` : ''}`)
      },
    },
    {
      usage: 'member add <name> <member>', description: 'Add a member, or change one', options: [['--role <role>', roles], ['--rights <letters>', 'RFC 4314 letters instead of a role; + or - in front changes'], ['--send <how>', 'as, on-behalf, no']],
      async run(asked) {
        const { role: its, rights, send: how } = asked.options as Record<string, string | undefined>
        const list = await asked.perform('shared-mailboxes.member', { name: asked.args.name, member: asked.args.member, ...(its === undefined ? {} : { role: role(its) }), ...(rights === undefined ? {} : { rights }), ...(how === undefined ? {} : { send: send(how) }) }) as Entry[]
        asked.answer(list, entries(asked, list))
      },
    },
    {
      usage: 'member remove <name> <member>', description: 'Take a member out; not the last',
      async run(asked) {
        const list = await asked.perform('shared-mailboxes.dismiss', { name: asked.args.name, member: asked.args.member }) as Entry[]
        asked.answer(list, entries(asked, list))
      },
    },
    {
      usage: 'rights <of> <mailbox> [identifier] [change]', description: 'Who may do what with a mailbox of a shared name or of a user; sets it when the last two are given: letters, +letters, -letters, or "none"',
      async run(asked) {
        const { of, mailbox, identifier, change } = asked.args
        const list = await asked.perform('shared-mailboxes.rights', { of, mailbox, ...(identifier === undefined ? {} : { identifier }), ...(change === undefined ? {} : { change: change === 'none' ? '' : change }) }) as Entry[]
        asked.answer(list, entries(asked, list))
      },
    },
    ...(['join', 'leave'] as const).map((act) => ({
      usage: `group ${act} <group> <member>`, description: act === 'join' ? 'Put a user into a group (made by that); rights name it group:<group>' : 'Take a user out of a group',
      run: async (asked: Asked) => asked.answer(await asked.perform('shared-mailboxes.group', { act, name: asked.args.group, member: asked.args.member }), `${asked.args.member} ${act === 'join' ? 'is in' : 'left'} ${asked.args.group}`),
    })),
    {
      usage: 'group list', description: 'Groups with their members',
      async run(asked) {
        const list = await asked.perform('shared-mailboxes.groups') as { name: string; members: string[] }[]
        asked.answer(list, list.length === 0 ? 'None' : asked.table(list.map((one) => ({ group: one.name, members: one.members.join(', ') })), ['group', 'members']))
      },
    },
  ],
}
