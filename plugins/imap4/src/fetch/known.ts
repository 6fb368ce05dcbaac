// Summaries of a chunk of messages, as FETCH and SEARCH read them.
import type { MessageId, SummaryField, Uid } from '@restante/core'
import { Cursor, type Selected } from '../session/selected.js'
import type { Session } from '../session/session.js'
import type { Known } from './items.js'

/** The wanted fields of each message that still has any; none asked for, none read. */
export async function readKnown(session: Session, uids: readonly Uid[], fields: readonly SummaryField[], open: Selected = session.open): Promise<ReadonlyMap<MessageId, Known>> {
  if (fields.length === 0 || uids.length === 0) return new Map()
  const cursor = new Cursor(open)
  const ids: MessageId[] = []
  for (const uid of uids) if (cursor.go(uid)) ids.push(cursor.message)
  let first: ReadonlyMap<MessageId, Known> | undefined
  let all: Map<MessageId, Known> | undefined
  for await (const some of session.mailboxes.summaries(ids, fields)) {
    if (!first) first = some as ReadonlyMap<MessageId, Known>
    else {
      all ??= new Map(first)
      for (const [id, known] of some) all.set(id, known as Known)
    }
  }
  return all ?? first ?? new Map()
}
