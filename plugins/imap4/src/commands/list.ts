// LIST and LSUB, with CHILDREN (RFC 3348) and SPECIAL-USE (RFC 6154). Selection by more than SPECIAL-USE is LIST-EXTENDED.
import type { MailboxInfo } from '@restante/core'
import { decodeUtf7, quoted, quotedName } from '../grammar/mailbox-name.js'
import { matcher } from '../grammar/mailbox-pattern.js'
import { BadCommand, type Reader } from '../wire/reader.js'
import type { Session } from '../session/session.js'
import { afterLogin, command } from './command.js'

const option = (allowed: readonly string[]) => (r: Reader): string => {
  const name = r.word('an option')
  if (!allowed.includes(name)) throw new BadCommand(`There is no option ${name}`)
  return name
}

export const list = command({
  name: 'LIST', states: afterLogin, capabilities: ['CHILDREN', 'SPECIAL-USE'],
  read(r) {
    const only = r.sp().peek() === '(' ? r.list(option(['SPECIAL-USE'])) : undefined
    if (only) r.sp()
    const reference = r.astring('a reference name')
    const pattern = r.sp().listMailbox()
    if (r.take(' ')) {
      r.expect('RETURN').sp().list(option(['SPECIAL-USE', 'CHILDREN']))
    }
    return { specialUse: only !== undefined && only.length > 0, reference, pattern }
  },
  async run(session, { specialUse, reference, pattern }) {
    const { say, account, mailboxes } = session
    const { separator } = mailboxes.namespaces(account.id)
    if (pattern === '' && !specialUse) {
      // The separator, and the root of the reference (RFC 3501 6.3.8).
      say.line(`* LIST (\\Noselect) ${quoted(separator)} ""`)
      return
    }
    const match = patternOf(reference, pattern, separator)
    if (!match) return
    for (const box of await mailboxes.list(account.id)) {
      if ((specialUse && !box.specialUse) || !match(box.name)) continue
      say.text(`* LIST (${attributes(box)}) ${quoted(separator)} ${quotedName(box.name)}\r\n`)
      if (say.full) await say.flush()
    }
  },
})

export const lsub = command({
  name: 'LSUB', states: afterLogin,
  read: (r) => ({ reference: r.sp().astring('a reference name'), pattern: r.sp().listMailbox() }),
  async run(session, { reference, pattern }) {
    const { say, account, mailboxes } = session
    const { separator } = mailboxes.namespaces(account.id)
    const match = patternOf(reference, pattern, separator)
    if (!match) return
    const existing = new Map((await mailboxes.list(account.id)).map((box) => [box.name, box]))
    const subscribed = new Set(await mailboxes.subscriptions(account.id))
    // A pattern that ends in % also finds levels above subscribed names, marked \Noselect (RFC 3501 6.3.9).
    const names = new Set(subscribed)
    if (pattern.includes('%')) for (const name of subscribed) for (const level of levelsAbove(name, separator)) names.add(level)
    for (const name of [...names].sort(inboxFirst)) {
      if (!match(name)) continue
      const box = existing.get(name)
      const attribute = !subscribed.has(name) || !box?.selectable ? '\\Noselect' : ''
      say.text(`* LSUB (${attribute}) ${quoted(separator)} ${quotedName(name)}\r\n`)
      if (say.full) await say.flush()
    }
  },
})

function attributes(box: MailboxInfo): string {
  const names = [box.hasChildren ? '\\HasChildren' : '\\HasNoChildren']
  if (!box.selectable) names.unshift('\\Noselect')
  if (box.specialUse) names.push(box.specialUse)
  return names.join(' ')
}

/** Undefined for what is no mailbox name at all: nothing matches it. */
function patternOf(reference: string, pattern: string, separator: string): ((name: string) => boolean) | undefined {
  const text = decodeUtf7(reference + pattern)
  return text === undefined ? undefined : matcher(text, separator)
}

function levelsAbove(name: string, separator: string): string[] {
  const levels: string[] = []
  for (let at = name.indexOf(separator); at > 0; at = name.indexOf(separator, at + 1)) levels.push(name.slice(0, at))
  return levels
}

const inboxFirst = (a: string, b: string): number => (a === 'INBOX' ? -1 : b === 'INBOX' ? 1 : a < b ? -1 : a > b ? 1 : 0)

export const namespace = command({
  name: 'NAMESPACE', states: afterLogin, capabilities: ['NAMESPACE'], read: () => undefined,
  run(session: Session) {
    const { separator, personal, others, shared } = session.mailboxes.namespaces(session.account.id)
    const group = (prefixes: readonly string[]): string =>
      prefixes.length === 0 ? 'NIL' : `(${prefixes.map((prefix) => `(${quotedName(prefix)} ${quoted(separator)})`).join('')})`
    session.say.line(`* NAMESPACE ${group(personal)} ${group(others)} ${group(shared)}`)
  },
})
