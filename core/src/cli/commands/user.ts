// `restante user`: accounts. Passwords come from a prompt or standard input, never from argv.
import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { failure } from '../../errors/codes.js'
import { askPassword, confirm } from '../ask.js'
import { parseUsers } from '../csv.js'
import { octetsOf } from '../numbers.js'
import { date, print, size, table } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

interface QuotaOptions extends GlobalOptions { readonly quota?: string; readonly quotaMessages?: string; readonly name?: string; readonly password?: boolean; readonly yes?: boolean; readonly off?: boolean }

const quotaOf = (octets: number, messages: number): string => [octets ? size(octets) : '', messages ? `${messages} messages` : ''].filter(Boolean).join(', ') || 'none'
const wantedQuota = (options: QuotaOptions): { quotaOctets?: number; quotaMessages?: number } => ({
  ...(options.quota === undefined ? {} : { quotaOctets: octetsOf(options.quota) }), ...(options.quotaMessages === undefined ? {} : { quotaMessages: octetsOf(options.quotaMessages) }),
})
const answer = (options: GlobalOptions, result: unknown, text: string): void => print(options.json ? JSON.stringify(result) : text)

export const userCommand = (): Command => {
  const user = new Command('user').description('Accounts')
  user.command('add <address>').description('Create an account; its address is its user name')
    .option('--name <name>', 'display name').option('--quota <octets>', 'for example 2GiB; 0: no limit').option('--quota-messages <n>', 'messages; 0: no limit')
    .option('--no-password', 'nobody can log in until a password is set')
    .action(async (address: string, options: QuotaOptions) => {
      const password = options.password === false ? undefined : await askPassword(`Password of ${address}`)
      const [made] = await perform(options, 'user.add', { users: [{ address, ...(password === undefined ? {} : { password }), ...(options.name === undefined ? {} : { displayName: options.name }), ...wantedQuota(options) }] })
      answer(options, made, `Created ${made.name}`)
    })
  user.command('list').description('All accounts').action(async (options: GlobalOptions) => {
    const users = await perform(options, 'user.list')
    answer(options, users, table(users.map((one) => ({
      name: one.name, enabled: one.enabled, used: size(one.usedOctets), messages: one.usedMessages, quota: quotaOf(one.quotaOctets, one.quotaMessages), created: date(one.createdAt),
    })), ['name', 'enabled', 'used', 'messages', 'quota', 'created']))
  })
  user.command('show <name>').description('One account').action(async (name: string, options: GlobalOptions) => {
    const one = await perform(options, 'user.show', { name })
    answer(options, one, [
      `Name       ${one.name}${one.displayName ? ` (${one.displayName})` : ''}`, `Enabled    ${one.enabled ? 'yes' : 'no'}`, `Addresses  ${one.addresses.join(', ')}`,
      `Holds      ${one.usedMessages} messages, ${size(one.usedOctets)} of ${quotaOf(one.quotaOctets, one.quotaMessages)}`, `Mailboxes  ${one.mailboxes.join(', ')}`, `Created    ${date(one.createdAt)}`,
    ].join('\n'))
  })
  user.command('passwd <name>').description('Set the password (asked for, or the first line of standard input)').action(async (name: string, options: GlobalOptions) => {
    const result = await perform(options, 'user.passwd', { name, password: await askPassword(`New password of ${name}`) })
    answer(options, result, `Changed the password of ${name}`)
  })
  user.command('apop <name>').description('Let the account log in by APOP, which needs its secret kept readable; --off forgets it').option('--off', 'no longer')
    .action(async (name: string, options: QuotaOptions) => {
      const result = await perform(options, 'user.apop', { name, secret: options.off ? null : await askPassword(`APOP secret of ${name}`) })
      answer(options, result, options.off ? `APOP is off for ${name}` : `APOP is on for ${name}`)
    })
  user.command('quota <name>').description('Set the quota').option('--quota <octets>', 'for example 2GiB; 0: no limit').option('--quota-messages <n>', 'messages; 0: no limit')
    .action(async (name: string, options: QuotaOptions) => {
      const { quotaOctets, quotaMessages } = wantedQuota(options)
      const result = await perform(options, 'user.quota', { name, ...(quotaOctets === undefined ? {} : { octets: quotaOctets }), ...(quotaMessages === undefined ? {} : { messages: quotaMessages }) })
      answer(options, result, `Changed the quota of ${name}`)
    })
  user.command('retrieval <name>').description('How mail that lies at other stores is handled; without options: how it is now')
    .addOption(new Option('--collect <who>', "gateway: filed for IMAP and POP3; native: left to the account's own IM2000 reader").choices(['gateway', 'native', 'default']))
    .option('--eager-up-to <octets>', 'fetch messages up to this size at once, for example 1MiB; default: as configured')
    .addOption(new Option('--keep-after-read <yes|no>', 'keep what was read when its store has deleted it').choices(['yes', 'no', 'default']))
    .action(async (name: string, { collect, eagerUpTo, keepAfterRead, ...options }: GlobalOptions & { collect?: string; eagerUpTo?: string; keepAfterRead?: string }) => {
      const result = await perform(options, 'user.retrieval', {
        name, ...(collect === undefined ? {} : { collect: collect === 'default' ? null : collect as 'gateway' | 'native' }), ...(eagerUpTo === undefined ? {} : { eagerUpTo: eagerUpTo === 'default' ? null : octetsOf(eagerUpTo) }),
        ...(keepAfterRead === undefined ? {} : { keepAfterRead: keepAfterRead === 'default' ? null : keepAfterRead === 'yes' }),
      })
      answer(options, result, `${result.name}: collected by ${result.collect === 'gateway' ? 'the gateway' : 'its own reader'}; at once up to ${size(result.eagerUpTo)}; ${result.keepAfterRead ? 'kept' : 'not kept'} after reading`)
    })
  for (const [word, enabled] of [['disable', false], ['enable', true]] as const) {
    user.command(`${word} <name>`).description(enabled ? 'Let the account log in and get mail again' : 'No login, no mail, nothing deleted').action(async (name: string, options: GlobalOptions) => {
      answer(options, await perform(options, 'user.enable', { name, enabled }), `${name} is ${word}d`)
    })
  }
  user.command('remove <name>').description('Delete the account with all its mail').option('--yes', 'do not ask').action(async (name: string, options: QuotaOptions) => {
    const one = await perform(options, 'user.show', { name })
    await confirm(`Delete ${one.name} with ${one.usedMessages} messages (${size(one.usedOctets)})?`, options.yes)
    answer(options, await perform(options, 'user.remove', { name }), `Deleted ${one.name}`)
  })
  user.command('import <file>').description('Create accounts from CSV with a header line: address, password or hash, name, quota ("-": standard input)').action(async (file: string, options: GlobalOptions) => {
    const users = parseUsers(await (file === '-' ? fromStandardInput() : fromFile(file)), file === '-' ? 'standard input' : file)
    const made = await perform(options, 'user.add', { users })
    answer(options, { created: made.length }, `Created ${made.length} accounts`)
  })
  return user
}

async function fromFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw failure('CONFIG_INVALID', { report: `${file}: cannot be read: ${(error as Error).message}` }, error)
  }
}

async function fromStandardInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
