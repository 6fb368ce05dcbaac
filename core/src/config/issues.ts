// What zod found, in the report's words: what was found; what is accepted.
import type { z } from 'zod'
import { isRecord, type Path } from './positions.js'
import { didYouMean } from './problem.js'
import { isSecret, schemaAt, shapeOf } from './walk.js'

/** One sentence per trouble. Unknown keys become one each, with their own path. */
export function explain(issue: z.core.$ZodIssue, data: unknown, schema: z.core.$ZodType): { path: Path; what: string }[] {
  const path = issue.path as (string | number)[]
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(shapeOf(schemaAt(schema, path) ?? schema) ?? {})
    return issue.keys.map((key) => ({ path: [...path, key], what: `found an unknown key${didYouMean(key, known)}; accepted: ${known.join(', ') || 'nothing'}` }))
  }
  const value = at(data, path)
  const found = isSecret(schemaAt(schema, path)) && typeof value === 'string' ? 'a secret' : shown(value)
  return [{ path, what: value === undefined ? `is missing; accepted: ${accepted(issue)}` : `found ${found}; accepted: ${accepted(issue)}` }]
}

function accepted(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeNames[issue.expected] ?? issue.expected
    case 'invalid_value':
      return issue.values.map(String).join(', ')
    case 'too_small':
      return `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unitOf(issue.origin)}`
    case 'too_big':
      return `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}${unitOf(issue.origin)}`
    case 'invalid_union':
      return [...new Set(issue.errors.flat().map(accepted))].join(', or ') || 'something else'
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`
    case 'invalid_key':
      return 'another key'
    default:
      return issue.message
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text', number: 'a number', int: 'a whole number', boolean: 'true or false', object: 'a map of settings', record: 'a map', array: 'a list', null: 'nothing',
}

function unitOf(origin: string): string {
  return origin === 'string' ? ' characters' : origin === 'array' || origin === 'set' ? ' entries' : ''
}

export function shown(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)
  if (Array.isArray(value)) return 'a list'
  if (isRecord(value)) return 'a map'
  return String(value)
}

function at(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => (isRecord(value) || Array.isArray(value) ? (value as Record<string, unknown>)[key] : undefined), data)
}
