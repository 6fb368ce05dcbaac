// What SEARCH and SORT shall return (RFC 4731, 5182, 5267, 9394): `RETURN (MIN MAX ALL COUNT SAVE PARTIAL 1:500)`. Pure.
import { BadCommand, type Reader } from '../wire/reader.js'
import { fetchItems, type FetchItem } from './fetch-items.js'

/** Places in a result, 1 being the first, -1 the last; as asked. */
export interface Partial { readonly from: number; readonly to: number }
export type ReturnItem = 'MIN' | 'MAX' | 'ALL' | 'COUNT'
export interface SearchReturn {
  readonly items: ReadonlySet<ReturnItem>
  readonly partial: Partial | undefined
  /** For `$`. */
  readonly save: boolean
  /** How well each message matches (RFC 6203). */
  readonly relevancy: boolean
  /** Changes of the result are told until further notice (RFC 5267). */
  readonly update: boolean
  /** What is told of new messages that enter it (RFC 5465 7). */
  readonly fetch: readonly FetchItem[]
}

const items: readonly string[] = ['MIN', 'MAX', 'ALL', 'COUNT']

/** `RETURN (…) `, when it comes next. */
export function takeSearchReturn(r: Reader): SearchReturn | undefined {
  if (!r.take('RETURN ')) return undefined
  const asked = new Set<ReturnItem>()
  let partial: Partial | undefined
  let save = false
  let relevancy = false
  let update = false
  let fetch: readonly FetchItem[] = []
  r.list(() => {
    const name = r.word('a result option')
    if (name === 'SAVE') save = true
    else if (name === 'RELEVANCY') relevancy = true
    else if (name === 'UPDATE') {
      update = true
      if (r.take(' (')) {
        r.back(1)
        fetch = fetchItems(r)
      }
    }
    // A hint that more of the same will be asked (RFC 5267 3.2): results cost us nothing to find again.
    else if (name === 'CONTEXT') return
    else if (name === 'PARTIAL') {
      if (partial) throw new BadCommand('PARTIAL twice')
      partial = partialRange(r.sp())
    } else if (items.includes(name)) asked.add(name as ReturnItem)
    else throw new BadCommand(`There is no result option ${name}`)
  })
  if (partial && asked.has('ALL')) throw new BadCommand('PARTIAL or ALL, not both')
  // Nothing asked is ALL; SAVE alone wants no reply.
  if (asked.size === 0 && !partial && !save && !relevancy) asked.add('ALL')
  r.sp()
  return { items: asked, partial, save, relevancy, update, fetch }
}

/** `1:500`, `-1:-100` (RFC 9394). */
export function partialRange(r: Reader): Partial {
  const sign = r.take('-') ? -1 : 1
  const from = sign * r.nzNumber('a place')
  r.expect(':')
  if (sign < 0) r.expect('-')
  return { from, to: sign * r.nzNumber('a place') }
}

/** The part of a list that a range names. */
export function partOf<T>(list: readonly T[], { from, to }: Partial): readonly T[] {
  const [low, high] = from < to ? [from, to] : [to, from]
  return low > 0 ? list.slice(low - 1, high) : list.slice(Math.max(0, list.length + low), Math.max(0, list.length + high + 1))
}
