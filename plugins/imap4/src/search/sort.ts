// SORT's criteria as a table, and the sort itself (RFC 5256, 5957). Pure.
import { isPause } from '../session/turns.js'
import { BadCommand, type Reader } from '../wire/reader.js'
import { sentDate, type Sortable } from './sort-keys.js'

type Value = (message: Sortable) => string | number
interface Criterion { readonly value: Value; readonly reverse: boolean }
export interface SortProgram {
  readonly criteria: readonly Criterion[]
  /** Whether the index alone does not suffice. */
  readonly needKeys: boolean
}

const fromIndex: Readonly<Record<string, Value>> = { ARRIVAL: (m) => m.internalDate, RELEVANCY: (m) => -m.relevancy, SIZE: (m) => m.size }
const fromKeys: Readonly<Record<string, Value>> = {
  CC: (m) => m.keys.cc, DATE: sentDate, DISPLAYFROM: (m) => m.keys.displayFrom, DISPLAYTO: (m) => m.keys.displayTo,
  FROM: (m) => m.keys.from, SUBJECT: (m) => m.keys.subject, TO: (m) => m.keys.to,
}
const table: Readonly<Record<string, Value>> = { ...fromIndex, ...fromKeys }
const maxCriteria = 20

/** `(SUBJECT REVERSE DATE)` */
export function sortProgram(r: Reader): SortProgram {
  let needKeys = false
  const criteria = r.list((x): Criterion => {
    let name = x.word('a sort criterion')
    const reverse = name === 'REVERSE'
    if (reverse) name = x.sp().word('a sort criterion')
    if (!Object.hasOwn(table, name)) throw new BadCommand(`There is no sort criterion ${name}`)
    needKeys ||= Object.hasOwn(fromKeys, name)
    return { value: table[name], reverse }
  })
  if (criteria.length === 0) throw new BadCommand('Sorted by what?')
  if (criteria.length > maxCriteria) throw new BadCommand(`More than ${maxCriteria} sort criteria`)
  return { criteria, needKeys }
}

/** In steps. @param messages in mailbox order, which decides where all else is equal */
export function* sortMessages(messages: readonly Sortable[], { criteria }: SortProgram): Generator<void, Sortable[]> {
  // Each value is taken once, not at every comparison.
  const columns: (readonly (string | number)[])[] = []
  for (const { value } of criteria) {
    columns.push(messages.map(value))
    yield
  }
  const signs = criteria.map(({ reverse }) => (reverse ? -1 : 1))
  const order = yield* sorted(Uint32Array.from(messages, (_, i) => i), (a, b) => {
    for (let c = 0; c < columns.length; c++) {
      const x = columns[c][a]
      const y = columns[c][b]
      if (x !== y) return (x < y ? -1 : 1) * signs[c]
    }
    return a - b
  })
  return Array.from(order, (i) => messages[i])
}

/** Numbers that are sorted at a stroke. */
const stroke = 512

/** Merge sort in steps: short runs at a stroke, then pairs of runs until there is one. */
export function* sorted(numbers: Uint32Array, compare: (a: number, b: number) => number): Generator<void, Uint32Array> {
  for (let at = 0; at < numbers.length; at += stroke) {
    numbers.subarray(at, at + stroke).sort(compare)
    yield
  }
  let from: Uint32Array = numbers
  let to: Uint32Array = new Uint32Array(numbers.length)
  for (let run = stroke; run < numbers.length; run *= 2) {
    for (let low = 0; low < numbers.length; low += 2 * run) {
      const middle = Math.min(low + run, numbers.length)
      const high = Math.min(low + 2 * run, numbers.length)
      let a = low
      let b = middle
      for (let at = low; at < high; at++) {
        to[at] = a < middle && (b >= high || compare(from[a], from[b]) <= 0) ? from[a++] : from[b++]
        if (isPause(at)) yield
      }
    }
    ;[from, to] = [to, from]
  }
  return from
}
