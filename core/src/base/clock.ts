// Time comes in through this door, so that schedules can be tested with a clock of the test's own.

export interface Clock {
  /** Now, in milliseconds since 1970-01-01T00:00:00Z. */
  now(): number
  /** Calls `run` once after `ms` milliseconds; the handle's `clear` takes that back. Never keeps the process alive. */
  after(ms: number, run: () => void): { clear(): void }
}

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, 2_147_483_647))
    timer.unref()
    return { clear: () => clearTimeout(timer) }
  },
}
