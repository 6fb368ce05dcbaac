// What `restante decode` prints.
import { describe as suite, expect, it } from 'vitest'
import { readVectors, vector } from '../../../test/support/vectors.js'
import { describe, pdusOf, read } from './describe.js'

const text = (octets: Buffer): string => {
  const found = read(pdusOf(octets)[0])
  return 'malformed' in found ? `malformed: ${found.malformed}` : found.readings.map(describe).join('\nor ')
}

suite('decode', () => {
  it('tells a submission, with the mailboxes as people write them', () => {
    expect(text(vector('msoap.hex', 'W02'))).toBe('msoap command submitEnvelope\n  recipients:\n    - lucy@example.org\n    - ben@example.com\n  lists:\n    - "upgrade-to-im2000"\n  lifetime: 2592000')
  })
  it('tells a notification with literals', () => {
    expect(text(vector('rnasp.hex', 'W33'))).toContain('storeclear:\n        literals:\n          -\n            address: 192.0.2.2\n            port: 8193')
  })
  it('names every protocol that a PDU fits', () => {
    expect(text(vector('msoap.hex', 'W10'))).toBe(['msoap response null: abort, errornotauthenticated', ...['msrap', 'rnasp', 'rnaqp'].map((name) => `${name} response null: abort, errorinternalproblem`)].join('\nor '))
  })
  it('takes frames in a row, and a PDU without its length', () => {
    const all = readVectors('msrap.hex').map((one) => one.octets)
    expect(pdusOf(Buffer.concat(all))).toEqual(all.map((one) => one.subarray(4)))
    expect(pdusOf(all[0].subarray(4))).toEqual([all[0].subarray(4)])
  })
  it('says why something is none, and shows what peers wrote without its tricks', () => {
    expect(text(vector('hostile.hex', 'N04'))).toMatch(/^malformed: an indefinite length/)
    expect(text(Buffer.from('a113a011a00f80056162e280ae8106' + '1b5b324a0a63', 'hex'))).toMatch(/^msoap command authenticate\n {2}account: ab\\u\{202e\}\n {2}password: \\u\{1b\}\[2J\\u\{a\}c\n/)
  })
})
