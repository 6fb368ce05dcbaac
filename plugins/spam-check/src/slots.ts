// So many at once, the others in order.
export class Slots {
  #free: number
  readonly #waiting: (() => void)[] = []
  constructor(most: number) { this.#free = most }

  /** Runs when there is room; `gone` is aborted when nobody waits for it any more. */
  async run<T>(gone: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    try {
      gone.throwIfAborted()
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
