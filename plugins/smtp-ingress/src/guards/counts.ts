// How often something happened of late, per address: bounded, forgotten by itself.
import type { Clock } from '@restante/core'

/** Addresses remembered at most; the oldest are forgotten first. */
const remembered = 100_000

export class Counts {
  readonly #counts = new Map<string, { count: number; readonly until: number }>()
  constructor(private readonly windowMs: number, private readonly clock: Clock) {}

  /** Once more; answers how often in this window, which begins with the first time. */
  add(key: string): number {
    const now = this.clock.now()
    const found = this.#counts.get(key)
    if (found && found.until > now) return ++found.count
    this.#counts.delete(key)
    this.#counts.set(key, { count: 1, until: now + this.windowMs })
    if (this.#counts.size > remembered) this.#forget()
    return 1
  }

  /** A tenth at once: a Map that loses its first entry again and again gets slow. */
  #forget(): void {
    for (const oldest of this.#counts.keys()) {
      if (this.#counts.size <= remembered * 0.9) return
      this.#counts.delete(oldest)
    }
  }
}
