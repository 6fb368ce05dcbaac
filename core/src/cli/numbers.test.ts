import { describe, expect, it } from 'vitest'
import { octetsOf, secondsOf } from './numbers.js'

describe('octetsOf', () => {
  it.each<[string, number]>([
    ['0', 0], ['1000', 1000], [' 12 ', 12], ['1B', 1], ['1kB', 1000], ['500MB', 500_000_000], ['2GiB', 2 * 1024 ** 3], ['2 gib', 2 * 1024 ** 3], ['1k', 1024], ['1.5M', 1.5 * 1024 ** 2], ['1TiB', 1024 ** 4], ['0.1KiB', 102],
  ])('%s', (text, octets) => expect(octetsOf(text)).toBe(octets))

  it.each(['', ' ', '-1', '1e3', '0x10', '1,5', '1 000', 'GiB', '1 GiB more', '1XB', 'constructor', '1constructor', '1__proto__', 'Infinity', 'NaN', '1'.repeat(400), '9007199254740993', '9000TiB'])('refuses %j', (text) => {
    expect(() => octetsOf(text)).toThrow(/as a number; accepted: 0, 1000, 500MB, 2GiB/)
  })
})

describe('secondsOf', () => {
  it.each<[string, number]>([['0', 0], ['3600', 3600], ['30s', 30], ['30min', 1800], ['2m', 120], ['12h', 43_200], ['90d', 7_776_000]])('%s', (text, seconds) => expect(secondsOf(text)).toBe(seconds))
  it.each(['', '-1', '1.5h', '1w', 'd', '1e3', '90 days', '9'.repeat(13)])('refuses %j', (text) => expect(() => secondsOf(text)).toThrow(/as a time/))
})
