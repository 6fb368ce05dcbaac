// The log: pino, pretty on a terminal, JSON lines otherwise. Secrets never get here; redact.ts masks those that slip in.
import { pino, type Logger } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { redact } from './redact.js'

/** What everyone logs with: `log.info({ key: value }, 'sentence')`, `log.child({ scope })`. */
export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'isLevelEnabled'> & { child(bindings: Record<string, unknown>): Log }

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  /** Lines for people instead of JSON. Default: when the destination is a terminal. */
  readonly pretty?: boolean
  readonly destination?: 'stdout' | 'stderr'
  /** Takes the lines instead of a standard stream (tests). */
  readonly sink?: { write(line: string): void }
}

export function createLog({ level, pretty: wanted, destination = 'stdout', sink }: LogOptions): Log {
  const stream = destination === 'stdout' ? process.stdout : process.stderr
  const forPeople = wanted ?? (!sink && stream.isTTY === true)
  // Written at once: the last lines before a crash are the ones that matter, and a line per session is no load.
  const plain = sink ?? pino.destination({ fd: destination === 'stdout' ? 1 : 2, sync: true })
  const format = forPeople ? prettyFactory({ colorize: !sink && stream.isTTY === true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }) : undefined
  const target = format ? { write: (line: string) => void plain.write(format(line)) } : plain
  const children = new Set<WeakRef<Logger>>()
  let sweepAt = 10_000
  const log: Logger = pino({
    level, base: null, formatters: { log: redact, bindings: redact },
    onChild: (child) => {
      children.add(new WeakRef(child))
      // Plugins make theirs at the start, but every session has one too. Those that are gone are swept out when the set has
      // doubled, so that a session costs the same however many there were or are.
      if (children.size < sweepAt) return
      for (const one of children) if (!one.deref()) children.delete(one)
      sweepAt = Math.max(10_000, 2 * children.size)
    },
  }, target)
  levels.set(log, (wanted) => {
    log.level = wanted
    for (const child of children) {
      const alive = child.deref()
      if (alive) alive.level = wanted
    }
  })
  return log
}
const levels = new WeakMap<object, (level: string) => void>()

/** From now on, for a log of `createLog` and all its children. */
export const setLevel = (log: Log, level: LogOptions['level']): void => levels.get(log)?.(level)

/** Says nothing; for tests of parts that want a log. */
export const silentLog: Log = pino({ level: 'silent', enabled: false })
