// Runs a search over the selected mailbox: index, then summaries of those still undecided, then octets of those.
import { isFailure, type MessageId, type SummaryField, type Uid } from '@restante/core'
import type { Known } from '../fetch/items.js'
import { readKnown } from '../fetch/known.js'
import { mentions, type SearchKey } from '../grammar/search-keys.js'
import { saved } from '../grammar/sequence-set.js'
import { Refusal } from '../replies.js'
import { Cursor, type Selected } from '../session/selected.js'
import type { Session } from '../session/session.js'
import { compile, no, unknown, yes, type Compiled, type Subject, type Verdict } from './compile.js'
import { withFilters } from './filters.js'
import { findNeedles, readHeader } from './text.js'

/** A key as it will be searched: filters in their place. Message numbers mean nothing where only UIDs are spoken of (RFC 9586 3.3). */
export async function prepareKey(session: Session, asked: SearchKey): Promise<SearchKey> {
  const key = await withFilters(session, asked)
  if (session.uidOnly && mentions(key, 'seq')) throw new Refusal('UIDREQUIRED', 'Message numbers are not in use', 'BAD')
  return key
}

/** Where, and among what, is searched. */
export interface Scope {
  /** The selected mailbox when absent. */
  readonly in?: Selected
  /** All messages of it when absent; ascending. */
  readonly among?: readonly Uid[]
  /** Takes the relevancy of each message found by a fuzzy search. */
  readonly relevancy?: Map<Uid, number>
}

/** Matching messages, ascending. @param key prepared */
export async function search(session: Session, key: SearchKey, { in: open = session.open, among, relevancy }: Scope = {}): Promise<readonly Uid[]> {
  const { view } = open.mailbox
  const all = among ?? (view.count === 0 ? [] : view.slice(1 as Parameters<typeof view.slice>[0], view.count as Parameters<typeof view.slice>[1]))
  if (key.key === 'all') return all
  const last = view.count === 0 ? 0 : view.uidAt(view.count as Parameters<typeof view.uidAt>[0])
  const compiled = compile(key, { count: view.count, lastUid: last ?? 0, now: session.face.clock.now(), saved: open.uidRanges(saved, 0) })
  const looking: Looking = { session, open, compiled, eye: new Eye(open), all, verdicts: new Uint8Array(all.length), relevancy: compiled.fuzzy ? relevancy : undefined }
  const { eye, verdicts } = looking
  let undecided: number[] = []
  await session.turn.each(all, (uid, i) => {
    verdicts[i] = eye.see(uid) ? judge(looking, uid) : no
    if (verdicts[i] === unknown) undecided.push(i)
  })
  const inHeaders = mentions(key, 'header') || mentions(key, 'sent')
  const fields: readonly SummaryField[] = [...(inHeaders ? ['headers'] as const : []), ...(mentions(key, 'threadid') ? ['sort'] as const : [])]
  const indexed = await askIndex(looking, undecided)
  if (indexed.size > 0 || eye.lacking.some(({ size }) => size > 0)) undecided = await stillUnknown(looking, undecided, undefined, indexed)
  const { fetchChunk } = session.face.config
  for (let at = 0; at < undecided.length; at += fetchChunk) {
    session.progress(all.length - undecided.length + at, all.length)
    await decide(looking, fields, indexed, undecided.slice(at, at + fetchChunk))
  }
  return all.filter((_, i) => verdicts[i] === yes)
}

interface Looking {
  readonly session: Session
  readonly open: Selected
  readonly compiled: Compiled
  readonly eye: Eye
  readonly all: readonly Uid[]
  readonly verdicts: Uint8Array
  /** Where somebody weighs what is found. */
  readonly relevancy: Map<Uid, number> | undefined
}

/** The verdict on the message that the eye sees. */
function judge({ compiled, eye, relevancy }: Looking, uid: Uid): Verdict {
  const verdict = compiled.test.ask(eye)
  if (verdict === yes) relevancy?.set(uid, compiled.relevancy(eye))
  return verdict
}

