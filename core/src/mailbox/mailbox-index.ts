// The flags, sizes and dates of one mailbox in memory, shared by all sessions of this process: parallel typed arrays,
// about 50 octets a message. Loaded from rows, then kept up by the change feed. No database here.
import type { AccountId, MessageId, Modseq, Uid } from '../base/branded.js'
import type { Change, EntryRow } from './feed.js'

/** Interned set of keywords; 0 is the empty set. */
export type KeywordSet = number

/** Read side of the index. Arrays are ascending in UID; only the first `count` elements count. Do not write to them, do not keep them across a wait. */
export interface MailboxIndex {
  readonly count: number
  readonly modseq: Modseq
  readonly uidNext: Uid
  readonly uids: Uint32Array
  /** System flags, bits of `flagBits`. */
  readonly flags: Uint8Array
  readonly keywords: Uint32Array
  readonly modseqs: Float64Array
  /** Octets. */
  readonly sizes: Float64Array
  /** Milliseconds UTC. */
  readonly internalDates: Float64Array
  readonly saveDates: Float64Array
  readonly messages: Float64Array
  /** Position of a UID in the arrays, or -1. */
  position(uid: Uid): number
  /** One entry as an object; also answers for an expunged message that a view has not been told of. */
  entry(uid: Uid): IndexEntry | undefined
  /** Keywords of a set, in canonical order. */
  keywordNames(set: KeywordSet): readonly string[]
  /** All keywords in use in this mailbox, and perhaps some that no longer are. From memory. */
  allKeywords(): readonly string[]
}
export interface IndexEntry {
  readonly uid: Uid
  readonly flags: number
  readonly keywords: KeywordSet
  readonly modseq: Modseq
  readonly size: number
  readonly internalDate: number
  readonly saveDate: number
  readonly message: MessageId
}

/** What changed since a modseq; ascending UIDs. */
export interface Since { readonly filed: readonly Uid[]; readonly flagged: readonly Uid[]; readonly expunged: readonly Uid[] }

/** Whoever numbers messages: an expunged one must stay readable to those that have not been told. */
export interface Watcher { knows(uid: Uid): boolean }

/** Columns as loaded from the database. */
export interface Columns {
  readonly uid: readonly number[]; readonly message: readonly number[]; readonly flags: readonly number[]; readonly keywords: readonly number[]; readonly modseq: readonly number[]
  readonly size: readonly number[]; readonly internal_date: readonly number[]; readonly save_date: readonly number[]
}

/** UIDs that the log of recent changes holds; a session that is further behind compares arrays instead. */
const logLength = 20_000
const octetsPerEntry = 4 + 1 + 4 + 5 * 8

export class LoadedIndex implements MailboxIndex {
  count = 0
  modseq: Modseq
  uidNext: Uid
  uids = new Uint32Array(0)
  flags = new Uint8Array(0)
  keywords = new Uint32Array(0)
  modseqs = new Float64Array(0)
  sizes = new Float64Array(0)
  internalDates = new Float64Array(0)
  saveDates = new Float64Array(0)
  messages = new Float64Array(0)
  /** First UID that no session has been told of as recent. */
  recentUid: Uid
  deleted = false
  /** Counters, so that STATUS is no work. */
  unseen = 0
  deletedFlags = 0
  octets = 0
  readonly keywordNames: (set: KeywordSet) => readonly string[]
  readonly watchers = new Set<Watcher>()
  readonly #ghosts = new Map<Uid, { entry: IndexEntry; holders: number }>()
  readonly #log: { modseq: Modseq; kind: keyof Since; uids: readonly Uid[] }[] = []
  #logged = 0
  /** The log is complete for changes above this. */
  #logFrom: Modseq
  /** Keyword sets met since they were counted, at least all in use; undefined before the first count. */
  #sets: Set<KeywordSet> | undefined
  #names: readonly string[] = []

  /** @param viewer whose \\Seen it shows, where that is each member's own */
  constructor(state: { modseq: Modseq; uidNext: Uid; recentUid: Uid }, keywordNames: (set: KeywordSet) => readonly string[], readonly viewer?: AccountId) {
    this.modseq = state.modseq
    this.uidNext = state.uidNext
    this.recentUid = state.recentUid
    this.#logFrom = state.modseq
    this.keywordNames = keywordNames
  }

