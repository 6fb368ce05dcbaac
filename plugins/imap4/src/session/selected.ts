// A session's selected mailbox as commands use it: sets of numbers to UIDs, and a cursor over messages that makes no garbage.
import type { IndexEntry, MailboxIndex, MessageId, OpenMailbox, Seq, Uid } from '@restante/core'
import { flagText } from '../grammar/flags.js'
import { ranges, saved, type Ranges, type SequenceSet } from '../grammar/sequence-set.js'
import type { Context } from '../search/contexts.js'
import { BadCommand } from '../wire/reader.js'

const noKeywords: ReadonlySet<string> = new Set()

export class Selected {
  /** Keywords that this client has been told of (FLAGS). */
  keywordsTold: ReadonlySet<string> = noKeywords

  #saved: Ranges = []
  /** Whether expunges were held back when we last spoke of changes. */
  heldBack = false
  /** The client was told that it may not read here any more. */
  forbidden = false
  /** Clients of IMAP4rev2 do not know \\Recent. */
  showsRecent = true
  /** Replies name messages by UID (RFC 9586). */
  byUidOnly = false

  /** Searches that are kept up to date, by tag. */
  readonly contexts = new Map<string, Context>()

  constructor(readonly mailbox: OpenMailbox) {}

  /** The messages of a set, ascending, as this client numbers them. Sequence numbers that do not exist are an error, UIDs are not (RFC 3501 9, 6.4.8). */
  uids(set: SequenceSet, byUid: boolean): readonly Uid[] {
    const { view } = this.mailbox
    if (set === saved) return this.#saved.length === 0 ? [] : this.#gather(this.#saved, (low, high) => view.uidsBetween(low as Uid, high as Uid))
    if (byUid) return this.#gather(ranges(set, view.count === 0 ? 0 : (view.uidAt(view.count as Seq) ?? 0)), (low, high) => view.uidsBetween(low as Uid, high as Uid))
    const pairs = ranges(set, view.count)
    if (pairs[0] < 1 || pairs[pairs.length - 1] > view.count) throw new BadCommand(`No such message; the last is ${view.count}`)
    return this.#gather(pairs, (low, high) => view.slice(low as Seq, high as Seq))
  }

  /** UIDs of a set as ranges, whether or not there are such messages; `*` is `last`. */
  uidRanges(set: SequenceSet, last: number): Ranges { return set === saved ? this.#saved : ranges(set, last) }

  /** What `$` means from now on. A message that is expunged falls out of it by itself: UIDs are not used again. */
  save(uids: readonly Uid[]): void { this.#saved = ranges(uids.flatMap((uid) => [uid, uid]), 0) }

  #gather(pairs: readonly number[], part: (low: number, high: number) => Uid[]): readonly Uid[] {
    if (pairs.length === 2) return part(pairs[0], pairs[1])
    const all: Uid[] = []
    for (let i = 0; i < pairs.length; i += 2) for (const uid of part(pairs[i], pairs[i + 1])) all.push(uid)
    return all
  }
}

/** Walks over messages; fields hold the current one. Steps in ascending order cost next to nothing. */
export class Cursor {
  seq = 0 as Seq | 0
  uid = 0 as Uid
  flags = 0
  keywords = 0
  size = 0
  internalDate = 0
  modseq = 0
  saveDate = 0
  message = 0 as MessageId
  #position = -1
  readonly #selected: Selected
  readonly #mailbox: OpenMailbox

  constructor(selected: Selected) {
    this.#selected = selected
    this.#mailbox = selected.mailbox
  }

  /** Goes to a message; false when the client does not know it or nothing is known of it any more. */
  go(uid: Uid): boolean {
    const { index, view } = this.#mailbox
    this.uid = uid
    this.seq = view.uidAt((this.seq + 1) as Seq) === uid ? ((this.seq + 1) as Seq) : view.seqOf(uid)
    if (this.seq === 0) return false
    let at = this.#position + 1
    if (at >= index.count || index.uids[at] !== uid) at = index.position(uid)
    if (at < 0) return this.#entry(index.entry(uid))
    this.#position = at
    this.flags = index.flags[at]
    this.keywords = index.keywords[at]
    this.size = index.sizes[at]
    this.internalDate = index.internalDates[at]
    this.modseq = index.modseqs[at]
    this.saveDate = index.saveDates[at]
    this.message = index.messages[at] as MessageId
    return true
  }

  /** How a FETCH reply begins. @param uid with its UID, which a reply by UID has already */
  lead(uid: boolean): string {
    if (this.#selected.byUidOnly) return `* ${this.uid} UIDFETCH (`
    return `* ${this.seq} FETCH (${uid ? `UID ${this.uid} ` : ''}`
  }

  /** FLAGS, in its parentheses. */
  flagList(): string {
    const { index, view } = this.#mailbox
    return flagList(index, this.flags, this.keywords, view.recentCount > 0 && this.#selected.showsRecent && view.isRecent(this.uid))
  }

  #entry(entry: IndexEntry | undefined): boolean {
    if (!entry) return false
    this.flags = entry.flags
    this.keywords = entry.keywords
    this.size = entry.size
    this.internalDate = entry.internalDate
    this.modseq = entry.modseq
    this.saveDate = entry.saveDate
    this.message = entry.message
    return true
  }
}

/** Few combinations of flags occur in a mailbox, so their texts are kept beside its index. */
const texts = new WeakMap<MailboxIndex, Map<number, string>>()

function flagList(index: MailboxIndex, flags: number, keywords: number, recent: boolean): string {
  let known = texts.get(index)
  if (!known || known.size > 2000) texts.set(index, (known = new Map()))
  const key = keywords * 64 + flags + (recent ? 32 : 0)
  let text = known.get(key)
  if (text === undefined) known.set(key, (text = `(${flagText(flags, index.keywordNames(keywords), recent)})`))
  return text
}
