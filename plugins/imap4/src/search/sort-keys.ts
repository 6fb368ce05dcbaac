// What SORT and THREAD compare of each message, from its summary. A message never changes, so what was read once is kept
// under a bound.
import { RecentCache, type MessageId, type SortKeys, type Uid } from '@restante/core'
import { readKnown } from '../fetch/known.js'
import { Cursor } from '../session/selected.js'
import type { Session } from '../session/session.js'

/** Octets of keys that are kept, for all sessions together. */
const bound = 67_108_864

function weight({ subject, from, to, cc, displayFrom, displayTo, messageId, references }: SortKeys): number {
  let octets = 400 + subject.length + from.length + to.length + cc.length + displayFrom.length + displayTo.length + messageId.length
  for (const reference of references) octets += 24 + reference.length
  return octets
}

const kept = new RecentCache<MessageId, SortKeys>(bound, weight)
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
  const all: { -readonly [F in keyof Sortable]: Sortable[F] }[] = []
  const missing: { readonly place: number; readonly uid: Uid; readonly message: MessageId }[] = []
  await session.turn.each(uids, (uid) => {
    if (!cursor.go(uid)) return
    const keys = needKeys ? kept.get(cursor.message) : nothing
    if (keys === undefined) missing.push({ place: all.length, uid, message: cursor.message })
    all.push({ uid, keys: keys ?? nothing, internalDate: cursor.internalDate, size: cursor.size, relevancy: relevancy?.get(uid) ?? 100 })
  })
  const { fetchChunk } = session.face.config
  for (let at = 0; at < missing.length; at += fetchChunk) {
    const some = missing.slice(at, at + fetchChunk)
    const read = await readKnown(session, some.map(({ uid }) => uid), ['sort'])
    for (const { place, message } of some) {
      const keys = read.get(message)?.sort
      if (keys === undefined) continue
      all[place].keys = keys
      kept.set(message, keys)
    }
  }
  return all
}

/** RFC 5256 2.2: the Date field, or when it came. */
export const sentDate = ({ keys, internalDate }: Sortable): number => keys.sent ?? internalDate
