// What one session believes about its selected mailbox. Pure: rows in, announcements out; no database, no socket.
import type { Modseq, Seq, Uid } from '../base/branded.js'

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

/** A change of one entry, newest state only. */
export interface Touched { readonly uid: Uid; readonly modseq: Modseq; readonly expunged: boolean }

export const nothing: Announcement = Object.freeze({ expunged: [], vanished: [], flags: [], exists: undefined, recent: 0 })

/** Read side of a session's view: its own message numbers. */
export interface View {
  /** Messages as this client numbers them. */
  readonly count: number
  readonly modseq: Modseq
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
