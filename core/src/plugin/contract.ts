// The plugin contract: one frozen value per plugin. The host (host.ts) says when what is called.
import type { AwilixContainer } from 'awilix'
import type { z } from 'zod'
import type { Clock } from '../base/clock.js'
import type { Migration } from '../database/migrator.js'
import type { Database } from '../database/connect.js'
import type { Log } from '../log/logger.js'
import type { Operation, PluginCommands } from './command-line.js'
import type { Handler, Hooks } from './hooks.js'
import type { ServiceName, Services } from './services.js'

/** Version of this contract; plugins name the range that they were written for (`api: '^1.0.0'`). */
export const pluginApiVersion = '1.0.0'

export interface Tools<C> {
  /** The plugin's section of the YAML, checked, with defaults filled in, frozen. */
  readonly config: Readonly<C>
  readonly log: Log
  readonly clock: Clock
  /** The database, for the plugin's own tables (prefix: its name with '-' as '_'). */
  readonly database: Database
}

export interface Given<C, R extends ServiceName> extends Tools<C> {
  /** Only what was required. */
  readonly services: Pick<Services, R>
  /** Private to the plugin, for those with many parts: the tools and the required services are registered in it. */
  readonly container: AwilixContainer<Tools<C> & Pick<Services, R>>
}

export interface Plugin<C = any, R extends ServiceName = any, P extends ServiceName = any> {
  /** Key in the YAML, log scope, table prefix. */
  readonly name: string
  readonly version: string
  /** Range of `pluginApiVersion`, for example '^1.0.0'. */
  readonly api: string
  /** A `z.strictObject`; every field `.describe()`d; defaults live here only. */
  readonly config: z.ZodType<C>
  readonly requires: readonly R[]
  readonly provides: readonly P[]
  readonly migrations?: readonly Migration[]
  /** What the command line can do with it; the commands ask `operations`. */
  readonly commands?: PluginCommands | readonly PluginCommands[]
  /** Wires things up. Synchronous, no I/O, no timers: can be called in a test without a gateway. */
  setup(given: Given<C, R>): Running<P>
}

export interface Running<P extends ServiceName = never> {
  readonly services: Pick<Services, P>
  readonly hooks?: { readonly [N in keyof Hooks]?: Handler<Hooks[N]> }
  /** Administrative acts by name ('<plugin>.<act>'), also asked when the gateway does not run: then nothing was started, only set up and migrated. */
  readonly operations?: Readonly<Record<string, Operation>>
  /** Bind, open, load. */
  start?(): Promise<void>
  /** Everyone has started: accept strangers now. */
  ready?(): Promise<void>
  /** Accept nothing new, finish what runs; past the deadline, end it. */
  stop?(deadline: AbortSignal): Promise<void>
  /** What listens where, for the start-up table and `--json`: name as in design section 10 ('imap', 'imaps', ...) to 'address:port'. Asked after `ready`. */
  listeners?(): Readonly<Record<string, string>>
}

/** Declares a plugin; types follow from `config`, `requires` and `provides`. */
export function definePlugin<C, const R extends ServiceName = never, const P extends ServiceName = never>(plugin: Plugin<C, R, P>): Readonly<Plugin<C, R, P>> {
  return Object.freeze(plugin)
}
