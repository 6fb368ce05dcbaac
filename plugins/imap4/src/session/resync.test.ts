import { describe, expect, it } from 'vitest'
import { formatRanges, intersection, ranges } from '../grammar/sequence-set.js'
import { settledUpTo } from './resync.js'

describe('a sample of message numbers and UIDs', () => {
  // RFC 7162 3.2.5.2: only every third UID is there.
  const thirds = (seq: number): number | undefined => (seq >= 1 && seq <= 10_003 ? seq * 3 : undefined)
  const settled = (seqs: number[], uids: number[], at = thirds): number => settledUpTo({ seqs: ranges(seqs, 0), uids: ranges(uids, 0) }, at)
  const each = (...numbers: number[]): number[] => numbers.flatMap((n) => [n, n])
  it('settles all up to the last pair that still matches', () => {
    expect(settled([...each(5000, 7500, 9000), 9990, 9999], each(15000, 22500, 27000, ...Array.from({ length: 10 }, (_, i) => 29970 + 3 * i)))).toBe(29997)
    expect(settled(each(4, 12), each(12, 37))).toBe(12)
    expect(settled(each(1), each(2))).toBe(0)
    expect(settled(each(20_000), each(60_000))).toBe(0)
  })
  it('walks ranges of different lengths in step, a million at a time', () => {
    const from = (first: number) => (seq: number): number => (seq < first ? seq : seq + 5)
    expect(settled([1, 1_000_000], [1, 400, 500, 1_000_099], from(1_000_000))).toBe(400)
    expect(settled([1, 1_000_000], [1, 1_000_000], from(777_777))).toBe(777_776)
    expect(settled([1, 1_000_000], [1, 10], from(5_000_000))).toBe(10)
  })
})

describe('ranges', () => {
  it('intersect and read as a set', () => {
    expect(intersection([1, 5, 8, 20], [2, 3, 5, 9, 19, 30])).toEqual([2, 3, 5, 5, 8, 9, 19, 20])
    expect(intersection([], [1, 9])).toEqual([])
    expect(formatRanges([1, 1, 3, 9])).toBe('1,3:9')
  })
})
