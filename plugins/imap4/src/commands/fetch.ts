// FETCH and UID FETCH: chunk by chunk, each item from the cheapest source; a slow client costs one chunk of memory.
import { flagBits, isFailure, type Content, type MessageId, type Uid } from '@restante/core'
import { isUndecodable, writeBinary } from '../fetch/binary.js'
import { ContentBroke, fromSummary, handsOutEnd, literal, writeSection } from '../fetch/body.js'
import { plainItems, type Known } from '../fetch/items.js'
import { readKnown } from '../fetch/known.js'
import { planFetch, type Plan } from '../fetch/planner.js'
import { fetchItems, type FetchItem, type Section } from '../grammar/fetch-items.js'
import { partOf } from '../grammar/search-return.js'
import { fetchModifiers, type FetchModifiers } from '../grammar/fetch-modifiers.js'
import { sequenceSet, type SequenceSet } from '../grammar/sequence-set.js'
import { Refusal } from '../replies.js'
import { tellKeywords } from '../session/announce.js'
import { limited, withLimit } from '../session/message-limit.js'
import { Cursor } from '../session/selected.js'
import { tellVanished } from '../session/resync.js'
import type { Session } from '../session/session.js'
import { BadCommand } from '../wire/reader.js'
import { Disconnected } from '../wire/writer.js'
import { command, inMailbox, type Done } from './command.js'

export const fetch = command({
  name: 'FETCH', uid: true, numbers: true, states: inMailbox, seqs: 'uses', capabilities: ['OBJECTID', 'PREVIEW', 'SAVEDATE', 'BINARY'],
  read: (r, { uid }) => ({ set: sequenceSet(r.sp()), items: fetchItems(r.sp()), only: r.take(' ') ? fetchModifiers(r, uid) : {} }),
  async run(session, { set, items, only }, { uid }): Promise<Done> {
    const { uids: last, code } = limited(session, await restrict(session, set, only, uid))
    // From the highest down, so that the client may begin with what it got (RFC 9738 3.1).
    const uids = code ? [...last].reverse() : last
    const run = new Fetching(session, planFetch(items, { uid: uid && !session.uidOnly, modseq: only.changedSince !== undefined }))
    if (run.plan.has.MODSEQ) session.useModseqs()
    if (run.plan.has.FLAGS || run.plan.marksSeen) tellKeywords(session, session.open)
    await (run.plan.fields.length === 0 && run.plan.octets === 'never' ? run.fromIndex(uids) : run.inChunks(uids))
    const left = run.unavailable > 0 || run.undecodable > 0 || (run.expunged > 0 && !uid)
    const done = withLimit(session, left ? { code: '' } : {}, code)
    if (run.unavailable > 0) throw new Refusal('UNAVAILABLE', `The text of ${run.unavailable} messages cannot be had at the moment`)
    if (run.undecodable > 0) throw new Refusal('UNKNOWN-CTE', `${run.undecodable} messages have parts in an encoding that nobody knows`)
    // RFC 2180 4.1.2: what there still is was sent.
    if (run.expunged > 0 && !uid) throw new Refusal('EXPUNGEISSUED', 'Some of the messages no longer exist')
    return done
  },
})

/** Tells of messages what was asked for before they came (RFC 5465 5.1). What cannot be read is left out. */
export async function fetchNew(session: Session, uids: readonly Uid[], items: readonly FetchItem[]): Promise<void> {
  const run = new Fetching(session, planFetch(items, { uid: false, modseq: false }))
  await (run.plan.fields.length === 0 && run.plan.octets === 'never' ? run.fromIndex(uids) : run.inChunks(uids))
}

/** The messages of a set that the modifiers leave. */
async function restrict(session: Session, set: SequenceSet, { changedSince, vanished, partial }: FetchModifiers, uid: boolean): Promise<readonly Uid[]> {
  const { mailbox } = session.open
  if (vanished && !session.qresync) throw new BadCommand('ENABLE QRESYNC comes first')
  const all = session.open.uids(set, uid)
  const { messageLimit } = session.face.config
  if (partial && messageLimit > 0 && Math.abs(partial.to - partial.from) >= messageLimit) throw new Refusal(`MESSAGELIMIT ${messageLimit}`, `FETCH exceeds the maximum ${messageLimit}-message limit`)
  const uids = partial ? partOf(all, partial) : all
  if (changedSince === undefined) return uids
  session.useModseqs()
  if (vanished) await tellVanished(session, changedSince, session.open.uidRanges(set, mailbox.index.uidNext - 1))
  const cursor = new Cursor(session.open)
  return changedSince >= mailbox.index.modseq ? [] : uids.filter((one) => cursor.go(one) && cursor.modseq > changedSince)
}

