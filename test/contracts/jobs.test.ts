// Jobs on both databases: written with their cause, run after its commit, retried, parked, never run when it was rolled back.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Clock } from '@restante/core'
import { Jobs, jobsMigrations } from '../../core/src/jobs/jobs.js'
import { nextAttempt } from '../../core/src/jobs/schedule.js'
import { migrate } from '../../core/src/database/migrator.js'
import { silentLog } from '../../core/src/log/logger.js'
import { databases, openDatabase } from '../support/databases.js'

/** A clock that stands still until it is moved. */
function standing(): Clock & { move(ms: number): void } {
  let now = 1_000_000
  const waiting = new Set<{ at: number; run: () => void }>()
  return {
    now: () => now,
    after(ms, run) {
      const entry = { at: now + ms, run }
      waiting.add(entry)
      return { clear: () => { waiting.delete(entry) } }
    },
    move(ms) {
      now += ms
      for (const entry of [...waiting]) {
        if (entry.at > now) continue
        waiting.delete(entry)
        entry.run()
      }
    },
  }
}

for (const kind of databases) {
  describe(kind, () => {
    let opened: Awaited<ReturnType<typeof openDatabase>>
    const clock = standing()
    let jobs: Jobs
    const done: unknown[] = []
    let fail = 0
    beforeAll(async () => {
      opened = await openDatabase(kind)
      await migrate(opened.database, jobsMigrations)
      jobs = new Jobs({ database: opened.database, clock, log: silentLog })
      jobs.handle('work', async (payload) => {
        if (fail > 0) {
          fail--
          throw new Error('not today')
        }
        done.push(payload)
      })
      jobs.start()
    })
    afterAll(async () => {
      await jobs.stop()
      await opened.close()
    })
    const add = (payload: unknown, runAt?: number): Promise<void> => opened.database.write((tx) => jobs.add(tx, [{ kind: 'work', payload, ...(runAt === undefined ? {} : { runAt }) }]))

    it('runs what was committed, and nothing that was rolled back', async () => {
      await add({ n: 1 })
      await opened.database.write(async (tx) => {
        await jobs.add(tx, [{ kind: 'work', payload: 'never' }])
        throw new Error('rolled back')
      }).catch(() => undefined)
      await expect.poll(() => done).toEqual([{ n: 1 }])
      await expect.poll(() => jobs.list()).toEqual([])
    })
    it('a job that ends while the next look reads is not done again', async () => {
      const { read } = opened.database
      let hold: Promise<void> | undefined
      let reading: (() => void) | undefined
      const slow: typeof opened.database = { ...opened.database, read: { ...read, all: async (sql: string, values?: readonly never[]) => {
        const rows = await read.all(sql, values)
        reading?.()
        await hold
        return rows as never
      } } }
      const other = new Jobs({ database: slow, clock, log: silentLog })
      let runs = 0
      let finish = (): void => undefined
      other.handle('once', () => {
        runs++
        return new Promise((end) => { finish = () => end() })
      })
      other.start()
      await opened.database.write((tx) => other.add(tx, [{ kind: 'once', payload: null }]))
      await expect.poll(() => runs).toBe(1)
      let open = (): void => undefined
      hold = new Promise((end) => { open = end })
      const read2 = new Promise<void>((end) => { reading = end })
      other.wake()
      await read2
      finish()
      await expect.poll(() => read.all('SELECT id FROM jobs')).toEqual([])
      open()
      hold = undefined
      await other.settled()
      expect(runs).toBe(1)
      await other.stop()
    })
    it('waits for its time', async () => {
      await add('later', clock.now() + 10_000)
      await jobs.settled()
      expect(done).not.toContain('later')
      clock.move(10_000)
      await expect.poll(() => done).toContain('later')
    })
    it('tries again with growing gaps, and says why it failed', async () => {
      fail = 2
      await add('stubborn')
      await expect.poll(async () => (await jobs.list())[0]?.attempts).toBe(1)
      expect((await jobs.list())[0]).toMatchObject({ lastError: 'not today', runAt: nextAttempt(1, clock.now()) })
      clock.move(5_000)
      await expect.poll(async () => (await jobs.list())[0]?.attempts).toBe(2)
      clock.move(10_000)
      await expect.poll(() => done).toContain('stubborn')
    })
    it('parks what keeps failing, until the administrator takes it up again', async () => {
      fail = 25
      await add('hopeless')
      for (let attempts = 1; attempts <= 25; attempts++) {
        await expect.poll(async () => (await jobs.list())[0]?.attempts).toBe(attempts)
        await jobs.settled()
        clock.move(6 * 3600_000)
      }
      const [job] = await jobs.list()
      expect(job).toMatchObject({ parked: true })
      await jobs.retry([job.id])
      await expect.poll(() => done).toContain('hopeless')
    })
    it('rests when what became of a job cannot be written down, and does it no oftener', async () => {
      const { database } = opened
      const { write } = database
      let runs = 0
      jobs.handle('refused', async () => {
        runs++
        Object.assign(database, { write: () => Promise.reject(new Error('disk full')) })
      })
      await database.write((tx) => jobs.add(tx, [{ kind: 'refused', payload: 1 }]))
      await expect.poll(() => runs).toBe(1)
      for (let i = 0; i < 20; i++) {
        jobs.wake()
        await jobs.settled()
      }
      Object.assign(database, { write })
      expect(runs).toBe(1)
      jobs.handle('refused', async () => { runs++ })
      clock.move(30_000)
      await expect.poll(() => jobs.list()).toEqual([])
      expect(runs).toBe(2)
    })
    it('asks the database no more while all hands are full', async () => {
      const { read } = opened.database
      const { all } = read
      let [looks, begun, finish] = [0, 0, () => undefined as void]
      const finished = new Promise<void>((done) => { finish = done })
      jobs.handle('slow', async () => {
        begun++
        await finished
      })
      await opened.database.write((tx) => jobs.add(tx, Array.from({ length: 70 }, () => ({ kind: 'slow', payload: 1 }))))
      await expect.poll(() => begun).toBe(64)
      Object.assign(read, { all: (...asked: Parameters<typeof all>) => { looks++; return all.call(read, ...asked) } })
      for (let i = 0; i < 10; i++) {
        clock.move(1)
        await read.get('SELECT 1')
      }
      Object.assign(read, { all })
      expect(looks).toBe(0)
      finish()
      await expect.poll(() => begun).toBe(70)
      await expect.poll(() => jobs.list()).toEqual([])
    })
    it('leaves jobs of a kind that nobody does', async () => {
      await opened.database.write((tx) => jobs.add(tx, [{ kind: 'of a plugin that is off', payload: 1 }]))
      await jobs.settled()
      expect(await jobs.list()).toHaveLength(1)
    })
  })
}