  /** Octets of memory, roughly. */
  get memory(): number {
    return 1024 + this.uids.length * octetsPerEntry + this.#logged * 8
  }

  /** Loaded rows, ascending in UID and above all that are here. */
  load(columns: Columns): void {
    const n = columns.uid.length
    this.#reserve(this.count + n)
    this.#sets = undefined
    const at = this.count
    this.uids.set(columns.uid, at)
    this.flags.set(columns.flags, at)
    this.keywords.set(columns.keywords, at)
    this.modseqs.set(columns.modseq, at)
    this.sizes.set(columns.size, at)
    this.internalDates.set(columns.internal_date, at)
    this.saveDates.set(columns.save_date, at)
    this.messages.set(columns.message, at)
    for (let i = at; i < at + n; i++) this.#count(i, 1)
    this.count += n
  }

  /** What the viewer has seen (or not), on top of the loaded rows. */
  overlay(rows: readonly { readonly uid: Uid; readonly seen: number; readonly modseq: Modseq }[]): void {
    for (const { uid, seen, modseq } of rows) {
      const i = this.position(uid)
      if (i < 0) continue
      this.#setSeen(i, seen === 1)
      if (modseq > this.modseqs[i]) this.modseqs[i] = modseq
    }
  }

  position(uid: Uid): number {
    return search(this.uids, this.count, uid)
  }

  entry(uid: Uid): IndexEntry | undefined {
    const i = this.position(uid)
    return i < 0 ? this.#ghosts.get(uid)?.entry : this.#at(i)
  }

  allKeywords(): readonly string[] {
    return this.#sets ? this.#names : this.recountKeywords()
  }

  /** Exactly those in use: looks at every message. */
  recountKeywords(): readonly string[] {
    this.#sets = new Set()
    let last = -1
    for (let i = 0; i < this.count; i++) {
      if (this.keywords[i] !== last) this.#sets.add(last = this.keywords[i])
    }
    return this.#nameSets()
  }

