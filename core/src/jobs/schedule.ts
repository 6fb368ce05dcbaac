// When a failed job is tried again. Pure.

const first = 5_000
const longest = 6 * 3600_000

/** Doubling from 5 seconds to 6 hours, so that a passing fault costs seconds and a lasting one little work. Milliseconds UTC. */
export const nextAttempt = (attempts: number, now: number): number => now + Math.min(longest, first * 2 ** Math.min(attempts - 1, 20))
