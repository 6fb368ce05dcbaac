// What a recipient's side may expect of a store, in this process and over the wire, clear and with TLS: one suite.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectStore } from '../../core/dist/im2000/client/wire-clients.js'
import type { StoreClient } from '../../core/dist/im2000/seams.js'
import { makeLocalStoreClient } from '../../core/dist/store/local-store-client.js'
import { startIm2000, type Im2000 } from '../support/im2000.js'

const ways: Record<string, (im: Im2000) => Promise<StoreClient>> = {
  'in process': async (im) => makeLocalStoreClient(im.gateway),
  'over the wire': (im) => connectStore(im.where('msrap')),
  'over the wire with TLS': (im) => connectStore(im.where('msraps')),
}
const nowhere = Buffer.alloc(16, 9)
const text = Buffer.concat([Buffer.from('Subject: whole\r\nFrom: a@example.test\r\nX-Other: 1\r\n\r\n'), Buffer.alloc(700_000, 0x78)])

for (const [way, connect] of Object.entries(ways)) {
  describe(`a store ${way}`, () => {
    let im: Im2000
    let client: StoreClient
    let recipient: Buffer
    let list: Buffer
    beforeAll(async () => {
      im = await startIm2000({ accounts: 2 })
      await im.gateway.lists.create({ name: 'open', readers: 'public', writers: 'accounts' })
      await im.gateway.lists.create({ name: 'inner', readers: 'accounts', writers: 'accounts' })
      using sender = await im.msoap(1)
      const sent = await sender.submit({ recipients: [{ localpart: 'user0002', domain: ['example', 'test'] }], lists: [Buffer.from('open')], lifetime: 0n }, [text])
      recipient = sent.recipients[0]
      list = sent.lists[0]
    })
    beforeEach(async () => { client = await connect(im) })
    afterEach(() => client.close())
    afterAll(() => im?.stop())

    it('gives every representation in windows, and its size with each', async () => {
      const { size, data } = await client.retrieve(recipient, 'nothing', 0, 100)
      expect(data).toHaveLength(0)
      const parts: Buffer[] = []
      for (let at = 0; at < size;) {
        const window = await client.retrieve(recipient, 'all', at, 10_000_000)
        expect(window.size).toBe(size)
        expect(window.data.length).toBeGreaterThan(0)
        expect(window.data.length).toBeLessThanOrEqual(512 * 1024)
        parts.push(window.data)
        at += window.data.length
      }
      expect(Buffer.concat(parts).subarray(-text.length).equals(text)).toBe(true)
      expect((await client.retrieve(recipient, 'summaryonly', 0, 1000)).data.toString()).toBe('Subject: whole\r\nFrom: a@example.test\r\n\r\n')
      expect((await client.retrieve(recipient, 'headersonly', 0, 10_000)).data.toString()).toMatch(/^Received: [\s\S]*\r\nX-Other: 1\r\n\r\n$/)
      expect((await client.retrieve(recipient, 'all', size, 5)).data).toHaveLength(0)
    })
    it('silences and un-pins, again and again', async () => {
      for (let i = 0; i < 2; i++) {
        await client.silence(recipient)
        await client.unpin(recipient)
      }
      using sender = await im.msoap(1)
      expect(await sender.track(recipient)).toMatchObject({ notificationstatus: 'silenced', pinned: false })
    })
    it('knows no message by an identifier that it did not give, and none to silence by a list\'s', async () => {
      await expect(client.retrieve(nowhere, 'all', 0, 1)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
      for (const identifier of [nowhere, list]) {
        await expect(client.silence(identifier)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
        await expect(client.unpin(identifier)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' })
      }
    })
    it('scans public lists, and knows no others', async () => {
      await im.gateway.database.write((tx) => tx.run('UPDATE postings SET posted_at = 1000000'))
      const { identifiers, endtime } = await client.scan('open', 0)
      expect(identifiers).toEqual([list])
      expect(Math.abs(endtime - Date.now() / 1000)).toBeLessThan(5)
      expect((await client.scan('open', endtime)).identifiers).toEqual([])
      expect(await client.scan('open', 5_000_000_000)).toEqual({ identifiers: [], endtime: 5_000_000_000 })
      for (const name of ['inner', 'nowhere']) await expect(client.scan(name, 0)).rejects.toMatchObject({ code: 'LIST_NOT_FOUND' })
    })
  })
}
