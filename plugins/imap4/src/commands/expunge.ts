// EXPUNGE, and UID EXPUNGE (UIDPLUS, RFC 4315). The replies are those of `announce`.
import { sequenceSet } from '../grammar/sequence-set.js'
import type { Session } from '../session/session.js'
import { command, inMailbox, type Done } from './command.js'

/** After expunges of its own a client that resynchronises is told how far it is (RFC 7162 3.2.7, 3.2.9). */
export const highestModseq = (session: Session) => (): string | undefined =>
  (session.qresync && session.selected ? `HIGHESTMODSEQ ${session.selected.mailbox.view.told}` : undefined)

export const expunge = command({
  name: 'EXPUNGE', uid: true, states: inMailbox, capabilities: ['UIDPLUS'],
  read: (r, { uid }) => (uid ? sequenceSet(r.sp()) : undefined),
  async run(session, set): Promise<Done> {
    const { mailbox } = session.writable()
    const uids = set && session.open.uids(set, true)
    const gone = uids?.length === 0 ? [] : await mailbox.expunge(uids)
    return gone.length > 0 ? { code: highestModseq(session) } : {}
  },
})
