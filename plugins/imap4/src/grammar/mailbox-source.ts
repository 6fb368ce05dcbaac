// Which mailboxes are meant: the filters of NOTIFY (RFC 5465 6) and the sources of ESEARCH (RFC 7377 2.2). Pure.
import type { MailboxInfo, Namespaces } from '@restante/core'
import { BadCommand, type Reader } from '../wire/reader.js'
import { mailbox } from './mailbox-name.js'

export type Source =
  | { readonly kind: 'selected' | 'selected-delayed' | 'inboxes' | 'personal' | 'subscribed' }
  | { readonly kind: 'subtree' | 'subtree-one' | 'mailboxes'; readonly names: readonly string[] }

/** Names of one source. */
const maxNames = 200

export function mailboxSource(r: Reader): Source {
  const kind = r.word('a kind of mailboxes').toLowerCase()
  switch (kind) {
    case 'selected': case 'selected-delayed': case 'inboxes': case 'personal': case 'subscribed':
      return { kind }
    case 'subtree': case 'subtree-one': case 'mailboxes': {
      const names = r.sp().peek() === '(' ? r.list(mailbox) : [mailbox(r)]
      if (names.length === 0 || names.length > maxNames) throw new BadCommand(`Wanted 1 to ${maxNames} mailboxes`)
      return { kind, names: names.map((name) => (name.toUpperCase() === 'INBOX' ? 'INBOX' : name.normalize('NFC'))) }
    }
    default:
      throw new BadCommand(`There is no source ${kind.toUpperCase()}`)
  }
}

/** Whether a mailbox is meant; the selected one is its caller's business. */
export function includes(source: Source, box: Pick<MailboxInfo, 'name' | 'subscribed'>, { separator, others, shared }: Namespaces): boolean {
  switch (source.kind) {
    case 'selected': case 'selected-delayed': return false
    case 'inboxes': return box.name === 'INBOX'
    case 'personal': return ![...others, ...shared].some((prefix) => box.name.startsWith(prefix) || box.name + separator === prefix)
    case 'subscribed': return box.subscribed
    case 'mailboxes': return source.names.includes(box.name)
    case 'subtree': return source.names.some((name) => box.name === name || box.name.startsWith(name + separator))
    case 'subtree-one': return source.names.some((name) => box.name === name || (box.name.startsWith(name + separator) && !box.name.includes(separator, name.length + 1)))
  }
}
