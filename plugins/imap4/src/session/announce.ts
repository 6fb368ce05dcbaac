// What changed in the selected mailbox → untagged replies, when the protocol lets them be sent (RFC 3501 5.2, 7.4.1).
import { flagText, systemFlags } from '../grammar/flags.js'
import { formatSet } from '../grammar/sequence-set.js'
import { refresh, tellLeaving } from '../search/contexts.js'
import { Cursor, type Selected } from './selected.js'
import type { Session } from './session.js'

/**
 * Tells the client everything that it may be told now. A mailbox deleted by another session ends the session
 * (RFC 2180 3.3): every client knows what to do about BYE, few about the alternatives.
 */
export function announce(session: Session, options: { readonly expunges: boolean }): void {
  const { selected, say } = session
  if (!selected) return
  const { mailbox } = selected
  if (mailbox.gone) return session.bye('The mailbox was deleted by another session', 'NONEXISTENT')
  const { expunged, vanished, flags, exists, recent } = mailbox.look(options)
  if (!session.vanishes) for (const seq of expunged) say.text(`* ${seq} EXPUNGE\r\n`)
  else if (vanished.length > 0) say.text(`* VANISHED ${formatSet(vanished)}\r\n`)
  if (flags.length > 0) {
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

/** Likewise, and what that means for searches that are kept up to date (RFC 5267). */
export async function announceAll(session: Session, options: { readonly expunges: boolean }): Promise<void> {
  if (!session.selected || session.selected.contexts.size === 0) return announce(session, options)
  if (options.expunges) tellLeaving(session)
  announce(session, options)
  await refresh(session)
}

/** Between commands: what takes reading follows when it is read, one after the other. */
export function tellSoon(session: Session, options: { readonly expunges: boolean }): void {
  const { contexts } = session.selected ?? { contexts: undefined }
  if (options.expunges && contexts?.size) tellLeaving(session)
  announce(session, options)
  if (!contexts?.size) return
  session.telling = session.telling.then(() => refresh(session)).then(() => session.say.push(), (error: unknown) => session.broke(error))
}

/** FLAGS (and PERMANENTFLAGS) again when keywords are in use that the client has not heard of. */
export function tellKeywords(session: Session, selected: Selected): void {
  const told = selected.keywordsTold
  if (!selected.mailbox.index.allKeywords().every((name) => told.has(name))) tellFlags(session, selected)
}

/** FLAGS and PERMANENTFLAGS: what a client once heard of stays in them. */
export function tellFlags(session: Session, selected: Selected): void {
  const keywords = new Set([...selected.keywordsTold, ...selected.mailbox.index.allKeywords()])
  selected.keywordsTold = keywords
  session.say.line(`* FLAGS (${flagText(0xff, [...keywords], false)})`)
  session.say.line(`* OK [PERMANENTFLAGS (${selected.mailbox.readOnly ? '' : [...systemFlags, ...keywords, '\\*'].join(' ')})] Flags that are kept`)
}
