// The result of a SEARCH or SORT as it was asked for: ESEARCH (RFC 4731, 5267, 9394) or the plain list, and `$` (RFC 5182).
import type { Uid } from '@restante/core'
import { partOf, type SearchReturn } from '../grammar/search-return.js'
import { formatSet } from '../grammar/sequence-set.js'
import { Cursor, type Selected } from '../session/selected.js'
import type { Session } from '../session/session.js'

export interface Asked {
  /** SEARCH or SORT. */
  readonly name: string
  readonly returns: SearchReturn | undefined
  readonly uid: boolean
  readonly tag: string
  /** The keys speak of mod-sequences: so does the answer (RFC 7162 3.1.6, 3.1.10). */
  readonly byModseq: boolean
  /** How well each message matches. */
  readonly relevancy?: ReadonlyMap<Uid, number>
  /** A mailbox that must be named in the answer (RFC 7377); else the selected one. */
  readonly from?: Selected
}

/** What is returned when nothing was asked for: IMAP4rev2 knows no plain list of numbers (RFC 9051 6.4.4). */
const everything: SearchReturn = { items: new Set(['ALL']), partial: undefined, save: false, relevancy: false, update: false, fetch: [] }

/** @param found in the order of the result */
export function tellResult(session: Session, { name, returns: asked, uid, tag, byModseq, relevancy, from }: Asked, found: readonly Uid[]): void {
  const returns = asked ?? (session.rev2 && name === 'SEARCH' ? everything : undefined)
  const { say } = session
  const { mailbox } = from ?? session.open
  const { view } = mailbox
  const number = (one: Uid): number => (uid ? one : view.seqOf(one))
  if (!returns) {
    let text = `* ${name}`
    for (const one of found) text += ` ${number(one)}`
    say.line(text + (byModseq && found.length > 0 ? ` (MODSEQ ${highestModseq(from ?? session.open, found)})` : ''))
    return
  }
  const { items, partial, save } = returns
  const part = partial ? partOf(found, partial) : []
  const chosen = returned(found, part, returns)
  if (save) session.open.save(chosen)
  if (items.size === 0 && !partial && !returns.relevancy) return
  const where = from ? ` MAILBOX ${session.named(mailbox.name)} UIDVALIDITY ${mailbox.uidValidity}` : ''
  let text = `* ESEARCH (TAG "${tag}"${where})${uid ? ' UID' : ''}`
  if (found.length > 0) {
    if (items.has('MIN')) text += ` MIN ${number(found[0])}`
    if (items.has('MAX')) text += ` MAX ${number(found[found.length - 1])}`
    if (items.has('ALL')) text += ` ALL ${formatSet(found.map(number))}`
  }
  if (partial) text += ` PARTIAL (${partial.from}:${partial.to} ${part.length > 0 ? formatSet(part.map(number)) : 'NIL'})`
  if (returns.relevancy && found.length > 0) text += ` RELEVANCY (${(partial ? part : found).map((one) => relevancy?.get(one) ?? 100).join(' ')})`
  if (items.has('COUNT')) text += ` COUNT ${found.length}`
  if (byModseq && chosen.length > 0) text += ` MODSEQ ${highestModseq(from ?? session.open, chosen)}`
  say.line(text)
}

/** The messages that an answer speaks of: what `$` keeps, and whose mod-sequences count (tables of RFC 5182 2.4, RFC 9394 3.2). */
function returned(found: readonly Uid[], part: readonly Uid[], { items, partial }: SearchReturn): readonly Uid[] {
  const ends = items.has('MIN') || items.has('MAX')
  if (items.has('ALL') || items.has('COUNT') || (!ends && !partial) || found.length === 0) return found
  const chosen = new Set(part)
  if (items.has('MIN')) chosen.add(found[0])
  if (items.has('MAX')) chosen.add(found[found.length - 1])
  return [...chosen]
}

function highestModseq(open: Selected, uids: readonly Uid[]): number {
  const cursor = new Cursor(open)
  let most = 0
  for (const uid of uids) if (cursor.go(uid) && cursor.modseq > most) most = cursor.modseq
  return most
}
