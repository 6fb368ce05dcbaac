// SELECT and EXAMINE, and the ways out again: CLOSE and UNSELECT.
import { flagBits, right } from '@restante/core'
import { mailboxObjectId } from '../fetch/object-ids.js'
import { mailbox } from '../grammar/mailbox-name.js'
import { selectParameters, type SelectParameters } from '../grammar/select-parameters.js'
import { listLine } from './list.js'
import { tellFlags } from '../session/announce.js'
import { resync } from '../session/resync.js'
import type { Session } from '../session/session.js'
import { Refusal } from '../replies.js'
import { BadCommand } from '../wire/reader.js'
import { afterLogin, command, inMailbox, none, type Command, type Done } from './command.js'

const opener = (name: 'SELECT' | 'EXAMINE', readOnly: boolean): Command =>
  command({
    name, states: afterLogin,
    capabilities: ['CONDSTORE', 'QRESYNC'],
    read: (r) => ({ name: mailbox(r.sp()), ...(r.take(' ') ? selectParameters(r) : { condstore: false, resync: undefined }) }),
    async run(session: Session, args: SelectParameters & { name: string }): Promise<Done> {
      if (args.resync?.sample && session.uidOnly) throw new Refusal('UIDREQUIRED', 'Message numbers are not in use', 'BAD')
      if (args.resync && !session.qresync) throw new BadCommand('ENABLE QRESYNC comes first')
      // Even when it fails, no mailbox is selected any more (RFC 3501 6.3.1).
      if (session.selected) session.say.line('* OK [CLOSED] The previous mailbox is closed')
      session.deselect()
      if (args.condstore) session.useModseqs()
      const selected = session.select(await session.mailboxes.open(session.account.id, args.name, { readOnly }))
      const { index, view, uidValidity } = selected.mailbox
      const { say } = session
      tellFlags(session, selected)
      say.line(`* ${view.count} EXISTS`)
      // RFC 9051 knows neither \\Recent nor the first unseen message, but wants to see the name.
      const box = session.rev2 ? (await session.mailboxes.list(session.account.id)).find(({ id }) => id === selected.mailbox.id) : undefined
      if (box) say.line(listLine(session, box))
      if (!session.rev2) say.line(`* ${view.recentCount} RECENT`)
      for (let i = 0; !session.rev2 && !session.uidOnly && i < index.count; i++) {
        if (index.flags[i] & flagBits['\\Seen']) continue
        const seq = view.seqOf(index.uids[i] as Parameters<typeof view.seqOf>[0])
        if (seq !== 0) say.line(`* OK [UNSEEN ${seq}] The first unseen message`)
        break
      }
      say.line(`* OK [UIDVALIDITY ${uidValidity}] UIDs are valid`)
      say.line(`* OK [UIDNEXT ${index.uidNext}] The next UID`)
      say.line(`* OK [HIGHESTMODSEQ ${view.modseq}] The highest mod-sequence`)
      say.line(`* OK [MAILBOXID (${mailboxObjectId(selected.mailbox.id)})] The mailbox's own name`)
      if (args.resync) await resync(session, args.resync)
      return { fresh: true, code: selected.mailbox.readOnly ? 'READ-ONLY' : 'READ-WRITE' }
    },
  })

export const select = opener('SELECT', false)
export const examine = opener('EXAMINE', true)

export const close = command({
  name: 'CLOSE', states: inMailbox, read: none,
  async run(session) {
    // Messages with \Deleted go without a word (RFC 3501 6.4.2).
    const { readOnly, gone, rights } = session.open.mailbox
    if (!readOnly && !gone && (rights & right.e) !== 0) await session.open.mailbox.expunge()
    session.deselect()
  },
})

export const unselect = command({
  name: 'UNSELECT', states: inMailbox, capabilities: ['UNSELECT'], read: none,
  run(session) { session.deselect() },
})
