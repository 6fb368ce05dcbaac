// A reader of IM2000 mail (im2000.md F.2): collect, silence, show, transfer, refuse, un-pin. The order of its steps is what keeps
// mail from being lost; how agents and stores are reached is given.
import { createHash } from 'node:crypto'
import { failure, isFailure } from '../../errors/codes.js'
import type { RnaqpClient } from '../client/rnaqp.js'
import type { Located } from '../locate.js'
import type { RetrievalType, StoreClient } from '../seams.js'
import type { Notification } from '../values.js'
import { storeOf, writeDurably, type Entry, type Inbox } from './inbox.js'

export interface ReaderParts {
  readonly inbox: Inbox
  readonly now: () => number
  /** A session with the store that an entry names (reach.ts). */
  readonly store: (where: Pick<Notification, 'storeClear' | 'storeSsl'>) => Promise<Located<StoreClient>>
  /** Whether a store that names a TLS service may be read without TLS (F26). */
  readonly allowClear?: boolean
}

/** Octets asked for at once (B38). */
const windowOctets = 512 * 1024
/** After so many failures a store is left alone for a day, unless somebody asks for its message (H8). */
const patience = { failures: 3, ms: 86_400_000 }

export class Reader {
  constructor(private readonly parts: ReaderParts) {}

  /**
   * F.2 steps 1 to 3: everything that the agent holds, saved, then silenced at the stores. Answers what is new. Stores that
   * cannot be asked keep their trouble in the entry; they are asked again by the next collection (F22).
   */
  async collect(agent: Pick<RnaqpClient, 'retrieveAndClear'>): Promise<readonly Entry[]> {
    const { inbox, now } = this.parts
    const before = inbox.contents.next
    for (;;) {
      const collected = await agent.retrieveAndClear()
      if (collected.length === 0) break
      inbox.add(collected, now())
      // The agent has forgotten them: from here on this file is all there is, until the stores repeat (H14).
      await inbox.save()
    }
    await this.#silence()
    return inbox.contents.entries.filter((entry) => entry.number >= before)
  }

  /** A representation of the message, window by window. Throws MESSAGE_NOT_FOUND (the entry is marked), PEER_…, PEER_PROTOCOL_ERROR when it changes under our eyes (H5). */
  async *read(number: number, type: RetrievalType = 'all'): AsyncGenerator<Buffer> {
    const { inbox } = this.parts
    const entry = inbox.entry(number)
    const session = await this.#open(entry)
    const hash = createHash('sha256')
    try {
      let size: number | undefined
      for (let offset = 0; size === undefined || offset < size;) {
        const answer = await this.#ask(entry, session.retrieve(Buffer.from(entry.identifier, 'hex'), type, offset, windowOctets))
        size ??= answer.size
        if (answer.size !== size || (answer.data.length === 0 && offset < size)) throw failure('PEER_PROTOCOL_ERROR', { why: 'the message changed while it was read' })
        offset += answer.data.length
        hash.update(answer.data)
        if (answer.data.length > 0) yield answer.data
      }
    } finally {
      session.close()
    }
    if (type !== 'all') return
    const digest = hash.digest('hex')
    if (entry.digest !== undefined && entry.digest !== digest) throw failure('PEER_PROTOCOL_ERROR', { why: 'the message is not the one that was announced or read before' })
    if (entry.digest === digest) return
    entry.digest = digest
    await inbox.save()
  }

  /** F14: all of it to a file of one's own; un-pinned only when that is durable (F23). Nothing is left half done: a file is there whole or not at all. */
  async transfer(number: number, path: string): Promise<void> {
    await writeDurably(path, this.read(number))
    await this.unpin(number)
  }

  /** F14: not read, and told so to the store; the entry goes. */
  async refuse(number: number): Promise<void> {
    await this.#finish(number, ['silence', 'unpin'])
  }

  /** F.2 steps 5 and 6. */
  async unpin(number: number): Promise<void> {
    await this.#finish(number, ['unpin'])
  }

  /** F17: the entry goes, and nobody is asked. */
  async drop(number: number): Promise<void> {
    const { inbox, now } = this.parts
    inbox.remove(number, now())
    await inbox.save()
  }

  async #finish(number: number, verbs: readonly ('silence' | 'unpin')[]): Promise<void> {
    const entry = this.parts.inbox.entry(number)
    const session = await this.#open(entry)
    try {
      // What is gone needs neither.
      for (const verb of verbs) await this.#ask(entry, session[verb](Buffer.from(entry.identifier, 'hex'))).catch(unlessGone)
    } finally {
      session.close()
    }
    await this.drop(number)
  }

  /** Silences what is not silenced, a session a store. Saved once for each: to silence twice does no harm (D47). */
  async #silence(): Promise<void> {
    const { inbox, now } = this.parts
    const byStore = new Map<string, Entry[]>()
    for (const entry of inbox.contents.entries) {
      const parked = entry.trouble && entry.trouble.failures >= patience.failures && now() < entry.trouble.last + patience.ms
      if (entry.silenced || entry.gone || parked) continue
      const key = JSON.stringify(storeOf(entry))
      byStore.set(key, [...byStore.get(key) ?? [], entry])
    }
    for (const entries of byStore.values()) {
      let session: StoreClient | undefined
      try {
        for (const entry of entries) {
          session ??= await this.#open(entry)
          await this.#ask(entry, session.silence(Buffer.from(entry.identifier, 'hex'))).catch(unlessGone)
          entry.silenced = true
        }
      } catch (error) {
        if (!isFailure(error)) throw error
        for (const entry of entries) if (!entry.silenced) this.#troubled(entry, error.message)
      } finally {
        session?.close()
      }
      await inbox.save()
    }
  }

  async #open(entry: Entry): Promise<StoreClient> {
    const { storeClear, storeSsl } = storeOf(entry)
    const clear = storeSsl === undefined || this.parts.allowClear ? storeClear : { literals: [] }
    const found = await this.parts.store({ storeClear: clear, ...(storeSsl === undefined ? {} : { storeSsl }) })
    if (found.kind === 'connected') return found.value
    throw failure('PEER_UNREACHABLE', { where: `the store of message ${entry.number}`, why: found.why })
  }

  /** Keeps in the entry what the answer says of its message and its store. */
  async #ask<T>(entry: Entry, asked: Promise<T>): Promise<T> {
    try {
      const answer = await asked
      delete entry.trouble
      return answer
    } catch (error) {
      if (isFailure(error, 'MESSAGE_NOT_FOUND')) {
        entry.gone = true
        await this.parts.inbox.save()
      }
      throw error
    }
  }

  #troubled(entry: Entry, why: string): void {
    const now = this.parts.now()
    entry.trouble = { why, since: entry.trouble?.since ?? now, last: now, failures: (entry.trouble?.failures ?? 0) + 1 }
  }
}

const unlessGone = (error: unknown): void => {
  if (!isFailure(error, 'MESSAGE_NOT_FOUND')) throw error
}
