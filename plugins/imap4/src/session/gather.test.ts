import { beforeEach, describe, expect, it } from 'vitest'
import { Gatherer } from './gather.js'

let now = 0
let timers: { at: number; run: () => void }[] = []
const clock = {
  now: () => now,
  after(ms: number, run: () => void) {
    const timer = { at: now + ms, run }
    timers.push(timer)
    return { clear: () => { timers = timers.filter((one) => one !== timer) } }
  },
}
/** Time goes on to `to`, a millisecond a step. */
function until(to: number): void {
  while (now < to) {
    now++
    for (const due of timers.filter(({ at }) => at <= now)) {
      timers = timers.filter((one) => one !== due)
      due.run()
    }
  }
}

let told: number[] = []
let reads = true
const gatherer = (): Gatherer => new Gatherer(clock, 100, () => {
  if (reads) told.push(now)
  return reads
})
beforeEach(() => { now = 0; timers = []; told = []; reads = true })

describe('when changes are told', () => {
  it('those that come one by one are told when they happen', () => {
    const one = gatherer()
    for (let at = 0; at < 40; at += 4) {
      until(at)
      one.poke()
    }
    until(60)
    expect(told).toEqual([0, 4, 8, 12, 16, 20, 24, 28, 32, 36])
    expect(timers).toEqual([])
  })
  it('a burst is told when it pauses, and its first change at once', () => {
    const one = gatherer()
    for (let at = 0; at < 20; at++) {
      until(at)
      one.poke()
      one.poke()
    }
    until(200)
    expect(told.length).toBeLessThan(4)
    expect(told[0]).toBe(0)
    expect(told.at(-1)).toBeGreaterThanOrEqual(19)
  })
  it('a burst without end is told all the same', () => {
    const one = gatherer()
    for (let at = 0; at < 1000; at++) {
      until(at)
      one.poke()
      one.poke()
    }
    expect(told.length).toBeGreaterThan(6)
    expect(told.length).toBeLessThan(14)
  })
  it('a client that does not read is looked at now and then, and told when it reads', () => {
    const one = gatherer()
    let asked = 0
    const after = clock.after
    clock.after = (ms, run) => { asked++; return after(ms, run) }
    reads = false
    one.poke()
    until(1000)
    expect(told).toEqual([])
    expect(asked).toBeLessThan(15)
    reads = true
    until(1100)
    expect(told).toHaveLength(1)
    clock.after = after
  })
})
