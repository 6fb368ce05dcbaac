// The commit queue, the dialects and the migrator, on both databases.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, openDatabase } from '../../../test/support/databases.js'
import { failure, isFailure } from '../errors/codes.js'
import { connect, type Batch, type Database } from './connect.js'
import { allocate, migrate } from './migrator.js'

for (const kind of databases) {
  describe(kind, () => {
    let opened: Awaited<ReturnType<typeof openDatabase>>
    let database: Database
    beforeAll(async () => {
      opened = await openDatabase(kind)
      database = opened.database
      await migrate(database, [{ name: 'test/0001', up: (db) => db.run(`CREATE TABLE things (id ${db.dialect.types.id}, word ${db.dialect.types.text} UNIQUE, octets ${db.dialect.types.bytes})`) }])
    })
    afterAll(() => opened.close())

    const words = async (): Promise<string[]> => (await database.read.all<{ word: string }>('SELECT word FROM things ORDER BY word')).map((row) => row.word)

    it('answers only after the commit: what was answered is seen by every reader', async () => {
      await database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (1, 'one')"))
      expect(await words()).toEqual(['one'])
    })

    it('fails one operation of a group alone', async () => {
      const results = await Promise.allSettled([
        database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (2, 'two')")),
        database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (3, 'one')")),
        database.write(async (tx) => {
          await tx.run("INSERT INTO things (id, word) VALUES (4, 'four')")
          throw failure('NOT_PERMITTED', { what: 'this' })
        }),
        database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (5, 'five')")),
      ])
      expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
      expect(isFailure((results[2] as PromiseRejectedResult).reason, 'NOT_PERMITTED')).toBe(true)
      expect(await words()).toEqual(['five', 'one', 'two'])
    })

    it('rolls a lone failing operation back', async () => {
      await expect(database.write(async (tx) => {
        await tx.run("INSERT INTO things (id, word) VALUES (6, 'six')")
        await tx.run('INSERT INTO nowhere VALUES (1)')
      })).rejects.toThrow()
      expect(await words()).not.toContain('six')
      await database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (6, 'six')"))
    })

    it('merges waiting items of a batch, and finds the guilty one when the merged writing fails', async () => {
      const sizes: number[] = []
      const batch: Batch<{ id: number; word: string }, number> = {
        name: 'test',
        async write(tx, items) {
          sizes.push(items.length)
          await tx.run(`INSERT INTO things (id, word) SELECT r.id, r.word FROM ${tx.dialect.rows({ id: 'int', word: 'text' })} AS r`, [tx.dialect.rowsValue(items.map((item) => [item.id, item.word]))])
          return items.map((item) => item.id * 2)
        },
      }
      const fine = await Promise.all([10, 11, 12].map((id) => database.writeBatched(batch, { id, word: `w${id}` })))
      expect(fine).toEqual([20, 22, 24])
      expect(sizes).toEqual([3])
      const mixed = await Promise.allSettled([13, 14, 15].map((id) => database.writeBatched(batch, { id, word: id === 14 ? 'one' : `w${id}` })))
      expect(mixed.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    })

    it('writes batches that wait together without savepoints, and finds the guilty one of them all the same', async () => {
      const told: number[] = []
      const makeBatch = (name: string): Batch<{ id: number; word: string }, number> => ({
        name,
        async write(tx, items) {
          for (const { id, word } of items) {
            await tx.run('INSERT INTO things (id, word) VALUES (?, ?)', [id, word])
            tx.afterCommit(() => told.push(id))
          }
          return items.map(({ id }) => id)
        },
      })
      const [a, b] = [makeBatch('a'), makeBatch('b')]
      const commits = database.commits
      expect(await Promise.all([database.writeBatched(a, { id: 20, word: 'w20' }), database.writeBatched(b, { id: 21, word: 'w21' })])).toEqual([20, 21])
      expect(database.commits - commits).toBe(1)
      const results = await Promise.allSettled([database.writeBatched(a, { id: 22, word: 'w22' }), database.writeBatched(b, { id: 23, word: 'w22' }), database.writeBatched(b, { id: 24, word: 'w24' })])
      expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
      expect(told).toEqual([20, 21, 22, 24])
      expect((await database.read.all<{ id: number }>('SELECT id FROM things WHERE id BETWEEN 20 AND 29 ORDER BY id')).map(({ id }) => id)).toEqual([20, 21, 22, 24])
    })

    it('tells after the commit, in order, before anyone is answered; never for what was rolled back', async () => {
      const told: string[] = []
      await Promise.allSettled([
        database.write(async (tx) => { tx.afterCommit(() => told.push('a')) }).then(() => told.push('answered a')),
        database.write(async (tx) => {
          tx.afterCommit(() => told.push('never'))
          throw new Error('no')
        }),
        database.write(async (tx) => { tx.afterCommit(() => told.push('b')) }),
      ])
      expect(told).toEqual(['a', 'b', 'answered a'])
    })

    it('binds octets, long lists and row sets', async () => {
      const octets = Buffer.from([0, 1, 2, 255, 254])
      await database.write((tx) => tx.run(`INSERT INTO things (id, word, octets) SELECT r.id, r.word, r.octets FROM ${tx.dialect.rows({ id: 'int', word: 'text', octets: 'bytes' })} AS r`,
        [tx.dialect.rowsValue([[100, 'it\'s "quoted" \\ ünï', octets], [101, 'null octets', null]])]))
      const row = await database.read.get<{ word: string; octets: Buffer }>('SELECT word, octets FROM things WHERE id = 100')
      expect(row).toEqual({ word: 'it\'s "quoted" \\ ünï', octets })
      const many = Array.from({ length: 40_000 }, (_, i) => i)
      expect((await database.read.all(`SELECT id FROM things WHERE ${database.dialect.oneOf('id')}`, [database.dialect.list(many)])).length).toBeGreaterThan(5)
      expect(await database.read.all(`SELECT id FROM things WHERE ${database.dialect.oneOfText('word')}`, [database.dialect.list(['one', "it's \"quoted\" \\ ünï"])])).toHaveLength(2)
      expect(await database.read.all(`SELECT id FROM things WHERE ${database.dialect.oneOf('id')}`, [database.dialect.list([])])).toEqual([])
    })

    it('binds texts that look like escapes as they are, and drops only what no database holds', async () => {
      const texts = ['ends in \\u0000', '\\u0000\\ud800', 'half \ud83d pair', 'nul \0 in it', JSON.stringify('\0')]
      await database.write((tx) => tx.run(`INSERT INTO things (id, word) SELECT r.id, r.word FROM ${tx.dialect.rows({ id: 'int', word: 'text' })} AS r`, [tx.dialect.rowsValue(texts.map((text, i) => [200 + i, text]))]))
      expect((await database.read.all<{ word: string }>('SELECT word FROM things WHERE id BETWEEN 200 AND 210 ORDER BY id')).map((row) => row.word))
        .toEqual(['ends in \\u0000', '\\u0000\\ud800', expect.stringMatching(/^half \ufffd* pair$|^half \ud83d pair$/), expect.stringMatching(/^nul \0? in it$/), '"\\u0000"'])
    })

    it('answers what is committed as committed, although a listener throws', async () => {
      const handlers = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      try {
        const surfaced = new Promise((done) => { process.once('uncaughtException', done) })
        const told: string[] = []
        await database.write(async (tx) => {
          await tx.run("INSERT INTO things (id, word) VALUES (300, 'kept')")
          tx.afterCommit(() => { throw new Error('a bug') })
          tx.afterCommit(() => told.push('next'))
        })
        expect(told).toEqual(['next'])
        expect(await surfaced).toMatchObject({ message: 'a bug' })
      } finally {
        for (const handler of handlers) process.on('uncaughtException', handler)
      }
    })

    it('takes any number of things to tell from one operation of a group', async () => {
      let told = 0
      await Promise.all([1, 2].map(() => database.write(async (tx) => { for (let i = 0; i < 200_000; i++) tx.afterCommit(() => { told++ }) })))
      expect(told).toBe(400_000)
    })

    it('finishes what waits when it closes, and takes nothing new', async () => {
      const { database: other, close } = await openDatabase(kind)
      await other.write((tx) => tx.run(`CREATE TABLE things (id ${tx.dialect.types.id})`))
      const before = other.write((tx) => tx.get('SELECT 1 AS one'))
      const closing = close()
      await expect(other.write((tx) => tx.run('INSERT INTO things (id) VALUES (1)'))).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
      await closing
      expect(await before).toEqual({ one: 1 })
    })

    it.runIf(kind === 'sqlite')('leaves one file when it is closed: whoever copies it has everything', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'restante-close-'))
      const file = join(folder, 'closed.sqlite')
      const own = await connect({ driver: 'sqlite', file })
      await own.write((tx) => tx.run('CREATE TABLE t (n INTEGER)'))
      await Promise.all(Array.from({ length: 20 }, (_, n) => own.write((tx) => tx.run('INSERT INTO t (n) VALUES (?)', [n]))))
      await Promise.all(Array.from({ length: 20 }, () => own.read.all('SELECT count(*) FROM t')))
      await own.close()
      expect(readdirSync(folder)).toEqual(['closed.sqlite'])
      rmSync(folder, { recursive: true })
    })

    it('never gives a number out twice', async () => {
      const first = await database.write((tx) => allocate(tx, { a: 3, b: 1 }))
      const second = await database.write((tx) => allocate(tx, { a: 1, b: 2 }))
      expect([first, second]).toEqual([{ a: 1, b: 1 }, { a: 4, b: 2 }])
    })

    it.runIf(kind === 'postgresql')('fails what was under way when the connection breaks, and goes on with a new one', async () => {
      const pid = (await database.write((tx) => tx.get<{ pid: number }>('SELECT pg_backend_pid() AS pid')))!.pid
      await database.read.all('SELECT pg_terminate_backend(?)', [pid])
      const first = await Promise.allSettled([database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (900, 'lost')"))])
      const then = await Promise.allSettled([database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (901, 'found')"))])
      expect([first[0].status, then[0].status]).toContain('fulfilled')
      await database.write((tx) => tx.run("INSERT INTO things (id, word) VALUES (902, 'after')"))
      expect(await words()).toContain('after')
    })

    it('applies migrations once, and refuses a database that a newer program wrote', async () => {
      let runs = 0
      const once = [{ name: 'other/0001', up: async () => { runs++ } }]
      await migrate(database, once)
      await migrate(database, once)
      expect(runs).toBe(1)
      await database.write((tx) => tx.run("INSERT INTO migrations (name, applied_at) VALUES ('other/0002', 0)"))
      await expect(migrate(database, once)).rejects.toMatchObject({ code: 'DATABASE_NEWER' })
    })
  })
}
