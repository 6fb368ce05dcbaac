// `restante queue`: what is still to be done: recipients elsewhere who wait to be told or to get their mail, and jobs.
import { Command } from 'commander'
import type { QueueFilter, QueueState } from '../../store/queue.js'
import { confirm } from '../ask.js'
import { date, print, size, table } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

interface Chosen extends GlobalOptions { readonly domain?: string; readonly sender?: string; readonly state?: QueueState; readonly message?: string; readonly notify?: boolean; readonly yes?: boolean }

const filterOf = (ids: readonly string[], { domain, sender, state, message }: Chosen): QueueFilter => ({
  ...(ids.length === 0 ? {} : { ids: ids.map(Number).filter(Number.isInteger) }), ...(domain === undefined ? {} : { domain }), ...(sender === undefined ? {} : { sender }), ...(state === undefined ? {} : { state }), ...(message === undefined ? {} : { token: message }),
})
const choosing = (command: Command): Command => command
  .option('--domain <domain>', 'only recipients of this domain').option('--sender <address>', 'only what this sender has sent')
  .option('--state <state>', 'only new, deferred, announced, held or window ones').option('--message <id>', 'only of this message: the id that `restante track` takes')

/** One act on what is chosen. */
const act = (name: 'retry' | 'hold' | 'release', description: string, done: string): Command => choosing(new Command(name).description(description).argument('[ids...]', 'recipients, as `queue list` numbers them'))
  .action(async (ids: string[], options: Chosen) => {
    const { recipients } = await perform(options, `queue.${name}`, filterOf(ids, options))
    print(options.json ? JSON.stringify({ recipients }) : `${recipients} recipient(s) ${done}`)
  })

export const queueCommand = (): Command => new Command('queue')
  .description('What waits: recipients elsewhere, jobs, and parked jobs that failed too often')
  .addCommand(choosing(new Command('overview').description('Recipients counted by domain, and jobs (also without a word)'))
    .action(async (options: Chosen) => {
      const jobs = await perform(options, 'queue')
      if (options.json) return print(JSON.stringify(jobs))
      const domains = await perform(options, 'queue.domains', filterOf([], options))
      const parts = [
        ...(domains.length === 0 ? [] : [table(domains.map((one) => ({ ...one, next: date(one.next), oldest: date(one.oldest) })), ['domain', 'new', 'deferred', 'announced', 'held', 'window', 'next', 'oldest'])]),
        ...(jobs.length === 0 ? [] : [table(jobs.map((job) => ({ id: job.id, kind: job.kind, next: date(job.runAt), attempts: job.attempts, parked: job.parked, error: job.lastError })), ['id', 'kind', 'next', 'attempts', 'parked', 'error'])]),
      ]
      print(parts.length === 0 ? 'Nothing waits' : parts.join('\n\n'))
    }), { isDefault: true })
  .addCommand(choosing(new Command('list').description('Each recipient that waits, the next first'))
    .action(async (options: Chosen) => {
      const found = await perform(options, 'queue.list', filterOf([], options))
      if (options.json) return print(JSON.stringify(found))
      print(found.length === 0 ? 'Nobody waits' : table(found.map((one) => ({ ...one, next: date(one.next), since: date(one.submittedAt) })), ['id', 'recipient', 'sender', 'state', 'since', 'next', 'attempts', 'why']))
    }))
  .addCommand(new Command('show').description('All that is known of a recipient that waits').argument('<id>', 'as `queue list` numbers them')
    .action(async (id: string, options: GlobalOptions) => {
      const [found] = await perform(options, 'queue.list', { ids: [Number(id)] })
      if (options.json) return print(JSON.stringify(found ?? null))
      print(found ? [
        `${found.recipient}: ${found.state}`, `from ${found.sender === '' ? '<>' : found.sender}, ${size(found.size)}, submitted ${date(found.submittedAt)}`, `message ${found.token} (restante track ${found.token})`,
        found.state === 'window' ? `held by its sender's window until ${date(found.next)} UTC` : `${found.attempts} attempt(s), the next ${date(found.next)}`, ...(found.why === null ? [] : [`at last: ${found.why}`]),
      ].join('\n') : 'It does not wait')
    }))
  .addCommand(new Command('stats').description('How many wait, by state, and for how long')
    .action(async (options: GlobalOptions) => {
      const stats = await perform(options, 'queue.stats')
      print(options.json ? JSON.stringify(stats) : `${table([{ ...stats, oldest: date(stats.oldest) }], ['new', 'deferred', 'announced', 'held', 'window', 'oldest'])}`)
    }))
  .addCommand(act('retry', 'Try those that wait after a failure again at once', 'are tried again'))
  .addCommand(act('hold', 'Let recipients wait until they are released', 'are held'))
  .addCommand(act('release', 'Take up again what was held', 'were released'))
  .addCommand(choosing(new Command('remove').description('Give recipients up; the others of their messages stay').argument('[ids...]', 'recipients, as `queue list` numbers them')
    .option('--notify', 'with a report to their senders').option('--yes', 'do not ask'))
    .action(async (ids: string[], options: Chosen) => {
      const filter = filterOf(ids, options)
      await confirm('Remove these recipients from the queue?', options.yes)
      const { recipients } = await perform(options, 'queue.remove', { ...filter, tell: options.notify ?? false })
      print(options.json ? JSON.stringify({ recipients }) : `${recipients} recipient(s) were removed`)
    }))
  .addCommand(new Command('jobs').description('Take parked jobs up again').argument('<ids...>', 'as `queue` numbers them')
    .action(async (ids: string[], options: GlobalOptions) => {
      const done = await perform(options, 'queue.jobs.retry', { ids: ids.map(Number).filter(Number.isInteger) })
      print(options.json ? JSON.stringify(done) : `${done.ids.length} job(s) are tried again`)
    }))
