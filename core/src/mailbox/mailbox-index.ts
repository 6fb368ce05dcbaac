// The flags, sizes and dates of one mailbox in memory, shared by all sessions of this process: parallel typed arrays.
import type { MessageId, Modseq, Uid } from '../base/branded.js'

/** Interned set of keywords; 0 is the empty set. */
export type KeywordSet = number

/** Read side of the index. Arrays are ascending in UID; only the first `count` elements count. Do not write to them. */
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
  /** All keywords in use in this mailbox. */
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
