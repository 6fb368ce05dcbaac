// What SORT and THREAD compare of each message, from its summary. A message never changes, so what was read once is kept, the
// oldest leaving first under a bound.
import type { MessageId, SortKeys, Uid } from '@restante/core'
import { readKnown } from '../fetch/known.js'
import { Cursor } from '../session/selected.js'
import type { Session } from '../session/session.js'

/** Octets of keys that are kept, for all sessions together. */
const bound = 67_108_864

export class KeptKeys {
  readonly #keys = new Map<MessageId, SortKeys>()
  #octets = 0
  constructor(private readonly most = bound) {}

  get octets(): number { return this.#octets }
  get(message: MessageId): SortKeys | undefined { return this.#keys.get(message) }

  set(message: MessageId, keys: SortKeys): void {
    if (this.#keys.has(message)) return
    this.#keys.set(message, keys)
    this.#octets += weight(keys)
    for (const [oldest, old] of this.#keys) {
      if (this.#octets <= this.most) break
      this.#keys.delete(oldest)
      this.#octets -= weight(old)
    }
  }
}

function weight({ subject, from, to, cc, displayFrom, displayTo, messageId, references }: SortKeys): number {
  let octets = 400 + subject.length + from.length + to.length + cc.length + displayFrom.length + displayTo.length + messageId.length
  for (const reference of references) octets += 24 + reference.length
  return octets
}

const kept = new KeptKeys()
const nothing: SortKeys = { subject: '', isReply: false, sent: null, from: '', to: '', cc: '', displayFrom: '', displayTo: '', messageId: '', references: [] }

/** One message as it is sorted. */
export interface Sortable {
  readonly uid: Uid
  readonly keys: SortKeys
  readonly internalDate: number
  readonly size: number
  /** Of a fuzzy search: 1 … 100. */
  readonly relevancy: number
}

/** Keys of messages, in the order given. Who is gone for good sorts as if it were empty. */
export async function sortables(session: Session, uids: readonly Uid[], needKeys: boolean, relevancy?: ReadonlyMap<Uid, number>): Promise<Sortable[]> {
  const cursor = new Cursor(session.open)
  const read = new Map<MessageId, SortKeys>()
  if (needKeys) {
    const missing = uids.filter((uid) => cursor.go(uid) && !kept.get(cursor.message))
    const { fetchChunk } = session.face.config
    for (let at = 0; at < missing.length; at += fetchChunk) {
      for (const [message, { sort }] of await readKnown(session, missing.slice(at, at + fetchChunk), ['sort'])) {
        read.set(message, sort)
        kept.set(message, sort)
      }
    }
  }
  const all: Sortable[] = []
  await session.turn.each(uids, (uid) => {
    if (!cursor.go(uid)) return
    all.push({ uid, keys: kept.get(cursor.message) ?? read.get(cursor.message) ?? nothing, internalDate: cursor.internalDate, size: cursor.size, relevancy: relevancy?.get(uid) ?? 100 })
  })
  return all
}

/** RFC 5256 2.2: the Date field, or when it came. */
export const sentDate = ({ keys, internalDate }: Sortable): number => keys.sent ?? internalDate
