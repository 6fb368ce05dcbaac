// Mutated commands, the golden transcripts' and made-up ones: reading them gives values or a refusal, quickly, and never anything else.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { replyTo } from '../replies.js'
import { Reader } from '../wire/reader.js'
import { rows, table } from './table.js'

const folder = join(import.meta.dirname, '../../../../test/transcripts/imap')
const seeds = readdirSync(folder).filter((name) => name.endsWith('.test-script')).flatMap((name) => readFileSync(join(folder, name), 'latin1').split('\n'))
  .flatMap((line) => /^C: (\S+ \S.*)$/.exec(line)?.[1] ?? [])

function readCommand(pieces: (string | Buffer)[]): void {
  try {
    const r = new Reader(pieces)
    r.tag()
    let name = r.sp().word()
    const uid = name === 'UID'
    if (uid) name = r.sp().word()
    table.get(name)?.read(r, { uid, tag: 'a' })
    r.end()
  } catch (error) {
    expect(replyTo(error), String((error as Error).stack)).toBeDefined()
  }
}

describe('reading mutated commands', () => {
  it('has seeds for every command', () => {
    const seen = new Set(seeds.map((seed) => seed.split(' ')[1].toUpperCase()))
    for (const { name } of rows) expect(seen.has(name), name).toBe(true)
  })
  it('reads or refuses (property)', () => {
    const junk = fc.constantFrom('(', ')', '"', '\\', ' ', '  ', '*', '%', '{', '}', '[', ']', '<', '>', ':', ',', '\0', '\x7f', '\xff', '&', '-', '+', 'NIL', '0', '4294967296', '99999999999999999999', '((((', 'BODY[', '\r', '1:*', 'UID ')
    const change = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat({ max: 6 }), put: junk })
    fc.assert(fc.property(fc.constantFrom(...seeds), fc.array(change, { maxLength: 5 }), fc.boolean(), (seed, changes, literal) => {
      let text = seed
      for (const { at, cut, put } of changes) {
        const place = Math.floor(at * text.length)
        text = text.slice(0, place) + put + text.slice(place + cut)
      }
      readCommand([text])
      const middle = text.length >> 1
      if (literal) readCommand([text.slice(0, middle), Buffer.from(text.slice(middle), 'latin1'), ''])
    }), { numRuns: 5000 })
  })
})
