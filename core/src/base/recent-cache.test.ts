import { describe, expect, it } from 'vitest'
import { RecentCache } from './recent-cache.js'

const made = (most = 100): RecentCache<number, string> => new RecentCache(most, (value) => value.length)
const ten = 'x'.repeat(10)

describe('what was used lately', () => {
  it('stays within its bound, and keeps what is used', () => {
    const cache = made()
    cache.set(1, ten)
    for (let key = 2; key < 1000; key++) {
      cache.set(key, ten)
      expect(cache.octets).toBeLessThanOrEqual(100)
      expect(cache.get(1)).toBe(ten)
    }
    expect([cache.get(2), cache.get(999)]).toEqual([undefined, ten])
  })
  it('knows its weight after values were replaced, deleted and made young again', () => {
    const cache = made()
    for (let key = 0; key < 8; key++) cache.set(key, ten)
    cache.set(7, 'short')
    for (let key = 0; key < 8; key++) cache.get(key)
    for (let key = 0; key < 8; key++) cache.delete(key)
    cache.delete(12)
    expect(cache.octets).toBe(0)
  })
  it('takes nothing that is too heavy', () => {
    const cache = made()
    cache.set(1, 'x'.repeat(51))
    expect([cache.get(1), cache.octets]).toEqual([undefined, 0])
    const none = made(0)
    none.set(1, 'x')
    expect(none.get(1)).toBeUndefined()
  })
  it('looks for nothing to throw out: a hundred thousand new ones cost as many steps', () => {
    let weighed = 0
    const cache = new RecentCache<number, string>(10_000, (value) => { weighed++; return value.length })
    for (let key = 0; key < 100_000; key++) cache.set(key, ten)
    expect(weighed).toBe(100_000)
  })
})
