// Makes guessing passwords slow: failures are counted per address, and per account name from one address (a name alone would
// let anybody lock its owner out). Forgotten after a while, bounded.
import type { Clock } from '../base/clock.js'

export interface ThrottleLimits {
  /** Failures of a name from one address, and of an address, after which attempts are refused unseen until the window has passed. */
  readonly perAccount: number
  readonly perAddress: number
  readonly windowSeconds: number
  /** What every failure costs the guesser, in milliseconds. */
  readonly delayMs: number
}

/** Names and addresses remembered at most; the oldest are forgotten first. */
const remembered = 100_000
/** Characters of a name that count: no address is longer, and strangers choose what is kept here. */
const longestName = 320
const keyOf = (name: string, address: string): string => `n ${address} ${name.slice(0, longestName)}`

export class Throttle {
  readonly #failures = new Map<string, { count: number; until: number }>()
  constructor(readonly limits: ThrottleLimits, readonly clock: Clock) {}

  /** Whether an attempt may be looked at. */
  allows(name: string, address: string): boolean {
    return this.#count(keyOf(name, address)) < this.limits.perAccount && this.#count(`a ${address}`) < this.limits.perAddress
  }

  /** Counts a failure and resolves when the guesser has waited long enough. */
  async failed(name: string, address: string): Promise<void> {
    this.#add(keyOf(name, address))
    this.#add(`a ${address}`)
    if (this.limits.delayMs > 0) await new Promise<void>((resolve) => { this.clock.after(this.limits.delayMs, resolve) })
  }

  /** The right password: the name's failures from there are forgotten; the address's are not, or one known account would be a licence to guess. */
  succeeded(name: string, address: string): void {
    this.#failures.delete(keyOf(name, address))
  }

  #count(key: string): number {
    const entry = this.#failures.get(key)
    if (!entry) return 0
    if (entry.until > this.clock.now()) return entry.count
    this.#failures.delete(key)
    return 0
  }

  #add(key: string): void {
    const count = this.#count(key) + 1
    this.#failures.delete(key)
    this.#failures.set(key, { count, until: this.clock.now() + this.limits.windowSeconds * 1000 })
    if (this.#failures.size <= remembered) return
    // Many at once: a Map that loses its first entry again and again gets slow.
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= remembered * 0.9) return
      this.#failures.delete(oldest)
    }
  }
}
