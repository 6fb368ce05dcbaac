// When to tell: a single change at once, a burst when it pauses, but after `idleDebounce` at the latest.
import type { Clock } from '@restante/core'

/** Milliseconds between two announcements at least, and of quiet that end a burst. */
const moment = 10

export class Gatherer {
  #timer: { clear(): void } | undefined
  #changes = 0
  /** Changes when the last moment ended, and moments since the burst began. */
  #before = 0
  #moments = 0

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
    this.#timer = this.clock.after(moment, () => {
      this.#timer = undefined
      this.#moments++
      if (this.#changes === 0) return
      if (this.#changes === 1 || this.#changes === this.#before || this.#moments * moment >= this.longestMs) return this.#now()
      this.#before = this.#changes
      this.#wait()
    })
  }

  #now(): void {
    this.#before = this.#moments = 0
    this.#changes = this.tell() ? 0 : 1
    this.#wait()
  }
}
