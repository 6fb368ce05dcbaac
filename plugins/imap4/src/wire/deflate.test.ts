import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inflateRawSync } from 'node:zlib'
import { Deflater } from './deflate.js'

/** What an inflater makes of all that was written, with rests where the writer fell silent. */
async function throughDeflater(said: readonly { readonly octets: Uint8Array; readonly rest: boolean }[]): Promise<{ plain: Buffer; deflated: number }> {
  const deflater = new Deflater()
  const chunks: Buffer[] = []
  deflater.on('data', (chunk: Buffer) => chunks.push(chunk))
  for (const { octets, rest } of said) {
    await new Promise<void>((done, fail) => { deflater.write(octets, (error) => (error ? fail(error) : done())) })
    if (rest) deflater.rest()
  }
  const ended = new Promise((done) => { deflater.on('end', done) })
  deflater.end()
  await ended
  const deflated = Buffer.concat(chunks)
  return { plain: inflateRawSync(deflated), deflated: deflated.length }
}

describe('deflate', () => {
  it('says the same with and without rests (property)', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.record({ octets: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.nat(90_000).map((n) => Buffer.alloc(n + 1, 'a line of a reply\r\n'))), rest: fc.boolean() }), { maxLength: 8 }), async (said) => {
      const { plain } = await throughDeflater(said)
      expect(plain.equals(Buffer.concat(said.map(({ octets }) => octets)))).toBe(true)
    }), { numRuns: 100 })
  })
  it('refers to what was said before, until it rests', async () => {
    const octets = Buffer.from(Array.from({ length: 40 }, (_, i) => `* ${i} FETCH (UID ${i * 7919})`).join('\r\n'))
    const awake = await throughDeflater([{ octets, rest: false }, { octets, rest: false }])
    const rested = await throughDeflater([{ octets, rest: true }, { octets, rest: false }])
    expect(awake.plain.equals(rested.plain)).toBe(true)
    expect(awake.deflated).toBeLessThan(rested.deflated * 0.7)
  })
  it('keeps what is being written from resting', async () => {
    const deflater = new Deflater()
    const chunks: Buffer[] = []
    deflater.on('data', (chunk: Buffer) => chunks.push(chunk))
    const written = new Promise((done) => { deflater.write(Buffer.alloc(200_000, 'x'), done) })
    deflater.rest()
    await written
    deflater.end()
    await new Promise((done) => { deflater.on('end', done) })
    expect(inflateRawSync(Buffer.concat(chunks)).length).toBe(200_000)
  })
})
