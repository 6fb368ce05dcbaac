// How long policies of domains are kept, on both databases: fetched again while they hold, so that nobody waits for their end.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLog, type Clock } from '@restante/core'
import { migrate } from '../../core/src/database/migrator.js'
import { migrations } from '../../bridges/smtp-relay/src/migrations.js'
import { MtaSts } from '../../bridges/smtp-relay/src/tls/mta-sts.js'
import { databases, openDatabase } from '../support/databases.js'

const dayMs = 86_400_000
for (const kind of databases) {
  describe(kind, () => {
    let opened: Awaited<ReturnType<typeof openDatabase>>
    beforeAll(async () => {
      opened = await openDatabase(kind)
      await migrate(opened.database, migrations)
    })
    afterAll(() => opened.close())

    it('fetches a policy again once a day while it holds, and keeps it when that fails', async () => {
      const { database } = opened
      let now = 1_700_000_000_000
      let answer: string | undefined = 'version: STSv1\nmode: enforce\nmx: mx.far.test\nmax_age: 604800\n'
      let fetched = 0
      const sts = new MtaSts({
        database, clock: { now: () => now } as Clock, log: silentLog, most: 10, txt: async () => [['v=STSv1; id=one;']],
        https: async () => {
          fetched++
          if (answer === undefined) throw new Error('somebody is in the way')
          return { status: 200, type: 'text/plain', body: Buffer.from(answer) }
        },
      })
      const ends = async (): Promise<number> => Number((await database.read.get('SELECT expires_at FROM smtp_relay_policies'))!.expires_at)
      const enforced = { mode: 'enforce', mx: ['mx.far.test'] }
      await Promise.all(Array.from({ length: 5 }, async () => expect(await sts.policyOf('far.test')).toMatchObject(enforced)))
      await sts.policyOf('far.test')
      expect(fetched).toBe(1)
      now += dayMs + 1
      for (let i = 0; i < 3; i++) expect(await sts.policyOf('far.test')).toMatchObject(enforced)
      await expect.poll(ends).toBe(now + 7 * dayMs)
      expect(fetched).toBe(2)
      // From now on it cannot be had: tried again now and then, and kept to its end.
      answer = undefined
      now += 3 * dayMs
      for (let i = 0; i < 3; i++) expect(await sts.policyOf('far.test')).toMatchObject(enforced)
      await expect.poll(() => fetched).toBe(3)
      now += 300_001
      expect(await sts.policyOf('far.test')).toMatchObject(enforced)
      await expect.poll(() => fetched).toBe(4)
      now += 5 * dayMs
      expect(await sts.policyOf('far.test')).toBeUndefined()
    })
  })
}
