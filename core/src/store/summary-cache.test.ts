import { describe, expect, it } from 'vitest'
import type { MessageId } from '../base/branded.js'
import { SummaryCache } from './summary-cache.js'

const id = (n: number): MessageId => n as MessageId
const values = (envelope: string, headers: string | null = null): never => ({ envelope, headers }) as never

describe('summaries that were read lately', () => {
  it('answers only when it knows all that is asked', () => {
    const cache = new SummaryCache(10_000)
    cache.put(id(1), ['envelope'], values('(one)'))
    expect(cache.get(id(1), ['envelope'])?.envelope).toBe('(one)')
    expect(cache.get(id(1), ['envelope', 'headers'])).toBeUndefined()
    cache.put(id(1), ['headers'], values('', 'From: a\r\n'))
    expect(cache.get(id(1), ['envelope', 'headers'])).toMatchObject({ envelope: '(one)', headers: 'From: a\r\n' })
    expect(cache.get(id(2), ['envelope'])).toBeUndefined()
  })
  it('knows that header fields could not be kept', () => {
    const cache = new SummaryCache(10_000)
    cache.put(id(1), ['headers'], values('', null))
    expect(cache.get(id(1), ['headers'])?.headers).toBeNull()
  })
  it('stays within its bound, the oldest leaving first, and forgets', () => {
    const cache = new SummaryCache(10_000)
    for (let i = 0; i < 1000; i++) cache.put(id(i), ['envelope'], values('x'.repeat(i % 300)))
    expect(cache.octets).toBeLessThanOrEqual(10_000)
    expect(cache.get(id(0), ['envelope'])).toBeUndefined()
    expect(cache.get(id(999), ['envelope'])).toBeDefined()
    cache.forget(Array.from({ length: 1000 }, (_, i) => id(i)))
    expect(cache.octets).toBe(0)
  })
  it('keeps nothing that is not worth it, and nothing at all when it may not', () => {
    expect([new SummaryCache(10_000).covers(['envelope', 'size']), new SummaryCache(10_000).covers(['parts']), new SummaryCache(0).covers(['envelope'])]).toEqual([true, false, false])
  })
  it('one that is greater than the bound does not stay', () => {
    const cache = new SummaryCache(1000)
    cache.put(id(1), ['envelope'], values('x'.repeat(5000)))
    expect(cache.octets).toBe(0)
  })
})
