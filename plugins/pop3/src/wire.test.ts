import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Lines, Stuffer } from './wire.js'

function stuffed(text: string, size = text.length || 1, bodyLines?: number): string {
  const stuffer = new Stuffer(bodyLines)
  const data = Buffer.from(text, 'latin1')
  const out: Buffer[] = []
  for (let i = 0; i < data.length && !stuffer.done; i += size) out.push(...stuffer.push(data.subarray(i, i + size)))
  return Buffer.concat([...out, stuffer.end()]).toString('latin1')
}
const text = fc.array(fc.constantFrom('\r\n', '\n', '\r', '.', '..', 'a', 'bc', '\r\n.\r\n', '\r\n\r\n'), { maxLength: 30 }).map((parts) => parts.join(''))

describe('dot-stuffing', () => {
  it('is undone by a client of RFC 1939, and ends only at the end', () => {
    fc.assert(fc.property(text, fc.integer({ min: 1, max: 5 }), (message, size) => {
      const wire = stuffed(message, size)
      const lines = wire.slice(0, -5 + (wire === '.\r\n' ? 2 : 0)).split('\r\n')
      expect(wire.endsWith('\r\n.\r\n') || wire === '.\r\n').toBe(true)
      expect(lines.includes('.') && wire !== '.\r\n').toBe(false)
      const undone = wire === '.\r\n' ? '' : `${lines.map((line) => (line.startsWith('.') ? line.slice(1) : line)).join('\r\n')}\r\n`
      // What a message that ends in half a line end looks like when it is completed.
      const whole = message.replace(/(?<!\r)\n/g, '\r\n')
      expect(undone).toBe(whole === '' || whole.endsWith('\r\n') ? whole : whole.endsWith('\r') ? `${whole}\n` : `${whole}\r\n`)
    }), { numRuns: 2000 })
  })
  it.each([[0, 'a: b\r\n\r\n.\r\n'], [1, 'a: b\r\n\r\none\r\n.\r\n'], [2, 'a: b\r\n\r\none\r\n..two\r\n.\r\n'], [99, 'a: b\r\n\r\none\r\n..two\r\nthree\r\n.\r\n']])('TOP %i', (lines, wire) => {
    for (let size = 1; size < 20; size++) expect(stuffed('a: b\r\n\r\none\r\n.two\r\nthree', size, lines)).toBe(wire)
  })
  it('TOP of a message without a body', () => expect(stuffed('a: b\r\n', 100, 3)).toBe('a: b\r\n.\r\n'))
  it('copies nothing when there is nothing to stuff', () => {
    const octets = Buffer.from('a: b\r\n\r\nbody\r\n')
    expect(new Stuffer().push(octets)).toEqual([octets])
  })
})

describe('lines', () => {
  const all = (chunks: string[], max: number): unknown[] => {
    const lines = new Lines()
    const out: unknown[] = []
    for (const chunk of chunks) {
      lines.push(Buffer.from(chunk))
      for (let line = lines.next(max); line; line = lines.next(max)) out.push(line === 'too-long' ? line : line.text)
    }
    return out
  }
  it('come out whole, whatever the chunks', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', ' ', 'ö', '.'), maxLength: 8 })), fc.integer({ min: 1, max: 4 }), (wanted, size) => {
      const octets = Buffer.from(wanted.map((line, i) => line + (i % 2 ? '\n' : '\r\n')).join(''))
      const lines = new Lines()
      const out: string[] = []
      for (let i = 0; i < octets.length; i += size) {
        lines.push(octets.subarray(i, i + size))
        for (let line = lines.next(100); line && line !== 'too-long'; line = lines.next(100)) out.push(line.text)
      }
      expect(out).toEqual(wanted)
    }))
  })
  it('that are too long are said once, and skipped', () => {
    expect(all(['NOOP\r\n', 'x'.repeat(50), 'x'.repeat(50), 'x\r\nQU', 'IT\r\n'], 20)).toEqual(['NOOP', 'too-long', 'QUIT'])
    expect(all([`${'x'.repeat(50)}\r\nQUIT\r\n`], 20)).toEqual(['too-long', 'QUIT'])
  })
})
