// Claims that only we may make go from the header; nothing else does.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Spool, SpoolWriter } from '@restante/core'
import { ClaimsFilter, Waiting } from './incoming.js'

const through = (text: string, cuts: readonly number[] = []): string => {
  const octets = Buffer.from(text, 'latin1')
  const places = [0, ...cuts.map((cut) => cut % (octets.length + 1)).sort((a, b) => a - b), octets.length]
  const out: Buffer[] = []
  let filter: ClaimsFilter | undefined = new ClaimsFilter('mx.here.test')
  for (let i = 1; i < places.length; i++) {
    const chunk = octets.subarray(places[i - 1], places[i])
    const cleaned = filter ? filter.push(chunk) : chunk
    if (cleaned === undefined || cleaned === 'too-large') continue
    filter = undefined
    out.push(cleaned)
  }
  if (filter) out.push(filter.end())
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
])('%s', (_, field, left) => expect(through(`Subject: a\r\n${field}To: b\r\n${body}`)).toBe(`Subject: a\r\n${left}To: b\r\n${body}`))
it('wherever the octets are cut; without header, without body, empty', () => {
  const text = `Subject: a\r\nAuthentication-Results: mx.here.test; x\r\n${body}`
  fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 5 }), (cuts) => {
    expect(through(text, cuts)).toBe(`Subject: a\r\n${body}`)
  }))
  for (const other of ['', '\r\nbody', 'Subject: x', 'no header at all']) expect(through(other)).toBe(other)
})
it('a header without end is given up, in whatever pieces it comes', () => {
  const filter = new ClaimsFilter('mx.here.test')
  let octets = 0
  for (let answer: unknown; answer !== 'too-large'; octets++) answer = filter.push(Buffer.from('x'))
  expect(octets).toBe(1024 * 1024 + 1)
})
it('a message that waits comes out as it came, small in memory, large by the spool, in whatever pieces', async () => {
  let spooled = 0
  const spool: Spool = { open: () => {
    const chunks: Buffer[] = []
    spooled++
    return { write: async (chunk: Buffer) => { chunks.push(Buffer.from(chunk)) }, seal: async () => ({ octets: Buffer.concat(chunks), discard: async () => undefined }), discard: async () => undefined } as unknown as SpoolWriter
  } }
  for (const [size, piece, used] of [[0, 1, 0], [5000, 1, 0], [64 * 1024, 1000, 0], [64 * 1024 + 1, 1000, 1], [300_000, 7777, 1]]) {
    spooled = 0
    const octets = Buffer.from(Array.from({ length: size }, (_, n) => n % 251))
    const waiting = new Waiting(spool, 1_000_000)
    for (let at = 0; at < size; at += piece) await waiting.write(octets.subarray(at, at + piece))
    await waiting.seal()
    for (let times = 0; times < 2; times++) {
      const out: Buffer[] = []
      for await (const chunk of waiting.octets()) out.push(chunk)
      expect(Buffer.concat(out).equals(octets)).toBe(true)
    }
    expect([waiting.size, spooled]).toEqual([size, used])
    await waiting.discard()
  }
})
