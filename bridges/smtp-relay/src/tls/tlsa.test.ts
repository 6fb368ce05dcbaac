// Which certificates TLSA records vouch for (RFC 7671, 7672).
import { createHash, type X509Certificate } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { makeIssuer, serverKey, type Issuer, type ServerKey } from '../../../../test/support/server-certificates.js'
import { isUsable, whyNot, type Tlsa } from './tlsa.js'

const record = (usage: number, selector: number, matchingType: number, certificate: X509Certificate): Tlsa => {
  const data = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' })
  return { usage, selector, matchingType, certificate: matchingType === 0 ? data : createHash(matchingType === 1 ? 'sha256' : 'sha512').update(data).digest() }
}
let issuer: Issuer, own: ServerKey, expired: ServerKey, alone: ServerKey, other: ServerKey
beforeAll(async () => {
  issuer = await makeIssuer()
  own = await issuer.issue(['mx.far.test'])
  expired = await issuer.issue(['mx.far.test'], -1)
  alone = await serverKey(['elsewhere.test'], -1)
  other = await serverKey(['mx.far.test'])
})
const judge = (records: readonly Tlsa[], chain: readonly X509Certificate[], names = ['mx.far.test']) => whyNot(records, chain, names, Date.now())

describe('usage 3: this very certificate or key', () => {
  it.each([[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]])('selector %d, matching type %d; whatever its name and dates', (selector, matching) => {
    expect(judge([record(3, selector, matching, alone.certificate)], [alone.certificate])).toBeUndefined()
    expect(judge([record(3, selector, matching, alone.certificate)], [other.certificate])).toMatch(/not the one/)
  })
  it('one of several is enough', () => expect(judge([record(3, 1, 1, alone.certificate), record(3, 1, 1, other.certificate)], [other.certificate])).toBeUndefined())
})
describe('usage 2: an authority', () => {
  it.each([[0, 0], [0, 1], [1, 1], [1, 2]])('selector %d, matching type %d, shown in the chain', (selector, matching) => {
    expect(judge([record(2, selector, matching, issuer.certificate)], [own.certificate, issuer.certificate])).toBeUndefined()
  })
  it('not shown: only a record that holds it whole can do', () => {
    expect(judge([record(2, 0, 0, issuer.certificate)], [own.certificate])).toBeUndefined()
    expect(judge([record(2, 1, 0, issuer.certificate)], [own.certificate])).toBeUndefined()
    expect(judge([record(2, 0, 1, issuer.certificate)], [own.certificate])).toMatch(/no certificate of the chain/)
  })
  it('name and dates matter', () => {
    expect(judge([record(2, 0, 1, issuer.certificate)], [own.certificate, issuer.certificate], ['mx.other.test'])).toMatch(/not for mx\.other\.test/)
    expect(judge([record(2, 0, 1, issuer.certificate)], [own.certificate, issuer.certificate], ['far.test', 'mx.far.test'])).toBeUndefined()
    expect(judge([record(2, 0, 1, issuer.certificate)], [expired.certificate, issuer.certificate])).toMatch(/no certificate/)
  })
  it('a chain that only looks like one is none', () => expect(judge([record(2, 0, 1, issuer.certificate)], [other.certificate, issuer.certificate])).toMatch(/no certificate/))
})
it('records that mean nothing to mail', () => {
  const good = record(3, 1, 1, alone.certificate)
  expect([good, { ...good, usage: 1 }, { ...good, usage: 0 }, { ...good, selector: 2 }, { ...good, matchingType: 3 }, { ...good, certificate: Buffer.alloc(31) }, { ...good, certificate: Buffer.alloc(0), matchingType: 0 }].map(isUsable)).toEqual([true, false, false, false, false, false, false])
})
