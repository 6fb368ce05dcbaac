// What an attempt to tell a recipient's agent can come to, what status that is, and when the next one follows (im2000.md
// D32-D38, D.4). Pure.
import type { NotificationStatus } from './contract.js'

const day = 86_400_000

export interface ScheduleOptions {
  /** Days from one accepted notification to the next repeat (D35); the last one goes on. */
  readonly repeatDays: readonly number[]
  /** Seconds after the first failure, doubling to `longest` (D36). */
  readonly retry: number
  readonly longest: number
  /** Refused notifications are tried again once a day, so often (D38). */
  readonly refusals: number
}
export const schedulePresets: ScheduleOptions = { repeatDays: [1, 2, 4, 7], retry: 5 * 60, longest: 86_400, refusals: 7 }

interface Kind {
  readonly status: NotificationStatus
  /** Milliseconds until the next attempt after this has happened `n` times in a row (from 1); undefined: none. @param spread in [0, 1) */
  next(n: number, options: ScheduleOptions, spread: number): number | undefined
}

const never = (): undefined => undefined
/** Doubling, a tenth more or less: those that failed together do not come back together. */
const backOff: Kind['next'] = (n, { retry, longest }, spread) => Math.min(longest, retry * 2 ** Math.min(n - 1, 30)) * 1000 * (0.9 + 0.2 * spread)
/** Never sooner than the days say (D34), and up to a tenth of a day later. */
const days = (count: number, spread: number): number => count * day + spread * day / 10
const daily: Kind['next'] = (n, { refusals }, spread) => (n < refusals ? days(1, spread) : undefined)

/** Everything that can happen, by the name that stands in the recipient's row. */
export const outcomes = {
  accepted: { status: 'notifying', next: (n, { repeatDays }, spread) => days(repeatDays[Math.min(n, repeatDays.length) - 1], spread) },
  refused: { status: 'protocolerror', next: daily },
  unknown: { status: 'nouser', next: daily },
  broken: { status: 'protocolerror', next: backOff },
  unreachable: { status: 'noserver', next: backOff },
  noservice: { status: 'noservice', next: never },
  baddomain: { status: 'baddomain', next: never },
} as const satisfies Record<string, Kind>
export type Outcome = keyof typeof outcomes

/** When to try again. @param before what happened last time and how often in a row */
export function schedule(outcome: Outcome, before: { readonly outcome: string | null; readonly attempts: number }, now: number, options: ScheduleOptions, spread: number): { readonly attempts: number; readonly at: number | undefined } {
  const attempts = before.outcome === outcome ? before.attempts + 1 : 1
  const wait = outcomes[outcome].next(attempts, options, spread)
  return { attempts, at: wait === undefined ? undefined : Math.round(now + wait) }
}
