// The text index on both databases: what it finds is what reading every message finds, for terms of every kind; what it has not
// seen it says nothing of; what is deleted it forgets.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bodyTexts, fold, foldedHeader, type MessageId } from '@restante/core'
import { corpus } from '../fixtures/mime/corpus.js'
import { startCore, type CoreUnderTest } from '../support/core.js'
import { databases } from '../support/databases.js'

for (const kind of databases) {
  describe(kind, () => {
    let core: CoreUnderTest
    const texts = new Map<MessageId, { header: string; body: string[] }>()
    const append = async (name: string, octets: Buffer): Promise<MessageId> => {
      const { gateway: { mailboxes, spool }, ids: [account] } = core
      const writer = spool.open()
      await writer.write(octets)
      const spooled = await writer.seal()
      const { summary } = spooled
      const { uids: [uid] } = await mailboxes.append(account, name, [{ spooled, flags: 0, keywords: [] }])
      const box = await mailboxes.open(account, name, { readOnly: true })
      const { message } = box.index.entry(uid)!
      box.close()
      texts.set(message, { header: foldedHeader(octets.toString('latin1', 0, summary.headerSize)), body: [...bodyTexts(octets, summary.parts)] })
      return message
    }
    beforeAll(async () => {
      core = await startCore(kind, { accounts: 1, set: ['mailboxes.textIndexOctets=200000'] })
      for (const octets of corpus.values()) if (octets.length > 0) await append('INBOX', octets)
      await core.gateway.textIndex.settled()
    })
    afterAll(() => core.stop())

    const scan = (text: string, header: boolean): MessageId[] => [...texts].filter(([, one]) => one.body.some((body) => body.includes(text)) || (header && one.header.includes(text))).map(([id]) => id)
    const find = async (text: string, header: boolean): Promise<MessageId[]> => [...await core.gateway.textIndex.find([...texts.keys()], [{ text, header }])].filter(([, found]) => found[0] === 1).map(([id]) => id)

    it('finds exactly what reading everything finds (property)', async () => {
      const all = [...texts.values()].flatMap(({ header, body }) => [header, ...body]).filter((text) => text.length > 0)
      const piece = fc.tuple(fc.constantFrom(...all), fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 40 })).map(([text, at, length]) => {
        const from = Math.floor(at * text.length)
        return text.slice(from, from + length).toWellFormed()
      })
      const made = fc.oneof(fc.constantFrom('"', '%', '_', '!', "'", 'a%', '%%%', '___', '" OR "', 'nowhere at all', 'ä', 'ß', '日本', '😀', '\\', '*', 'a*b', 'AND', '-', 'text:'), fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }))
      await fc.assert(fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: piece }, { weight: 1, arbitrary: made }), fc.boolean(), async (term, header) => {
        const text = fold(term)
        if (text === '' || /[\0\ufdd0\ufffd]|\p{Surrogate}/u.test(text)) {
          expect(await core.gateway.textIndex.find([...texts.keys()], [{ text, header }])).toEqual(new Map())
          return
        }
        expect(await find(text, header)).toEqual(scan(text, header))
      }), { numRuns: 300 })
    })

    it('says of no message that it lacks a text that it has (property)', async () => {
      const all = [...texts.values()].flatMap(({ header, body }) => [header, ...body]).filter((text) => text.length > 2)
      const piece = fc.tuple(fc.constantFrom(...all), fc.nat(), fc.integer({ min: 1, max: 12 })).map(([text, at, length]) => text.slice(at % text.length, (at % text.length) + length).toWellFormed())
      await fc.assert(fc.asyncProperty(piece, async (term) => {
        const text = fold(term)
        const lacking = await core.gateway.textIndex.lacking([...texts.keys()], text)
        for (const id of scan(text, true)) expect(lacking.has(id)).toBe(false)
      }), { numRuns: 200 })
      expect((await core.gateway.textIndex.lacking([...texts.keys()], 'nowhere at all')).size).toBe(texts.size)
      expect(await core.gateway.textIndex.lacking([999_999 as MessageId], 'nowhere at all')).toEqual(new Set())
    })

    it('answers several texts at once, of known messages only', async () => {
      const found = await core.gateway.textIndex.find([...texts.keys(), 999_999 as MessageId], [{ text: 'subject', header: true }, { text: 'nowhere at all', header: true }])
      expect(found.size).toBe(texts.size)
      for (const [first, second] of found.values()) expect(second).toBe(0 * first)
    })

    it('says nothing of what is too large, or came since; forgets what is deleted; can be made anew', async () => {
      const { gateway: { mailboxes, textIndex, reaper }, ids: [account] } = core
      const large = await append('Archive', Buffer.from(`Subject: large\r\n\r\n${'words and words '.repeat(20_000)}`))
      const small = await append('Archive', Buffer.from('Subject: unmistakable\r\n\r\nsmall'))
      await textIndex.settled()
      // Short enough to be read, too long to be kept: looked at once, not after every delivery again.
      const long = await append('Archive', Buffer.from(`Subject: long\r\n\r\n${'words and words '.repeat(10_000)}`))
      await textIndex.settled()
      const { contents } = core.gateway
      const { open } = contents
      const opened: MessageId[] = []
      contents.open = (id) => { opened.push(id); return open.call(contents, id) }
      const next = await append('Archive', Buffer.from('Subject: next\r\n\r\nsmall'))
      await textIndex.settled()
      contents.open = open
      expect(opened).toEqual([next])
      const both = await textIndex.find([large, small], [{ text: 'unmistakable', header: true }])
      expect([...both]).toEqual([[small, Uint8Array.of(1)]])
      expect(await textIndex.status()).toMatchObject({ waiting: 0, leftOut: 2, indexed: texts.size - 2 })
      const box = await mailboxes.open(account, 'Archive', { readOnly: false })
      await box.changeFlags([1, 2, 3, 4] as never, { mode: 'add', flags: 8, keywords: [] })
      await box.expunge()
      box.look({ expunges: true })
      box.close()
      await reaper.reap()
      texts.delete(large)
      texts.delete(small)
      texts.delete(long)
      texts.delete(next)
      expect(await textIndex.status()).toMatchObject({ leftOut: 0, indexed: texts.size })
      expect([...(await textIndex.find([small], [{ text: 'unmistakable', header: true }])).values()]).toEqual([Uint8Array.of(0)])
      await textIndex.rebuild()
      expect(await textIndex.find([...texts.keys()], [{ text: 'a', header: true }])).toEqual(new Map())
      await textIndex.settled()
      expect(await find('subject', true)).toEqual(scan('subject', true))
    })
  })
}
