// Sets of numbers as RFC 3501 writes them (`1,3:5,7:*`). Pure. Long sets cost a sort, never a square.
import type { Reader } from '../wire/reader.js'

/** Pairs low, high, low, high, … as written; 0 stands for `*`. */
export type SequenceSet = readonly number[]
/** Pairs low, high, …: ascending, disjoint, not touching. */
export type Ranges = readonly number[]

/** `$`: what a SEARCH saved (RFC 5182). Known by identity; Selected knows which messages those are. */
export const saved: SequenceSet = Object.freeze([-1, -1])

export function sequenceSet(r: Reader): SequenceSet {
  if (r.take('$')) return saved
  const set: number[] = []
  do {
    const first = setNumber(r)
    set.push(first, r.take(':') ? setNumber(r) : first)
  } while (r.take(','))
  return set
}
const setNumber = (r: Reader): number => (r.take('*') ? 0 : r.nzNumber('a message number or *'))

/** The set with `*` resolved to `max`, in order, without overlaps. */
export function ranges(set: SequenceSet, max: number): Ranges {
  const pairs: [number, number][] = []
  for (let i = 0; i < set.length; i += 2) {
    const a = set[i] === 0 ? max : set[i]
    const b = set[i + 1] === 0 ? max : set[i + 1]
    pairs.push(a <= b ? [a, b] : [b, a])
  }
  pairs.sort((x, y) => x[0] - y[0])
  const merged: number[] = []
  for (const [low, high] of pairs) {
    const last = merged.length - 1
    if (last > 0 && low <= merged[last] + 1) merged[last] = Math.max(merged[last], high)
    else merged.push(low, high)
  }
  return merged
}

/** Whether `n` is in `sorted` (binary search). */
export function contains(sorted: Ranges, n: number): boolean {
  let low = 0
  let high = sorted.length / 2 - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    if (n < sorted[2 * middle]) high = middle - 1
    else if (n > sorted[2 * middle + 1]) low = middle + 1
    else return true
  }
  return false
}

/** Ranges that are in both. */
export function intersection(a: Ranges, b: Ranges): number[] {
  const both: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const low = Math.max(a[i], b[j])
    const high = Math.min(a[i + 1], b[j + 1])
    if (low <= high) both.push(low, high)
    if (a[i + 1] < b[j + 1]) i += 2
    else j += 2
  }
  return both
}

/** Ranges as a set. */
export function formatRanges(pairs: Ranges): string {
  const parts: string[] = []
  for (let i = 0; i < pairs.length; i += 2) parts.push(pairs[i] === pairs[i + 1] ? `${pairs[i]}` : `${pairs[i]}:${pairs[i + 1]}`)
  return parts.join(',')
}

/** Writes numbers as a set, in the order given (`[1,2,3,9]` → `1:3,9`). */
export function formatSet(numbers: readonly number[]): string {
  let text = ''
  for (let i = 0; i < numbers.length; ) {
    const from = i
    while (i + 1 < numbers.length && numbers[i + 1] === numbers[i] + 1) i++
    text += `${text === '' ? '' : ','}${numbers[from]}${i > from ? `:${numbers[i]}` : ''}`
    i++
  }
  return text
}