const nothingKnown = {} as Known
/** Messages between two looks at the clock, where each takes microseconds. */
const few = 16

class Fetching {
  /** Messages that were asked for and whose content is gone, or is not to be had now. */
  expunged = 0
  unavailable = 0
  /** Messages whose BINARY parts cannot be decoded: they get no reply. */
  undecodable = 0
  readonly #cursor: Cursor

  constructor(readonly session: Session, readonly plan: Plan) {
    this.#cursor = new Cursor(session.open)
  }

  async fromIndex(uids: readonly Uid[]): Promise<void> {
    const { say, turn } = this.session
    for (let i = 0; i < uids.length; i++) {
      if (this.#cursor.go(uids[i])) this.#write(nothingKnown, false)
      else this.expunged++
      if (say.full) await say.flush()
      if (i % few === few - 1 && turn.over) await turn.pass()
    }
  }

  async inChunks(uids: readonly Uid[]): Promise<void> {
    const { plan, session } = this
    const { bodyChunk, fetchChunk } = session.face.config
    // A client that breaks off shall not find much marked as read that it never got.
    const size = plan.marksSeen && !session.open.mailbox.readOnly ? bodyChunk : fetchChunk
    let next = this.#summaries(uids.slice(0, size))
    for (let at = 0; at < uids.length; at += size) {
      const chunk = await this.#readable(uids.slice(at, at + size))
      const known = await next
      // The next chunk is read while this one is written.
      next = this.#summaries(uids.slice(at + size, at + 2 * size))
      next.catch(() => undefined) // awaited above in its turn, or not wanted any more
      const marked = await this.#markSeen(chunk)
      if (plan.octets === 'never') await this.#chunk(chunk, known, marked)
      else await this.#chunkWithOctets(chunk, known, marked)
    }
  }

  /** Without those whose senders have taken them back. */
  async #readable(uids: readonly Uid[]): Promise<readonly Uid[]> {
    if (!this.plan.readsText) return uids
    const gone = await this.session.open.mailbox.takenBack(uids)
    if (gone.length === 0) return uids
    this.expunged += gone.length
    return uids.filter((uid) => !gone.includes(uid))
  }

