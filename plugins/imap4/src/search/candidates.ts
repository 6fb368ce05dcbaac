// How many messages a search would look at, where that has a limit (RFC 9738): those that its own sets of numbers leave.
import type { Uid } from '@restante/core'
import type { SearchKey } from '../grammar/search-keys.js'
import { Refusal } from '../replies.js'
import { limited } from '../session/message-limit.js'
import type { Session } from '../session/session.js'
import { search } from './run.js'

/** The sets of numbers that all messages found must be in. */
function span(key: SearchKey): SearchKey {
  if (key.key === 'uid' || key.key === 'seq' || key.key === 'saved') return key
  return key.key === 'and' ? { key: 'and', of: key.of.map(span) } : { key: 'all' }
}

/** Among which messages it is searched; undefined: all. `code` when some are left out. */
export async function searchable(session: Session, key: SearchKey): Promise<{ readonly among?: readonly Uid[]; readonly code?: string | undefined }> {
  const { messageLimit } = session.face.config
  if (messageLimit === 0 || session.open.mailbox.view.count <= messageLimit) return {}
  const { uids, code } = limited(session, await search(session, span(key)))
  return { among: uids, code }
}

/** Throws when there are too many to put them in order: SORT and THREAD are about all or none (RFC 9738 3.3). */
export async function mustBeSortable(session: Session, key: SearchKey): Promise<void> {
  const { messageLimit } = session.face.config
  if ((await searchable(session, key)).code) throw new Refusal(`MESSAGELIMIT ${messageLimit}`, 'Too many messages to sort, try a smaller subset')
}
