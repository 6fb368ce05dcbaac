// What nobody waits for: throwing away what is of no use any more, at start and once a day.
import type { Clock } from './base/clock.js'
import type { Log } from './log/logger.js'

export interface Housekeeping {
  start(): void
  /** Everything once, now; what fails is logged and hinders nothing else. */
  clean(): Promise<void>
  stop(): Promise<void>
}

const dayMs = 24 * 3600_000

/** @param tasks by what they do, for the log */
export function makeHousekeeping({ clock, log, tasks }: { clock: Clock; log: Log; tasks: Readonly<Record<string, () => Promise<unknown>>> }): Housekeeping {
  let timer: { clear(): void } | undefined
  let running: Promise<void> | undefined
  let stopped = false
  const clean = async (): Promise<void> => {
    for (const [what, task] of Object.entries(tasks)) {
      if (stopped) return
      await task().catch((error: unknown) => { log.warn({ err: error }, `cannot ${what}`) })
    }
  }
  const daily = (): void => {
    running = clean().then(() => { if (!stopped) timer = clock.after(dayMs, daily) })
  }
  return {
    start: daily,
    clean,
    async stop() {
      stopped = true
      timer?.clear()
      await running
    },
  }
}
