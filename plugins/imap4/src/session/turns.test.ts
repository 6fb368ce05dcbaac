import { describe, expect, it } from 'vitest'
import { Turn } from './turns.js'

describe('turns', () => {
  it('go round: of those that wait one goes on in each round of the event loop', async () => {
    const went: number[] = []
    let round = 0
    let rounds = true
    const count = (): void => {
      round++
      if (rounds) setImmediate(count)
    }
    setImmediate(count)
    await Promise.all(Array.from({ length: 10 }, async () => {
      await new Turn().pass()
      went.push(round)
    }))
    rounds = false
    expect(new Set(went).size).toBe(10)
  })

  it('end, and begin anew with what comes', async () => {
    const turn = new Turn()
    turn.begin()
    expect(turn.over).toBe(false)
    for (const begun = performance.now(); performance.now() - begun < 20;) continue
    expect(turn.over).toBe(true)
    turn.begin()
    expect(turn.over).toBe(false)
  })

  it('let others go first in the middle of a long walk, and of long steps', async () => {
    const turn = new Turn()
    let others = 0
    const other = setInterval(() => { others++ }, 1)
    const slow = (): void => { for (const begun = performance.now(); performance.now() - begun < 0.5;) continue }
    const seen: number[] = []
    await turn.each(Array.from({ length: 64 }, (_, i) => i), (item, place) => {
      slow()
      seen.push(item - place)
    })
    const afterWalk = others
    const result = await turn.through((function* () {
      for (let i = 0; i < 64; i++) {
        slow()
        yield
      }
      return 'done'
    })())
    clearInterval(other)
    expect(seen).toEqual(Array(64).fill(0))
    expect(result).toBe('done')
    expect(afterWalk).toBeGreaterThan(1)
    expect(others).toBeGreaterThan(afterWalk + 1)
  })
})
