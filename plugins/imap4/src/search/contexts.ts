// Searches and sorts that a client wants kept up to date (RFC 5267): what enters and leaves their results is told as it happens.
import type { Uid } from '@restante/core'
import type { FetchItem } from '../grammar/fetch-items.js'
import type { SearchKey } from '../grammar/search-keys.js'
import { formatSet } from '../grammar/sequence-set.js'
import type { Selected } from '../session/selected.js'
import type { Session } from '../session/session.js'
import { search } from './run.js'
import { sortables } from './sort-keys.js'
import { sortMessages, type SortProgram } from './sort.js'

export interface Context {
  readonly tag: string
  readonly uid: boolean
  readonly key: SearchKey
  /** Of a SORT. */
  readonly program: SortProgram | undefined
  /** What is told of new messages that enter it (RFC 5465 7). */
  readonly fetch: readonly FetchItem[]
  /** As the client knows it. */
  results: readonly Uid[]
  /** All changes up to here are in it. */
  modseq: number
}

/** Before expunges are told: their numbers still mean something. */
export function tellLeaving({ say, selected }: Session): void {
  if (!selected) return
  for (const context of selected.contexts.values()) {
    const left = context.results.filter((uid) => selected.mailbox.index.position(uid) >= 0)
    if (left.length < context.results.length) tellDifference(say, selected, context, left)
  }
}

/** After everything else was told: what came (above `last`) and what changed. */
export async function refresh(session: Session, last: Uid): Promise<void> {
  const { selected, say } = session
  if (!selected) return
  const { mailbox } = selected
  for (const context of selected.contexts.values()) {
    const { index } = mailbox
    const { modseq } = index
    if (modseq <= context.modseq) continue
    const changed: Uid[] = []
    for (let i = 0; i < index.count; i++) if (index.modseqs[i] > context.modseq && mailbox.view.seqOf(index.uids[i] as Uid) !== 0) changed.push(index.uids[i] as Uid)
    const matching = new Set(await search(session, context.key, { among: changed }))
    if (session.selected !== selected) return
    const touched = new Set(changed)
    const kept = context.results.filter((uid) => !touched.has(uid) || matching.has(uid))
    const known = new Set(kept)
    const fresh = changed.filter((uid) => matching.has(uid) && !known.has(uid))
    // What came after our look at the index, or is not told of yet, is for the next time.
    context.modseq = Math.min(modseq, mailbox.view.modseq)
    if (fresh.length === 0 && kept.length === context.results.length) continue
    const all = [...kept, ...fresh].sort((a, b) => a - b)
    const ordered = context.program ? (await session.turn.through(sortMessages(await sortables(session, all, context.program.needKeys), context.program))).map((message) => message.uid) : all
    const arrived = fresh.filter((uid) => uid > last)
    if (context.fetch.length > 0 && arrived.length > 0) await session.fetchNew(arrived, context.fetch)
    if (session.selected !== selected) return
    tellDifference(say, selected, context, ordered)
  }
}

function tellDifference(say: Session['say'], { mailbox: { view } }: Selected, context: Context, wanted: readonly Uid[]): void {
  const number = (uid: Uid): number => (context.uid ? uid : view.seqOf(uid))
  const stays = new Set(wanted)
  const before = new Set(context.results)
  const gone = context.results.filter((uid) => !stays.has(uid))
  const fresh = wanted.filter((uid) => !before.has(uid))
  let text = ''
  if (context.program) {
    // Each place is right when it is read: from the end backwards, then forwards as the result grows.
    const places = new Map(context.results.map((uid, i) => [uid, i + 1]))
    if (gone.length > 0) text += ` REMOVEFROM (${gone.reverse().map((uid) => `${places.get(uid)} ${number(uid)}`).join(' ')})`
    if (fresh.length > 0) text += ` ADDTO (${wanted.flatMap((uid, i) => (before.has(uid) ? [] : [`${i + 1} ${number(uid)}`])).join(' ')})`
  } else {
    if (gone.length > 0) text += ` REMOVEFROM (0 ${formatSet(gone.map(number))})`
    if (fresh.length > 0) text += ` ADDTO (0 ${formatSet(fresh.map(number))})`
  }
  context.results = wanted
  if (text !== '') say.line(`* ESEARCH (TAG "${context.tag}")${context.uid ? ' UID' : ''}${text}`)
}