  #summaries(uids: readonly Uid[]): Promise<ReadonlyMap<MessageId, Known>> {
    return readKnown(this.session, uids, this.plan.fields)
  }

  /** Sets \Seen for the whole chunk before anything of it is sent, so that the replies can show it. */
  async #markSeen(uids: readonly Uid[]): Promise<ReadonlySet<Uid>> {
    const { mailbox } = this.session.open
    if (!this.plan.marksSeen || mailbox.readOnly) return none
    const unseen: Uid[] = []
    const cursor = new Cursor(this.session.open)
    for (const uid of uids) if (cursor.go(uid) && !(cursor.flags & flagBits['\\Seen'])) unseen.push(uid)
    if (unseen.length === 0) return none
    return new Set((await mailbox.changeFlags(unseen, { mode: 'add', flags: flagBits['\\Seen'], keywords: [] })).done)
  }

  async #chunk(uids: readonly Uid[], known: ReadonlyMap<MessageId, Known>, marked: ReadonlySet<Uid>): Promise<void> {
    const { say, turn } = this.session
    for (const uid of uids) {
      const about = this.#cursor.go(uid) ? known.get(this.#cursor.message) : undefined
      if (about) this.#write(about, marked.has(uid))
      else this.#without(uid)
      if (say.full) await say.flush()
      if (turn.over) await turn.pass()
    }
  }

  /** Nothing is known of it: it is gone, or it lies at another store that cannot be reached. */
  #without(uid: Uid): void {
    if (this.session.open.mailbox.index.position(uid) < 0) this.expunged++
    else this.unavailable++
  }

  async #chunkWithOctets(uids: readonly Uid[], known: ReadonlyMap<MessageId, Known>, marked: ReadonlySet<Uid>): Promise<void> {
    const { session: { say, turn, face: { services: { contents } } }, plan } = this
    // In order and each once: `contents` reads ahead. A message filed twice in one mailbox is opened by itself the second time.
    const ids = new Set<MessageId>()
    const twice = new Set<Uid>()
    const cursor = new Cursor(this.session.open)
    for (const uid of uids) {
      if (!cursor.go(uid) || !this.#wantsOctets(known.get(cursor.message))) continue
      if (ids.has(cursor.message)) twice.add(uid)
      else ids.add(cursor.message)
    }
    const ahead = contents.readMany([...ids])[Symbol.asyncIterator]()
    try {
      let waiting = ids.size > 0 ? await ahead.next() : undefined
      for (const uid of uids) {
        if (!this.#cursor.go(uid)) {
          this.expunged++
          continue
        }
        const { message } = this.#cursor
        const about = known.get(message) ?? (plan.fields.length === 0 ? nothingKnown : undefined)
        if (!about) this.#without(uid)
        else if (!this.#wantsOctets(about)) this.#write(about, marked.has(uid))
        else {
          const isNext = !twice.has(uid) && waiting && !waiting.done && waiting.value.message === message
          const content = isNext ? waiting?.value as Content : twice.has(uid) ? await this.#open(message) : undefined
          if (content) await this.#writeOctets(content, about, marked.has(uid))
          else this.expunged++
          if (isNext) waiting = await ahead.next()
        }
        if (say.full) await say.flush()
        if (turn.over) await turn.pass()
      }
    } finally {
      await ahead.return?.()
    }
  }

  #wantsOctets(known: Known | undefined): boolean {
    return this.plan.octets === 'always' || (known !== undefined && known.headers === null)
  }

  async #open(message: MessageId): Promise<Content | undefined> {
    try {
      return await this.session.face.services.contents.open(message)
    } catch (error) {
      if (isFailure(error, 'MESSAGE_NOT_FOUND')) return undefined
      throw error
    }
  }

  /** One reply, all of it at hand. */
  #write(known: Known, showFlags: boolean): void {
    const cursor = this.#cursor
    let text = cursor.lead(false)
    let gap = ''
    for (const item of this.plan.items) {
      text += gap + ('write' in item ? item.write(cursor, known) : item.kind === 'BINARY' ? `${item.label} NIL` : literal(item, fromSummary(item, known) ?? ''))
      gap = ' '
    }
    if (showFlags) text += this.#changed(known, text.endsWith('(') ? '' : ' ')
    this.session.say.text(`${text})\r\n`)
  }

  /** One reply with sections from the octets. */
  async #writeOctets(content: Content, known: Known, showFlags: boolean): Promise<void> {
    const { say } = this.session
    if (this.plan.items.some((item) => 'kind' in item && item.kind === 'BINARY' && isUndecodable(item, known))) {
      this.undecodable++
      return
    }
    const cursor = this.#cursor
    let lead = cursor.lead(false)
    let begun = false
    let gap = ''
    if (showFlags) {
      const changed = this.#changed(known, '')
      lead += changed
      if (changed !== '') gap = ' '
    }
    for (const item of this.plan.items) {
      lead += gap
      gap = ' '
      const there = 'write' in item ? item.write(cursor, known) : item.kind === 'BINARY' ? undefined : this.#kept(item, known)
      if (there !== undefined) lead += there
      else if (!('write' in item)) {
        try {
          if (item.kind === 'BINARY') await writeBinary(say, lead, item, known, content)
          else await writeSection(say, lead, item, known, content)
          if (item.kind === 'SECTION' && handsOutEnd(item, content.size)) this.session.open.mailbox.noteRead([cursor.uid])
        } catch (error) {
          if (error instanceof ContentBroke) throw this.#cutOff(error)
          if (!isFailure(error, 'CONTENT_UNAVAILABLE') && !isFailure(error, 'MESSAGE_NOT_FOUND')) throw begun ? this.#cutOff(error) : error
          if (isFailure(error, 'CONTENT_UNAVAILABLE')) this.unavailable++
          else this.expunged++
          if (!begun) return
          say.text(`${lead}${item.label} NIL`)
        }
        begun = true
        lead = ''
      }
    }
    say.text(`${lead})\r\n`)
  }

  /** What a message whose \\Seen was just set says beside what was asked for: its flags, and how to know them again (RFC 7162 3.2.4). */
  #changed(known: Known, gap: string): string {
    const { plan: { has }, session: { condstore, uidOnly } } = this
    const names = [...(condstore && !has.UID && !uidOnly ? ['UID'] as const : []), ...(has.FLAGS ? [] : ['FLAGS'] as const), ...(condstore && !has.MODSEQ ? ['MODSEQ'] as const : [])]
    return names.length === 0 ? '' : gap + names.map((name) => plainItems[name].write(this.#cursor, known)).join(' ')
  }

  #kept(item: Section, known: Known): string | undefined {
    const octets = fromSummary(item, known)
    return octets === undefined ? undefined : literal(item, octets)
  }

  /** A reply that broke off in the middle cannot be mended: the client must come again. */
  #cutOff(error: unknown): Disconnected {
    this.session.connection.log.error({ err: error }, 'a message broke off while it was sent; the connection is closed')
    this.session.connection.destroy()
    return new Disconnected()
  }
}
const none: ReadonlySet<Uid> = new Set()
