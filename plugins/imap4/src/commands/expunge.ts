// EXPUNGE, and UID EXPUNGE (UIDPLUS, RFC 4315). The replies are those of `announce`.
import { sequenceSet } from '../grammar/sequence-set.js'
import { command, inMailbox } from './command.js'

export const expunge = command({
  name: 'EXPUNGE', uid: true, states: inMailbox, capabilities: ['UIDPLUS'],
  read: (r, { uid }) => (uid ? sequenceSet(r.sp()) : undefined),
  async run(session, set) {
    const { mailbox } = session.writable()
    if (set === undefined) await mailbox.expunge()
    else {
      const uids = session.open.uids(set, true)
      if (uids.length > 0) await mailbox.expunge(uids)
    }
  },
})
