// Views against the index: named cases, and a client that believes every announcement and must end equal to the truth.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccountId, MailboxId, MessageId, Modseq, Seq, Uid } from '../base/branded.js'
import type { Change, EntryRow } from './feed.js'
import { LoadedIndex } from './mailbox-index.js'
import { SessionView } from './view.js'

const mailbox = 1 as MailboxId
const row = (uid: number): EntryRow => ({ uid: uid as Uid, message: uid + 1000 as MessageId, flags: 0, keywords: 0, size: 10, internalDate: 0, saveDate: 0, recipient: null })

/** The truth, and the changes that lead to it. */
class Truth {
  modseq = 1
  next = 1
  readonly flags = new Map<number, number>()
  readonly modseqs = new Map<number, number>()
  readonly index = new LoadedIndex({ modseq: 1 as Modseq, uidNext: 1 as Uid, recentUid: 1 as Uid }, () => [])
  change(what: Pick<Change, 'filed' | 'flagged' | 'expunged'>): Change {
    const from = this.modseq++
    return { mailbox, account: 1 as AccountId, from: from as Modseq, to: this.modseq as Modseq, uidNext: this.next as Uid, ...what }
  }
  add(n: number): Change {
    const filed = Array.from({ length: n }, () => row(this.next++))
    const change = this.change({ filed })
    for (const { uid } of filed) { this.flags.set(uid, 0); this.modseqs.set(uid, this.modseq) }
    return change
  }
  flag(uids: number[], flags: number): Change {
    const change = this.change({ flagged: uids.map((uid) => ({ uid: uid as Uid, flags, keywords: 0 })) })
    for (const uid of uids) { this.flags.set(uid, flags); this.modseqs.set(uid, this.modseq) }
    return change
  }
  expunge(uids: number[]): Change {
    for (const uid of uids) { this.flags.delete(uid); this.modseqs.delete(uid) }
    return this.change({ expunged: uids as Uid[] })
  }
  /** What a load from the database would give. */
  loaded(): LoadedIndex {
    const index = new LoadedIndex({ modseq: this.modseq as Modseq, uidNext: this.next as Uid, recentUid: this.next as Uid }, () => [])
    const uids = [...this.flags.keys()].sort((a, b) => a - b)
    const zeros = uids.map(() => 0)
    index.load({ uid: uids, message: uids.map((uid) => uid + 1000), flags: uids.map((uid) => this.flags.get(uid)!), keywords: zeros, modseq: uids.map((uid) => this.modseqs.get(uid)!), size: uids.map(() => 10), internal_date: zeros, save_date: zeros })
    return index
  }
  hear(change: Change): void {
    if (change.to <= this.index.modseq) return
    if (this.index.follows(change)) this.index.apply(change)
    else this.index.replace(this.loaded())
  }
}

describe('what a client that comes back needs', () => {
  const uids = (...n: number[]): Uid[] => n as Uid[]
  it('says how far everything was told while expunges are held back', () => {
    const truth = new Truth()
    truth.hear(truth.add(5))
    const view = new SessionView(truth.index, true)
    expect([view.modseq, view.told]).toEqual([2, 2])
    truth.hear(truth.flag([1], 1))
    truth.hear(truth.expunge([2]))
    view.absorb({ expunges: false })
    truth.hear(truth.expunge([4]))
    view.absorb({ expunges: false })
    expect([view.modseq, view.told]).toEqual([5, 2])
    expect(view.absorb({ expunges: true }).vanished).toEqual([2, 4])
    expect([view.modseq, view.told]).toEqual([5, 5])
  })
  it('knows the gaps: neither what is held back nor what is new', () => {
    const truth = new Truth()
    truth.hear(truth.add(9))
    truth.hear(truth.expunge([1, 2, 9]))
    const view = new SessionView(truth.index, true)
    expect(view.gaps()).toEqual([1, 2, 9, 9])
    truth.hear(truth.expunge([5]))
    truth.hear(truth.add(2))
    truth.hear(truth.expunge([10]))
    expect(view.gaps()).toEqual([1, 2, 9, 10])
    view.absorb({ expunges: true })
    expect(view.gaps()).toEqual([1, 2, 5, 5, 9, 10])
    expect(new SessionView(new Truth().index, true).gaps()).toEqual([])
  })
  it('tells an author of what somebody else did to the same message before', () => {
    const truth = new Truth()
    truth.hear(truth.add(3))
    const view = new SessionView(truth.index, true)
    truth.hear(truth.flag([1, 2], 4))
    truth.hear(truth.flag([2, 3], 5))
    for (const uid of uids(2, 3)) view.acknowledge(uid, 4 as Modseq)
    expect(view.absorb({ expunges: true }).flags).toEqual([1, 2])
  })
})

