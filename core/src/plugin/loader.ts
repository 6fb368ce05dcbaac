// Finds plugins by the names that stand in the YAML: built-in names, npm packages, paths. Says why one cannot be had;
// never skips one in silence.
import { createRequire } from 'node:module'
import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { didYouMean } from '../config/problem.js'
import type { Enabled, Refused } from '../config/load.js'
import { pluginApiVersion, type Plugin } from './contract.js'

export interface Found extends Enabled { readonly plugin: Plugin }

export interface LoadOptions {
  /** Short names to packages: { imap4: '@restante/imap4' }. */
  readonly builtIn: Readonly<Record<string, string>>
  /** Paths are relative to it. */
  readonly folder: string
  /** Instead of import(), for tests. */
  readonly load?: (specifier: string) => Promise<unknown>
}

export async function loadPlugins(enabled: readonly Enabled[], { builtIn, folder, load = importFrom(folder) }: LoadOptions): Promise<{ found: Found[]; refused: Refused[] }> {
  const found: Found[] = []
  const refused: Refused[] = []
  const results = await Promise.all(
    enabled.map(async (one): Promise<Found | Refused> => {
      const specifier = builtIn[one.key] ?? (isPath(one.key) ? pathToFileURL(resolve(folder, one.key)).href : one.key)
      try {
        const plugin = (await load(specifier) as { default?: unknown }).default
        const why = whatIsWrong(plugin)
        return why ? { ...one, why } : { ...one, plugin: plugin as Plugin }
      } catch (error) {
        return { ...one, why: whyNot(one.key, specifier, error as NodeJS.ErrnoException, Object.keys(builtIn)) }
      }
    }),
  )
  for (const result of results) {
    if ('why' in result) refused.push(result)
    else {
      const twin = found.find(({ plugin }) => plugin.name === result.plugin.name)
      if (twin) refused.push({ kind: result.kind, key: result.key, why: `its name is "${result.plugin.name}", which ${twin.kind}.${twin.key} has already` })
      else found.push(result)
    }
  }
  return { found, refused }
}

/** Whether `version` is in `range`: '1.2.3', '^1.2.3', '~1.2.3', '>=1.2.3' or '*'. */
export function inRange(version: string, range: string): boolean {
  if (range.trim() === '*') return true
  const parts = /^\s*(\^|~|>=|=)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?\s*$/.exec(range)
  if (!parts) return false
  const [, operator = '=', ...numbers] = parts
  const want = numbers.map((n) => Number(n ?? 0))
  const have = version.split('.').map(Number)
  const order = have.map((n, i) => Math.sign(n - want[i]!)).find((sign) => sign !== 0) ?? 0
  if (operator === '=') return order === 0
  if (order < 0) return false
  if (operator === '>=') return true
  return have[0] === want[0] && ((operator === '^' && want[0]! > 0) || have[1] === want[1])
}

function isPath(key: string): boolean {
  return key.startsWith('./') || key.startsWith('../') || isAbsolute(key)
}

/** A package may be installed beside us or beside the configuration. */
function importFrom(folder: string): (specifier: string) => Promise<unknown> {
  return async (specifier) => {
    try {
      return await import(specifier)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND' || specifier.startsWith('file:')) throw error
      try {
        return await import(pathToFileURL(createRequire(resolve(folder, 'x')).resolve(specifier)).href)
      } catch {
        throw error
      }
    }
  }
}

function whatIsWrong(plugin: unknown): string | undefined {
  if (typeof plugin !== 'object' || plugin === null) return 'its module has no default export made by definePlugin'
  const p = plugin as Partial<Record<keyof Plugin, unknown>>
  if (typeof p.name !== 'string' || !/^[a-z][a-z0-9-]{0,40}$/.test(p.name)) return 'its name must be lower-case letters, digits and dashes'
  if (typeof p.version !== 'string') return 'it states no version'
  if (typeof p.api !== 'string') return `it does not say which plugin API it was written for (api: '^${pluginApiVersion}')`
  if (!inRange(pluginApiVersion, p.api)) return `it was written for plugin API ${p.api}; this gateway has ${pluginApiVersion}`
  if (typeof p.config !== 'object' || p.config === null || !('_zod' in p.config)) return 'its config is not a zod 4 schema'
  if (!Array.isArray(p.requires) || !Array.isArray(p.provides)) return 'requires and provides must be lists of service names'
  if (typeof p.setup !== 'function') return 'it has no setup function'
  return undefined
}

function whyNot(key: string, specifier: string, error: NodeJS.ErrnoException, known: readonly string[]): string {
  const missing = error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND'
  const itself = error.message?.includes(`'${specifier}'`) || (specifier.startsWith('file:') && error.message?.includes(decodeURI(new URL(specifier).pathname) + "'"))
  if (missing && itself)
    return isPath(key) ? 'there is no such file' : `no such plugin${didYouMean(key, known)}; accepted: ${known.join(', ')}, an installed package, or a path that begins with ./`
  return `its module cannot be loaded: ${error.message ?? String(error)}`
}
