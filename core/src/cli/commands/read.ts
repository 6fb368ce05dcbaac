// `restante read`: a reader of IM2000 mail, for those without a mail client of their own here: collects notifications from an
// agent into a file, and deals with the messages at their stores.
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { failure, isFailure } from '../../errors/codes.js'
import { RnaqpClient } from '../../im2000/client/rnaqp.js'
import { outboundParts } from '../../im2000/outbound.js'
import { makeReach } from '../../im2000/reach.js'
import { Inbox, type Entry } from '../../im2000/reader/inbox.js'
import { Reader } from '../../im2000/reader/reader.js'
import type { RetrievalType } from '../../im2000/seams.js'
import type { ServiceLocation } from '../../im2000/values.js'
import { joinAddress } from '../../net/addresses.js'
import { systemClock } from '../../base/clock.js'
import { systemRandom } from '../../base/random.js'
import { date, print, size, table } from '../output.js'
import { harmless, hostAndPort, passwordOf, whereOf, type PeerOptions } from '../peer.js'
import { loadSettings, type GlobalOptions } from '../settings.js'

interface ReadOptions extends GlobalOptions, PeerOptions {
  readonly inbox?: string
  readonly agent?: { host: string; port: number }
  readonly account?: string
  readonly allowClear?: boolean
  readonly headers?: boolean
  readonly summary?: boolean
}

export const readCommand = (): Command => {
  const read = new Command('read').description('Read IM2000 mail: collect, list, show, save, refuse')
  const sub = (usage: string, description: string): Command => read.command(usage).description(description)
    .option('-i, --inbox <file>', 'where collected notifications are kept (default: ~/.local/share/restante/inbox.json)')
  const withStore = (command: Command): Command => command.option('--allow-clear', 'read without TLS although the store names a TLS service')

  withStore(sub('collect', 'Ask the agent for new notifications; the agent and the account are remembered'))
    .option('--agent <host:port>', "the agent's RNAQP service", hostAndPort).option('-a, --account <name>', 'account at the agent')
    .option('--tls', 'the service speaks TLS').option('--ca <file>', 'certificate (PEM) to trust; implies --tls').option('--password-file <file>', 'whose first line is the password; without it the password is asked for')
    .action((options: ReadOptions) => withReader(options, async (reader, inbox) => {
      const agent = agentOf(inbox, options)
      const client = await RnaqpClient.connect(whereOf(agent, { ...options, tls: agent.tls }))
      try {
        await client.authenticate(agent.account, await passwordOf(agent.account, options)).catch((error: unknown) => {
          throw isFailure(error, 'PEER_REFUSED') ? failure('AUTHENTICATION_FAILED', {}, error) : error
        })
        inbox.contents.agent = agent
        const fresh = await reader.collect(client)
        answer(options, fresh.map(shown), fresh.length === 0 ? 'Nothing new' : listing(fresh))
      } finally {
        client.close()
      }
    }))
  sub('list', 'What was collected: date, sender, store, submitter').action((options: ReadOptions) => withInbox(options, async (inbox) => {
    const { entries } = inbox.contents
    answer(options, entries.map(shown), entries.length === 0 ? 'The inbox is empty' : listing(entries))
  }))
  withStore(sub('show <number>', 'Print a message; it stays at its store')).option('--headers', 'the header only').option('--summary', 'From, Date, Subject and the like only')
    .action((number: string, options: ReadOptions) => withReader(options, async (reader) => {
      const type: RetrievalType = options.summary ? 'summaryonly' : options.headers ? 'headersonly' : 'all'
      const pieces: Buffer[] = []
      for await (const octets of reader.read(numberOf(number), type)) {
        if (options.json) pieces.push(octets)
        else process.stdout.write(process.stdout.isTTY ? harmless(octets.toString('utf8'), true) : octets)
      }
      if (options.json) print(JSON.stringify({ number: numberOf(number), octets: Buffer.concat(pieces).toString('latin1') }))
    }))
  withStore(sub('save <number> <file>', 'Copy a message to a file, then let its store delete it')).action((number: string, file: string, options: ReadOptions) => withReader(options, async (reader) => {
    await reader.transfer(numberOf(number), resolve(file))
    answer(options, { number: numberOf(number), file: resolve(file) }, `Message ${number} is in ${file}; its store may delete it`)
  }))
  for (const [verb, description, said] of [
    ['refuse', 'Do not read a message, and let its store know', 'was refused'], ['unpin', 'Done with a message: its store may delete it', 'may be deleted by its store'], ['drop', 'Forget an entry without telling its store', 'was forgotten'],
  ] as const) {
    withStore(sub(`${verb} <number>`, description)).action((number: string, options: ReadOptions) => withReader(options, async (reader) => {
      await reader[verb](numberOf(number))
      answer(options, { number: numberOf(number) }, `Message ${number} ${said}`)
    }))
  }
  return read
}

