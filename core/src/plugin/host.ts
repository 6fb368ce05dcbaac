// The life of plugins: set up, migrate, start, ready, stop. Knows no mail. Whoever fails is named; what ran is stopped
// backwards; a plugin sees only the services that it required.
import { setMaxListeners } from 'node:events'
import { asValue, createContainer, InjectionMode, type AwilixContainer } from 'awilix'
import type { Clock } from '../base/clock.js'
import type { Database } from '../database/connect.js'
import type { Migration } from '../database/migrator.js'
import { failure } from '../errors/codes.js'
import { RestanteError } from '../errors/define.js'
import type { Log } from '../log/logger.js'
import type { Operation } from './command-line.js'
import type { Plugin, Running } from './contract.js'
import type { HookRegistry } from './hook-runtime.js'
import { dependents, inOrder } from './order.js'
import type { Services } from './services.js'
import { within } from './within.js'

export interface HostOptions {
  /** In YAML order, with checked configurations. */
  readonly plugins: readonly { readonly plugin: Plugin; readonly config: unknown }[]
  readonly coreServices: Partial<Services>
  readonly hooks: HookRegistry
  readonly database: Database
  readonly log: Log
  readonly clock: Clock
  /** How long one plugin may take to start, or to get ready. */
  readonly startMs?: number
}

export interface Host {
  /** Orders and wires. @throws PLUGIN_INVALID */
  setup(): void
  /** Hands each plugin's migrations to `run`, in order. */
  migrate(run: (owner: string, migrations: readonly Migration[]) => Promise<void>): Promise<void>
  /** On failure everything that was started is stopped again, backwards, and the error names the culprit. */
  start(): Promise<void>
  ready(): Promise<void>
  /** Stops whatever runs: users of a service before its provider, the others side by side. Never throws. */
  stop(deadline: AbortSignal): Promise<void>
  /** Names to 'address:port', of all plugins. */
  listeners(): Record<string, string>
  /** Names in the order of start. */
  readonly names: readonly string[]
  /** An administrative act of a plugin; undefined when nobody has it. */
  operation(name: string): Operation | undefined
  /** A service of the core or of a plugin, for the composition root. */
  service<N extends keyof Services>(name: N): Services[N] | undefined
}

interface Part { readonly plugin: Plugin; readonly running: Running<any>; readonly container: AwilixContainer; readonly log: Log; started: boolean }

