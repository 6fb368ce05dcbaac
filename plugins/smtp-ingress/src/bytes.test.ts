// All octets at all splits against a slow, obviously right reading of RFC 5321 4.5.2.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DataReader, type BytesPolicy } from './bytes.js'

const refuse: BytesPolicy = { bareLineEnds: 'refuse', nul: 'refuse' }

/** Feeds in pieces; content, rest and violation. */
function read(data: Buffer, policy: BytesPolicy, size = data.length || 1): { content: string; rest: string | undefined; violation: string | undefined } {
  const reader = new DataReader(policy)
  const content: Buffer[] = []
  for (let i = 0; i < data.length; i += size) {
    const pushed = reader.push(data.subarray(i, i + size))
    if (pushed.content) content.push(pushed.content)
    if (pushed.rest) return { content: Buffer.concat(content).toString('latin1'), rest: Buffer.concat([pushed.rest, data.subarray(i + size)]).toString('latin1'), violation: reader.violation }
  }
  return { content: Buffer.concat(content).toString('latin1'), rest: undefined, violation: reader.violation }
}

/** Line by line, as the RFC says it. */
function plainly(data: string): { content: string; rest: string | undefined } {
  let content = ''
  let at = 0
  for (;;) {
    const end = data.indexOf('\r\n', at)
    if (end < 0) return { content, rest: undefined }
    const line = data.slice(at, end)
    at = end + 2
    if (line === '.') return { content, rest: data.slice(at) }
    content += `${line.startsWith('.') ? line.slice(1) : line}\r\n`
  }
}

const nasty = fc.array(fc.constantFrom('\r\n', '\r\n', '.', '.', '\r\n.\r\n', '\r', '\n', '\0', 'a', 'bc', '..', '\r\n.'), { maxLength: 40 }).map((parts) => parts.join(''))

describe('the data reader', () => {
  it('does what the RFC says, whatever the chunks', () => {
    fc.assert(fc.property(nasty, fc.integer({ min: 1, max: 7 }), (text, size) => {
      const accepting: BytesPolicy = { bareLineEnds: 'refuse', nul: 'accept' }
      const { content, rest } = read(Buffer.from(`${text}\r\n.\r\nNOOP\r\n`, 'latin1'), accepting, size)
      expect({ content, rest }).toEqual(plainly(`${text}\r\n.\r\nNOOP\r\n`))
    }), { numRuns: 3000 })
  })
  it('gives the same for every size of chunk', () => {
    fc.assert(fc.property(nasty, fc.constantFrom<BytesPolicy>(refuse, { bareLineEnds: 'normalise', nul: 'strip' }), (text, policy) => {
      const data = Buffer.from(`${text}\r\n.\r\nrest`, 'latin1')
      const whole = read(data, policy)
      for (let size = 1; size < 8; size++) expect(read(data, policy, size)).toEqual(whole)
    }), { numRuns: 1000 })
  })
  it('normalised content has no bare line ends and no NUL', () => {
    fc.assert(fc.property(nasty, (text) => {
      const { content, violation } = read(Buffer.from(`${text}\r\n.\r\n`, 'latin1'), { bareLineEnds: 'normalise', nul: 'strip' })
      expect(violation).toBeUndefined()
      expect(content.replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/)
    }))
  })
  it.each<[string, string, string | undefined]>([
    ['an ordinary message', 'a\r\n\r\nb\r\n.\r\n', undefined],
    ['<LF>.<CRLF>', 'a\n.\r\nMAIL FROM:<x@y>\r\n.\r\n', 'bare-lf'],
    ['<LF>.<LF>', 'a\n.\nMAIL FROM:<x@y>\r\n.\r\n', 'bare-lf'],
    ['<CR>.<CR>', 'a\r.\rb\r\n.\r\n', 'bare-cr'],
    ['<CRLF>.<CR>', 'a\r\n.\rb\r\n.\r\n', 'bare-cr'],
    ['<CRLF>.<LF>', 'a\r\n.\nb\r\n.\r\n', 'bare-lf'],
    ['<CR><CR><LF>', 'a\r\r\n.\r\n', 'bare-cr'],
    ['NUL', 'a\0b\r\n.\r\n', 'nul'],
  ])('%s: %s', (_, data, violation) => {
    const result = read(Buffer.from(`${data}QUIT\r\n`), refuse)
    expect(result.violation).toBe(violation)
    expect(result.rest).toBe('QUIT\r\n')
  })
  it('copies nothing when there is nothing to change', () => {
    const chunk = Buffer.from('Subject: x\r\n\r\nbody\r\n')
    expect(new DataReader(refuse).push(chunk).content!.buffer).toBe(chunk.buffer)
  })
})
