// Idle timers for thousands of sessions: one timer of the system's, one slot per half second. `touch` only notes the
// time; a session is moved to a later slot when its slot comes round, so a busy session costs nothing per line.
import type { Clock } from '../base/clock.js'
import type { IdleTimer, IdleWheel } from './contract.js'

const tickMs = 500

export function createIdleWheel(clock: Clock): IdleWheel {
  const slots = new Map<number, Set<Watch>>()
  let running = false
  let swept = 0
  const slotOf = (time: number): number => Math.ceil(time / tickMs)

  class Watch implements IdleTimer {
    #since = clock.now()
    #slot = 0
    #over = false
    constructor(private ms: number, private readonly onIdle: () => void) {
      this.#place()
    }
    touch(): void {
      this.#since = clock.now()
    }
    change(ms: number): void {
      if (this.#over) return
      this.#since = clock.now()
      this.ms = ms
      this.#leave()
      this.#place()
    }
    stop(): void {
      this.#over = true
      this.#leave()
    }
    /** Its slot has come. */
    visit(now: number): void {
      if (this.#over) return
      if (now - this.#since < this.ms) return this.#place()
      this.#over = true
      this.onIdle()
    }
    #place(): void {
      this.#slot = Math.max(slotOf(this.#since + this.ms), swept + 1)
      const slot = slots.get(this.#slot)
      if (slot) slot.add(this)
      else slots.set(this.#slot, new Set([this]))
      if (!running) run()
    }
    #leave(): void {
      const slot = slots.get(this.#slot)
      if (slot?.delete(this) && slot.size === 0) slots.delete(this.#slot)
    }
  }

  function run(): void {
    running = slots.size > 0
    if (running) clock.after(tickMs, sweep)
  }
  function sweep(): void {
    const now = clock.now()
    const due = Math.floor(now / tickMs)
    // After a long sleep (a suspended laptop) there may be many empty slots: look at those that exist.
    const ripe = due - swept > slots.size ? [...slots.keys()].filter((slot) => slot <= due) : Array.from({ length: due - swept }, (_, i) => swept + 1 + i)
    swept = due
    for (const number of ripe) {
      const slot = slots.get(number)
      if (!slot) continue
      slots.delete(number)
      for (const watch of slot) watch.visit(now)
    }
    run()
  }
  swept = Math.floor(clock.now() / tickMs)
  return { watch: (ms, onIdle) => new Watch(ms, onIdle) }
}
