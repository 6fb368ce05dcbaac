// One look at a time for what is due: whoever calls while it is under way gets another after it; nobody waits for it.
import type { Clock } from '../base/clock.js'

/** A look even when nobody called: rows that another process wrote. */
export const idleLookMs = 60_000

export class Looker {
  readonly #clock: Clock
  readonly #look: () => Promise<void>
  #timer: { clear(): void } | undefined
  #again = false
  #started = false
  #stopped = false
  /** The look that is under way. */
  looking: Promise<void> | undefined

  /** @param look must not reject; it is not called before `start` nor after `stop` */
  constructor(clock: Clock, look: () => Promise<void>) {
    this.#clock = clock
    this.#look = look
  }

  start(): void {
    this.#started = true
    this.wake()
  }

  /** There may be something to do. */
  wake(): void {
    if (!this.#started || this.#stopped) return
    if (this.looking) {
      this.#again = true
      return
    }
    this.#timer?.clear()
    this.looking = this.#look().finally(() => {
      this.looking = undefined
      if (!this.#again) return
      this.#again = false
      this.wake()
    })
  }

  /** Instead of any other time that was set: milliseconds from now, `idleLookMs` at most. */
  wakeIn(ms: number): void {
    this.#timer?.clear()
    if (!this.#stopped) this.#timer = this.#clock.after(Math.max(0, Math.min(ms, idleLookMs)), () => this.wake())
  }

  /** Resolves when the look that is under way has ended; there is none after it. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.clear()
    await this.looking
  }
}
