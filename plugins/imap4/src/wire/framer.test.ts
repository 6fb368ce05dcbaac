import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Spooled, SpoolWriter } from '@restante/core'
import { Framer, type Destination, type Frame, type Literal, type Piece } from './framer.js'

interface Setup { readonly maxLine?: number; readonly swallow?: number; readonly rule?: (literal: Literal, soFar: readonly Piece[]) => Destination; readonly literals?: boolean }

/** Feeds `input` in chunks of `size` octets; returns the frames with their literals as text, and how often `+` was sent. */
async function frames(input: string, size: number, setup: Setup = {}): Promise<{ frames: unknown[]; goAheads: number; discarded: number }> {
  let goAheads = 0
  let discarded = 0
  const spool = (): SpoolWriter => {
    const chunks: Buffer[] = []
    return {
      get size() { return chunks.reduce((sum, chunk) => sum + chunk.length, 0) },
      write: (chunk) => { chunks.push(Buffer.from(chunk)) },
      async seal() { return { size: this.size, octets: Buffer.concat(chunks), async discard() { discarded++ } } as Spooled },
      async discard() { discarded++ },
    }
  }
  const rule = setup.rule ?? ((literal: Literal): Destination => (literal.size > 100 ? { refused: new Error('too big') } : literal.size > 20 ? spool() : 'memory'))
  const framer = new Framer(setup.maxLine ?? 200, { rule, goAhead: () => { goAheads++ }, hungry: () => undefined, tooLong: () => new Error('too long'), swallow: setup.swallow ?? 1000 })
  const got: unknown[] = []
  const reading = (async () => {
    for (let frame: Frame | undefined; (frame = await framer.next(setup.literals === false ? { literals: false } : undefined));) {
      got.push({
        pieces: frame.pieces.map((piece) => (typeof piece === 'string' ? piece : Buffer.isBuffer(piece) ? { literal: piece.toString('latin1') } : { spooled: String(piece.octets) })),
        ...(frame.trouble !== undefined && { trouble: (frame.trouble as Error).message }),
        ...(frame.fatal && { fatal: true }),
      })
      if (frame.fatal) return
    }
  })()
  const octets = Buffer.from(input, 'latin1')
  for (let at = 0; at < octets.length; at += size) {
    framer.feed(Buffer.from(octets.subarray(at, at + size)))
    await new Promise((resolve) => setImmediate(resolve))
  }
  framer.end()
  await reading
  return { frames: got, goAheads, discarded }
}

