// Who gave which hook, and asking them: decisions in order and within a time limit, duties as jobs, signals isolated.
import type { Clock } from '../base/clock.js'
import type { Log } from '../log/logger.js'
import type { HookName, HookRuntime } from './hooks.js'
import { within } from './within.js'

type AnyHandler = (value: unknown, signal?: AbortSignal) => unknown
export interface HookRegistry extends HookRuntime {
  /** In YAML order: that is the order in which decisions are asked. */
  register(plugin: string, hooks: Readonly<Partial<Record<HookName, unknown>>>): void
  forget(plugin: string): void
}

export function createHooks({ log, clock, decisionMs = 5000 }: { log: Log; clock: Clock; decisionMs?: number }): HookRegistry {
  const handlers = new Map<string, { plugin: string; handler: AnyHandler }[]>()
  const of = (name: string): readonly { plugin: string; handler: AnyHandler }[] => handlers.get(name) ?? []

  async function decide(name: string, question: unknown, onFailure: unknown): Promise<unknown> {
    for (const { plugin, handler } of of(name)) {
      const stop = new AbortController()
      try {
        const answer = await within(decisionMs, clock, `deciding ${name}`, async () => handler(question, stop.signal))
        if (answer !== undefined) return answer
      } catch (error) {
        log.error({ err: error, plugin, hook: name }, 'a hook failed')
        if (onFailure !== undefined) return onFailure
      } finally {
        stop.abort()
      }
    }
    return undefined
  }

  return {
    register(plugin, hooks) {
      for (const [name, handler] of Object.entries(hooks)) {
        if (typeof handler !== 'function') continue
        const list = handlers.get(name)
        if (list) list.push({ plugin, handler: handler as AnyHandler })
        else handlers.set(name, [{ plugin, handler: handler as AnyHandler }])
      }
    },
    forget(plugin) {
      for (const [name, list] of handlers) handlers.set(name, list.filter((entry) => entry.plugin !== plugin))
    },
    given: (name) => of(name).length > 0,
    ask: (name, question, onFailure) => decide(name, question, onFailure) as never,
    async owe(name, fact, write) {
      for (const { plugin } of of(name)) await write({ hook: name, plugin, fact })
    },
    async perform({ hook, plugin, fact }) {
      const found = of(hook).find((entry) => entry.plugin === plugin)
      if (!found) return log.debug({ hook, plugin }, 'a duty of a plugin that is no longer enabled is dropped')
      await found.handler(fact)
    },
    tell(name, fact) {
      for (const { plugin, handler } of of(name)) {
        const failed = (error: unknown): void => log.error({ err: error, plugin, hook: name }, 'a hook failed')
        queueMicrotask(() => {
          try {
            const result = handler(fact)
            if (result instanceof Promise) result.catch(failed)
          } catch (error) {
            failed(error)
          }
        })
      }
    },
  }
}
