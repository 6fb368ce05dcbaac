import type { MailboxStatus } from '@restante/core'
import { mailbox, quotedName } from '../grammar/mailbox-name.js'
import { BadCommand, type Reader } from '../wire/reader.js'
import { afterLogin, command } from './command.js'

const items: Record<string, (s: MailboxStatus) => number> = {
  HIGHESTMODSEQ: (s) => s.highestModseq,
  MESSAGES: (s) => s.messages,
  RECENT: (s) => s.recent,
  UIDNEXT: (s) => s.uidNext,
  UIDVALIDITY: (s) => s.uidValidity,
  UNSEEN: (s) => s.unseen,
}

function item(r: Reader): string {
  const name = r.word('a STATUS item')
  if (!Object.hasOwn(items, name)) throw new BadCommand(`There is no STATUS item ${name}`)
  return name
}

export const status = command({
  name: 'STATUS', states: afterLogin,
  read(r) {
    const name = mailbox(r.sp())
    const wanted = r.sp().list(item)
    if (wanted.length === 0) throw new BadCommand('Which STATUS items?')
    return { name, wanted }
  },
  async run(session, { name, wanted }) {
    if (wanted.includes('HIGHESTMODSEQ')) session.useModseqs()
    const found = await session.mailboxes.status(session.account.id, name)
    session.say.line(`* STATUS ${quotedName(name)} (${[...new Set(wanted)].map((key) => `${key} ${items[key](found)}`).join(' ')})`)
  },
})
