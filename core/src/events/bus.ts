// The events bus: told after the commit, may be missed, never fails the teller. What must happen is a job, not a listener.
import type { Log } from '../log/logger.js'
import type { EventType, MailEvent } from './types.js'

export type { EventType, MailEvent } from './types.js'

export interface Bus {
  tell(event: MailEvent): void
  /** Calls `listener` for the named types (all when empty). Returns the way to stop. */
  listen(types: readonly EventType[], listener: (event: MailEvent) => void): () => void
  /** Whether anyone listens: tellers may skip the work of making an event. */
  heard(type: EventType): boolean
}

export function makeBus(log: Log): Bus {
  const listeners = new Set<{ types: ReadonlySet<EventType>; listener: (event: MailEvent) => void }>()
  const wants = (entry: { types: ReadonlySet<EventType> }, type: EventType): boolean => entry.types.size === 0 || entry.types.has(type)
  return {
    tell(event) {
      for (const entry of listeners) {
        if (!wants(entry, event.type)) continue
        try {
          entry.listener(event)
        } catch (error) {
          log.error({ err: error, event: event.type }, 'an event listener failed')
        }
      }
    },
    listen(types, listener) {
      const entry = { types: new Set(types), listener }
      listeners.add(entry)
      return () => { listeners.delete(entry) }
    },
    heard: (type) => [...listeners].some((entry) => wants(entry, type)),
  }
}

declare module '../plugin/services.js' {
  interface Services { events: Bus }
}
