// The agent's bounds when many notify at once: exact, however the commits fall together, and the kept counts never lie (im2000.md E.12-E.17).
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCore, type CoreUnderTest } from '../support/core.js'
import { databases } from '../support/databases.js'

const submitter = { address: '192.0.2.9', port: 4711, tls: true }
const identifier = (n: number): Buffer => { const octets = Buffer.alloc(16); octets.writeUInt32BE(n); return octets }

for (const kind of databases) describe(kind, () => {
  let core: CoreUnderTest
  const start = async (...set: string[]): Promise<void> => { core = await startCore(kind, { accounts: 4, set: ['im2000.rna.perMailbox=6', 'im2000.rna.bound=14', ...set] }) }
  const note = (user: number, n: number, store = 'store.example') => ({ storeClear: { domain: store }, recipient: core.name(user), identifier: identifier(n), sender: 's' })
  const notify = (...notes: ReturnType<typeof note>[]): Promise<boolean> => core.gateway.agent.notify(notes, submitter).then(() => true, (error: { code: string }) => {
    expect(error.code).toBe('NOTIFICATIONS_FULL')
    return false
  })
  const held = async (user: number): Promise<number[]> => (await core.gateway.database.read.all<{ identifier: Buffer }>('SELECT identifier FROM notifications WHERE mailbox = ? ORDER BY id', [core.name(user)])).map((row) => row.identifier.readUInt32BE())
  const kept = async (): Promise<Record<string, number>> => Object.fromEntries((await core.gateway.database.read.all<{ mailbox: string; held: number }>("SELECT mailbox, held FROM notification_counts WHERE mailbox <> '' OR held <> 0")).map((row) => [row.mailbox, row.held]))
  const counted = async (): Promise<Record<string, number>> => {
    const rows = await core.gateway.database.read.all<{ mailbox: string; n: number }>('SELECT mailbox, count(*) AS n FROM notifications GROUP BY mailbox')
    const total = rows.reduce((sum, row) => sum + row.n, 0)
    return { ...Object.fromEntries(rows.map((row) => [row.mailbox, row.n])), ...(total > 0 ? { '': total } : {}) }
  }
  const empty = async (): Promise<void> => { for (const id of core.ids) await core.gateway.agent.retrieveAndClear(id, 1000, async () => undefined) }

  describe('without replacement', () => {
    beforeAll(() => start())
    afterAll(() => core.stop())

    it('a flood from many at once fills each mailbox to its bound and all to theirs, and no further', async () => {
      const outcomes = await Promise.all(Array.from({ length: 60 }, (_, i) => notify(note(1 + i % 3, i))))
      expect(outcomes.filter(Boolean)).toHaveLength(14)
      expect(await counted()).toMatchObject({ '': 14 })
      for (const user of [1, 2, 3]) expect((await held(user)).length).toBeLessThanOrEqual(6)
      expect(await kept()).toEqual(await counted())
      // Equal ones at the bound need no room (E.16); of two equal new ones neither gets in.
      const there = (await held(1))[0]
      expect(await Promise.all([notify(note(1, there)), notify(note(1, 1000)), notify(note(1, 1000))])).toEqual([true, false, false])
      await empty()
      expect(await kept()).toEqual({})
    })

    it('whatever comes together, the kept counts are what a count would say, and no bound is passed', async () => {
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.record({ user: fc.integer({ min: 1, max: 4 }), ns: fc.array(fc.nat(30), { maxLength: 4 }) }).map(({ user, ns }) => ({ run: () => notify(...ns.map((n) => note(user, n))) })) },
        { weight: 2, arbitrary: fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(30)), { maxLength: 4 }).map((pairs) => ({ run: () => notify(...pairs.map(([user, n]) => note(user, n))) })) },
        { weight: 1, arbitrary: fc.record({ user: fc.nat(3), limit: fc.integer({ min: 1, max: 4 }) }).map(({ user, limit }) => ({ run: () => core.gateway.agent.retrieveAndClear(core.ids[user], limit, async () => undefined) })) },
        { weight: 1, arbitrary: fc.nat(3).map((user) => ({ run: () => core.gateway.database.write((tx) => core.gateway.agent.removeAll(tx, core.ids[user])) })) },
        { weight: 1, arbitrary: fc.nat(3).map((user) => ({ run: () => core.gateway.database.write(async (tx) => {
          await core.gateway.agent.removeAll(tx, core.ids[user])
          throw new Error('changed my mind')
        }).catch(() => undefined) })) },
      )
      await fc.assert(fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 5 }), async (rounds) => {
        for (const round of rounds) {
          await Promise.all(round.map(({ run }) => run()))
          const now = await counted()
          expect(await kept()).toEqual(now)
          expect(now[''] ?? 0).toBeLessThanOrEqual(14)
          for (const user of [1, 2, 3, 4]) expect(now[core.name(user)] ?? 0).toBeLessThanOrEqual(6)
        }
        await empty()
      }), { numRuns: 40 })
    })
  })

  describe('with replacement', () => {
    beforeAll(() => start('im2000.rna.replacement=oldest-of-mailbox'))
    afterAll(() => core.stop())

    it('many at once: all come in, as many as fit are there, the counts are right', async () => {
      expect(await Promise.all(Array.from({ length: 20 }, (_, i) => notify(note(1, i))))).not.toContain(false)
      expect(new Set(await held(1)).size).toBe(6)
      expect(await kept()).toEqual(await counted())
    })
    it('one that cannot be made room for is refused alone, and nothing goes for it', async () => {
      await empty()
      await Promise.all([1, 2].map((user) => notify(...[1, 2, 3, 4, 5, 6].map((n) => note(user, n)))))
      // Two are free over all; the fourth mailbox has nothing that could go.
      expect(await Promise.all([notify(...[1, 2, 3].map((n) => note(4, n))), notify(note(1, 7)), notify(note(3, 1))])).toEqual([false, true, true])
      expect([await held(1), await held(2), await held(3), await held(4)]).toEqual([[2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6], [1], []])
      expect(await kept()).toEqual(await counted())
    })
  })
})
