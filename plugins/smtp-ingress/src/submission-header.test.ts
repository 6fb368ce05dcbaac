import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HeaderMender } from './submission-header.js'

const defaults = { date: () => 'D', messageId: () => '<M@x>' }
function mend(text: string, size = text.length || 1): { text: string; from: readonly string[] } {
  const mender = new HeaderMender(defaults)
  const data = Buffer.from(text, 'latin1')
  for (let i = 0; i < data.length; i += size) {
    const done = mender.push(data.subarray(i, i + size))
    if (done && done !== 'too-large') return { text: Buffer.concat([done.octets, data.subarray(i + size)]).toString('latin1'), from: done.from }
  }
  const { octets, from } = mender.end()
  return { text: octets.toString('latin1'), from }
}

describe('a submitted header', () => {
  it.each([
    ['adds what is missing', 'Subject: s\r\n\r\nbody\r\n', 'Subject: s\r\nDate: D\r\nMessage-ID: <M@x>\r\n\r\nbody\r\n'],
    ['leaves what is there', 'date: x\r\nMESSAGE-ID: y\r\n\r\nbody', 'date: x\r\nMESSAGE-ID: y\r\n\r\nbody'],
    ['removes Bcc with its folded lines', 'Date: x\r\nBcc: a@b,\r\n c@d\r\nMessage-ID: y\r\nResent-Bcc: e\r\n\r\nBcc: stays in the body', 'Date: x\r\nMessage-ID: y\r\n\r\nBcc: stays in the body'],
    ['an empty header', '\r\nbody', 'Date: D\r\nMessage-ID: <M@x>\r\n\r\nbody'],
    ['no header at all', 'hello\r\nworld\r\n\r\nmore\r\n', 'Date: D\r\nMessage-ID: <M@x>\r\n\r\nhello\r\nworld\r\n\r\nmore\r\n'],
    ['no body', 'Subject: s\r\n', 'Subject: s\r\nDate: D\r\nMessage-ID: <M@x>\r\n\r\n'],
    ['an mbox line', 'From a@b Sun\r\nDate: x\r\nMessage-ID: y\r\n\r\nb', 'Date: x\r\nMessage-ID: y\r\n\r\nb'],
    ['nothing', '', 'Date: D\r\nMessage-ID: <M@x>\r\n\r\n'],
  ])('%s', (_, before, after) => expect(mend(before).text).toBe(after))
  it('comes out the same at any split', () => {
    const line = fc.constantFrom('Subject: s\r\n', 'Bcc: x\r\n', ' folded\r\n', 'Date: d\r\n', '\r\n', 'text\r\n', 'From: a@b\r\n')
    fc.assert(fc.property(fc.array(line).map((lines) => lines.join('')), fc.integer({ min: 1, max: 9 }), (text, size) => {
      expect(mend(text, size)).toEqual(mend(text))
    }))
  })
  it('shows who claims to have written it, hidden tricks included', () => {
    expect(mend('From: "me@own" <Real@Other.example>, b@c\r\nfrom: x (comment) @ y\r\n\r\n').from).toEqual(['Real@Other.example', 'b@c', 'x@y'])
    expect(mend('From: J\xc3\xb6rg <j\xc3\xb6rg@x>\r\n\r\n').from).toEqual(['jörg@x'])
  })
  it('gives up on a header without end', () => {
    const mender = new HeaderMender(defaults)
    let result: unknown
    for (let i = 0; i < 20 && !result; i++) result = mender.push(Buffer.alloc(100_000, 'x: y\r\n'))
    expect(result).toBe('too-large')
  })
})
