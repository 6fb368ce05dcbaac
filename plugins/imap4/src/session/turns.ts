// Fair turns. All sessions share one thread: long work stops every few milliseconds, and however many sessions have such work, one
// of them goes on in each round of the event loop. Sockets are read in between, so whoever asks little is answered soon.

/** How long one session may hold the thread, in milliseconds. */
const share = 4

const waiting: (() => void)[] = []

function nextRound(): void {
  const go = waiting.shift()!
  if (waiting.length > 0) setImmediate(nextRound)
  go()
}

/** One session's turn. It begins when the event loop comes to the session: with octets from its client, or after `pass`. */
export class Turn {
  #end = performance.now() + share

  begin(): void { this.#end = performance.now() + share }

  /** Whether it is time to `pass`. */
  get over(): boolean { return performance.now() >= this.#end }

  /** Lets everybody else go first. */
  async pass(): Promise<void> {
    await new Promise<void>((resolve) => { if (waiting.push(resolve) === 1) setImmediate(nextRound) })
    this.begin()
  }

  /** Walks over items, others going first where it takes long. For work of microseconds an item. */
  async each<T>(items: Iterable<T>, visit: (item: T, place: number) => void): Promise<void> {
    let place = 0
    for (const item of items) {
      visit(item, place)
      if ((++place & few) === 0 && this.over) await this.pass()
    }
  }

  /** Goes through steps that yield wherever others might go first. */
  async through<T>(steps: Generator<void, T>): Promise<T> {
    for (;;) {
      const { done, value } = steps.next()
      if (done) return value
      if (this.over) await this.pass()
    }
  }
}

/** Items between two looks at the clock, less one. */
const few = 15

/** For work in steps: every so many of them is a place to stop. */
export const isPause = (step: number): boolean => (step & 63) === 63