  #nameSets(): readonly string[] {
    const names = new Map<string, string>()
    for (const set of this.#sets ?? []) for (const name of this.keywordNames(set)) if (!names.has(name.toLowerCase())) names.set(name.toLowerCase(), name)
    return (this.#names = [...names.values()])
  }

  #meet(set: KeywordSet): void {
    if (!this.#sets || this.#sets.has(set)) return
    this.#sets.add(set)
    this.#nameSets()
  }

  /** Whether the change follows what is here; otherwise rows must be read (`reload`). */
  follows(change: Change): boolean {
    return change.from === this.modseq
  }

  /** Applies a change that follows. */
  apply(change: Change): void {
    const { to } = change
    if (change.deleted) this.deleted = true
    if (change.filed?.length) {
      this.#reserve(this.count + change.filed.length)
      for (const row of change.filed) this.#append(row, to)
      this.#remember(to, 'filed', change.filed.map((row) => row.uid))
    }
    if (change.flagged?.length) {
      for (const row of change.flagged) {
        const i = this.position(row.uid)
        if (i < 0) continue
        this.#count(i, -1)
        this.flags[i] = this.viewer === undefined ? row.flags : (row.flags & ~1) | (this.flags[i] & 1)
        this.keywords[i] = row.keywords
        this.#meet(row.keywords)
        this.modseqs[i] = to
        this.#count(i, 1)
      }
      this.#remember(to, 'flagged', change.flagged.map((row) => row.uid))
    }
    if (change.own && change.own.account === this.viewer) {
      for (const { uid, seen } of change.own.rows) {
        const i = this.position(uid)
        if (i < 0) continue
        this.#setSeen(i, seen)
        this.modseqs[i] = to
      }
      this.#remember(to, 'flagged', change.own.rows.map((row) => row.uid))
    }
    if (change.expunged?.length) {
      this.#remove(change.expunged)
      this.#remember(to, 'expunged', change.expunged)
    }
    this.modseq = to
    if (change.uidNext > this.uidNext) this.uidNext = change.uidNext
  }

  /** After a gap: replaces everything by freshly loaded columns. Watchers find out by comparing. */
  replace(other: LoadedIndex): void {
    const gone: Uid[] = []
    for (let i = 0; i < this.count; i++) if (other.position(this.uids[i] as Uid) < 0) gone.push(this.uids[i] as Uid)
    this.#keepGhosts(gone)
    const { uids, flags, keywords, modseqs, sizes, internalDates, saveDates, messages, count, modseq, uidNext, unseen, deletedFlags, octets } = other
    Object.assign(this, { uids, flags, keywords, modseqs, sizes, internalDates, saveDates, messages, count, modseq, uidNext, unseen, deletedFlags, octets })
    this.#sets = undefined
    this.#log.length = 0
    this.#logged = 0
    this.#logFrom = modseq
  }

  /** What happened after `modseq`, from the log; undefined when the log does not reach back so far. */
  since(modseq: Modseq): Since | undefined {
    if (modseq < this.#logFrom) return undefined
    const found: { [K in keyof Since]: Uid[] } = { filed: [], flagged: [], expunged: [] }
    let first = this.#log.length
    while (first > 0 && this.#log[first - 1].modseq > modseq) first--
    for (const { kind, uids } of this.#log.slice(first)) for (const uid of uids) found[kind].push(uid)
    return { filed: found.filed, flagged: ordered(found.flagged), expunged: ordered(found.expunged) }
  }

  /** Of messages with an own change, those that somebody else changed too after `modseq`: the author of the last change does not know of that one. */
  touchedByOthers(modseq: Modseq, own: ReadonlyMap<Uid, Modseq>): ReadonlySet<Uid> {
    if (modseq < this.#logFrom) return new Set(own.keys())
    const others = new Set<Uid>()
    for (let i = this.#log.length - 1; i >= 0 && this.#log[i].modseq > modseq; i--) {
      const { modseq: at, kind, uids } = this.#log[i]
      if (kind !== 'flagged') continue
      for (const uid of uids) if ((own.get(uid) ?? at) !== at) others.add(uid)
    }
    return others
  }

  /** A watcher has been told of expunges (or left): what nobody shows any more is forgotten. */
  release(uids: Iterable<Uid>): void {
    for (const uid of uids) {
      const ghost = this.#ghosts.get(uid)
      if (ghost && --ghost.holders <= 0) this.#ghosts.delete(uid)
    }
  }

  /** A watcher goes, with all that it showed: also what went after it last looked. */
  leave(watcher: Watcher): void {
    this.watchers.delete(watcher)
    this.release([...this.#ghosts.keys()].filter((uid) => watcher.knows(uid)))
  }

  /** Messages of entries that are gone but still shown to somebody. */
  *ghosts(): Iterable<MessageId> {
    for (const { entry } of this.#ghosts.values()) yield entry.message
    // The mailbox went with its entries; those who have it open see them still.
    if (this.deleted) for (let i = 0; i < this.count; i++) yield this.messages[i] as MessageId
  }

  #at(i: number): IndexEntry {
    return {
      uid: this.uids[i] as Uid, flags: this.flags[i], keywords: this.keywords[i], modseq: this.modseqs[i] as Modseq, size: this.sizes[i],
      internalDate: this.internalDates[i], saveDate: this.saveDates[i], message: this.messages[i] as MessageId,
    }
  }

  #append(row: EntryRow, modseq: Modseq): void {
    const i = this.count++
    this.uids[i] = row.uid
    this.flags[i] = row.seenBy !== undefined && row.seenBy === this.viewer ? row.flags | 1 : row.flags
    this.keywords[i] = row.keywords
    this.#meet(row.keywords)
    this.modseqs[i] = modseq
    this.sizes[i] = row.size
    this.internalDates[i] = row.internalDate
    this.saveDates[i] = row.saveDate
    this.messages[i] = row.message
    this.#count(i, 1)
    if (row.uid >= this.uidNext) this.uidNext = row.uid + 1 as Uid
  }

  #setSeen(i: number, seen: boolean): void {
    this.#count(i, -1)
    this.flags[i] = seen ? this.flags[i] | 1 : this.flags[i] & ~1
    this.#count(i, 1)
  }

  #count(i: number, sign: 1 | -1): void {
    if ((this.flags[i] & 1) === 0) this.unseen += sign
    if ((this.flags[i] & 8) !== 0) this.deletedFlags += sign
    this.octets += sign * this.sizes[i]
  }

  /** One pass for any number of expunges. */
  #remove(uids: readonly Uid[]): void {
    this.#keepGhosts(uids)
    let next = 0
    let to = -1
    for (let from = 0; from < this.count; from++) {
      while (next < uids.length && uids[next] < this.uids[from]) next++
      if (next < uids.length && uids[next] === this.uids[from]) {
        this.#count(from, -1)
        if (to < 0) {
          // Nothing before the first one moves; when it is the only one, the tails move as blocks.
          if (uids.length === 1) {
            this.#close(from)
            return
          }
          to = from
        }
        continue
      }
      if (to >= 0) this.#copy(from, to++)
    }
    if (to >= 0) this.count = to
  }

  /** Closes the gap at one position. */
  #close(at: number): void {
    for (const column of this.#columns()) column.copyWithin(at, at + 1, this.count)
    this.count--
  }

  #copy(from: number, to: number): void {
    this.uids[to] = this.uids[from]
    this.flags[to] = this.flags[from]
    this.keywords[to] = this.keywords[from]
    this.modseqs[to] = this.modseqs[from]
    this.sizes[to] = this.sizes[from]
    this.internalDates[to] = this.internalDates[from]
    this.saveDates[to] = this.saveDates[from]
    this.messages[to] = this.messages[from]
  }

  #keepGhosts(uids: readonly Uid[]): void {
    if (this.watchers.size === 0) return
    for (const uid of uids) {
      let holders = 0
      for (const watcher of this.watchers) if (watcher.knows(uid)) holders++
      const i = holders === 0 ? -1 : this.position(uid)
      if (i >= 0) this.#ghosts.set(uid, { entry: this.#at(i), holders })
    }
  }

  #columns(): (Uint32Array | Uint8Array | Float64Array)[] {
    return [this.uids, this.flags, this.keywords, this.modseqs, this.sizes, this.internalDates, this.saveDates, this.messages]
  }

