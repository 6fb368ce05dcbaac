// What time ends: lifetimes, the maximum age, lists' retention, and what housekeeping throws away. On both databases.
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Uid } from '@restante/core'
import { databases } from '../support/databases.js'
import { startCore, type CoreUnderTest } from '../support/core.js'

for (const kind of databases) {
  describe(kind, () => {
    let core: CoreUnderTest
    beforeAll(async () => { core = await startCore(kind, { accounts: 2, set: ['im2000.store.minimumLifetime=60', 'im2000.store.maximumAge=60'] }) })
    afterAll(() => core.stop())
    const alive = async (where = ''): Promise<number> => (await core.gateway.database.read.get<{ n: number }>(`SELECT count(*) AS n FROM submissions WHERE ended_at IS NULL ${where}`))!.n

    it('ends all whose lifetime is over, however many in one minute', async () => {
      await Promise.all(Array.from({ length: 620 }, () => core.submit([core.name(1)], 'x', { lifetime: 60 })))
      const kept = await core.submit([core.name(1)], 'x', { lifetime: 600 })
      await core.gateway.database.write((tx) => tx.run('UPDATE submissions SET expires_at = 1 WHERE token <> ?', [kept.token]))
      await core.gateway.reaper.expire()
      expect(await alive()).toBe(1)
    })

    it('D51 gives up what foreign recipients never un-pinned, the oldest first, and nothing local', async () => {
      const [old, young, local] = [await core.submit([core.name(2)]), await core.submit([core.name(2)]), await core.submit([core.name(2)])]
      await core.gateway.database.write(async (tx) => {
        await tx.run('UPDATE recipients SET account = NULL WHERE submission <> ?', [local.id])
        await tx.run('UPDATE submissions SET submitted_at = 1 WHERE id <> ?', [young.id])
      })
      await core.gateway.reaper.expire()
      expect((await core.gateway.store.track(old.token))[0]).toMatchObject({ endedBy: 'expired' })
      for (const one of [young, local]) expect((await core.gateway.store.track(one.token))[0]).toMatchObject({ endedBy: null })
    })

    it('D50 takes postings off lists whose retention is over', async () => {
      await core.gateway.lists.create({ name: 'short', readers: 'public', writers: 'accounts', retention: 100 })
      await core.gateway.lists.create({ name: 'long', readers: 'public', writers: 'accounts', retention: 0 })
      await core.submit([], 'x', { account: core.ids[0], lists: ['short', 'long'] })
      await core.gateway.database.write((tx) => tx.run('UPDATE postings SET posted_at = 1'))
      await core.submit([], 'x', { account: core.ids[0], lists: ['short', 'long'] })
      await core.gateway.reaper.expire()
      const left = await core.gateway.database.read.all<{ name: Buffer }>('SELECT l.name FROM postings p JOIN lists l ON l.id = p.list ORDER BY l.name')
      expect(left.map((row) => row.name.toString())).toEqual(['long', 'long', 'short'])
    })

    it('throws away expunges beyond those that are ever answered from rows, and keywords that nobody uses', async () => {
      const { mailboxes, database } = core.gateway
      const writer = core.gateway.spool.open()
      await writer.write(Buffer.from('x'))
      await mailboxes.append(core.ids[0], 'Archive', [{ spooled: await writer.seal(), flags: 0, keywords: ['used'] }])
      const box = await mailboxes.open(core.ids[0], 'Archive', { readOnly: false })
      for (const word of ['a', 'b', 'c']) await box.changeFlags([1 as Uid], { mode: 'add', flags: 0, keywords: [word] })
      await database.write((tx) => tx.run(`INSERT INTO expunged (mailbox, modseq, uid) SELECT r.mailbox, r.modseq, r.uid FROM ${tx.dialect.rows({ mailbox: 'int', modseq: 'int', uid: 'int' })} AS r`,
        [tx.dialect.rowsValue(Array.from({ length: 10_500 }, (_, i) => [box.id, 100_000 + Math.floor(i / 3), i + 10]))]))
      await core.gateway.housekeeping.clean()
      const rows = await database.read.get<{ n: number; first: number }>('SELECT count(*) AS n, min(modseq) AS first FROM expunged WHERE mailbox = ?', [box.id])
      expect(rows).toEqual({ n: 10_002, first: 100_166 })
      expect(await database.read.all('SELECT names FROM keyword_sets')).toEqual([{ names: 'a b c used' }])
      // What was swept is made anew, and kept.
      await box.changeFlags([1 as Uid], { mode: 'remove', flags: 0, keywords: ['b', 'c'] })
      expect(await database.read.all('SELECT 1 AS lost FROM entries WHERE keywords <> 0 AND NOT EXISTS (SELECT 1 FROM keyword_sets k WHERE k.id = entries.keywords)')).toEqual([])
      expect(box.index.keywordNames(box.index.entry(1 as Uid)!.keywords)).toEqual(['a', 'used'])
      box.close()
    })

    it('sweeps content files that no message refers to, but none older than the database: those are another one\'s', async () => {
      await core.submit([core.name(1)], 'x'.repeat(100_000))
      const folder = join(core.data, 'blobs', 'ab')
      const put = (name: string, hoursAgo: number): void => {
        mkdirSync(folder, { recursive: true })
        writeFileSync(join(folder, name), 'x')
        const at = Date.now() / 1000 - hoursAgo * 3600
        utimesSync(join(folder, name), at, at)
      }
      await core.gateway.database.write((tx) => tx.run('UPDATE migrations SET applied_at = ?', [Date.now() - 10 * 3600_000]))
      put('ab'.repeat(16), 2)
      put('ac'.repeat(16), 0)
      put('ad'.repeat(16), 20)
      await core.gateway.housekeeping.clean()
      expect(readdirSync(folder).filter((name) => /^a[bcd]a/.test(name)).sort()).toEqual(['ac'.repeat(16), 'ad'.repeat(16)])
    })
  })
}
