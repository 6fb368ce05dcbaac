// The configuration: one YAML file, overridden by the environment and `--set`, checked against core's and all plugins'
// schemas at once, so that one report names every problem. Two steps, because plugins must be loaded by the names that
// stand in the file before their schemas are known: readConfig, then check.
import { readFileSync } from 'node:fs'
import { basename, dirname, relative, resolve } from 'node:path'
import { z } from 'zod'
import { failure } from '../errors/codes.js'
import { apply, fromEnvironment, fromSettings, isSwitch, keyFor, put, valueOf, type Override } from './env.js'
import { explain, shown } from './issues.js'
import { isRecord, parseYaml, type Path, type Positioned } from './positions.js'
import { report, type Problem } from './problem.js'
import { coreSchema, type Settings } from './schema.js'
import { mapSecrets } from './walk.js'

export type PluginKind = 'plugins' | 'bridges'
/** A plugin that the configuration switches on: its key as written. */
export interface Enabled { readonly kind: PluginKind; readonly key: string }
/** An enabled plugin that was found, with the schema of its settings. */
export interface Section extends Enabled { readonly config: z.ZodType }
/** An enabled plugin that could not be had. */
export interface Refused extends Enabled { readonly why: string }

export interface ConfigSource {
  readonly file?: string
  /** Instead of reading `file` (which then is only a name). */
  readonly text?: string
  /** 'a.b.c=value'; they win over the environment, which wins over the file. */
  readonly overrides?: readonly string[]
  readonly env?: Readonly<Record<string, string | undefined>>
}

export interface CheckedConfig {
  /** undefined when there are problems. Frozen. */
  readonly config: Settings | undefined
  /** Checked settings of each plugin, by its key. Frozen. */
  readonly sections: ReadonlyMap<string, unknown>
  readonly problems: readonly Problem[]
}

export interface ReadConfig {
  /** In the order of the file, plugins before bridges: decisions are asked in this order. */
  readonly enabled: readonly Enabled[]
  /** Paths of plugins and `file:` references are relative to it. */
  readonly folder: string
  check(sections: readonly Section[], refused?: readonly Refused[]): CheckedConfig
}

export function readConfig(source: ConfigSource): ReadConfig {
  const name = source.file ? relative(process.cwd(), source.file) || basename(source.file) : 'configuration'
  const folder = source.file ? dirname(resolve(source.file)) : process.cwd()
  const read = parseSource(source, name)
  const data = structuredClone(read.data)
  const settings = fromSettings(source.overrides ?? [])
  const problems: Problem[] = [...read.problems, ...settings.problems]
  const overrides = [...fromEnvironment(source.env ?? {}), ...settings.overrides]
  /** Where a value came from, when not from the file. */
  const origins = new Map<string, string>()
  for (const override of overrides.filter(isSwitch)) origins.set(flip(override, data).join('\0'), override.origin)

  const place = (path: Path): string => {
    for (let n = path.length; n > 0; n--) {
      const origin = origins.get(path.slice(0, n).join('\0'))
      if (origin) return origin
    }
    return read.place(path)
  }
  const enabled: Enabled[] = []
  for (const kind of ['plugins', 'bridges'] as const) {
    if (data[kind] === undefined) continue
    if (!isRecord(data[kind])) continue // core's schema says what is wrong
    for (const [key, value] of Object.entries(data[kind])) {
      if (value === false) continue
      if (value === undefined || value === true || isRecord(value)) enabled.push({ kind, key })
      else problems.push({ place: place([kind, key]), key: `${kind}.${key}`, what: `found ${shown(value)}; accepted: a map of settings, {} for the defaults, or false` })
    }
  }
  return {
    enabled,
    folder,
    check(sections, refused = []) {
      const found = [...problems, ...refused.map(({ kind, key, why }) => ({ place: place([kind, key]), key: `${kind}.${key}`, what: why }))]
      // A file that is no YAML says nothing about its settings.
      if (read.problems.length) return { config: undefined, sections: new Map(), problems: found }
      return checkAll(data, sections, overrides.filter((override) => !isSwitch(override)), origins, found, place, folder)
    },
  }
}

