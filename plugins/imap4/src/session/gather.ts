// When to tell: a single change at once, a burst when it pauses, but after `idleDebounce` at the latest.
import type { Clock } from '@restante/core'

/**
 * Milliseconds between two announcements at least, and of quiet that end a burst. Short for changes that come one by one, as
 * mail does, so that each is told when it happens; longer with every look that finds a burst still going on. `behind`: until a client that does not read is looked at again.
 */
const moments = { first: 2, longest: 16, behind: 100 }

export class Gatherer {
  #timer: { clear(): void } | undefined
  #changes = 0
  /** Changes when the last moment ended. */
  #before = 0
  /** The present moment, and how long the burst has gone on, in milliseconds. */
  #moment = moments.first
  #gathered = 0

  /** @param tell false: not now, ask again in a moment */
  constructor(private readonly clock: Clock, private readonly longestMs: number, private readonly tell: () => boolean) {}

  /** Something changed. */
  poke(): void {
    this.#changes++
    if (!this.#timer) this.#now()
  }

  stop(): void {
    this.#timer?.clear()
    this.#timer = undefined
  }

  #wait(): void {
    this.#timer = this.clock.after(this.#moment, () => {
      this.#timer = undefined
      this.#gathered += this.#moment
      if (this.#changes === 0) return
      if (this.#changes === 1 || this.#changes === this.#before || this.#gathered >= this.longestMs) return this.#now()
      this.#before = this.#changes
      this.#moment = Math.min(moments.longest, 2 * this.#moment)
      this.#wait()
    })
  }

  #now(): void {
    this.#before = this.#gathered = 0
    const told = this.tell()
    this.#moment = told ? moments.first : moments.behind
    this.#changes = told ? 0 : 1
    this.#wait()
  }
}
