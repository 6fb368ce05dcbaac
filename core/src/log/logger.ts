// The log: pino, pretty on a terminal, JSON lines otherwise. Secrets never get here; redact.ts masks those that slip in.
import type { Logger } from 'pino'

/** What everyone logs with: `log.info({ key: value }, 'sentence')`, `log.child({ scope })`. */
export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'> & { child(bindings: Record<string, unknown>): Log }
