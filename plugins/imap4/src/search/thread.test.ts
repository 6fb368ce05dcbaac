import { describe, expect, it } from 'vitest'
import type { Uid } from '@restante/core'
import type { Sortable } from './sort-keys.js'
import { algorithms, thread } from './thread.js'

interface Given { readonly id?: string; readonly refs?: readonly string[]; readonly subject?: string; readonly reply?: boolean; readonly date?: number | null; readonly came?: number }
const message = ({ id = '', refs = [], subject = '', reply = false, date, came }: Given, i: number): Sortable => ({
  uid: i + 1 as Uid, internalDate: came ?? 1000 + i, size: 1, relevancy: 100,
  keys: { subject, isReply: reply, sent: date === undefined ? 1000 + i : date, from: '', to: '', cc: '', displayFrom: '', displayTo: '', messageId: id, references: refs },
})
function atOnce<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done) return value
  }
}
const threads = (algorithm: string, given: readonly Given[]): string => atOnce(thread(given.map(message), algorithms.get(algorithm)!, ({ uid }) => uid))

it('writes the trees of RFC 5256 (BASE.7.2.THREAD)', () => {
  const numbers = [2, 3, 6, 4, 23, 44, 7, 96]
  const above: Readonly<Record<number, number>> = { 6: 3, 4: 6, 23: 4, 44: 6, 7: 44, 96: 7 }
  const given = numbers.map((number): Given => ({ id: `${number}`, refs: above[number] ? [`${above[number]}`] : [] }))
  const write = (of: readonly Given[], called: readonly number[]): string => atOnce(thread(of.map(message), algorithms.get('REFERENCES')!, ({ uid }) => called[uid - 1]))
  expect(write(given, numbers)).toBe('(2)(3 6 (4 23)(44 7 96))')
  expect(write([{ id: '3', refs: ['gone'] }, { id: '5', refs: ['gone'] }], [3, 5])).toBe('((3)(5))')
})

describe('REFERENCES (RFC 5256 3)', () => {
  const refs = (given: readonly Given[]): string => threads('REFERENCES', given)
  it('puts answers below what they answer', () => {
    expect(refs([])).toBe('')
    expect(refs([{ id: 'a' }, { id: 'b', refs: ['a'] }, { id: 'c', refs: ['a', 'b'] }, { id: 'd', refs: ['a'] }, { id: 'e' }])).toBe('(1 (2 3)(4))(5)')
    expect(refs([{ id: 'b', refs: ['a'] }, { id: 'a', date: 5 }])).toBe('(2 1)')
  })
  it('keeps a dummy only for several children of the root', () => {
    expect(refs([{ id: 'b', refs: ['a'] }])).toBe('(1)')
    expect(refs([{ id: 'b', refs: ['a'] }, { id: 'c', refs: ['a'] }])).toBe('((1)(2))')
    expect(refs([{ id: 'b', refs: ['x', 'y', 'z'] }, { id: 'c', refs: ['x', 'q'] }, { id: 'd', refs: ['b', 'lost'] }])).toBe('((1 3)(2))')
  })
  it('links the ids of References even when the mail between is lost', () => {
    expect(refs([{ id: 'a' }, { id: 'd', refs: ['a', 'b', 'c'] }, { id: 'c', refs: ['b'], date: 2000 }])).toBe('(1 3 2)')
  })
  it('makes no loop, and takes each id once', () => {
    expect(refs([{ id: 'a', refs: ['b'] }, { id: 'b', refs: ['a'] }])).toBe('(2 1)')
    expect(refs([{ id: 'a', refs: ['a'] }])).toBe('(1)')
    expect(refs([{ id: 'a', refs: ['b', 'c', 'b', 'a'] }])).toBe('(1)')
    expect(refs([{ id: 'a' }, { id: 'a' }, { id: 'b', refs: ['a'] }])).toBe('(1 3)(2)')
  })
  it('gathers threads of one subject', () => {
    expect(refs([{ subject: 'X' }, { subject: 'X', reply: true }])).toBe('(1 2)')
    expect(refs([{ subject: 'X', reply: true }, { subject: 'X' }])).toBe('(2 1)')
    expect(refs([{ subject: 'X' }, { subject: 'X' }, { subject: 'X' }])).toBe('((1)(2)(3))')
    expect(refs([{ subject: 'X', id: 'b', refs: ['a'] }, { subject: 'X', id: 'c', refs: ['a'] }, { subject: 'X' }])).toBe('((1)(2)(3))')
    expect(refs([{ subject: 'X', refs: ['a'] }, { subject: 'X', refs: ['a'] }, { subject: 'X', refs: ['b'] }, { subject: 'X', refs: ['b'] }])).toBe('((1)(2)(3)(4))')
    expect(refs([{}, {}])).toBe('(1)(2)')
  })
  it('sorts by the Date field, else by when it came; equals as they stand', () => {
    expect(refs([{ date: 30 }, { date: null, came: 20 }, { date: 10 }, { date: 20 }])).toBe('(3)(2)(4)(1)')
    expect(refs([{ id: 'a', date: 1 }, { refs: ['a'], date: 9 }, { refs: ['a'], date: 5 }])).toBe('(1 (3)(2))')
  })
  it('is as deep as it must be, and quick with mail made to be slow', () => {
    const deep = Array.from({ length: 20_000 }, (_, i) => ({ id: `m${i}`, refs: i > 0 ? [`m${i - 1}`] : [] }))
    const chain = `(${deep.map((_, i) => i + 1).join(' ')})`
    expect(refs(deep) === chain).toBe(true)
    expect(refs([...deep].reverse()).length).toBe(chain.length)
    const began = performance.now()
    const wicked = Array.from({ length: 5000 }, (_, i) => ({ id: `m${i}`, refs: [...Array.from({ length: 198 }, (_, k) => `m${(i * 31 + k * 17) % 5000}`), `m${(i + 1) % 5000}`] }))
    expect(refs(wicked).match(/\d+/g)).toHaveLength(5000)
    expect(performance.now() - began).toBeLessThan(5000)
  })
})

describe('ORDEREDSUBJECT and REFS', () => {
  it('ORDEREDSUBJECT has two levels', () => {
    expect(threads('ORDEREDSUBJECT', [{ subject: 'B', date: 5 }, { subject: 'A', date: 9 }, { subject: 'A', date: 3 }, { subject: 'B', date: 7 }, { subject: 'B', date: 6 }])).toBe('(3 2)(1 (5)(4))')
  })
  it('REFS knows no subjects, and puts the thread with the newest message last', () => {
    expect(threads('REFS', [{ id: 'a', subject: 'X', came: 1 }, { subject: 'X', came: 2 }, { refs: ['a'], came: 3 }])).toBe('(2)(1 3)')
  })
})
