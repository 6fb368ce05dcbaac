// What a store may expect of a recipient's agent, in this process and over the wire, clear and with TLS: one suite.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectRna } from '../../core/dist/im2000/client/wire-clients.js'
import type { RnaClient } from '../../core/dist/im2000/seams.js'
import { makeLocalRnaClient } from '../../core/dist/rna/local-rna-client.js'
import { startIm2000, type Im2000 } from '../support/im2000.js'

const ways: Record<string, (im: Im2000) => Promise<RnaClient>> = {
  'in process': async (im) => makeLocalRnaClient(im.gateway.agent),
  'over the wire': (im) => connectRna(im.where('rnasp')),
  'over the wire with TLS': (im) => connectRna(im.where('rnasps')),
}

for (const [way, connect] of Object.entries(ways)) {
  describe(`an agent ${way}`, () => {
    let im: Im2000
    let client: RnaClient
    beforeAll(async () => { im = await startIm2000({ accounts: 4, set: ['im2000.rna.perMailbox=3', 'im2000.rna.unknownMailbox=nouser'] }) })
    beforeEach(async () => { client = await connect(im) })
    afterEach(() => client.close())
    afterAll(() => im?.stop())

    const note = (user: number, n: number, more: object = {}) => ({ storeClear: { literals: [] }, storeSsl: { domain: 'store.example.net' }, recipient: im.name(user), identifier: Buffer.alloc(16, n), sender: 'toby', size: 42, ...more })
    const held = async (user: number) => {
      using reader = await im.rnaqp(user)
      return await reader.retrieveAndClear()
    }
    it('holds what it was told, for its recipient, with every field', async () => {
      await client.notify([note(1, 1), note(1, 2, { storeSsl: undefined, storeClear: { literals: [{ address: '192.0.2.1', port: 2702 }] }, size: undefined })])
      const [one, two] = await held(1)
      expect(one).toMatchObject({ notification: note(1, 1), submitter: { address: '127.0.0.1' } })
      expect(two.notification).toEqual({ storeClear: { literals: [{ address: '192.0.2.1', port: 2702 }] }, recipient: im.name(1), identifier: Buffer.alloc(16, 2), sender: 'toby' })
    })
    it('collapses repeats, and takes none at all', async () => {
      await client.notify([])
      for (let i = 0; i < 3; i++) await client.notify([note(2, 1)])
      expect(await held(2)).toHaveLength(1)
    })
    it('refuses a batch whole at its bound, and stays usable', async () => {
      await client.notify([1, 2, 3].map((n) => note(3, n)))
      await expect(client.notify([note(4, 1), note(3, 4)])).rejects.toMatchObject({ code: 'NOTIFICATION_REFUSED' })
      await client.notify([note(3, 2)])
      expect(await held(4)).toEqual([])
      expect(await held(3)).toHaveLength(3)
    })
    it('names unknown mailboxes where it is set to', async () => {
      await expect(client.notify([note(1, 1, { recipient: 'nobody@example.test' })])).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
    })
  })
}
