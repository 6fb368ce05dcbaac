import { describe, expect, it } from 'vitest'
import type { MailboxId, Uid } from '../base/branded.js'
import { makeRecents } from './recents.js'

function made(): { recents: ReturnType<typeof makeRecents>; written: unknown[]; pass: () => void; waiting: () => number } {
  const written: unknown[] = []
  let timers: (() => void)[] = []
  const recents = makeRecents({
    database: { writeBatched: async (_: unknown, rows: unknown) => void written.push(rows) } as never,
    clock: { now: () => 0, after: (_, run) => { timers.push(run); return { clear: () => { timers = timers.filter((one) => one !== run) } } } },
  })
  return { recents, written, waiting: () => timers.length, pass: () => { for (const run of timers.splice(0)) run() } }
}
const [a, b] = [1 as MailboxId, 2 as MailboxId]

describe('what was told of as recent', () => {
  it('is gathered, the highest of each mailbox, and written once', () => {
    const { recents, written, pass } = made()
    recents.told(a, 5 as Uid)
    recents.told(a, 7 as Uid)
    recents.told(b, 3 as Uid)
    expect(written).toEqual([])
    pass()
    expect(written).toEqual([[[a, 7], [b, 3]]])
    pass()
    expect(written).toHaveLength(1)
  })
  it('is written at once when a session ends, and not again', () => {
    const { recents, written, pass, waiting } = made()
    recents.told(a, 5 as Uid)
    recents.told(b, 3 as Uid)
    recents.write(a)
    expect(written).toEqual([[[a, 5]]])
    recents.write(a)
    pass()
    expect(written).toEqual([[[a, 5]], [[b, 3]]])
    recents.told(a, 9 as Uid)
    recents.write(a)
    expect([written.length, waiting()]).toEqual([3, 0])
  })
})
