// Rights to mailboxes (ACL, RFC 4314): GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS. Offered when somebody implements sharing.
import { allRights, formatRights, isFailure, parseRights, wireRights, type Sharing } from '@restante/core'
import { mailbox, quoted } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { BadCommand, type Reader } from '../wire/reader.js'
import { afterLogin, command } from './command.js'

/** Longer identifiers belong to nobody. */
const longestIdentifier = 320

function sharing({ mailboxes }: Session): Sharing {
  if (!mailboxes.sharing) throw new Refusal('CANNOT', 'Mailboxes are not shared here')
  return mailboxes.sharing
}

function identifier(r: Reader): string {
  const name = r.sp().astring('an identifier')
  if (name.length === 0 || name.length > longestIdentifier) throw new BadCommand('Not an identifier')
  return name
}

/** Unknown letters are a mistake of the client's (RFC 4314 3.1). */
function change(r: Reader): string {
  const text = r.sp().astring('rights')
  try {
    parseRights(text.replace(/^[+-]/, ''))
    return text
  } catch (error) {
    if (isFailure(error, 'RIGHTS_INVALID')) throw new BadCommand(error.message)
    throw error
  }
}

export const getAcl = command({
  name: 'GETACL', states: afterLogin, capabilities: ({ mailboxes }) => (mailboxes.sharing ? ['ACL', 'RIGHTS=texk'] : []),
  read: (r) => mailbox(r.sp()),
  async run(session, name) {
    const entries = await sharing(session).entries(session.account.id, name)
    session.say.line(`* ACL ${session.named(name)}${entries.map((entry) => ` ${quoted(entry.identifier)} ${quoted(wireRights(entry.rights))}`).join('')}`)
  },
})

export const setAcl = command({
  name: 'SETACL', states: afterLogin,
  read: (r) => ({ name: mailbox(r.sp()), who: identifier(r), change: change(r) }),
  run: (session, args) => sharing(session).set(session.account.id, args.name, args.who, args.change),
})

export const deleteAcl = command({
  name: 'DELETEACL', states: afterLogin,
  read: (r) => ({ name: mailbox(r.sp()), who: identifier(r) }),
  run: (session, args) => sharing(session).remove(session.account.id, args.name, args.who),
})

export const listRights = command({
  name: 'LISTRIGHTS', states: afterLogin,
  read: (r) => ({ name: mailbox(r.sp()), who: identifier(r) }),
  async run(session, { name, who }) {
    const always = await sharing(session).always(session.account.id, name, who)
    const others = [...formatRights(allRights & ~always)].map((letter) => ` ${letter}`).join('')
    session.say.line(`* LISTRIGHTS ${session.named(name)} ${quoted(who)} ${quoted(wireRights(always))}${others}`)
  },
})

export const myRights = command({
  name: 'MYRIGHTS', states: afterLogin,
  read: (r) => mailbox(r.sp()),
  async run(session, name) {
    const rights = await sharing(session).mine(session.account.id, name)
    session.say.line(rightsLine(session, name, rights))
  },
})

export const rightsLine = (session: Session, name: string, rights: number): string => `* MYRIGHTS ${session.named(name)} ${quoted(wireRights(rights))}`
