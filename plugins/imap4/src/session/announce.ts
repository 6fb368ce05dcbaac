// What changed in the selected mailbox → untagged replies, when the protocol lets them be sent (RFC 3501 5.2, 7.4.1).
import { flagText, systemFlags } from '../grammar/flags.js'
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
  const { expunged, flags, exists, recent } = mailbox.look(options)
  for (const seq of expunged) say.text(`* ${seq} EXPUNGE\r\n`)
  if (flags.length > 0) {
    tellKeywords(session, selected)
    const cursor = new Cursor(mailbox)
    for (const uid of flags) if (cursor.go(uid)) say.text(`* ${cursor.seq} FETCH (UID ${uid} FLAGS ${cursor.flagList()})\r\n`)
  }
  if (exists !== undefined) say.text(`* ${exists} EXISTS\r\n* ${recent} RECENT\r\n`)
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
