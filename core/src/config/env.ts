// Overrides from the environment (RESTANTE_IM2000__STORE__LIFETIME=0) and from `--set im2000.store.lifetime=0`, applied
// to the plain values before they are checked. An unknown name is a problem like a misspelt key in the file.
import type { z } from 'zod'
import { parse } from 'yaml'
import { isRecord } from './positions.js'
import { didYouMean, squash, type Problem } from './problem.js'
import { childOf, shapeOf, unwrap } from './walk.js'

export interface Override {
  /** 'environment variable RESTANTE_LOG__LEVEL' or '--set log.level'. */
  readonly origin: string
  readonly steps: readonly string[]
  readonly value: string
  /** Names from the environment have lost case and dashes. */
  readonly blurred: boolean
}

const prefix = 'RESTANTE_'
/** Not settings: where the file itself is, and what the test suite talks to itself about. */
const reserved = /^RESTANTE_(CONFIG|TEST_.*)$/i

export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): Override[] {
  return Object.entries(env)
    .filter(([name, value]) => value !== undefined && name.toUpperCase().startsWith(prefix) && !reserved.test(name))
    .map(([name, value]) => ({ origin: `environment variable ${name}`, steps: name.slice(prefix.length).split('__'), value: value!, blurred: true }))
}

/** @param settings 'a.b.c=value'; a key with dots in it stands in double quotes: 'plugins."./mine.js".listen=:25' */
export function fromSettings(settings: readonly string[]): { overrides: Override[]; problems: Problem[] } {
  const overrides: Override[] = []
  const problems: Problem[] = []
  for (const setting of settings) {
    const equals = setting.indexOf('=')
    const steps = setting.slice(0, equals).match(/"[^"]+"|[^".]+/g)?.map((step) => step.replace(/^"(.*)"$/, '$1').trim())
    if (equals < 1 || !steps) problems.push({ place: `--set ${setting}`, key: '', what: 'accepted: key=value, for example log.level=debug' })
    else overrides.push({ origin: `--set ${steps.join('.')}`, steps, value: setting.slice(equals + 1), blurred: false })
  }
  return { overrides, problems }
}

/** Whether the override switches a plugin on or off, or replaces its whole section. */
export function isSwitch({ steps }: Override): boolean {
  return steps.length === 2 && ['plugins', 'bridges'].includes(steps[0]!.toLowerCase())
}

/** Puts the value where it belongs and says where that is; or says what is wrong. */
export function apply(override: Override, data: Record<string, unknown>, schema: z.core.$ZodType): readonly string[] | Problem {
  const path: string[] = []
  let at = schema
  for (const step of override.steps) {
    const key = keyFor(step, Object.keys(shapeOf(at) ?? {}), override.blurred)
    const next = key === undefined ? undefined : childOf(at, key)
    if (next === undefined) {
      const under = path.length ? ` under ${path.join('.')}` : ''
      return { place: override.origin, key: '', what: `no setting "${override.blurred ? step.toLowerCase() : step}"${under}${didYouMean(step, Object.keys(shapeOf(at) ?? {}))}` }
    }
    path.push(key!)
    at = next
  }
  put(data, path, valueOf(override.value, at))
  return path
}

/** Sets a value deep in plain data, making the levels in between. */
export function put(data: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = data
  for (const key of path.slice(0, -1)) at = (isRecord(at[key]) ? at[key] : (at[key] = {})) as Record<string, unknown>
  at[path.at(-1)!] = value
}

export function keyFor(step: string, keys: readonly string[], blurred: boolean): string | undefined {
  return keys.find((key) => (blurred ? squash(key) === squash(step) : key === step)) ?? (keys.length ? undefined : step)
}

/** Text stays text where text is wanted ('007' as a host name); elsewhere it is read as YAML would. A list may be 'a, b'. */
export function valueOf(text: string, schema: z.core.$ZodType | undefined): unknown {
  const type = schema && unwrap(schema)._zod.def.type
  if (type === 'string' || type === 'enum') return text
  let value: unknown
  try {
    value = parse(text)
  } catch {
    value = text
  }
  if (type === 'array' && !Array.isArray(value)) return text === '' ? [] : text.split(',').map((part) => part.trim())
  return value ?? text
}
