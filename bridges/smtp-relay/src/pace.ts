// Messages a minute to one domain: who is over it waits for the next turn. Remembers only domains that were sent to lately.
import type { Clock } from '@restante/core'

const minuteMs = 60_000
const mostDomains = 100_000

export class Pace {
  /** When the allowance of a domain would be whole again, milliseconds UTC. */
  readonly #full = new Map<string, number>()
  constructor(private readonly clock: Pick<Clock, 'now'>) {}

  /** Takes one turn: 0 when it may go now, else when to come back. A tenth of a minute's messages may go at once. @param rate messages a minute */
  take(domain: string, rate: number): number {
    const now = this.clock.now()
    const each = minuteMs / rate
    const burst = Math.max(each, minuteMs / 10)
    const full = Math.max(now, this.#full.get(domain) ?? 0)
    if (full + each - now > burst) return Math.ceil(full + each - burst)
    if (this.#full.size >= mostDomains) for (const [name, at] of this.#full) if (at <= now) this.#full.delete(name)
    this.#full.set(domain, full + each)
    return 0
  }
}
