// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: a name or two, handed on.
import { mailbox } from '../grammar/mailbox-name.js'
import type { Session } from '../session/session.js'
import { afterLogin, command, type Command } from './command.js'

const named = (name: string, run: (session: Session, mailbox: string) => Promise<void>): Command =>
  command({ name, states: afterLogin, read: (r) => mailbox(r.sp()), run })

/** A trailing separator says that children are to come (RFC 3501 6.3.3): they may always come. */
function withoutTrail(session: Session, name: string): string {
  const { separator } = session.mailboxes.namespaces(session.account.id)
  return name.length > separator.length && name.endsWith(separator) ? name.slice(0, -separator.length) : name
}

export const create = named('CREATE', (session, name) => session.mailboxes.create(session.account.id, withoutTrail(session, name)))

export const remove = named('DELETE', async (session, name) => {
  await session.mailboxes.delete(session.account.id, name)
  // One's own selected mailbox: nothing is selected any more. Other sessions are told by `announce`.
  if (session.selected?.mailbox.gone) {
    session.deselect()
    session.say.line('* OK [CLOSED] The selected mailbox was deleted')
  }
})

export const subscribe = named('SUBSCRIBE', (session, name) => session.mailboxes.subscribe(session.account.id, name))
export const unsubscribe = named('UNSUBSCRIBE', (session, name) => session.mailboxes.unsubscribe(session.account.id, name))

export const rename = command({
  name: 'RENAME', states: afterLogin,
  read: (r) => ({ from: mailbox(r.sp()), to: mailbox(r.sp()) }),
  run: (session, { from, to }) => session.mailboxes.rename(session.account.id, from, withoutTrail(session, to)),
})
