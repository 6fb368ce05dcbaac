// EXPUNGE, and UID EXPUNGE (UIDPLUS, RFC 4315). The replies are those of `announce`.
import { flagBits } from '@restante/core'
import { sequenceSet } from '../grammar/sequence-set.js'
import { limited, withLimit } from '../session/message-limit.js'
import type { Session } from '../session/session.js'
import { command, inMailbox, type Done } from './command.js'

/** After expunges of its own a client that resynchronises is told how far it is (RFC 7162 3.2.7, 3.2.9). */
export const highestModseq = (session: Session) => (): string | undefined =>
  (session.qresync && session.selected ? `HIGHESTMODSEQ ${session.selected.mailbox.view.told}` : undefined)

export const expunge = command({
  name: 'EXPUNGE', uid: true, states: inMailbox, expunges: true, capabilities: ['UIDPLUS'],
  read: (r, { uid }) => (uid ? sequenceSet(r.sp()) : undefined),
  async run(session, set): Promise<Done> {
    const { mailbox } = session.writable()
    // Only UID EXPUNGE has a limit (RFC 9738 3.1), and only what would go counts.
    const { uids, code } = set ? limited(session, session.open.uids(set, true).filter((uid) => ((mailbox.index.entry(uid)?.flags ?? 0) & flagBits['\\Deleted']) !== 0)) : {}
    const gone = uids?.length === 0 ? [] : await mailbox.expunge(uids)
    return withLimit(session, gone.length > 0 && session.qresync ? { code: highestModseq(session) } : {}, code)
  },
})
