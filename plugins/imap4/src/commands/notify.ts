// NOTIFY (RFC 5465): which events of which mailboxes are told without being asked for.
import { notifyArguments, notifyEvents } from '../grammar/notify.js'
import { Refusal } from '../replies.js'
import { afterLogin, command } from './command.js'

export const notify = command({
  name: 'NOTIFY', states: afterLogin, capabilities: ['NOTIFY'],
  read: (r) => notifyArguments(r.sp()),
  async run(session, { status, groups, unknown }) {
    if (unknown) throw new Refusal(`BADEVENT (${notifyEvents.join(' ')})`, 'Some of the events are not known here')
    session.notify(groups.length > 0 ? groups : undefined)
    if (status) await session.notifying?.tellAll()
  },
})