const long = 'x'.repeat(50)
const cases: Record<string, { input: string; setup?: Setup; want: unknown[]; goAheads?: number }> = {
  'a line': { input: 'a1 NOOP\r\n', want: [{ pieces: ['a1 NOOP'] }] },
  'bare LF ends a line too': { input: 'a1 NOOP\na2 NOOP\r\n', want: [{ pieces: ['a1 NOOP'] }, { pieces: ['a2 NOOP'] }] },
  'pipelined commands': { input: 'a IDLE\r\nDONE\r\nb NOOP\r\n', want: [{ pieces: ['a IDLE'] }, { pieces: ['DONE'] }, { pieces: ['b NOOP'] }] },
  'an empty line': { input: '\r\n', want: [{ pieces: [''] }] },
  'a synchronising literal': { input: 'a LOGIN {4}\r\nuser {2}\r\npw\r\n', want: [{ pieces: ['a LOGIN ', { literal: 'user' }, ' ', { literal: 'pw' }, ''] }], goAheads: 2 },
  'a literal that holds line ends and braces': { input: 'a X {8+}\r\n\r\n{5}\r\n\0 y\r\nb NOOP\r\n', want: [{ pieces: ['a X ', { literal: '\r\n{5}\r\n\0' }, ' y'] }, { pieces: ['b NOOP'] }] },
  'an empty literal': { input: 'a X {0+}\r\n\r\n', want: [{ pieces: ['a X ', { literal: '' }, ''] }] },
  'a literal to the spool': { input: `a APPEND x {50+}\r\n${long}\r\n`, want: [{ pieces: ['a APPEND x ', { spooled: long }, ''] }] },
  'a refused synchronising literal leaves us in step': { input: 'a X {4294967296}\r\nb NOOP\r\n', want: [{ pieces: ['a X '], trouble: 'too big' }, { pieces: ['b NOOP'] }], goAheads: 0 },
  'a refused small literal+ is swallowed': { input: `a X {150+}\r\n${'y'.repeat(150)} more\r\nb NOOP\r\n`, want: [{ pieces: ['a X '], trouble: 'too big' }, { pieces: ['b NOOP'] }] },
  'a refused large literal+ is fatal': { input: 'a X {4294967296+}\r\n', want: [{ pieces: ['a X '], trouble: 'too big', fatal: true }] },
  'a number beyond all numbers': { input: 'a X {99999999999999999999+}\r\n', want: [{ pieces: ['a X '], trouble: 'too big', fatal: true }] },
  'after a refusal no further literal is asked for': { input: `a X {150+}\r\n${'y'.repeat(150)} {5}\r\nb NOOP\r\n`, want: [{ pieces: ['a X '], trouble: 'too big' }, { pieces: ['b NOOP'] }], goAheads: 0 },
  'an over-long line is swallowed to its end': { input: `a ${'z'.repeat(300)}\r\nb NOOP\r\n`, want: [{ pieces: [`a ${'z'.repeat(98)}${'z'.repeat(32)}`], trouble: 'too long' }, { pieces: ['b NOOP'] }] },
  'the literal at the end of an over-long line is swallowed with it': { input: `a ${'z'.repeat(300)}{6+}\r\nc D\r\n\n rest\r\nb NOOP\r\n`, want: [{ pieces: [expect.stringMatching(/^a z+$/)], trouble: 'too long' }, { pieces: ['b NOOP'] }] },
  'a line without end is fatal': { input: `a ${'z'.repeat(3000)}`, want: [{ pieces: [expect.any(String)], trouble: 'too long', fatal: true }] },
  'octets behind the last line end are no command': { input: 'a NOOP\r\nb NO', want: [{ pieces: ['a NOOP'] }] },
  'lines without literals': { input: 'dXNlcg== {5}\r\n*\r\n', setup: { literals: false }, want: [{ pieces: ['dXNlcg== {5}'] }, { pieces: ['*'] }] },
}

describe('Framer', () => {
  for (const [name, { input, setup, want, goAheads }] of Object.entries(cases)) {
    it(name, async () => {
      for (const size of [1, 2, 3, 5, 7, 16, 64, input.length]) {
        const got = await frames(input, size, setup)
        // How much of an over-long line is kept for its tag depends on what was there.
        if (name.startsWith('an over-long')) expect(got.frames, `${size} octets at a time`).toHaveLength(2)
        else expect(got.frames, `${size} octets at a time`).toEqual(want)
        if (goAheads !== undefined) expect(got.goAheads).toBe(goAheads)
      }
    })
  }

  it('gives the same frames whatever the chunks', async () => {
    const word = fc.constantFrom('a1 NOOP\r\n', 'b X {3+}\r\n\r\n\0 y\r\n', `c APPEND x {50}\r\n${long} {30+}\r\n${long.slice(20)}\r\n`, '\r\n', `d X {150+}\r\n${'}'.repeat(150)}\r\n`)
    await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 8 }), fc.integer({ min: 1, max: 40 }), async (words, size) => {
      const input = words.join('')
      expect((await frames(input, size)).frames).toEqual((await frames(input, input.length || 1)).frames)
    }), { numRuns: 60 })
  })

  it('discards what was spooled for a command that did not come whole', async () => {
    const { frames: got, discarded } = await frames(`a APPEND x {50+}\r\n${long} {40+}\r\nabc`, 7)
    expect(got).toEqual([])
    expect(discarded).toBe(2)
  })

  it('forgets what came in clear behind STARTTLS', async () => {
    const framer = new Framer(100, { rule: () => 'memory', goAhead: () => undefined, hungry: () => undefined, tooLong: () => new Error('too long'), swallow: 100 })
    framer.feed(Buffer.from('a STARTTLS\r\nb LOGIN evil evil\r\n'))
    expect((await framer.next())?.pieces).toEqual(['a STARTTLS'])
    framer.discard()
    framer.feed(Buffer.from('c NOOP\r\n'))
    expect((await framer.next())?.pieces).toEqual(['c NOOP'])
  })
})
