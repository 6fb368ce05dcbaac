// Claims that only we may make go from the header; nothing else does.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { withoutClaims } from './incoming.js'

const through = async (text: string, cuts: readonly number[] = []): Promise<string> => {
  const octets = Buffer.from(text, 'latin1')
  const places = [0, ...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length]
  const out: Buffer[] = []
  for await (const chunk of withoutClaims((async function* () { for (let i = 1; i < places.length; i++) yield octets.subarray(places[i - 1], places[i]) })(), 'mx.here.test')) out.push(chunk)
  return Buffer.concat(out).toString('latin1')
}
const body = '\r\nAuthentication-Results: mx.here.test; spf=pass\r\n\xff body'

it.each([
  ['plain', 'Authentication-Results: mx.here.test; dkim=pass\r\n', ''],
  ['folded, in any case, with a final dot', 'AUTHENTICATION-results :\r\n\tMX.Here.test.;\r\n dmarc=pass\r\n', ''],
  ['with comments, quoted', 'Authentication-Results: (he (said) "mx.here.test" 1;\r\n', 'Authentication-Results: (he (said) "mx.here.test" 1;\r\n'],
  ['with a comment', 'Authentication-Results: (x) "mx.here.test" 1; spf=pass\r\n', ''],
  ['of somebody else', 'Authentication-Results: mx.other.test; spf=pass\r\n', 'Authentication-Results: mx.other.test; spf=pass\r\n'],
  ['of a name that ours begins', 'Authentication-Results: mx.here.test.evil; spf=pass\r\n', 'Authentication-Results: mx.here.test.evil; spf=pass\r\n'],
  ['in another field', 'X-Note: Authentication-Results: mx.here.test\r\n', 'X-Note: Authentication-Results: mx.here.test\r\n'],
])('%s', async (_, field, left) => expect(await through(`Subject: a\r\n${field}To: b\r\n${body}`)).toBe(`Subject: a\r\n${left}To: b\r\n${body}`))
it('wherever the octets are cut; without header, without body, empty', async () => {
  const text = `Subject: a\r\nAuthentication-Results: mx.here.test; x\r\n${body}`
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(), { maxLength: 5 }), async (cuts) => {
    expect(await through(text, cuts)).toBe(`Subject: a\r\n${body}`)
  }))
  for (const other of ['', '\r\nbody', 'Subject: x', 'no header at all']) expect(await through(other)).toBe(other)
})
