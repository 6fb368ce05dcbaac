// When windows end: on time, again after trouble, never while they are held; on each database.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SubmissionId } from '../base/branded.js'
import { databases, openDatabase } from '../../../test/support/databases.js'
import { silentLog } from '../log/logger.js'
import { longestWindow, Windows } from './window.js'

for (const kind of databases) describe(kind, () => {
  let open: Awaited<ReturnType<typeof openDatabase>>
  let now = 1_000_000
  let timers: { at: number; run: () => void }[] = []
  let gone: number[] = []
  let trouble = 0
  let windows: Windows
  const clock = { now: () => now, after: (ms: number, run: () => void) => {
    const timer = { at: now + ms, run }
    timers.push(timer)
    return { clear: () => { timers = timers.filter((one) => one !== timer) } }
  } }
  const pass = async (ms: number): Promise<void> => {
    now += ms
    const due = timers.filter(({ at }) => at <= now)
    timers = timers.filter(({ at }) => at > now)
    for (const { run } of due) run()
    await windows.settled()
  }
  const hold = async (submission: number, ms: number): Promise<void> => {
    await open.database.write((tx) => windows.open(tx, [{ submission: submission as SubmissionId, until: now + ms, lists: [] }]))
    await windows.settled()
  }
  beforeEach(async () => {
    open = await openDatabase(kind)
    const { int, text } = open.database.dialect.types
    await open.database.write((tx) => tx.run(`CREATE TABLE windows (submission ${int} PRIMARY KEY, until ${int}, lists ${text} NOT NULL)`))
    gone = []
    windows = new Windows({ database: open.database, clock, log: silentLog, async letGo(submission) {
      if (trouble-- > 0) throw new Error('trouble')
      gone.push(submission)
      await open.database.write((tx) => tx.run('DELETE FROM windows WHERE submission = ?', [submission]))
    } })
  })
  afterEach(async () => {
    await windows.stop()
    await open.close()
  })

  it('each when its own time is over', async () => {
    await windows.start()
    await hold(1, 20_000)
    await hold(2, 10_000)
    await pass(9_999)
    expect(gone).toEqual([])
    await pass(1)
    expect(gone).toEqual([2])
    await pass(10_000)
    expect(gone).toEqual([2, 1])
  })
  it('after trouble again, a while later', async () => {
    await windows.start()
    trouble = 1
    await hold(1, 1000)
    await pass(1000)
    expect(gone).toEqual([])
    await pass(29_999)
    expect(gone).toEqual([])
    await pass(1)
    expect(gone).toEqual([1])
  })
  it('never while it is held, however long; and what was due before the start at once', async () => {
    await hold(1, 1000)
    await hold(2, 1000)
    await open.database.write((tx) => windows.move(tx, [1 as SubmissionId], null))
    now += 5000
    await windows.start()
    await windows.settled()
    await pass(longestWindow * 1000)
    expect(gone).toEqual([2])
    await open.database.write((tx) => windows.move(tx, [1 as SubmissionId, 9 as SubmissionId], now))
    await windows.settled()
    expect(gone).toEqual([2, 1])
  })
  it('a clock that was ahead makes nobody wait longer than the longest window', async () => {
    await hold(1, 10 * longestWindow * 1000)
    await windows.start()
    await windows.settled()
    await pass(longestWindow * 1000)
    expect(gone).toEqual([1])
  })
})
