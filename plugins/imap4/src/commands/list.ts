// LIST, LSUB and XLIST: LIST-EXTENDED (RFC 5258), LIST-STATUS (RFC 5819), CHILDREN (RFC 3348), SPECIAL-USE (RFC 6154).
import type { MailboxInfo } from '@restante/core'
import { limitsOf } from '../fetch/deleted-storage.js'
import { listArguments, type ListArguments } from '../grammar/list-arguments.js'
import { decodeUtf7, quoted } from '../grammar/mailbox-name.js'
import { matcher } from '../grammar/mailbox-pattern.js'
import { noOptions, select } from '../grammar/metadata.js'
import { statusLine } from '../grammar/status-items.js'
import type { Session } from '../session/session.js'
import { utf8 } from '../wire/reader.js'
import { rightsLine } from './acl.js'
import { afterLogin, command } from './command.js'
import { annotationsOf, metadataLine } from './metadata.js'

export const list = command({
  name: 'LIST', states: afterLogin, capabilities: ({ mailboxes }) => ['CHILDREN', 'SPECIAL-USE', 'LIST-EXTENDED', 'LIST-STATUS', 'LIST-METADATA', ...(mailboxes.sharing ? ['LIST-MYRIGHTS'] : [])],
  read: (r) => listArguments(r.sp()),
  async run(session, args) {
    const { say, account, mailboxes } = session
    const { separator } = mailboxes.namespaces(account.id)
    if (!args.extended && args.patterns[0] === '') {
      // The separator, and the root of the reference (RFC 3501 6.3.8).
      say.line(`* LIST (\\Noselect) ${quoted(separator)} ""`)
      return
    }
    if (args.status.includes('HIGHESTMODSEQ')) session.useModseqs()
    const found = choose(session, await candidates(session, args, separator), args, separator)
    const statuses = args.status.length > 0 ? await mailboxes.statuses(account.id, found.filter(({ box, itself }) => box.selectable && itself).map(({ box }) => box.name)) : undefined
    const annotations = args.metadata.length > 0 ? await annotationsOf(session, found.filter(({ box, itself }) => box.selectable && itself).map(({ box }) => box.name)) : undefined
    // From memory, whatever the number of mailboxes.
    const rights = args.returns.has('MYRIGHTS') ? mailboxes.sharing : undefined
    for (const { box, exists, children } of found) {
      const info = children ? ` ("CHILDINFO" (${criteria(args).map(quoted).join(' ')}))` : ''
      say.text(`* LIST (${attributes(session, box, args, exists)}) ${quoted(separator)} ${session.named(box.name)}${info}\r\n`)
      const status = statuses?.get(box.name)
      if (status) say.line(statusLine(session.named(box.name), args.status, status, await limitsOf(session, box.name, args.status, status)))
      if (rights && box.selectable) say.line(rightsLine(session, box.name, await rights.mine(account.id, box.name)))
      const values = annotations?.get(box.name)
      if (values) say.line(metadataLine(session, box.name, select({ ...noOptions, entries: args.metadata }, values).found))
      if (say.full) await say.flush()
    }
  },
})

/** A mailbox as plain LIST shows it: SELECT's. */
export const listLine = (session: Session, box: MailboxInfo): string => line(session, box, attributes(session, box, plain, box.selectable), '')
const plain: Pick<ListArguments, 'extended' | 'only' | 'returns'> = { extended: false, only: new Set(), returns: new Set() }

/** A name to which something happened, as NOTIFY shows it (RFC 5465 5.4, 5.5). @param info behind the name */
export function affectedLine(session: Session, box: MailboxInfo, info: string): string {
  if (box.selectable || box.hasChildren) return line(session, box, attributes(session, box, affected, box.selectable), info)
  return line(session, box, `\\NonExistent${box.subscribed ? ' \\Subscribed' : ''}`, info)
}
const affected: typeof plain = { extended: true, only: new Set(), returns: new Set(['SUBSCRIBED']) }

function line(session: Session, { name }: MailboxInfo, told: string, info: string): string {
  const { separator } = session.mailboxes.namespaces(session.account.id)
  return `* LIST (${told}) ${quoted(separator)} ${session.named(name)}${info}`
}

interface Candidate { readonly box: MailboxInfo; readonly exists: boolean }
interface Chosen extends Candidate {
  /** Satisfies the criteria itself, not only by what is below it. */
  readonly itself: boolean
  readonly children: boolean
}

