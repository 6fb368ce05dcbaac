// YAML in, plain values out, and where each key stands. Knows nothing of what the keys mean.
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml'
import type { Problem } from './problem.js'

export type Path = readonly (string | number)[]

export interface Positioned {
  readonly data: Record<string, unknown>
  readonly problems: readonly Problem[]
  /** 'file:line' of a key, or of the nearest level above it that is written down. */
  place(path: Path): string
}

export function parseYaml(text: string, file: string): Positioned {
  const lines = new LineCounter()
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: true, version: '1.2' })
  const at = (offset: number): string => `${file}:${lines.linePos(offset).line || 1}`
  // After the first syntax error the parser guesses, so the others may be echoes of it; doubled keys are real, each.
  const doubled = doc.errors.filter((error) => error.code === 'DUPLICATE_KEY')
  const errors = doubled.length ? doubled : doc.errors.slice(0, 1)
  const problems: Problem[] = errors.map((error) => ({ place: `${at(error.pos[0])}:${lines.linePos(error.pos[0]).col}`, key: '', what: plainMessage(error.code, error.message) }))
  let data: unknown
  if (!problems.length) {
    try {
      data = doc.toJS({ maxAliasCount: 100 })
    } catch (error) {
      problems.push({ place: `${file}:1`, key: '', what: `not usable YAML: ${(error as Error).message}` })
    }
  }
  if (data !== undefined && data !== null && !(typeof data === 'object' && !Array.isArray(data)))
    problems.push({ place: `${file}:1`, key: '', what: `found ${typeof data === 'string' ? 'text' : 'a list or number'}; accepted: a map of sections (key: value)` })
  return {
    data: problems.length ? {} : withoutEmpty((data ?? {}) as Record<string, unknown>),
    problems,
    place: (path) => at(offsetOf(doc.contents as Node | null, path)),
  }
}

function offsetOf(node: Node | null, path: Path): number {
  let offset = node?.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
      if (!pair) return offset
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value as Node | null
    } else if (isSeq(node)) {
      node = (node.items[Number(step)] ?? null) as Node | null
      offset = node?.range?.[0] ?? offset
    } else return offset
  }
  return offset
}

/** A key with nothing behind it (all its lines commented out) means the default. The key stays, so that a misspelt one is still found. */
function withoutEmpty(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, v === null ? undefined : isRecord(v) ? withoutEmpty(v) : v]))
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function plainMessage(code: string, message: string): string {
  const [first] = message.split('\n')
  if (code === 'DUPLICATE_KEY') return 'this key stands here a second time; accepted: each key once'
  if (code === 'TAB_AS_INDENT') return 'found a tab; accepted: spaces for indentation'
  return `not valid YAML: ${first}`
}
