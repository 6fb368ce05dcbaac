// Walking down a zod schema by key: for overrides (which have only names), hints, secrets and printing. Pure.
import { z } from 'zod'
import type { Path } from './positions.js'

/** The schema inside defaults, optionals, transforms. */
export function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { type: string; innerType?: z.core.$ZodType; in?: z.core.$ZodType; out?: z.core.$ZodType; getter?: () => z.core.$ZodType }
  if (def.innerType) return unwrap(def.innerType)
  if (def.type === 'pipe') return unwrap(def.in!._zod.def.type === 'transform' ? def.out! : def.in!)
  if (def.type === 'lazy') return unwrap(def.getter!())
  return schema
}

/** The keys of a map, or undefined when it is none or takes any key. */
export function shapeOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> | undefined {
  const inner = unwrap(schema)._zod.def as { type: string; shape?: Record<string, z.core.$ZodType>; options?: z.core.$ZodType[] }
  if (inner.type === 'object') return inner.shape
  if (inner.type === 'union') {
    const shapes = inner.options!.map(shapeOf).filter((shape) => shape !== undefined)
    return shapes.length ? Object.assign({}, ...shapes) : undefined
  }
  return undefined
}

/** The schema one key further down. */
export function childOf(schema: z.core.$ZodType, key: string | number): z.core.$ZodType | undefined {
  const shape = shapeOf(schema)
  if (shape) return Object.hasOwn(shape, key) ? shape[key] : undefined
  const inner = unwrap(schema)._zod.def as { type: string; valueType?: z.core.$ZodType; element?: z.core.$ZodType; options?: z.core.$ZodType[] }
  if (inner.type === 'union') return inner.options!.map((option) => childOf(option, key)).find((found) => found !== undefined)
  return inner.valueType ?? inner.element
}

export function schemaAt(schema: z.core.$ZodType, path: Path): z.core.$ZodType | undefined {
  let at: z.core.$ZodType | undefined = schema
  for (const key of path) at = at && childOf(at, key)
  return at
}

/** Whether what stands here must not be printed: this schema or one that it wraps is a `secret()`. */
export function isSecret(schema: z.core.$ZodType | undefined): boolean {
  if (!schema) return false
  if (z.globalRegistry.get(schema)?.writeOnly === true) return true
  const def = schema._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType; options?: z.core.$ZodType[] }
  return isSecret(def.innerType) || isSecret(def.in) || (def.options ?? []).some(isSecret)
}

/** Calls `visit` for every text in `value` that the schema calls a secret; what it returns takes its place. */
export function mapSecrets(value: unknown, schema: z.core.$ZodType | undefined, visit: (text: string, path: Path) => unknown, path: Path = []): unknown {
  if (!schema) return value
  if (typeof value === 'string') return isSecret(schema) ? visit(value, path) : value
  if (Array.isArray(value)) return value.map((v, i) => mapSecrets(v, childOf(schema, i), visit, [...path, i]))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, mapSecrets(v, childOf(schema, key), visit, [...path, key])]))
  return value
}
