// SORT's criteria as a table, and the sort itself (RFC 5256, 5957). Pure.
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

/** @param messages in mailbox order, which decides where all else is equal */
export function sortMessages(messages: readonly Sortable[], { criteria }: SortProgram): Sortable[] {
  // Each value is taken once, not at every comparison.
  const columns = criteria.map(({ value }) => messages.map(value))
  const signs = criteria.map(({ reverse }) => (reverse ? -1 : 1))
  const order = Uint32Array.from(messages, (_, i) => i)
  order.sort((a, b) => {
    for (let c = 0; c < columns.length; c++) {
      const [x, y] = [columns[c][a], columns[c][b]]
      if (x !== y) return (x < y ? -1 : 1) * signs[c]
    }
    return a - b
  })
  return Array.from(order, (i) => messages[i])
}
