// What one session believes about its selected mailbox. Pure: rows in, announcements out; no database, no socket.
import type { Modseq, Seq, Uid } from '../base/branded.js'
import { lowerBound, search, type LoadedIndex, type Watcher } from './mailbox-index.js'

/** What to tell a client, in this order. */
export interface Announcement {
  /** Sequence numbers to announce as EXPUNGE, in the order to send them (highest first, so each is right when read). */
  readonly expunged: readonly Seq[]
  /** The same messages' UIDs, ascending (VANISHED). */
  readonly vanished: readonly Uid[]
  /** UIDs whose flags or keywords changed, ascending, already known to the client, not expunged. */
  readonly flags: readonly Uid[]
  /** New number of messages, when it grew; undefined otherwise. Comes last. */
  readonly exists: number | undefined
  /** New number of recent messages, when `exists` is given. */
  readonly recent: number
}

export const nothing: Announcement = Object.freeze({ expunged: [], vanished: [], flags: [], exists: undefined, recent: 0 })

/** Read side of a session's view: its own message numbers. */
export interface View {
  /** Messages as this client numbers them. */
  readonly count: number
  readonly modseq: Modseq
  /** Everything up to here was announced; below `modseq` while expunges are held back (RFC 7162 3.2). */
  readonly told: Modseq
  readonly recentCount: number
  /** UID of a sequence number, undefined when out of range. */
  uidAt(seq: Seq): Uid | undefined
  /** Sequence number of a UID, 0 when the client does not know it. */
  seqOf(uid: Uid): Seq | 0
  /** Whether this session is the first to be told of the message (\Recent). */
  isRecent(uid: Uid): boolean
  /** UIDs from seq `low` to `high`, ascending. */
  slice(low: Seq, high: Seq): Uid[]
  /** UIDs in a UID range that the client knows, ascending. */
  uidsBetween(low: Uid, high: Uid): Uid[]
}

export class SessionView implements View, Watcher {
  count = 0
  modseq: Modseq
  recentCount = 0
  #uids: Uint32Array
  readonly #index: LoadedIndex
  readonly #claims: boolean
  /** Ranges of UIDs that this session was the first to be told of: [low, high). */
  readonly #recent: (readonly [Uid, Uid])[] = []
  /** Expunged, but the client does not know yet. */
  readonly #held = new Set<Uid>()
  /** Where the view stood before the first of them. */
  #heldSince = 0 as Modseq
  /** Own changes that need no announcement, unless somebody changed the same message later. */
  readonly #own = new Map<Uid, Modseq>()

  /** @param claims whether being told makes messages no longer recent to others (SELECT, not EXAMINE) */
  constructor(index: LoadedIndex, claims: boolean) {
    this.#index = index
    this.#claims = claims
    this.#uids = index.uids.slice(0, index.count)
    this.count = index.count
    this.modseq = index.modseq
    this.#claimRecent()
    index.watchers.add(this)
  }

  get told(): Modseq {
    return this.#held.size > 0 ? this.#heldSince : this.modseq
  }

