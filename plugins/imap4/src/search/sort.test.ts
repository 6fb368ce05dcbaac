import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sorted } from './sort.js'

describe('sorting in steps', () => {
  it('comes to the same as sorting at a stroke, and stops often (property)', () => {
    fc.assert(fc.property(fc.array(fc.nat(3000), { maxLength: 6000, size: 'max' }), (numbers) => {
      // By their tens, then by place: what is equal stays in its order.
      const order = Uint32Array.from(numbers, (_, i) => i)
      const compare = (a: number, b: number): number => Math.floor(numbers[a] / 10) - Math.floor(numbers[b] / 10) || a - b
      const wanted = [...order].sort(compare)
      const steps = sorted(order, compare)
      let stops = 0
      let step = steps.next()
      for (; !step.done; step = steps.next()) stops++
      expect([...step.value]).toEqual(wanted)
      expect(stops).toBeGreaterThanOrEqual(Math.floor(numbers.length / 512))
    }), { numRuns: 50 })
  })
})