const answer = (options: GlobalOptions, result: unknown, text: string): void => print(options.json ? JSON.stringify(result) : text)

function numberOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('accepted: a number from the list')
  return Number(text)
}

async function withInbox(options: ReadOptions, work: (inbox: Inbox) => Promise<void>): Promise<void> {
  const inbox = await Inbox.open(resolve(options.inbox ?? join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'restante', 'inbox.json')))
  try {
    await work(inbox)
  } finally {
    await inbox.close()
  }
}

/** With the way to stores that `im2000.outbound` allows. */
const withReader = (options: ReadOptions, work: (reader: Reader, inbox: Inbox) => Promise<void>): Promise<void> => withInbox(options, async (inbox) => {
  const { outbound } = (await loadSettings(options)).settings.im2000
  const held = inbox.contents.tls
  const reach = makeReach({
    ...outboundParts(outbound), random: systemRandom, clock: systemClock,
    memory: {
      knows: async (name) => held.includes(name.toLowerCase()),
      async remember(name) {
        if (!held.includes(name.toLowerCase())) held.push(name.toLowerCase())
      },
    },
  })
  await work(new Reader({ inbox, now: () => systemClock.now(), store: reach.store, ...(options.allowClear ? { allowClear: true } : {}) }), inbox)
})

function agentOf(inbox: Inbox, options: ReadOptions): { host: string; port: number; tls: boolean; account: string } {
  const known = inbox.contents.agent
  const at = options.agent ?? known
  const account = options.account ?? known?.account
  if (!at || account === undefined) throw failure('CONFIG_INVALID', { report: 'which agent, and whose account? --agent host:port --account name; they are remembered' })
  return { host: at.host, port: at.port, tls: options.tls ?? (options.ca !== undefined || (options.agent ? false : known?.tls ?? false)), account }
}

const storeText = (location: ServiceLocation | undefined): string => (location === undefined ? '' : 'domain' in location ? location.domain : location.literals.map(({ address, port }) => joinAddress(address, port)).join(' '))

/** As F20 has it. Whatever strangers wrote is made harmless to look at (H20); the identifier stays in the file (H11). */
const shown = (entry: Entry) => ({
  number: entry.number, date: new Date(entry.date * 1000).toISOString(), sender: harmless(entry.sender), store: harmless(storeText(entry.storeSsl) || storeText(entry.storeClear)), recipient: harmless(entry.recipient),
  submitter: joinAddress(entry.submitter.address, entry.submitter.port), ...(entry.submitter.domain === undefined ? {} : { submitterDomain: harmless(entry.submitter.domain) }), size: entry.size ?? null,
  state: entry.gone ? 'gone' : entry.trouble ? `store silent since ${date(entry.trouble.since)}` : entry.silenced ? 'waiting' : 'new',
})
const listing = (entries: readonly Entry[]): string => table(entries.map(shown).map((entry) => ({ no: entry.number, ...entry, date: entry.date.slice(0, 16).replace('T', ' '), size: entry.size === null ? null : size(entry.size) })), ['no', 'date', 'sender', 'store', 'submitter', 'size', 'state'])
