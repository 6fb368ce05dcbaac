import fc from 'fast-check'
import { expect, it } from 'vitest'
import { outcomes, schedule, schedulePresets, type Outcome } from './notification-schedule.js'

const hour = 3_600_000
const first = { outcome: null, attempts: 0 }

it('T55 D34 D35 an accepted notification is repeated after 1, 2, 4, 7, 7 days, never within one', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (n, spread) => {
    const { at, attempts } = schedule('accepted', { outcome: 'accepted', attempts: n - 1 }, 1000, schedulePresets, spread)
    expect(attempts).toBe(n)
    const days = [1, 2, 4, 7][Math.min(n, 4) - 1]
    expect((at! - 1000) / hour).toBeGreaterThanOrEqual(24 * days)
    expect((at! - 1000) / hour).toBeLessThan(24 * days + 2.5)
  }))
})
it('D36 a failure is tried again after 5 minutes doubling to 24 hours, a tenth more or less', () => {
  const minutes = (n: number, spread: number): number => schedule('unreachable', { outcome: 'unreachable', attempts: n - 1 }, 0, schedulePresets, spread).at! / 60_000
  expect([1, 2, 3, 4, 9, 10, 40].map((n) => minutes(n, 0.5))).toEqual([5, 10, 20, 40, 1280, 1440, 1440])
  expect([minutes(1, 0), minutes(1, 1)].map((value) => Math.round(value * 10) / 10)).toEqual([4.5, 5.5])
})
it('D38 a refusal is tried again once a day, seven times in all', () => {
  for (const outcome of ['refused', 'unknown'] as const) {
    expect(schedule(outcome, { outcome, attempts: 5 }, 0, schedulePresets, 0).at).toBe(24 * hour)
    expect(schedule(outcome, { outcome, attempts: 6 }, 0, schedulePresets, 0).at).toBeUndefined()
  }
})
it('T58 what is lasting is never tried again', () => {
  for (const outcome of ['noservice', 'baddomain'] as const) expect(schedule(outcome, first, 0, schedulePresets, 0.5)).toEqual({ attempts: 1, at: undefined })
})
it('another outcome begins its own row', () => {
  fc.assert(fc.property(fc.constantFrom(...Object.keys(outcomes) as Outcome[]), fc.integer({ min: 1, max: 100 }), (outcome, attempts) => {
    expect(schedule(outcome, { outcome: 'something else', attempts }, 0, schedulePresets, 0).attempts).toBe(1)
  }))
})