  /** UIDs that were given to messages of this mailbox and are in neither view nor index: pairs low, high. */
  gaps(): number[] {
    const index = this.#index
    const pairs: number[] = []
    let next = 1
    const pass = (uid: number): void => {
      if (uid > next) pairs.push(next, uid - 1)
      next = uid + 1
    }
    for (let n = 0; n < this.count; n++) pass(this.#uids[n])
    for (let i = lowerBound(index.uids, index.count, next); i < index.count; i++) pass(index.uids[i])
    pass(Math.max(next, index.uidNext))
    return pairs
  }

  knows(uid: Uid): boolean {
    return search(this.#uids, this.count, uid) >= 0
  }

  uidAt(seq: Seq): Uid | undefined {
    return seq >= 1 && seq <= this.count ? this.#uids[seq - 1] as Uid : undefined
  }

  seqOf(uid: Uid): Seq | 0 {
    return search(this.#uids, this.count, uid) + 1 as Seq | 0
  }

  isRecent(uid: Uid): boolean {
    return this.#recent.some(([low, high]) => uid >= low && uid < high)
  }

  slice(low: Seq, high: Seq): Uid[] {
    return Array.from(this.#uids.subarray(Math.max(0, low - 1), Math.min(this.count, high))) as Uid[]
  }

  uidsBetween(low: Uid, high: Uid): Uid[] {
    return Array.from(this.#uids.subarray(lowerBound(this.#uids, this.count, low), lowerBound(this.#uids, this.count, high + 1))) as Uid[]
  }

  /** This session itself made the change that gave `uid` this modseq: `absorb` will not repeat it to its author, unless it hides another's. */
  acknowledge(uid: Uid, modseq: Modseq): void {
    this.#own.set(uid, modseq)
  }

  /** Whether `absorb` might find anything. */
  get behind(): boolean {
    return this.modseq !== this.#index.modseq || this.#held.size > 0
  }

  /** Brings the view up to the index. With `expunges: false`, expunged messages keep their numbers until announcing is allowed. */
  absorb({ expunges }: { expunges: boolean }): Announcement {
    if (this.modseq === this.#index.modseq && !(expunges && this.#held.size > 0)) return nothing
    const since = this.#index.since(this.modseq) ?? this.#compare()
    if (this.#held.size === 0) this.#heldSince = this.modseq
    for (const uid of since.expunged) if (this.knows(uid)) this.#held.add(uid)
    const others = this.#own.size > 0 ? this.#index.touchedByOthers(this.modseq, this.#own) : undefined
    const flags = since.flagged.filter((uid) => {
      if (!this.knows(uid)) return false
      const i = this.#index.position(uid)
      return i >= 0 && (this.#own.get(uid) !== this.#index.modseqs[i] || others!.has(uid))
    })
    this.#own.clear()
    const { expunged, vanished } = expunges && this.#held.size > 0 ? this.#drop() : nothing
    const before = this.count
    // What came and went between two looks is never mentioned: only what the index still has is appended.
    this.#append(since.filed)
    this.modseq = this.#index.modseq
    this.#claimRecent()
    return { expunged, vanished, flags, exists: this.count > before ? this.count : undefined, recent: this.recentCount }
  }

  /** The session leaves the mailbox. */
  close(): void {
    this.#index.leave(this)
    this.#held.clear()
  }

  /** When the log does not reach back: what differs between this view and the index. */
  #compare(): { filed: Uid[]; flagged: Uid[]; expunged: Uid[] } {
    const index = this.#index
    const last = this.count > 0 ? this.#uids[this.count - 1] : 0
    const filed: Uid[] = []
    const flagged: Uid[] = []
    const expunged: Uid[] = []
    let i = 0
    for (let n = 0; n < this.count; n++) {
      const uid = this.#uids[n]
      while (i < index.count && index.uids[i] < uid) i++
      if (i >= index.count || index.uids[i] !== uid) expunged.push(uid as Uid)
      else if (index.modseqs[i] > this.modseq) flagged.push(uid as Uid)
    }
    for (let n = lowerBound(index.uids, index.count, last + 1); n < index.count; n++) filed.push(index.uids[n] as Uid)
    return { filed, flagged, expunged }
  }

  /** Removes the held expunges, in one pass. */
  #drop(): { expunged: Seq[]; vanished: Uid[] } {
    const vanished = [...this.#held].sort((a, b) => a - b)
    const expunged: Seq[] = []
    let to = 0
    for (let from = 0; from < this.count; from++) {
      const uid = this.#uids[from]
      if (this.#held.has(uid as Uid)) {
        expunged.push(from + 1 as Seq)
        if (this.isRecent(uid as Uid)) this.recentCount--
      } else this.#uids[to++] = uid
    }
    this.count = to
    expunged.reverse()
    this.#held.clear()
    this.#index.release(vanished)
    return { expunged, vanished }
  }

  #append(filed: readonly Uid[]): void {
    const index = this.#index
    const last = this.count > 0 ? this.#uids[this.count - 1] : 0
    const fresh = filed.filter((uid) => uid > last && index.position(uid) >= 0)
    if (fresh.length === 0) return
    if (this.count + fresh.length > this.#uids.length) {
      const grown = new Uint32Array(this.count + fresh.length + Math.min(1024, this.count >> 2) + 4)
      grown.set(this.#uids.subarray(0, this.count))
      this.#uids = grown
    }
    for (const uid of fresh) this.#uids[this.count++] = uid
  }

  /** What this session is the first to be told of. */
  #claimRecent(): void {
    const index = this.#index
    const low = index.recentUid
    const high = index.uidNext
    if (low >= high) return
    // A session that only looks shows what is recent, and takes it from nobody: the same range may be counted once only.
    const last = this.#recent.at(-1)?.[1] ?? 0
    const from = Math.max(low, last) as Uid
    if (from >= high) return
    // One range as long as nobody else claims in between: a session of months has few.
    if (from === last) this.#recent[this.#recent.length - 1] = [this.#recent.at(-1)![0], high]
    else this.#recent.push([from, high])
    this.recentCount += this.count - lowerBound(this.#uids, this.count, from)
    if (this.#claims) index.recentUid = high
  }
}
