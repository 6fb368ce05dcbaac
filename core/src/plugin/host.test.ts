// A broken plugin for every way to be broken (those that cannot even be loaded: loader.test.ts), and a whole life of good ones.
import { expectTypeOf, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { systemClock, type Clock } from '../base/clock.js'
import type { Database } from '../database/connect.js'
import { silentLog } from '../log/logger.js'
import { definePlugin, type Plugin } from './contract.js'
import { createHooks } from './hook-runtime.js'
import { createHost, type Host } from './host.js'

declare module './services.js' {
  interface Services { tTea: { readonly brew: () => string }; tCup: { readonly size: number } }
}
declare module './hooks.js' {
  interface Hooks { 't.choose': Decision<string, string>; 't.later': Duty<{ n: number }>; 't.said': Signal<string> }
}

const database = {} as Database
const events: string[] = []
const shape = { version: '1.0.0', api: '^1.0.0', config: z.strictObject({}), requires: [], provides: [] } as const
const tea = definePlugin({
  ...shape, name: 'tea', provides: ['tTea'],
  setup: () => ({
    services: { tTea: { brew: () => 'tea' } },
    start: async () => void events.push('tea starts'), ready: async () => void events.push('tea ready'), stop: async () => void events.push('tea stops'),
    listeners: () => ({ tea: '127.0.0.1:1' }),
  }),
})
const drinker = (more: Partial<Plugin> = {}): Plugin => ({
  ...shape, name: 'drinker', requires: ['tTea'],
  setup: ({ services }) => ({ services: {}, start: async () => void events.push(`drinks ${(services as any).tTea.brew()}`), stop: async () => void events.push('drinker stops') }),
  ...more,
})
function host(plugins: Plugin[], more: { clock?: Clock; startMs?: number; hooks?: ReturnType<typeof createHooks> } = {}): Host {
  events.length = 0
  const clock = more.clock ?? systemClock
  const hooks = more.hooks ?? createHooks({ log: silentLog, clock, decisionMs: 50 })
  return createHost({ plugins: plugins.map((plugin) => ({ plugin, config: Object.freeze({}) })), coreServices: { hooks }, hooks, database, log: silentLog, clock, startMs: more.startMs ?? 1000 })
}
async function start(h: Host): Promise<void> {
  h.setup()
  await h.start()
  await h.ready()
}
const soon = (): AbortSignal => AbortSignal.timeout(1000)

describe('a good life', () => {
  it('starts providers first, whatever the order in the file, and stops backwards', async () => {
    const h = host([drinker(), tea])
    const migrated: string[] = []
    h.setup()
    await h.migrate(async (owner) => void migrated.push(owner))
    await h.start()
    await h.ready()
    expect(h.names).toEqual(['tea', 'drinker'])
    expect(h.listeners()).toEqual({ tea: '127.0.0.1:1' })
    expect(h.service('tTea')!.brew()).toBe('tea')
    await h.stop(soon())
    expect(events).toEqual(['tea starts', 'drinks tea', 'tea ready', 'drinker stops', 'tea stops'])
    await h.stop(soon())
  })
  it('disposes what a plugin keeps in its container', async () => {
    const { asFunction } = await import('awilix')
    const h = host([definePlugin({ ...shape, name: 'a', setup: ({ container }) => {
      container.register({ pot: asFunction(() => 'pot').singleton().disposer(() => void events.push('pot gone')) } as never)
      void (container.cradle as any).pot
      return { services: {} }
    } })])
    await start(h)
    await h.stop(soon())
    expect(events).toEqual(['pot gone'])
  })
})

describe('broken plugins are named', () => {
  const cases: [string, () => Plugin[], RegExp][] = [
    ['a missing service', () => [drinker()], /^Plugin drinker: requires "tTea", which neither the core nor an enabled plugin provides$/],
    ['two providers', () => [tea, { ...tea, name: 'kettle' }], /^Plugin kettle: provides "tTea", which plugin tea provides too/],
    ['a service of the core', () => [{ ...tea, provides: ['hooks'] }], /^Plugin tea: provides "hooks", which the core provides already$/],
    ['a circle', () => [{ ...tea, requires: ['tCup'] }, { ...drinker(), provides: ['tCup'] }], /^Plugin tea: requires itself in a circle: tea -> drinker -> tea$/],
    ['the same plugin twice', () => [tea, tea], /^Plugin tea: is enabled twice$/],
    ['a throw in setup', () => [drinker({ requires: [], setup: () => { throw new Error('boom') } })], /^Plugin drinker: failed in setup: boom$/],
    ['a promise from setup', () => [drinker({ requires: [], setup: (async () => ({ services: {} })) as never })], /^Plugin drinker: setup returned a promise/],
    ['nothing from setup', () => [drinker({ requires: [], setup: (() => undefined) as never })], /^Plugin drinker: setup returned nothing$/],
    ['a broken promise', () => [drinker({ requires: [], provides: ['tCup'] })], /^Plugin drinker: promised the service "tCup" but does not give it$/],
    ['a service not required, from services', () => [tea, drinker({ requires: [], setup: ({ services }) => ({ services: { x: (services as any).tTea } }) as never })], /^Plugin drinker: uses the service "tTea" without requiring it$/],
    ['a service not required, from the container', () => [tea, drinker({ requires: [], setup: ({ container }) => ({ services: { x: (container.cradle as any).tTea } }) as never })], /^Plugin drinker: failed in setup: .*Could not resolve 'tTea'/s],
  ]
  it.each(cases)('%s', (_, plugins, message) => {
    expect(() => host(plugins()).setup()).toThrow(message)
  })
  it('a hang in start', async () => {
    const h = host([tea, drinker({ setup: () => ({ services: {}, start: () => new Promise(() => undefined) }) })], { startMs: 30 })
    await expect(start(h)).rejects.toThrow(/^Plugin drinker: failed in start: starting took longer than 0.03 s$/)
    expect(events).toEqual(['tea starts', 'tea stops'])
  })
  it('a failure in start: what ran is stopped, the half-started one too', async () => {
    const h = host([tea, drinker({ setup: () => ({ services: {}, start: async () => { throw new Error('no cup') }, stop: async () => void events.push('drinker stops') }) })])
    await expect(start(h)).rejects.toThrow(/^Plugin drinker: failed in start: no cup$/)
    expect(events).toEqual(['tea starts', 'drinker stops', 'tea stops'])
  })
  it('a failure in ready', async () => {
    const h = host([tea, drinker({ setup: () => ({ services: {}, ready: async () => { throw new Error('shy') } }) })])
    await expect(start(h)).rejects.toThrow(/^Plugin drinker: failed in ready: shy$/)
    expect(events.at(-1)).toBe('tea stops')
  })
  it('a failing stop does not keep the others from stopping, nor a hanging one', async () => {
    const hooks = createHooks({ log: silentLog, clock: systemClock })
    const h = createHost({ plugins: [tea, drinker({ setup: () => ({ services: {}, stop: () => new Promise(() => undefined) }) }), drinker({ name: 'other', setup: () => ({ services: {}, stop: async () => { throw new Error('x') } }) })].map((plugin) => ({ plugin, config: {} })), coreServices: {}, hooks, database, log: silentLog, clock: systemClock })
    await start(h)
    await h.stop(AbortSignal.timeout(5))
    expect(events.at(-1)).toBe('tea stops')
  })
})

describe('hooks', () => {
  const giver = (name: string, hooks: Plugin extends never ? never : object): Plugin => ({ ...shape, name, setup: () => ({ services: {}, hooks: hooks as never }) })
  async function running(...plugins: Plugin[]): Promise<ReturnType<typeof createHooks>> {
    const hooks = createHooks({ log: silentLog, clock: systemClock, decisionMs: 20 })
    await start(host(plugins, { hooks }))
    return hooks
  }
  it('decisions are asked in order; the first answer wins', async () => {
    const hooks = await running(giver('a', { 't.choose': () => undefined }), giver('b', { 't.choose': async (q: string) => `b:${q}` }), giver('c', { 't.choose': () => 'c' }))
    expect(await hooks.ask('t.choose', 'x')).toBe('b:x')
    expect(hooks.given('t.choose')).toBe(true)
    expect(hooks.given('t.said')).toBe(false)
  })
  it('a guard that fails or hangs answers for the others; a sorter is passed over', async () => {
    const broken = [() => { throw new Error('x') }, () => new Promise(() => undefined)]
    for (const handler of broken) {
      const hooks = await running(giver('a', { 't.choose': handler }), giver('b', { 't.choose': () => 'b' }))
      expect(await hooks.ask('t.choose', 'x', 'try later')).toBe('try later')
      expect(await hooks.ask('t.choose', 'x')).toBe('b')
    }
  })
  it('duties become jobs and are done later; failures come back to the job runner', async () => {
    const did: number[] = []
    const hooks = await running(giver('a', { 't.later': async ({ n }: { n: number }) => void did.push(n) }), giver('b', { 't.later': async () => { throw new Error('again') } }))
    expect(await hooks.owing('t.later', { n: 5 })).toEqual(['a', 'b'])
    const jobs = ['a', 'b'].map((plugin) => ({ hook: 't.later' as const, plugin, fact: { n: 5 } }))
    await hooks.perform(jobs[0])
    expect(did).toEqual([5])
    await expect(hooks.perform(jobs[1])).rejects.toThrow('again')
    await hooks.perform({ ...jobs[0], plugin: 'gone' })
  })
  it('who takes on a duty may say when it is none; who cannot say is asked by the job', async () => {
    const did: number[] = []
    const perform = async ({ n }: { n: number }): Promise<void> => void did.push(n)
    const hooks = await running(
      giver('even', { 't.later': { wants: ({ n }: { n: number }) => n % 2 === 0, perform } }), giver('broken', { 't.later': { wants: () => { throw new Error('x') }, perform } }),
      giver('never', { 't.later': { wants: async () => false, perform } }))
    expect(await hooks.owing('t.later', { n: 4 })).toEqual(['even', 'broken'])
    expect(await hooks.owing('t.later', { n: 5 })).toEqual(['broken'])
    expect([hooks.does('t.later', 'never'), hooks.does('t.later', 'gone')]).toEqual([true, false])
    await hooks.perform({ hook: 't.later', plugin: 'even', fact: { n: 4 } })
    expect(did).toEqual([4])
  })
  it('signals cannot fail the teller', async () => {
    const heard: string[] = []
    const hooks = await running(giver('a', { 't.said': () => { throw new Error('x') } }), giver('b', { 't.said': async () => { throw new Error('y') } }), giver('c', { 't.said': (s: string) => heard.push(s) }))
    hooks.tell('t.said', 'hello')
    expect(heard).toEqual([])
    await new Promise(setImmediate)
    expect(heard).toEqual(['hello'])
  })
})

describe('types', () => {
  it('follow from config, requires and provides', () => {
    definePlugin({
      ...shape, name: 'typed', config: z.strictObject({ n: z.number().default(1) }), requires: ['tTea'], provides: ['tCup'],
      setup({ config, services }) {
        expectTypeOf(config.n).toEqualTypeOf<number>()
        expectTypeOf(services.tTea.brew).returns.toEqualTypeOf<string>()
        // @ts-expect-error not required
        void services.tCup
        return { services: { tCup: { size: 1 } } }
      },
    })
    // @ts-expect-error the promised service is not given
    definePlugin({ ...shape, name: 'liar', provides: ['tCup'], setup: () => ({ services: {} }) })
    // @ts-expect-error the promised service has another type
    definePlugin({ ...shape, name: 'liar', provides: ['tCup'], setup: () => ({ services: { tCup: { size: 'big' } } }) })
    // @ts-expect-error there is no such service
    definePlugin({ ...shape, name: 'dreamer', requires: ['tCake'], setup: () => ({ services: {} }) })
    // @ts-expect-error the hook answers with something else
    definePlugin({ ...shape, name: 'mumbler', setup: () => ({ services: {}, hooks: { 't.choose': () => 5 } }) })
  })
})