/** A client that believes what it is told. */
class Client {
  readonly uids: number[]
  readonly flags = new Map<number, number>()
  readonly view: SessionView
  constructor(readonly truth: Truth) {
    this.view = new SessionView(truth.index, true)
    this.uids = this.view.slice(1 as Seq, this.view.count as Seq)
    for (const uid of this.uids) this.flags.set(uid, truth.index.entry(uid as Uid)!.flags)
  }
  look(expunges: boolean): void {
    const { expunged, flags, exists } = this.view.absorb({ expunges })
    for (const seq of expunged) {
      const [uid] = this.uids.splice(seq - 1, 1)
      this.flags.delete(uid)
    }
    for (const uid of flags) this.flags.set(uid, this.truth.index.entry(uid)!.flags)
    if (exists !== undefined) {
      for (let seq = this.uids.length + 1; seq <= exists; seq++) {
        const uid = this.view.uidAt(seq as Seq)!
        this.uids.push(uid)
        this.flags.set(uid, this.truth.index.entry(uid)?.flags ?? -1)
      }
    }
  }
}

describe('a view', () => {
  const start = (n: number): { truth: Truth; client: Client } => {
    const truth = new Truth()
    truth.hear(truth.add(n))
    return { truth, client: new Client(truth) }
  }

  it('announces expunges highest first, so that each number is right when it is read', () => {
    const { truth, client } = start(5)
    truth.hear(truth.expunge([2, 4, 5]))
    expect(client.view.absorb({ expunges: true })).toMatchObject({ expunged: [5, 4, 2], vanished: [2, 4, 5], exists: undefined })
  })

  it('keeps numbers while expunges may not be announced, and the messages readable', () => {
    const { truth, client } = start(3)
    truth.hear(truth.expunge([2]))
    expect(client.view.absorb({ expunges: false })).toMatchObject({ expunged: [], exists: undefined })
    expect(client.view.uidAt(2 as Seq)).toBe(2)
    expect(truth.index.entry(2 as Uid)).toMatchObject({ message: 1002 })
    expect([...truth.index.ghosts()]).toEqual([1002])
    expect(client.view.absorb({ expunges: true }).expunged).toEqual([2])
    expect(truth.index.entry(2 as Uid)).toBeUndefined()
    expect([...truth.index.ghosts()]).toEqual([])
  })

  it('holds a message for as long as any session shows it', () => {
    const { truth, client } = start(2)
    const other = new Client(truth)
    truth.hear(truth.expunge([1]))
    client.look(true)
    expect([...truth.index.ghosts()]).toEqual([1001])
    other.view.absorb({ expunges: false })
    other.view.close()
    expect([...truth.index.ghosts()]).toEqual([])
  })

  it('never mentions what came and went between two looks', () => {
    const { truth, client } = start(1)
    truth.hear(truth.add(1))
    truth.hear(truth.expunge([2]))
    expect(client.view.absorb({ expunges: true })).toMatchObject({ expunged: [], exists: undefined })
    expect(client.view.count).toBe(1)
  })

  it('does not repeat a session its own change, but tells it of a newer one by somebody else', () => {
    const { truth, client } = start(2)
    truth.hear(truth.flag([1, 2], 1))
    client.view.acknowledge(1 as Uid, truth.modseq as Modseq)
    client.view.acknowledge(2 as Uid, truth.modseq as Modseq)
    truth.hear(truth.flag([2], 5))
    expect(client.view.absorb({ expunges: true }).flags).toEqual([2])
  })

  it('says once what changed several times', () => {
    const { truth, client } = start(2)
    truth.hear(truth.flag([1], 1))
    truth.hear(truth.flag([1], 3))
    expect(client.view.absorb({ expunges: true }).flags).toEqual([1])
  })

  it('gives \\Recent to the first session that is told, and to no other', () => {
    const { truth, client } = start(2)
    expect(client.view.recentCount).toBe(2)
    const other = new Client(truth)
    expect(other.view.recentCount).toBe(0)
    truth.hear(truth.add(1))
    expect(other.view.absorb({ expunges: true })).toMatchObject({ exists: 3, recent: 1 })
    expect(client.view.absorb({ expunges: true })).toMatchObject({ exists: 3, recent: 2 })
    expect(client.view.isRecent(3 as Uid)).toBe(false)
  })

  it('removes thousands in one pass', () => {
    const { truth, client } = start(50_000)
    truth.hear(truth.expunge(Array.from({ length: 25_000 }, (_, i) => 2 * i + 1)))
    expect(client.view.absorb({ expunges: true }).expunged).toHaveLength(25_000)
    expect(client.view.count).toBe(25_000)
  })
})

