// CREATE (with CREATE-SPECIAL-USE, RFC 6154), DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: a name or two, handed on.
import { mailboxObjectId } from '../fetch/object-ids.js'
import { mailbox } from '../grammar/mailbox-name.js'
import type { Session } from '../session/session.js'
import { specialUses } from '../grammar/metadata.js'
import { Refusal } from '../replies.js'
import type { Reader } from '../wire/reader.js'
import { afterLogin, command, type Command, type Done } from './command.js'

const named = (name: string, run: (session: Session, mailbox: string) => Promise<void>, read = (r: Reader): string => mailbox(r.sp())): Command =>
  command({ name, states: afterLogin, read, run })

/** A trailing separator says that children are to come (RFC 3501 6.3.3): they may always come. */
function withoutTrail(session: Session, name: string): string {
  const { separator } = session.mailboxes.namespaces(session.account.id)
  return name.length > separator.length && name.endsWith(separator) ? name.slice(0, -separator.length) : name
}

export const create = command({
  name: 'CREATE', states: afterLogin, capabilities: ['CREATE-SPECIAL-USE'],
  read: (r) => ({ name: mailbox(r.sp()), use: r.take(' ') ? useParameter(r) : [] }),
  async run(session, { name, use }): Promise<Done> {
    const { account, mailboxes } = session
    if (use.length > 1) throw new Refusal('USEATTR', 'A mailbox has one special use')
    const wanted = use.length > 0 ? specialUses.get(use[0]) : undefined
    if (use.length > 0 && !wanted) throw new Refusal('USEATTR', 'That use is not supported')
    if (wanted && (await mailboxes.list(account.id)).some((box) => box.specialUse === wanted)) throw new Refusal('USEATTR', `Another mailbox is ${wanted}`)
    const made = withoutTrail(session, name)
    await session.byItself(['MailboxCreate'], [made], () => mailboxes.create(account.id, made, wanted))
    const id = (await mailboxes.statuses(account.id, [made])).get(made)?.id
    return id === undefined ? {} : { code: `MAILBOXID (${mailboxObjectId(id)})` }
  },
})

/** `(USE (\\Drafts))` (RFC 6154 3), in upper case. */
function useParameter(r: Reader): readonly string[] {
  r.expect('(').expect('USE', 'USE')
  const names = r.sp().list((x) => `\\${x.expect('\\').word('a special use')}`)
  r.expect(')')
  return [...new Set(names)]
}

export const remove = named('DELETE', async (session, name) => {
  await session.byItself(['MailboxDelete'], [name], () => session.mailboxes.delete(session.account.id, name))
  // One's own selected mailbox: nothing is selected any more. Other sessions are told by `announce`.
  if (session.selected?.mailbox.gone) {
    session.deselect()
    session.say.line('* OK [CLOSED] The selected mailbox was deleted')
  }
})

/** `SUBSCRIBE MAILBOX name`, as IMAP2bis said it. */
const perhapsSayingMailbox = (r: Reader): string => {
  const name = mailbox(r.sp())
  return r.dialect.obsolete && name.toUpperCase() === 'MAILBOX' && r.take(' ') ? mailbox(r) : name
}

export const subscribe = named('SUBSCRIBE', (session, name) => session.byItself(['MailboxSubscribe'], [name], () => session.mailboxes.subscribe(session.account.id, name)), perhapsSayingMailbox)
export const unsubscribe = named('UNSUBSCRIBE', (session, name) => session.byItself(['MailboxUnSubscribe'], [name], () => session.mailboxes.unsubscribe(session.account.id, name)), perhapsSayingMailbox)

export const rename = command({
  name: 'RENAME', states: afterLogin,
  read: (r) => ({ from: mailbox(r.sp()), to: mailbox(r.sp()) }),
  run(session, { from, to }) {
    const name = withoutTrail(session, to)
    return session.byItself(['MailboxRename', 'MailboxCreate'], [name], () => session.mailboxes.rename(session.account.id, from, name))
  },
})
