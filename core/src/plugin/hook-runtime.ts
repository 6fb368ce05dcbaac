// Who gave which hook, and asking them: decisions in order and within a time limit, duties as jobs, signals isolated.
import type { Clock } from '../base/clock.js'
import type { Log } from '../log/logger.js'
import type { HookName, HookRuntime } from './hooks.js'
import { within } from './within.js'

type AnyHandler = (value: unknown, signal?: AbortSignal) => unknown
interface Entry { readonly plugin: string; readonly handler: AnyHandler; readonly wants?: AnyHandler }
export interface HookRegistry extends HookRuntime {
  /** In YAML order: that is the order in which decisions are asked. */
  register(plugin: string, hooks: Readonly<Partial<Record<HookName, unknown>>>): void
  forget(plugin: string): void
}

/** Why a handler's signal is given. One for all: AbortController would make its own for each question, stack trace and all. */
const over = new Error('The hook has answered, or its time is over')

export function createHooks({ log, clock, decisionMs = 5000 }: { log: Log; clock: Clock; decisionMs?: number }): HookRegistry {
  const handlers = new Map<string, Entry[]>()
  const of = (name: string): readonly Entry[] => handlers.get(name) ?? []

  /** Opinions in order, up to the first that is final. `onFailure`, if there is one, is the opinion of whoever fails. */
  async function decide(name: string, question: unknown, onFailure: unknown, final: (answer: unknown) => boolean): Promise<unknown[]> {
    const answers: unknown[] = []
    for (const { plugin, handler } of of(name)) {
      const stop = new AbortController()
      let answer: unknown
      try {
        answer = await within(decisionMs, clock, `deciding ${name}`, async () => handler(question, stop.signal))
      } catch (error) {
        log.error({ err: error, plugin, hook: name }, 'a hook failed')
        answer = onFailure
      } finally {
        stop.abort(over)
      }
      if (answer === undefined) continue
      answers.push(answer)
      if (final(answer)) break
    }
    return answers
  }

  return {
    register(plugin, hooks) {
      for (const [name, given] of Object.entries(hooks)) {
        const handler = typeof given === 'function' ? given : (given as { perform?: unknown } | undefined)?.perform
        if (typeof handler !== 'function') continue
        const entry: Entry = { plugin, handler: handler as AnyHandler, ...(typeof given === 'object' && given !== null ? { wants: (given as { wants?: AnyHandler }).wants } : {}) }
        const list = handlers.get(name)
        if (list) list.push(entry)
        else handlers.set(name, [entry])
      }
    },
    forget(plugin) {
      for (const [name, list] of handlers) handlers.set(name, list.filter((entry) => entry.plugin !== plugin))
    },
    given: (name) => of(name).length > 0,
    ask: async (name, question, onFailure) => (await decide(name, question, onFailure, () => true))[0] as never,
    askAll: (name, question, final) => decide(name, question, undefined, final as never) as never,
    does: (name, plugin) => of(name).some((entry) => entry.plugin === plugin),
    async owing(name, prospect) {
      const wanting: string[] = []
      for (const { plugin, wants } of of(name)) {
        try {
          if (!wants || await within(decisionMs, clock, `foreseeing ${name}`, async () => wants(prospect))) wanting.push(plugin)
        } catch (error) {
          // Who cannot say now is asked by the job, which is retried.
          log.error({ err: error, plugin, hook: name }, 'a hook failed')
          wanting.push(plugin)
        }
      }
      return wanting
    },
    async perform({ hook, plugin, fact }) {
      const found = of(hook).find((entry) => entry.plugin === plugin)
      if (!found) return log.debug({ hook, plugin }, 'a duty of a plugin that is no longer enabled is dropped')
      await found.handler.call(undefined, fact)
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
