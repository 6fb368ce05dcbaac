// Names of addresses: where they stand in DNS, and which of them count.
import { expect, it } from 'vitest'
import { iprev, reversed } from './reverse-name.js'

it('addresses have their place in DNS', () => {
  expect(reversed('192.0.2.1')).toBe('1.2.0.192')
  expect(reversed('2001:db8::1')).toBe('1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2')
  expect(reversed('::1')).toBe(`1${'.0'.repeat(31)}`)
  expect(reversed('')).toBeUndefined()
})
it('a name counts when it leads back; doubts are told apart from refusals', async () => {
  const dns: Record<string, string[] | string> = {
    'PTR 1.2.0.192.in-addr.arpa': ['lies.test', 'mx.test'], 'A mx.test': ['192.0.2.1'], 'A lies.test': ['192.0.2.9'],
    'PTR 2.2.0.192.in-addr.arpa': ['lies.test'], 'PTR 3.2.0.192.in-addr.arpa': 'ESERVFAIL', 'PTR 4.2.0.192.in-addr.arpa': ['mute.test'], 'A mute.test': 'ETIMEOUT',
    [`PTR ${reversed('2001:db8::1')}.ip6.arpa`]: ['six.test'], 'AAAA six.test': ['2001:DB8:0::1'],
  }
  const of = (address: string) => iprev(address, async (name, type) => {
    const found = dns[`${type} ${name}`] ?? 'ENOTFOUND'
    if (typeof found === 'string') throw Object.assign(new Error(found), { code: found })
    return found
  })
  expect(await of('192.0.2.1')).toEqual({ result: 'pass', name: 'mx.test' })
  expect(await of('192.0.2.2')).toEqual({ result: 'fail', name: 'lies.test' })
  expect((await of('192.0.2.3')).result).toBe('temperror')
  expect((await of('192.0.2.4')).result).toBe('temperror')
  expect((await of('192.0.2.5')).result).toBe('permerror')
  expect(await of('2001:db8::1')).toEqual({ result: 'pass', name: 'six.test' })
})