/** What the text index knows of those that are undecided. Accents are no business of it. */
async function askIndex({ session, compiled: { needles, hints }, eye, all }: Looking, places: readonly number[]): Promise<ReadonlyMap<MessageId, Uint8Array>> {
  const { textIndex } = session.face.services
  const exact = needles.length > 0 && needles.every(({ loose }) => !loose)
  if (places.length === 0 || (!exact && hints.length === 0)) return new Map()
  const messages = new Set<MessageId>()
  for (const i of places) if (eye.see(all[i])) messages.add(eye.at.message)
  eye.lacking = await Promise.all(hints.map((text) => textIndex.lacking([...messages], text)))
  return exact ? textIndex.find([...messages], needles) : new Map()
}

/** Looks closer at some messages (by place in `all`) until each has its verdict. */
async function decide(looking: Looking, fields: readonly SummaryField[], indexed: ReadonlyMap<MessageId, Uint8Array>, places: readonly number[]): Promise<void> {
  const { session, open, compiled: { needles }, eye, all, verdicts } = looking
  const known = await readKnown(session, places.map((i) => all[i]), fields, open)
  const left = await stillUnknown(looking, places, fields.length > 0 ? known : undefined, indexed)
  if (left.length === 0) return
  const placesOf = new Map<MessageId, number[]>()
  for (const i of left) {
    if (!eye.see(all[i])) continue
    const same = placesOf.get(eye.at.message)
    if (same) same.push(i)
    else placesOf.set(eye.at.message, [i])
    verdicts[i] = no // unless its octets can be had and say otherwise
  }
  const parts = await readKnown(session, left.map((i) => all[i]), ['parts', 'headerSize'], open)
  try {
    for await (const content of session.face.services.contents.readMany([...placesOf.keys()])) {
      const about = parts.get(content.message)
      if (!about) continue
      const header = await readHeader(content, about)
      const found = needles.length > 0 ? await findNeedles(content, about, header, needles, session.turn) : undefined
      for (const i of placesOf.get(content.message) ?? []) {
        if (!eye.see(all[i])) continue
        eye.known = known.get(content.message)
        eye.header = header
        eye.found = found
        verdicts[i] = judge(looking, all[i])
      }
      if (session.turn.over) await session.turn.pass()
    }
  } catch (error) {
    // What cannot be read at the moment matches nothing; what was read counts.
    if (!isFailure(error, 'CONTENT_UNAVAILABLE')) throw error
  }
}

/** Asks again with more at hand, and gives back the places that are undecided still. */
async function stillUnknown(looking: Looking, places: readonly number[], known: ReadonlyMap<MessageId, Known> | undefined, indexed: ReadonlyMap<MessageId, Uint8Array>): Promise<number[]> {
  const { all, verdicts, session: { turn } } = looking
  const left: number[] = []
  for (const i of places) {
    verdicts[i] = ask(looking, all[i], known, indexed)
    if (verdicts[i] === unknown) left.push(i)
    if (turn.over) await turn.pass()
  }
  return left
}

function ask(looking: Looking, uid: Uid, known: ReadonlyMap<MessageId, Known> | undefined, indexed: ReadonlyMap<MessageId, Uint8Array>): Verdict {
  const { eye } = looking
  if (!eye.see(uid)) return no
  eye.known = known?.get(eye.at.message)
  eye.found = indexed.get(eye.at.message)
  return eye.known || !known ? judge(looking, uid) : no
}

/** The message being looked at. One object for all of them. */
class Eye implements Subject {
  readonly at: Cursor
  known: Subject['known']
  header: Subject['header']
  found: Subject['found']
  /** For each hint, the messages that lack it. */
  lacking: readonly ReadonlySet<MessageId>[] = []
  readonly #open: Selected

  constructor(open: Selected) {
    this.#open = open
    this.at = new Cursor(open)
  }
  get recent(): boolean { return this.#open.mailbox.view.isRecent(this.at.uid) }
  lacks(hint: number): boolean { return this.lacking[hint]?.has(this.at.message) === true }
  get keywords(): readonly string[] { return this.#open.mailbox.index.keywordNames(this.at.keywords) }

  see(uid: Uid): boolean {
    this.known = this.header = this.found = undefined
    return this.at.go(uid)
  }
}
