// What answers mean, when to try again, what goes out, what is reported.
import fc from 'fast-check'
import { Readable } from 'node:stream'
import type { Content, Contents, MessageId } from '@restante/core'
import { describe, expect, it } from 'vitest'
import { config } from './config.js'
import { LineEnds, lineEnds, look } from './content.js'
import { readAhead } from './ahead.js'
import { again, verdictOf } from './outcome.js'

describe('answers', () => {
  it.each<[object, string, string]>([
    [{ responseCode: 550, response: '550 5.1.1 nobody here' }, 'permanent', '5.1.1'],
    [{ responseCode: 550, response: '550 no' }, 'permanent', '5.0.0'],
    [{ responseCode: 451, response: '451-4.7.1 slow\r\n451 4.7.1 down' }, 'temporary', '4.7.1'],
    [{ responseCode: 421, response: '421 bye' }, 'temporary', '4.0.0'],
    [{ responseCode: 450, response: '450 5.1.1 contradicts itself' }, 'temporary', '4.0.0'],
    [{ code: 'ECONNECTION' }, 'temporary', '4.4.2'],
    [{ code: 'ETLS' }, 'temporary', '4.7.0'],
    [{ code: 'EMESSAGE' }, 'permanent', '5.3.4'],
    [{ code: 'EAUTH', responseCode: 535, response: '535 no' }, 'temporary', '4.7.8'],
    [{ code: 'EENVELOPE', response: 'garbage', command: 'MAIL FROM' }, 'temporary', '4.5.0'],
    [{ code: 'EMESSAGE', response: '354 once more', responseCode: 354, command: 'DATA' }, 'temporary', '4.5.0'],
  ])('%j', (trouble, kind, status) => expect(verdictOf({ message: 'm', ...trouble }, 'h')).toMatchObject({ kind, status, host: 'h' }))
})

it('attempts are 5 minutes apart, doubling to 4 hours, and end after 5 days', () => {
  const settings = config.parse({})
  const minutes = [0, 1, 2, 5, 6, 50].map((n) => Math.round((again(n, 0, 0, settings, 0.5)!) / 60_000))
  expect(minutes).toEqual([5, 10, 20, 160, 240, 240])
  expect([again(0, 0, 0, settings, 0)! / 60_000, again(0, 0, 0, settings, 1)! / 60_000].map((one) => Math.round(one * 10) / 10)).toEqual([4.5, 5.5])
  const end = 5 * 86_400_000
  expect(again(20, 0, end - 60_000, settings, 0.5)).toBe(end)
  expect(again(20, 0, end, settings, 0.5)).toBeUndefined()
})

describe('what goes out', () => {
  it('has CRLF and no other CR or LF, however the octets are cut, and is as long as it was said to be', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom('\r', '\n', 'a', '.', '\xe4'), maxLength: 12 }), { maxLength: 6 }), async (pieces) => {
      const chunks = pieces.filter(Boolean).map((piece) => Buffer.from(piece, 'latin1'))
      const out: Buffer[] = []
      for await (const chunk of Readable.from(chunks, { objectMode: false }).pipe(new LineEnds())) out.push(chunk as Buffer)
      const text = Buffer.concat(out).toString('latin1')
      expect(text).toBe(Buffer.concat(chunks).toString('latin1').replace(/\r\n|\r|\n/g, '\r\n'))
      const seen = await look((async function* () { yield* chunks })())
      expect([seen.size, seen.eightBit, seen.nul]).toEqual([text.length, text.includes('\xe4'), false])
      // What is said to be clean may go as it is; what is in memory comes out the same.
      expect(seen.clean).toBe(Buffer.concat(chunks).toString('latin1') === text)
      expect(lineEnds(Buffer.concat(chunks)).toString('latin1')).toBe(text)
    }))
  })
  it('hops are counted, NUL is seen', async () => {
    const octets = Buffer.from(`${'Received: x\n y\n'.repeat(7)}Subject: s\n\nReceived: not one\0`)
    expect(await look((async function* () { yield octets.subarray(0, 50); yield octets.subarray(50) })())).toMatchObject({ hops: 7, nul: true, header: expect.stringMatching(/Subject: s$/) })
  })
})

describe('messages that are read together', () => {
  const ids = Array.from({ length: 20 }, (_, i) => i + 1 as MessageId)
  const content = (message: MessageId): Content => ({ message, size: 0, range: async function* () {} })
  it('come in their order; what is not among them is opened, and says why', async () => {
    const asked: number[] = []
    const contents: Contents = {
      async *readMany(some) {
        asked.push(some.length)
        for (const id of some) if (id !== 3) yield content(id)
      },
      open: async (id) => { throw new Error(`${id} is gone`) },
    }
    const ahead = readAhead(contents, ids)
    // As several conversations ask: before the first has come.
    const found = await Promise.all(ids.map(() => ahead.take().then(({ message }) => message, (error: Error) => error.message)))
    expect(found).toEqual(ids.map((id) => (id === 3 ? '3 is gone' : id)))
    expect(asked).toEqual([8, 8, 4])
  })
  it('one that cannot be read is no harm to the others', async () => {
    const contents: Contents = { readMany: () => { throw new Error('one is damaged') }, open: async (id) => { if (id === 2) throw new Error('it is damaged'); return content(id) } }
    const ahead = readAhead(contents, ids.slice(0, 3))
    expect(await Promise.all([ahead.take(), ahead.take().catch((error: Error) => error.message), ahead.take()])).toMatchObject([{ message: 1 }, 'it is damaged', { message: 3 }])
  })
})
