// `restante queue`: what is still to be done, and what was given up.
import { Command } from 'commander'
import { date, print, table } from '../output.js'
import { perform } from '../perform.js'
import type { GlobalOptions } from '../settings.js'

export const queueCommand = (): Command => new Command('queue')
  .description('Jobs that wait, and parked ones that failed too often')
  .option('--retry <ids...>', 'take these parked jobs up again')
  .action(async (options: GlobalOptions & { retry?: string[] }) => {
    if (options.retry) await perform(options, 'queue.retry', { ids: options.retry.map(Number).filter(Number.isInteger) })
    const jobs = await perform(options, 'queue')
    if (options.json) print(JSON.stringify(jobs))
    else print(jobs.length === 0 ? 'Nothing waits' : table(jobs.map((job) => ({ id: job.id, kind: job.kind, next: date(job.runAt), attempts: job.attempts, parked: job.parked, error: job.lastError })), ['id', 'kind', 'next', 'attempts', 'parked', 'error']))
  })
