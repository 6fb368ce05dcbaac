// NOTIFY (RFC 5465): which events of which mailboxes are told without being asked for.
import { notifyArguments, notifyEvents } from '../grammar/notify.js'
import { Refusal } from '../replies.js'
import { announceAll } from '../session/announce.js'
import { afterLogin, command } from './command.js'

export const notify = command({
  name: 'NOTIFY', states: afterLogin, capabilities: ['NOTIFY'],
  read: (r) => notifyArguments(r.sp()),
  async run(session, { status, groups, unknown }) {
    if (unknown) throw new Refusal(`BADEVENT (${notifyEvents.join(' ')})`, 'Some of the events are not known here')
    // Whatever is wanted from now on: what has gathered is told (RFC 5465 3).
    await announceAll(session, { expunges: true, own: true })
    session.notify(groups.length > 0 ? groups : undefined)
    if (status) await session.notifying?.tellAll()
  },
})
