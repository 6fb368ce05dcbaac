// SELECT and EXAMINE, and the ways out again: CLOSE and UNSELECT.
import { flagBits } from '@restante/core'
import { mailbox } from '../grammar/mailbox-name.js'
import { tellFlags } from '../session/announce.js'
import type { Session } from '../session/session.js'
import { afterLogin, command, inMailbox, none, type Command, type Done } from './command.js'

const opener = (name: 'SELECT' | 'EXAMINE', readOnly: boolean): Command =>
  command({
    name, states: afterLogin,
    read: (r) => ({ name: mailbox(r.sp()) }),
    async run(session: Session, args: { name: string }): Promise<Done> {
      // Even when it fails, no mailbox is selected any more (RFC 3501 6.3.1).
      session.deselect()
      const selected = session.select(await session.mailboxes.open(session.account.id, args.name, { readOnly }))
      const { index, view, uidValidity } = selected.mailbox
      const { say } = session
      tellFlags(session, selected)
      say.line(`* ${view.count} EXISTS`)
      say.line(`* ${view.recentCount} RECENT`)
      for (let i = 0; i < index.count; i++) {
        if (index.flags[i] & flagBits['\\Seen']) continue
        const seq = view.seqOf(index.uids[i] as Parameters<typeof view.seqOf>[0])
        if (seq !== 0) say.line(`* OK [UNSEEN ${seq}] The first unseen message`)
        break
      }
      say.line(`* OK [UIDVALIDITY ${uidValidity}] UIDs are valid`)
      say.line(`* OK [UIDNEXT ${index.uidNext}] The next UID`)
      return { code: selected.mailbox.readOnly ? 'READ-ONLY' : 'READ-WRITE' }
    },
  })

export const select = opener('SELECT', false)
export const examine = opener('EXAMINE', true)

export const close = command({
  name: 'CLOSE', states: inMailbox, read: none,
  async run(session) {
    // Messages with \Deleted go without a word (RFC 3501 6.4.2).
    if (!session.open.mailbox.readOnly && !session.open.mailbox.gone) await session.open.mailbox.expunge()
    session.deselect()
  },
})

export const unselect = command({
  name: 'UNSELECT', states: inMailbox, capabilities: ['UNSELECT'], read: none,
  run(session) { session.deselect() },
})
