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
  const count = messages.length
  let order = Uint32Array.from(messages, (_, i) => i)
  // From the last criterion to the first, each a stable sort: by numbers made of rank and place, which need no function to compare them.
  const keys = new Float64Array(count)
  for (const { value, reverse } of [...criteria].reverse()) {
    const ranks = yield* rank(messages, value)
    for (let i = 0; i < count; i++) {
      const place = ranks[order[i]]
      keys[i] = (reverse ? count - place : place) * count + i
    }
    keys.sort()
    yield
    order = Uint32Array.from(keys, (key) => order[key % count])
    yield
  }
  return Array.from(order, (i) => messages[i])
}

/** For each message the place of its value among the distinct ones. */
function* rank(messages: readonly Sortable[], value: Value): Generator<void, Uint32Array> {
  const numbers = new Map<string | number, number>()
  const distinct: (string | number)[] = []
  const own = new Uint32Array(messages.length)
  for (let i = 0; i < messages.length; i++) {
    const one = value(messages[i])
    let number = numbers.get(one)
    if (number === undefined) {
      numbers.set(one, (number = distinct.length))
      distinct.push(one)
    }
    own[i] = number
    if (isPause(i)) yield
  }
  const sortedOnes = yield* sorted(Uint32Array.from(distinct, (_, i) => i), (a, b) => (distinct[a] < distinct[b] ? -1 : 1))
  const places = new Uint32Array(distinct.length)
  for (let i = 0; i < sortedOnes.length; i++) places[sortedOnes[i]] = i
  return own.map((number) => places[number])
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
