// Messages a minute.
import { expect, it } from 'vitest'
import { Pace } from './pace.js'

it('lets a tenth go at once, then each in its turn; domains do not know of each other', () => {
  let now = 1_000_000
  const pace = new Pace({ now: () => now })
  const taken: number[] = []
  for (let i = 0; i < 7; i++) taken.push(pace.take('a.test', 60))
  expect(taken).toEqual([0, 0, 0, 0, 0, 0, 1_001_000])
  expect(pace.take('b.test', 60)).toBe(0)
  now += 1000
  expect([pace.take('a.test', 60), pace.take('a.test', 60)]).toEqual([0, 1_002_000])
  let sent = 0
  for (const end = now + 60_000; now < end; now += 100) if (pace.take('a.test', 60) === 0) sent++
  expect(sent).toBeGreaterThanOrEqual(59)
  expect(sent).toBeLessThanOrEqual(66)
})
it('a slow rate lets one go', () => {
  const pace = new Pace({ now: () => 0 })
  expect([pace.take('a.test', 1), pace.take('a.test', 1)]).toEqual([0, 60_000])
})
