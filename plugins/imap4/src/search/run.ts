// Runs a search over the selected mailbox: index, then summaries of those still undecided, then octets of those.
import { isFailure, type MessageId, type SummaryField, type Uid } from '@restante/core'
import type { Known } from '../fetch/items.js'
import { breath, breathe, readKnown } from '../fetch/known.js'
import { mentions, type SearchKey } from '../grammar/search-keys.js'
import { saved } from '../grammar/sequence-set.js'
import { Refusal } from '../replies.js'
import { Cursor } from '../session/selected.js'
import type { Session } from '../session/session.js'
import { compile, no, unknown, yes, type Needle, type Subject, type Test, type Verdict } from './compile.js'
import { findNeedles, readHeader } from './text.js'

/** Message numbers mean nothing where only UIDs are spoken of (RFC 9586 3.3). */
export function checkKeys(session: Session, key: SearchKey): SearchKey {
  if (session.uidOnly && mentions(key, 'seq')) throw new Refusal('UIDREQUIRED', 'Message numbers are not in use', 'BAD')
  return key
}

/** Matching messages, ascending. */
export async function search(session: Session, key: SearchKey): Promise<readonly Uid[]> {
  const { view } = session.open.mailbox
  const all = view.count === 0 ? [] : view.slice(1 as Parameters<typeof view.slice>[0], view.count as Parameters<typeof view.slice>[1])
  const { test, needles } = compile(key, { count: view.count, lastUid: all[all.length - 1] ?? 0, now: session.face.clock.now(), saved: session.open.uidRanges(saved, 0) })
  const verdicts = new Uint8Array(all.length)
  const undecided: number[] = []
  const eye = new Eye(session)
  for (let i = 0; i < all.length; i++) {
    verdicts[i] = eye.see(all[i]) ? test.ask(eye) : no
    if (verdicts[i] === unknown) undecided.push(i)
    if (i % breath === breath - 1) await breathe()
  }
  const fields: readonly SummaryField[] = mentions(key, 'threadid') ? ['headers', 'sort'] : ['headers']
  const { fetchChunk } = session.face.config
  for (let at = 0; at < undecided.length; at += fetchChunk) await decide(session, eye, test, needles, fields, all, undecided.slice(at, at + fetchChunk), verdicts)
  return all.filter((_, i) => verdicts[i] === yes)
}

/** Looks closer at some messages (by place in `all`) until each has its verdict. */
async function decide(session: Session, eye: Eye, test: Test, needles: readonly Needle[], fields: readonly SummaryField[], all: readonly Uid[], places: readonly number[], verdicts: Uint8Array): Promise<void> {
  let left = places
  const known = await readKnown(session, places.map((i) => all[i]), fields)
  left = left.filter((i) => {
    verdicts[i] = ask(eye, test, all[i], known)
    return verdicts[i] === unknown
  })
  if (left.length === 0) return
  const placesOf = new Map<MessageId, number[]>()
  for (const i of left) {
    if (!eye.see(all[i])) continue
    const same = placesOf.get(eye.at.message)
    if (same) same.push(i)
    else placesOf.set(eye.at.message, [i])
    verdicts[i] = no // unless its octets can be had and say otherwise
  }
  const parts = await readKnown(session, left.map((i) => all[i]), ['parts', 'headerSize'])
  try {
    for await (const content of session.face.services.contents.readMany([...placesOf.keys()])) {
      const about = parts.get(content.message)
      if (!about) continue
      const header = await readHeader(content, about)
      const found = needles.length > 0 ? await findNeedles(content, about, header, needles) : undefined
      for (const i of placesOf.get(content.message) ?? []) {
        if (!eye.see(all[i])) continue
        eye.known = known.get(content.message)
        eye.header = header
        eye.found = found
        verdicts[i] = test.ask(eye)
      }
    }
  } catch (error) {
    // What cannot be read at the moment matches nothing; what was read counts.
    if (!isFailure(error, 'CONTENT_UNAVAILABLE')) throw error
  }
}

function ask(eye: Eye, test: Test, uid: Uid, known: ReadonlyMap<MessageId, Known>): Verdict {
  if (!eye.see(uid)) return no
  eye.known = known.get(eye.at.message)
  return eye.known ? test.ask(eye) : no
}

/** The message being looked at. One object for all of them. */
class Eye implements Subject {
  readonly at: Cursor
  known: Subject['known']
  header: Subject['header']
  found: Subject['found']
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
    this.at = new Cursor(session.open)
  }
  get recent(): boolean { return this.#session.open.mailbox.view.isRecent(this.at.uid) }
  get keywords(): readonly string[] { return this.#session.open.mailbox.index.keywordNames(this.at.keywords) }

  see(uid: Uid): boolean {
    this.known = this.header = this.found = undefined
    return this.at.go(uid)
  }
}