export function createHost({ plugins, coreServices, hooks, database, log, clock, startMs = 30_000 }: HostOptions): Host {
  let parts: Part[] = []
  const services = new Map<string, unknown>(Object.entries(coreServices))

  function setUp(plugin: Plugin, config: any): Part {
    const own = log.child({ scope: plugin.name })
    const required = Object.fromEntries(plugin.requires.map((name: string) => [name, services.get(name)]))
    // A container of its own, not a scope: a scope would see its parent's services.
    const container = createContainer<any>({ strict: true, injectionMode: InjectionMode.PROXY })
    const tools = { config, log: own, clock, database }
    container.register(Object.fromEntries(Object.entries({ ...tools, ...required }).map(([name, value]) => [name, asValue(value)])))
    const running: unknown = naming(plugin, 'failed in setup', () => plugin.setup({ ...tools, container, services: only(plugin, required) as any }))
    if (typeof running !== 'object' || running === null) throw invalid(plugin, 'setup returned nothing')
    if (running instanceof Promise) {
      running.catch(() => undefined)
      throw invalid(plugin, 'setup returned a promise; it must be synchronous (I/O belongs into start)')
    }
    const given = (running as Running<any>).services as Record<string, unknown> | undefined
    for (const name of plugin.provides as readonly string[]) {
      if (given?.[name] === undefined) throw invalid(plugin, `promised the service "${name}" but does not give it`)
      services.set(name, given[name])
    }
    return { plugin, running: running as Running<any>, container, log: own, started: false }
  }

  async function stopPart(part: Part, deadline: AbortSignal): Promise<void> {
    if (!part.started) return
    part.started = false
    try {
      const patience = part.running.stop?.(deadline)
      await Promise.race([patience, afterAbort(deadline, clock)])
    } catch (error) {
      part.log.error({ err: error }, 'stopping failed')
    }
  }

  async function stopAll(deadline: AbortSignal): Promise<void> {
    // Every listener waits for it: more than Node would take for well-meant.
    setMaxListeners(0, deadline)
    const stopping = new Map<Part, Promise<void>>()
    for (const part of parts.toReversed()) {
      const users = dependents(part.plugin, parts.map(({ plugin }) => plugin)).map((user) => stopping.get(parts.find(({ plugin }) => plugin === user)!))
      stopping.set(part, Promise.all(users).then(() => stopPart(part, deadline)))
    }
    await Promise.all(stopping.values())
    // awilix disposes nobody's container but the one that it is told to.
    for (const part of parts.toReversed()) {
      hooks.forget(part.plugin.name)
      await part.container.dispose().catch((error: unknown) => part.log.error({ err: error }, 'disposing failed'))
    }
    parts = []
  }

  async function phase(what: 'start' | 'ready'): Promise<void> {
    // Our clock's timers let the process end; a plugin that waits for nothing must be named, not end us in silence.
    const awake = setInterval(() => undefined, 60_000)
    try {
      for (const part of parts) await step(part, what)
    } finally {
      clearInterval(awake)
    }
  }

  async function step(part: Part, what: 'start' | 'ready'): Promise<void> {
    if (what === 'start') part.started = true // a start that fails halfway has something to stop, too
    try {
      await within(startMs, clock, what === 'start' ? 'starting' : 'getting ready', async () => part.running[what]?.())
    } catch (error) {
      part.log.error({ err: error }, `plugin ${part.plugin.name} failed in ${what}; stopping what runs`)
      const soon = new AbortController()
      soon.abort()
      await stopAll(soon.signal)
      throw error instanceof RestanteError ? error : invalid(part.plugin, `failed in ${what}: ${(error as Error).message}`, error)
    }
  }

  return {
    get names() {
      return parts.map(({ plugin }) => plugin.name)
    },
    setup() {
      const twins = plugins.filter(({ plugin }, i) => plugins.findIndex((other) => other.plugin.name === plugin.name) !== i)
      if (twins.length) throw invalid(twins[0]!.plugin, 'is enabled twice')
      const configs = new Map(plugins.map(({ plugin, config }) => [plugin, config]))
      for (const plugin of inOrder(plugins.map(({ plugin }) => plugin), new Set(Object.keys(coreServices))))
        parts.push(setUp(plugin, configs.get(plugin)))
      // Decisions are asked in YAML order, whatever the order of start.
      for (const { plugin } of plugins) hooks.register(plugin.name, parts.find((part) => part.plugin === plugin)!.running.hooks ?? {})
      log.debug({ order: parts.map(({ plugin }) => plugin.name) }, 'plugins set up')
    },
    async migrate(run) {
      for (const { plugin } of parts) if (plugin.migrations?.length) await run(plugin.name, plugin.migrations)
    },
    start: () => phase('start'),
    ready: () => phase('ready'),
    stop: stopAll,
    listeners: () => Object.assign({}, ...parts.map(({ running }) => running.listeners?.() ?? {})) as Record<string, string>,
    operation(name) {
      const part = parts.find(({ plugin }) => name.startsWith(`${plugin.name}.`))
      return part && Object.hasOwn(part.running.operations ?? {}, name) ? part.running.operations![name] : undefined
    },
    service: (name) => services.get(name) as never,
  }
}

function invalid(plugin: Pick<Plugin, 'name'>, why: string, cause?: unknown): RestanteError {
  return failure('PLUGIN_INVALID', { plugin: plugin.name, why }, cause)
}

function naming<T>(plugin: Plugin, what: string, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw error instanceof RestanteError && error.code === 'PLUGIN_INVALID' ? error : invalid(plugin, `${what}: ${(error as Error).message}`, error)
  }
}

/** The required services; asking for another says so instead of answering undefined. */
function only(plugin: Plugin, required: Record<string, unknown>): Record<string, unknown> {
  return new Proxy(Object.freeze(required), {
    get(target, name) {
      if (typeof name === 'string' && !(name in target) && name !== 'then' && name !== 'toJSON') throw invalid(plugin, `uses the service "${name}" without requiring it`)
      return Reflect.get(target, name)
    },
  })
}

/** Past the deadline a plugin gets a moment to break off, then it is left behind. */
function afterAbort(deadline: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const later = (): void => void clock.after(2000, () => resolve())
    if (deadline.aborted) later()
    else deadline.addEventListener('abort', later, { once: true })
  })
}
