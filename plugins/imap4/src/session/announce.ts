// What changed in the selected mailbox → untagged replies, when the protocol lets them be sent (RFC 3501 5.2, 7.4.1).
import { flagBits, flagMask, right, type Seq, type SystemFlag, type Uid } from '@restante/core'
import { flagText, systemFlags } from '../grammar/flags.js'
import { formatSet } from '../grammar/sequence-set.js'
import { refresh, tellLeaving } from '../search/contexts.js'
import { Cursor, type Selected } from './selected.js'
import type { Session } from './session.js'

interface Telling {
  /** Whether expunges may be told. */
  readonly expunges: boolean
  /** Whatever NOTIFY said of the selected mailbox: the client's own command expunged, or asks. */
  readonly own?: boolean
}

/**
 * Tells the client everything that it may be told now. A mailbox deleted by another session ends the session
 * (RFC 2180 3.3): every client knows what to do about BYE, few about the alternatives.
 */
export function announce(session: Session, options: Telling): void {
  const { selected, say } = session
  if (!selected) return
  const { mailbox } = selected
  if (mailbox.gone) return session.bye('The mailbox was deleted by another session', 'NONEXISTENT')
  // Somebody took the rights away: the client is told once, and learns nothing more of this mailbox (RFC 4314 4).
  const forbidden = (mailbox.rights & right.r) === 0
  if (forbidden && !selected.forbidden) say.line('* NO [NOPERM] You may not read this mailbox any more')
  selected.forbidden = forbidden
  if (forbidden) return
  const { expunged, vanished, flags, exists, recent } = mailbox.look(options)
  if (!session.vanishes) for (const seq of expunged) say.text(`* ${seq} EXPUNGE\r\n`)
  else if (vanished.length > 0) say.text(`* VANISHED ${formatSet(vanished)}\r\n`)
  const untold = session.notifying?.selected?.events.has('FlagChange') === false
  if (flags.length > 0 && !untold) {
    tellKeywords(session, selected)
    const cursor = new Cursor(selected)
    for (const uid of flags) if (cursor.go(uid)) say.text(`${cursor.lead(true)}FLAGS ${cursor.flagList()}${session.condstore ? ` MODSEQ (${cursor.modseq})` : ''})\r\n`)
  }
  if (exists !== undefined) say.text(`* ${exists} EXISTS\r\n${session.rev2 ? '' : `* ${recent} RECENT\r\n`}`)
  // The client may have seen mod-sequences above that of an expunge which it has not been told of (RFC 7162 3.2, 6).
  const held = mailbox.view.told < mailbox.view.modseq
  if (session.condstore && (held || selected.heldBack)) say.line(`* OK [HIGHESTMODSEQ ${mailbox.view.told}] ${held ? 'Expunges are held back' : 'All is told'}`)
  selected.heldBack = held
}

/** Likewise, and what takes reading: new messages as NOTIFY wants them, searches that are kept up to date (RFC 5267). */
export async function announceAll(session: Session, options: Telling): Promise<void> {
  await announceFirst(session, options)()
}

/** Between commands: what takes reading follows when it is read, one after the other. */
export function tellSoon(session: Session, options: Telling): void {
  const rest = announceFirst(session, options)
  session.telling = session.telling.then(rest).then(() => session.say.push()).catch((error: unknown) => session.broke(error))
}

/** Announces, and gives back what is left to do. */
function announceFirst(session: Session, options: Telling): () => Promise<void> {
  const { selected, notifying } = session
  if (!selected) return nothingMore
  const { gone, rights } = selected.mailbox
  if (notifying?.stillLife && !options.own && !gone && (rights & right.r) !== 0) return nothingMore
  if (options.expunges && selected.contexts.size > 0) tellLeaving(session)
  const fetch = notifying?.selected?.fetch ?? []
  const { view } = selected.mailbox
  const last = view.uidAt(view.count as Seq) ?? 0
  announce(session, options)
  if (selected.contexts.size === 0 && fetch.length === 0) return nothingMore
  return async () => {
    const fresh = fetch.length > 0 && session.selected === selected ? view.uidsBetween(last + 1 as Uid, 0xffff_ffff as Uid) : []
    const others = fresh.filter((uid) => !notifying?.own.has(uid))
    notifying?.own.clear()
    if (others.length > 0) await session.fetchNew(others, fetch)
    await refresh(session, last as Uid)
  }
}
const nothingMore = async (): Promise<void> => undefined

/** FLAGS (and PERMANENTFLAGS) again when keywords are in use that the client has not heard of. */
export function tellKeywords(session: Session, selected: Selected): void {
  const told = selected.keywordsTold
  if (!selected.mailbox.index.allKeywords().every((name) => told.has(name))) tellFlags(session, selected)
}

/** What may be changed here (RFC 4314 5.1.1). */
function permanent({ mailbox: { readOnly, rights } }: Selected, keywords: Iterable<string>): readonly string[] {
  if (readOnly) return []
  const mask = flagMask(rights)
  return [...systemFlags.filter((name) => (flagBits[name as SystemFlag] & mask) !== 0), ...((rights & right.w) !== 0 ? [...keywords, '\\*'] : [])]
}

/** FLAGS and PERMANENTFLAGS: what a client once heard of stays in them. */
export function tellFlags(session: Session, selected: Selected): void {
  const keywords = new Set([...selected.keywordsTold, ...selected.mailbox.index.allKeywords()])
  selected.keywordsTold = keywords
  session.say.line(`* FLAGS (${flagText(0xff, [...keywords], false)})`)
  session.say.line(`* OK [PERMANENTFLAGS (${permanent(selected, keywords).join(' ')})] Flags that are kept`)
}
