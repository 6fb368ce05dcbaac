// Chunks of BDAT: however they are cut on the way, what comes out is what went in, and what is behind them stays behind.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DataReader } from './bytes.js'
import { ChunkReader, readChunkSize } from './chunks.js'

it.each([['BDAT 5', { octets: 5, last: false }], ['bdat 0 last', { octets: 0, last: true }], ['BDAT  86  LAST ', { octets: 86, last: true }], ['BDAT', undefined], ['BDAT -1', undefined], ['BDAT 5 FIRST', undefined], ['BDAT 5x', undefined], ['BDAT 1e3', undefined], [`BDAT ${'9'.repeat(16)}`, undefined]])('%s', (command, wanted) => expect(readChunkSize(command)).toEqual(wanted))
it('any text in any chunks, in any pieces', () => {
  const text = fc.array(fc.constantFrom('a', '.', '\r\n', '..', 'QUIT\r\n')).map((parts) => parts.join(''))
  fc.assert(fc.property(text, fc.array(fc.nat(20)), fc.integer({ min: 1, max: 7 }), (content, sizes, piece) => {
    const looks = new DataReader({ bareLineEnds: 'refuse', nul: 'refuse' }, false)
    const out: Buffer[] = []
    let at = 0
    for (const size of [...sizes, content.length]) {
      const octets = Buffer.from(content.slice(at, at + size))
      at += octets.length
      if (octets.length === 0) continue
      const reader = new ChunkReader(octets.length, looks)
      const wire = Buffer.concat([octets, Buffer.from('NEXT')])
      let rest: Buffer | undefined
      for (let i = 0; i < wire.length && !rest; i += piece) {
        const got = reader.push(wire.subarray(i, i + piece))
        if (got.content) out.push(got.content)
        if (got.rest) rest = Buffer.concat([got.rest, wire.subarray(i + piece)])
      }
      expect(rest?.toString()).toBe('NEXT')
    }
    const last = looks.finish()
    if (last) out.push(last)
    expect([Buffer.concat(out).toString(), looks.violation]).toEqual([content, undefined])
  }))
})
