// STATUS, with SIZE (RFC 8438), HIGHESTMODSEQ (RFC 7162), MAILBOXID (RFC 8474), APPENDLIMIT (RFC 7889), DELETED-STORAGE (RFC 9208).
import { limitsOf } from '../fetch/deleted-storage.js'
import { mailbox } from '../grammar/mailbox-name.js'
import { statusItems, statusLine } from '../grammar/status-items.js'
import { afterLogin, command } from './command.js'

export const status = command({
  name: 'STATUS', states: afterLogin, capabilities: ['STATUS=SIZE'],
  read: (r) => ({ name: mailbox(r.sp()), wanted: statusItems(r.sp()) }),
  async run(session, { name, wanted }) {
    if (wanted.includes('HIGHESTMODSEQ')) session.useModseqs()
    const found = await session.mailboxes.status(session.account.id, name)
    session.say.line(statusLine(session.named(name), wanted, found, await limitsOf(session, name, wanted, found)))
  },
})
