// Addresses of forwarded mail: made, undone, forged, old.
import { expect, it } from 'vitest'
import { Srs } from './srs.js'

let now = Date.UTC(2026, 10, 22)
const srs = new Srs({ secret: Buffer.alloc(32, 1), now: () => now })
const other = new Srs({ secret: Buffer.alloc(32, 2), now: () => now })

it('stands for the true address, whatever its case on the way', () => {
  const made = srs.forward('Ann=x@far.test', 'here.test')!
  expect(made).toMatch(/^SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=far\.test=Ann=x@here\.test$/)
  expect(srs.back(made)).toEqual({ address: 'Ann=x@far.test' })
  expect(srs.back(made.toLowerCase())).toEqual({ address: 'ann=x@far.test' })
})
it('rewritten once more, and once more, it leads back to the first that rewrote it', () => {
  const first = other.forward('ann@far.test', 'b.test')!
  const second = srs.forward(first, 'here.test')!
  expect(second).toMatch(/^SRS1=[A-Z2-7]{8}=b\.test==/)
  expect(srs.back(second)).toEqual({ address: first })
  const third = other.forward(second, 'c.test')!
  expect(third).toMatch(/^SRS1=[A-Z2-7]{8}=b\.test==/)
  expect(other.back(third)).toEqual({ address: first })
})
it('forged, changed or old it is refused; other addresses are none', () => {
  const made = srs.forward('ann@far.test', 'here.test')!
  for (const bad of [other.forward('ann@far.test', 'here.test')!, made.replace('=ann@', '=eve@'), made.replace('far.test', 'bank.test'), 'SRS1=AAAAAAAA=b.test==x@here.test', 'SRS0=AAAAAAAA=AA=b.test=@here.test']) expect(srs.back(bad), bad).toMatchObject({ refuse: expect.any(String) })
  expect(srs.back('ann@here.test')).toBeUndefined()
  now += 21 * 86_400_000
  expect(srs.back(made)).toEqual({ address: 'ann@far.test' })
  now += 86_400_000
  expect(srs.back(made)).toEqual({ refuse: 'This address is too old' })
})
it('what would be too long is not made', () => expect(srs.forward(`${'a'.repeat(50)}@far.test`, 'here.test')).toBeUndefined())
