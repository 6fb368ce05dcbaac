import { describe, expect, it } from 'vitest'
import type { Clock } from '../base/clock.js'
import { Throttle } from './throttle.js'

/** Stands still until it is told to go on. */
class FakeClock implements Clock {
  #now = 1_000_000
  #timers: { at: number; run: () => void }[] = []
  now(): number { return this.#now }
  after(ms: number, run: () => void): { clear(): void } {
    const timer = { at: this.#now + ms, run }
    this.#timers.push(timer)
    return { clear: () => { this.#timers = this.#timers.filter((one) => one !== timer) } }
  }
  pass(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter(({ at }) => at <= this.#now)
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { run } of due) run()
  }
}
const made = (limits: Partial<Throttle['limits']> = {}) => {
  const clock = new FakeClock()
  return { clock, throttle: new Throttle({ perAccount: 3, perAddress: 5, windowSeconds: 60, delayMs: 0, ...limits }, clock) }
}

describe('the throttle', () => {
  it('refuses a name from an address after so many failures, until the window has passed; its owner elsewhere is not locked out', async () => {
    const { clock, throttle } = made()
    for (let i = 0; i < 3; i++) {
      expect(throttle.allows('anna', '192.0.2.1')).toBe(true)
      await throttle.failed('anna', '192.0.2.1')
    }
    expect(throttle.allows('anna', '192.0.2.1')).toBe(false)
    expect(throttle.allows('anna', '192.0.2.4')).toBe(true)
    expect(throttle.allows('bert', '192.0.2.1')).toBe(true)
    clock.pass(59_999)
    expect(throttle.allows('anna', '192.0.2.1')).toBe(false)
    clock.pass(1)
    expect(throttle.allows('anna', '192.0.2.1')).toBe(true)
  })

  it('refuses an address after so many failures, whatever names were tried', async () => {
    const { throttle } = made()
    for (let i = 0; i < 5; i++) await throttle.failed(`name${i}`, '192.0.2.1')
    expect(throttle.allows('anna', '192.0.2.1')).toBe(false)
    expect(throttle.allows('anna', '192.0.2.2')).toBe(true)
  })

  it('the window begins anew with every failure', async () => {
    const { clock, throttle } = made()
    for (let i = 0; i < 3; i++) {
      await throttle.failed('anna', '192.0.2.1')
      clock.pass(50_000)
    }
    expect(throttle.allows('anna', '192.0.2.1')).toBe(false)
  })

  it("a success forgets the name's failures, not the address's", async () => {
    const { throttle } = made()
    for (let i = 0; i < 4; i++) {
      await throttle.failed('anna', '192.0.2.1')
      throttle.succeeded('anna', '192.0.2.1')
    }
    expect(throttle.allows('anna', '192.0.2.1')).toBe(true)
    await throttle.failed('anna', '192.0.2.1')
    throttle.succeeded('anna', '192.0.2.1')
    expect(throttle.allows('anna', '192.0.2.1')).toBe(false)
    expect(throttle.allows('anna', '192.0.2.2')).toBe(true)
  })

  it('names and addresses are not mixed up', async () => {
    const { throttle } = made()
    for (let i = 0; i < 5; i++) await throttle.failed('192.0.2.7', `198.51.100.${i}`)
    expect(throttle.allows('anna', '192.0.2.7')).toBe(true)
  })

  it('a failure costs the guesser the delay, no less and no more', async () => {
    const { clock, throttle } = made({ delayMs: 1000 })
    let answered = false
    const waiting = throttle.failed('anna', '192.0.2.1').then(() => { answered = true })
    clock.pass(999)
    await Promise.resolve()
    expect(answered).toBe(false)
    clock.pass(1)
    await waiting
    expect(answered).toBe(true)
  })

  it('counts before it waits: guesses side by side are refused like guesses in a row', () => {
    const { throttle } = made({ delayMs: 1000 })
    for (let i = 0; i < 3; i++) void throttle.failed('anna', '192.0.2.1')
    expect(throttle.allows('anna', '192.0.2.1')).toBe(false)
  })

  it('remembers a bounded number, the latest', async () => {
    const { throttle } = made({ perAccount: 1, perAddress: 1_000_000 })
    await throttle.failed('first', '192.0.2.1')
    for (let i = 0; i < 100_000; i++) void throttle.failed(`name${i}`, `address${i}`)
    expect(throttle.allows('first', '192.0.2.1')).toBe(true)
    expect(throttle.allows('name99999', 'address99999')).toBe(false)
  })
})