  #reserve(capacity: number): void {
    if (capacity <= this.uids.length) return
    // Exact for the first load, an eighth more when it grows: most mailboxes are read, not written.
    const size = this.count === 0 ? capacity : Math.max(capacity, this.uids.length + (this.uids.length >> 3) + 16)
    const grown = <A extends Uint32Array | Uint8Array | Float64Array>(Kind: new (n: number) => A, old: A): A => {
      const array = new Kind(size)
      array.set(old.subarray(0, this.count) as never)
      return array
    }
    this.uids = grown(Uint32Array, this.uids)
    this.flags = grown(Uint8Array, this.flags)
    this.keywords = grown(Uint32Array, this.keywords)
    this.modseqs = grown(Float64Array, this.modseqs)
    this.sizes = grown(Float64Array, this.sizes)
    this.internalDates = grown(Float64Array, this.internalDates)
    this.saveDates = grown(Float64Array, this.saveDates)
    this.messages = grown(Float64Array, this.messages)
  }

  #remember(modseq: Modseq, kind: keyof Since, uids: readonly Uid[]): void {
    this.#log.push({ modseq, kind, uids })
    this.#logged += uids.length
    while (this.#logged > logLength && this.#log.length > 0) {
      const oldest = this.#log.shift()!
      this.#logged -= oldest.uids.length
      this.#logFrom = oldest.modseq
    }
  }
}

/** Position of `value` among the first `count` of ascending `values`, or -1. */
export function search(values: Uint32Array, count: number, value: number): number {
  const at = lowerBound(values, count, value)
  return at < count && values[at] === value ? at : -1
}

/** First position whose value is not below `value`. */
export function lowerBound(values: Uint32Array, count: number, value: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (values[middle] < value) low = middle + 1
    else high = middle
  }
  return low
}

/** Ascending, doubles removed. */
function ordered(uids: Uid[]): Uid[] {
  if (uids.length < 2) return uids
  const sorted = Uint32Array.from(uids).sort()
  const result: Uid[] = []
  for (const uid of sorted) if (uid !== result.at(-1)) result.push(uid as Uid)
  return result
}
