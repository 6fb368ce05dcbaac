// Work that waits in rows, done in lanes: one per key (a domain, a store), so that a peer that does not answer holds up
// nobody else. Looks when it is woken and when the next row is due; remembers nothing that rows do not say.
import type { Clock } from '../base/clock.js'
import type { Log } from '../log/logger.js'
import { idleLookMs, Looker } from './looker.js'

export interface LaneParts {
  readonly clock: Clock
  readonly log: Log
  /** Lanes at once. */
  readonly most: number
  /** Keys with something due at `now` (milliseconds UTC), the longest due first; at most `limit`. */
  due(now: number, limit: number): Promise<readonly string[]>
  /** When something becomes due after `now`. */
  next(now: number): Promise<number | undefined>
  /** Does what is due for a key at `now`, and writes down when it is due next: otherwise it is called again at once. Stops soon when `signal` says so. */
  run(key: string, now: number, signal: AbortSignal): Promise<void>
}

/** After a failure of our own (the database): not at once again. */
const restMs = 30_000
/** At the end, for answers that are on their way. */
const graceMs = 2000

export class Lanes {
  readonly #parts: LaneParts
  readonly #lanes = new Map<string, Promise<void>>()
  readonly #stop = new AbortController()
  readonly #looker: Looker
  #restUntil = 0
  /** The database may be closed: whoever still runs must not write. */
  over = false

  constructor(parts: LaneParts) {
    this.#parts = parts
    this.#looker = new Looker(parts.clock, () => this.#look().catch((error: unknown) => this.#failed(error, 'cannot read what is due')))
  }

  start(): void {
    this.#looker.start()
  }

  /** There may be something to do. */
  wake(): void {
    this.#looker.wake()
  }

  /** Starts nothing new and waits a moment for what runs. Whoever hangs is not waited for: what is not written down is done again. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#looker.stop()
    await Promise.race([Promise.allSettled(this.#lanes.values()), new Promise<void>((done) => { this.#parts.clock.after(graceMs, done) })])
    this.over = true
  }

  /** Resolves when nothing is due any more. */
  async settled(): Promise<void> {
    while (this.#looker.looking || this.#lanes.size > 0) {
      await this.#looker.looking
      await Promise.allSettled(this.#lanes.values())
    }
  }

  async #look(): Promise<void> {
    const { clock, most } = this.#parts
    const now = clock.now()
    if (now < this.#restUntil) return this.#looker.wakeIn(this.#restUntil - now)
    if (this.#lanes.size < most) {
      for (const key of await this.#parts.due(now, most + this.#lanes.size)) {
        if (this.#lanes.size >= most) break
        if (!this.#lanes.has(key)) this.#lanes.set(key, this.#run(key, now))
      }
    }
    // With all lanes taken, the next that is free looks again.
    if (this.#lanes.size >= most) return
    const next = await this.#parts.next(now)
    this.#looker.wakeIn(next === undefined ? idleLookMs : next - now)
  }

  async #run(key: string, now: number): Promise<void> {
    try {
      await this.#parts.run(key, now, this.#stop.signal)
    } catch (error) {
      this.#failed(error, 'a lane failed', key)
    } finally {
      this.#lanes.delete(key)
      this.wake()
    }
  }

  #failed(error: unknown, what: string, key?: string): void {
    if (this.over) return
    this.#parts.log.error({ err: error, ...(key === undefined ? {} : { key }) }, what)
    this.#restUntil = this.#parts.clock.now() + restMs
    this.#looker.wakeIn(restMs)
  }
}