/** Every name that there is, and with SUBSCRIBED also those (and the levels above) that are only subscribed to. */
async function candidates(session: Session, { only }: ListArguments, separator: string): Promise<readonly Candidate[]> {
  const { account, mailboxes } = session
  const boxes = (await mailboxes.list(account.id)).map((box) => ({ box, exists: box.selectable }))
  if (!only.has('SUBSCRIBED')) return boxes
  const names = new Set(boxes.map(({ box }) => box.name))
  const subscribed = new Set(await mailboxes.subscriptions(account.id))
  const missing = new Set([...subscribed].flatMap((name) => [...levelsAbove(name, separator), name]).filter((name) => !names.has(name)))
  const more = [...missing].map((name) => ({ box: { id: 0 as MailboxInfo['id'], name, selectable: false, hasChildren: false, subscribed: subscribed.has(name), specialUse: null }, exists: false }))
  return more.length === 0 ? boxes : [...boxes, ...more].sort((a, b) => inboxFirst(a.box.name, b.box.name))
}

/** What a selection is by, as CHILDINFO names it. */
const criteria = ({ only }: ListArguments): readonly string[] => [...only].filter((name) => name === 'SUBSCRIBED' || name === 'SPECIAL-USE')

function choose(session: Session, all: readonly Candidate[], args: ListArguments, separator: string): readonly Chosen[] {
  const { only } = args
  const satisfies = ({ box }: Candidate): boolean => (!only.has('SUBSCRIBED') || box.subscribed) && (!only.has('SPECIAL-USE') || box.specialUse !== null)
  const patterns = args.patterns.flatMap((pattern) => patternOf(session, args.reference, pattern, separator) ?? [])
  const matching = new Set(all.filter(({ box }) => patterns.some((match) => match(box.name))))
  const above = new Set<string>()
  const aboveUnmatched = new Set<string>()
  if (only.has('RECURSIVEMATCH')) {
    for (const candidate of all) {
      if (!satisfies(candidate)) continue
      for (const level of levelsAbove(candidate.box.name, separator)) {
        above.add(level)
        // Of those that are listed themselves nobody above needs to speak (RFC 5258 3.5).
        if (!matching.has(candidate)) aboveUnmatched.add(level)
      }
    }
  }
  return [...matching].flatMap((candidate) => {
    const itself = satisfies(candidate)
    const { name } = candidate.box
    return itself || aboveUnmatched.has(name) ? [{ ...candidate, itself, children: above.has(name) }] : []
  })
}

function attributes(session: Session, box: MailboxInfo, { extended, only, returns }: Pick<ListArguments, 'extended' | 'only' | 'returns'>, exists: boolean): string {
  const names = [box.hasChildren ? '\\HasChildren' : '\\HasNoChildren']
  if (!exists) names.unshift(extended || session.rev2 ? '\\NonExistent' : '\\Noselect')
  if (box.subscribed && (only.has('SUBSCRIBED') || returns.has('SUBSCRIBED'))) names.push('\\Subscribed')
  if (box.specialUse) names.push(box.specialUse)
  return names.join(' ')
}

/** Gmail's forerunner of SPECIAL-USE, which old Outlook and Apple clients look for. */
const xlistNames: Readonly<Record<string, string>> = { '\\All': '\\AllMail', '\\Flagged': '\\Starred', '\\Junk': '\\Spam' }

export const xlist = command({
  name: 'XLIST', states: afterLogin, capabilities: ['XLIST'],
  read: (r) => ({ reference: r.sp().astring('a reference name'), pattern: r.sp().listMailbox() }),
  async run(session, { reference, pattern }) {
    const { say, account, mailboxes } = session
    const { separator } = mailboxes.namespaces(account.id)
    const match = patternOf(session, reference, pattern, separator)
    if (!match) return
    for (const box of await mailboxes.list(account.id)) {
      if (!match(box.name)) continue
      const names = [...(box.selectable ? [] : ['\\Noselect']), box.hasChildren ? '\\HasChildren' : '\\HasNoChildren']
      if (box.name === 'INBOX') names.push('\\Inbox')
      if (box.specialUse) names.push(xlistNames[box.specialUse] ?? box.specialUse)
      say.text(`* XLIST (${names.join(' ')}) ${quoted(separator)} ${session.named(box.name)}\r\n`)
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
    const match = patternOf(session, reference, pattern, separator)
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
      say.text(`* LSUB (${attribute}) ${quoted(separator)} ${session.named(name)}\r\n`)
      if (say.full) await say.flush()
    }
  },
})

/** Undefined for what is no mailbox name at all: nothing matches it. */
function patternOf(session: Session, reference: string, pattern: string, separator: string): ((name: string) => boolean) | undefined {
  const text = session.utf8 ? utf8(reference + pattern)?.normalize('NFC') : decodeUtf7(reference + pattern)
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
      prefixes.length === 0 ? 'NIL' : `(${prefixes.map((prefix) => `(${session.named(prefix)} ${quoted(separator)})`).join('')})`
    session.say.line(`* NAMESPACE ${group(personal)} ${group(others)} ${group(shared)}`)
  },
})
