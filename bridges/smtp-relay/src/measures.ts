// Numbers about the relay and the queue, for `metrics`. Labels are bounded: what strangers can choose gets no line of its own for ever.
import type { Clock, Log, Metrics, Queue } from '@restante/core'
import type { Verdict } from './outcome.js'

/** Domains that are counted by name; those that come later are counted together. */
const mostDomains = 100
const lookMs = 30_000

export function makeMeasures({ metrics, queue, clock, log }: { readonly metrics: Metrics; readonly queue: Pick<Queue, 'stats'>; readonly clock: Clock; readonly log: Log }) {
  const relayed = metrics.counter('restante_relayed_total', 'Recipients that were handed to SMTP servers, by result')
  const refused = metrics.counter('restante_relay_refused_total', 'Recipients that were refused for good, by the enhanced status (RFC 3463)')
  const byDomain = metrics.counter('restante_relayed_domain_total', `Recipients by domain and result; beyond ${mostDomains} domains: other`)
  const waiting = metrics.gauge('restante_queue_recipients', 'Recipients elsewhere that wait, by state')
  const age = metrics.gauge('restante_queue_oldest_seconds', 'Age of the oldest message that was not handed over yet')
  const named = new Set<string>()
  let timer: { clear(): void } | undefined
  let running: Promise<void> = Promise.resolve()
  const look = async (): Promise<void> => {
    const { oldest, ...counts } = await queue.stats()
    for (const [state, count] of Object.entries(counts)) waiting.set(count, { state })
    age.set(oldest === null ? 0 : (clock.now() - oldest) / 1000)
  }
  const start = (): void => {
    running = look().catch((error: unknown) => log.warn({ err: error }, 'the queue could not be counted')).finally(() => { timer = clock.after(lookMs, start) })
  }
  return {
    count(domain: string, { kind, status }: Verdict): void {
      if (named.size < mostDomains) named.add(domain)
      relayed.add(1, { result: kind })
      byDomain.add(1, { domain: named.has(domain) ? domain : 'other', result: kind })
      // Of classes and subjects that exist; what a server invents is told as a whole.
      if (kind === 'permanent') refused.add(1, { status: /^5\.[0-7]\.\d{1,2}$/.test(status) ? status : '5.0.0' })
    },
    look,
    start,
    async stop(): Promise<void> {
      await running
      timer?.clear()
    },
  }
}
