// What RFC 1730 and IMAP2bis (RFC 2062) knew and RFC 2060 dropped: FIND and PARTIAL. Old clients still say so; nothing advertises it.
import { oldItem } from '../grammar/fetch-items.js'
import { matcher } from '../grammar/mailbox-pattern.js'
import { sequenceSet } from '../grammar/sequence-set.js'
import { BadCommand } from '../wire/reader.js'
import { afterLogin, command, inMailbox } from './command.js'
import { fetchNew } from './fetch.js'

/** `FIND MAILBOXES pattern` (subscribed ones), `FIND ALL.MAILBOXES pattern`. */
export const find = command({
  name: 'FIND', states: afterLogin, obsolete: true,
  read(r) {
    const what = r.sp().word('MAILBOXES or ALL.MAILBOXES')
    if (what !== 'MAILBOXES' && what !== 'ALL.MAILBOXES') throw new BadCommand('Wanted MAILBOXES or ALL.MAILBOXES')
    return { subscribed: what === 'MAILBOXES', pattern: r.sp().listMailbox() }
  },
  async run(session, { subscribed, pattern }) {
    const { say, account, mailboxes } = session
    const match = matcher(pattern, mailboxes.namespaces(account.id).separator)
    const names = subscribed ? await mailboxes.subscriptions(account.id) : (await mailboxes.list(account.id)).filter((box) => box.selectable).map((box) => box.name)
    for (const name of names) if (match(name)) say.line(`* MAILBOX ${session.named(name)}`)
  },
})

/** `PARTIAL message item first-octet length` (RFC 1730 6.4.6); octets are counted from 1. */
export const partial = command({
  name: 'PARTIAL', states: inMailbox, seqs: 'uses', numbers: true, obsolete: true,
  read(r) {
    const set = sequenceSet(r.sp())
    const item = oldItem(r.sp())
    const from = r.sp().nzNumber('the first octet') - 1
    return { set, item: { ...item, partial: { from, length: r.sp().number('a number of octets') } } }
  },
  async run(session, { set, item }) {
    await fetchNew(session, session.open.uids(set, false), [item])
  },
})