/** The schema of the whole file, with these plugins enabled. */
export function wholeSchema(sections: readonly Section[]): z.ZodType {
  const of = (kind: PluginKind): z.ZodType => z.strictObject(Object.fromEntries(sections.filter((s) => s.kind === kind).map((s) => [s.key, s.config]))).prefault({})
  return coreSchema.extend({ plugins: of('plugins') as never, bridges: of('bridges') as never })
}

function checkAll(raw: Record<string, unknown>, sections: readonly Section[], overrides: readonly Override[], origins: Map<string, string>, problems: Problem[], place: (path: Path) => string, folder: string): CheckedConfig {
  const schema = wholeSchema(sections)
  const data = structuredClone(raw)
  for (const kind of ['plugins', 'bridges'] as const) {
    if (!isRecord(data[kind]) && data[kind] !== undefined) continue
    const written = (data[kind] ?? {}) as Record<string, unknown>
    data[kind] = Object.fromEntries(sections.filter((s) => s.kind === kind).map(({ key }) => [key, isRecord(written[key]) ? written[key] : {}]))
  }
  for (const override of overrides) {
    const done = apply(override, data, schema)
    if (Array.isArray(done)) origins.set(done.join('\0'), override.origin)
    else problems.push(done as Problem)
  }
  const resolved = mapSecrets(data, schema, (text, path) => (text.startsWith('file:') ? readSecret(text.slice(5), folder, path, place, problems) : text))
  const result = schema.safeParse(resolved)
  if (!result.success)
    for (const issue of result.error.issues)
      for (const { path, what } of explain(issue, resolved, schema)) problems.push({ place: place(path), key: path.join('.'), what })
  if (problems.length || !result.success) return { config: undefined, sections: new Map(), problems }
  const { plugins, bridges, ...config } = result.data as Settings & Record<PluginKind, Record<string, unknown>>
  return { config: deepFreeze(config) as Settings, sections: new Map(Object.entries(deepFreeze({ ...plugins, ...bridges }))), problems }
}

/** Both steps in one, for plugins that are at hand already. Plugins are matched by name; all are enabled that the text enables. */
export function loadConfig(source: ConfigSource & { readonly plugins: readonly { readonly name: string; readonly config: z.ZodType }[] }): CheckedConfig {
  const read = readConfig(source)
  const sections: Section[] = []
  const refused: Refused[] = []
  for (const enabled of read.enabled) {
    const plugin = source.plugins.find(({ name }) => name === enabled.key)
    if (plugin) sections.push({ ...enabled, config: plugin.config })
    else refused.push({ ...enabled, why: 'no such plugin' })
  }
  return read.check(sections, refused)
}

/** @throws CONFIG_INVALID with the whole report */
export function insist(checked: CheckedConfig): { readonly config: Settings; readonly sections: ReadonlyMap<string, unknown> } {
  if (!checked.config) throw failure('CONFIG_INVALID', { report: report(checked.problems) })
  return { config: checked.config, sections: checked.sections }
}

function parseSource({ file, text }: ConfigSource, name: string): Positioned {
  try {
    return parseYaml(text ?? (file ? readFileSync(file, 'utf8') : ''), name)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'this user may not read it' : code === 'EISDIR' ? 'it is a folder' : message
    return { data: {}, problems: [{ place: name, key: '', what: `cannot be read: ${why}` }], place: () => name }
  }
}

/** Applies `plugins.x=…`. The plugin need not be in the file, and its schema is not known yet. */
function flip({ steps, value, blurred }: Override, data: Record<string, unknown>): string[] {
  const kind = steps[0]!.toLowerCase() as PluginKind
  const known = Object.keys(isRecord(data[kind]) ? data[kind] : {})
  const key = keyFor(steps[1]!, known, blurred) ?? (blurred ? steps[1]!.toLowerCase().replaceAll('_', '-') : steps[1]!)
  put(data, [kind, key], valueOf(value || '{}', undefined))
  return [kind, key]
}

function readSecret(reference: string, folder: string, path: Path, place: (path: Path) => string, problems: Problem[]): string {
  const file = resolve(folder, reference)
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    problems.push({ place: place(path), key: path.join('.'), what: `the secret's file ${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}` })
    return 'unreadable'
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
