// `restante queue`: what is still to be done: jobs, and recipients elsewhere who wait to be told or to get their mail.
import { Command } from 'commander'
import { date, print, table } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

interface QueueOptions extends GlobalOptions { readonly retry?: string[]; readonly recipients?: boolean; readonly domain?: string; readonly sender?: string; readonly now?: boolean }

export const queueCommand = (): Command => new Command('queue')
  .description('What waits: recipients elsewhere, jobs, and parked jobs that failed too often')
  .option('--recipients', 'each recipient that waits, the next first')
  .option('--domain <domain>', 'only recipients of this domain').option('--sender <address>', 'with --recipients: only what this sender has sent')
  .option('--now', 'try recipients that wait after a failure again at once')
  .option('--retry <ids...>', 'take these parked jobs up again')
  .action(async (options: QueueOptions) => {
    const only = options.domain === undefined ? {} : { domain: options.domain }
    if (options.now) {
      const tried = await perform(options, 'queue.now', only)
      return print(options.json ? JSON.stringify(tried) : `${tried.recipients} recipient(s) are tried again`)
    }
    if (options.recipients) {
      const found = await perform(options, 'queue.recipients', { ...only, ...(options.sender === undefined ? {} : { sender: options.sender }) })
      if (options.json) return print(JSON.stringify(found))
      return print(found.length === 0 ? 'Nobody waits' : table(found.map((one) => ({ ...one, next: date(one.next), since: date(one.submittedAt), id: one.token })), ['recipient', 'sender', 'since', 'next', 'attempts', 'outcome', 'id', 'why']))
    }
    if (options.retry) await perform(options, 'queue.retry', { ids: options.retry.map(Number).filter(Number.isInteger) })
    const jobs = await perform(options, 'queue')
    if (options.json) return print(JSON.stringify(jobs))
    const domains = (await perform(options, 'queue.domains')).filter((one) => options.domain === undefined || one.domain === options.domain.toLowerCase())
    const parts = [
      ...(domains.length === 0 ? [] : [table(domains.map((one) => ({ ...one, next: date(one.next), oldest: date(one.oldest) })), ['domain', 'waiting', 'announced', 'next', 'oldest'])]),
      ...(jobs.length === 0 ? [] : [table(jobs.map((job) => ({ id: job.id, kind: job.kind, next: date(job.runAt), attempts: job.attempts, parked: job.parked, error: job.lastError })), ['id', 'kind', 'next', 'attempts', 'parked', 'error'])]),
    ]
    print(parts.length === 0 ? 'Nothing waits' : parts.join('\n\n'))
  })