describe('property', () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('add' as const), n: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ what: fc.constant('flag' as const), picks: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), flags: fc.integer({ min: 0, max: 31 }) }),
    fc.record({ what: fc.constant('expunge' as const), picks: fc.array(fc.nat(), { minLength: 1, maxLength: 4 }) }),
    fc.record({ what: fc.constant('look' as const), client: fc.nat(), expunges: fc.boolean() }),
  )
  it('whatever is lost, doubled or late: a client that believes every announcement ends equal to the truth', () => {
    fc.assert(fc.property(fc.nat({ max: 6 }), fc.array(fc.record({ step, fate: fc.constantFrom('heard', 'heard', 'heard', 'lost', 'doubled') }), { maxLength: 60 }), (initial, steps) => {
      const truth = new Truth()
      if (initial > 0) truth.hear(truth.add(initial))
      const clients = [new Client(truth), new Client(truth)]
      for (const { step, fate } of steps) {
        if (step.what === 'look') {
          clients[step.client % clients.length].look(step.expunges)
          continue
        }
        const uids = [...truth.flags.keys()].sort((a, b) => a - b)
        const picked = step.what === 'add' ? [] : [...new Set(step.picks.map((pick) => uids[pick % Math.max(1, uids.length)]))].filter((uid) => uid !== undefined).sort((a, b) => a - b)
        if (step.what !== 'add' && picked.length === 0) continue
        const change = step.what === 'add' ? truth.add(step.n) : step.what === 'flag' ? truth.flag(picked, step.flags) : truth.expunge(picked)
        if (fate !== 'lost') truth.hear(change)
        if (fate === 'doubled') truth.hear(change)
      }
      truth.hear(truth.add(1)) // after a gap the next change makes the index read again
      const uids = [...truth.flags.keys()].sort((a, b) => a - b)
      for (const client of clients) {
        client.look(true)
        expect(client.uids).toEqual(uids)
        expect(Object.fromEntries(client.flags)).toEqual(Object.fromEntries(truth.flags))
      }
      expect([...truth.index.ghosts()]).toEqual([])
      expect({ count: truth.index.count, unseen: truth.index.unseen, octets: truth.index.octets }).toEqual({ count: uids.length, unseen: uids.filter((uid) => (truth.flags.get(uid)! & 1) === 0).length, octets: uids.length * 10 })
    }), { numRuns: 2000 })
  })
})
