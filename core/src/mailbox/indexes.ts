// The open mailboxes of this process: one index each, loaded when first needed, kept up by the feed, let go under a memory
// budget when nobody has it open.
import type { AccountId, MailboxId, MessageId } from '../base/branded.js'
import type { Database } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import type { Change, Feed } from './feed.js'
import type { KeywordSets } from './flags.js'
import type { LoadedIndex } from './mailbox-index.js'
import { loadIndex } from './repository.js'

/** A mailbox as all see it, or as one viewer does. */
type Key = `${number}` | `${number}/${number}`
const keyOf = (mailbox: MailboxId, viewer: AccountId | undefined): Key => (viewer === undefined ? `${mailbox}` : `${mailbox}/${viewer}`)

interface Held {
  readonly mailbox: MailboxId
  readonly viewer: AccountId | undefined
  index: LoadedIndex | undefined
  loading: Promise<LoadedIndex> | undefined
  /** Changes that came while it was being loaded. */
  early: Change[]
  users: number
  readonly listeners: Set<() => void>
}

export class Indexes {
  readonly #database: Database
  readonly #keywords: KeywordSets
  readonly #log: Log
  readonly #budget: number
  /** Least recently used first. */
  readonly #held = new Map<Key, Held>()
  /** The same by mailbox: those that a change concerns. */
  readonly #of = new Map<MailboxId, Set<Held>>()

  constructor({ database, keywords, feed, log, memoryMiB }: { database: Database; keywords: KeywordSets; feed: Feed; log: Log; memoryMiB: number }) {
    this.#database = database
    this.#keywords = keywords
    this.#log = log
    this.#budget = memoryMiB * 1024 * 1024
    feed.listen((change) => this.#hear(change))
  }

  /** The index of a mailbox, up to date with the last commit. Throws MAILBOX_GONE. */
  async get(mailbox: MailboxId, viewer?: AccountId): Promise<LoadedIndex> {
    const held = this.#hold(mailbox, viewer)
    if (held.index && !held.loading) return held.index
    held.loading ??= this.#load(held).finally(() => { held.loading = undefined })
    return held.loading
  }

  /** Like `get`, and keeps it until `release`; `listener` is called after each change. */
  async acquire(mailbox: MailboxId, listener: () => void, viewer?: AccountId): Promise<LoadedIndex> {
    const held = this.#hold(mailbox, viewer)
    held.users++
    try {
      const index = await this.get(mailbox, viewer)
      held.listeners.add(listener)
      return index
    } catch (error) {
      if (--held.users === 0 && !held.index) this.#drop(held)
      throw error
    }
  }

  release(mailbox: MailboxId, listener: () => void, viewer?: AccountId): void {
    const held = this.#held.get(keyOf(mailbox, viewer))
    if (!held) return
    held.listeners.delete(listener)
    held.users--
    if (held.users === 0 && held.index?.deleted) this.#drop(held)
    this.#trim()
  }

  /** The index, if it is loaded: no waiting. */
  loaded(mailbox: MailboxId, viewer?: AccountId): LoadedIndex | undefined {
    const held = this.#held.get(keyOf(mailbox, viewer))
    return held?.loading ? undefined : held?.index
  }

  /** Messages of which a session still shows an entry that is gone from its mailbox. */
  shown(): ReadonlySet<MessageId> {
    const messages = new Set<MessageId>()
    for (const { index } of this.#held.values()) if (index) for (const message of index.ghosts()) messages.add(message)
    return messages
  }

  #hold(mailbox: MailboxId, viewer: AccountId | undefined): Held {
    const key = keyOf(mailbox, viewer)
    const known = this.#held.get(key)
    if (known) {
      this.#held.delete(key)
      this.#held.set(key, known)
      return known
    }
    const held: Held = { mailbox, viewer, index: undefined, loading: undefined, early: [], users: 0, listeners: new Set() }
    this.#held.set(key, held)
    const its = this.#of.get(mailbox)
    if (its) its.add(held)
    else this.#of.set(mailbox, new Set([held]))
    return held
  }

  #drop(held: Held): void {
    this.#held.delete(keyOf(held.mailbox, held.viewer))
    const its = this.#of.get(held.mailbox)
    its?.delete(held)
    if (its?.size === 0) this.#of.delete(held.mailbox)
  }

  /** Someone may do less, or more, from now on: whoever has it open looks again. */
  nudge(mailbox: MailboxId): void {
    for (const held of this.#of.get(mailbox) ?? []) for (const listener of held.listeners) listener()
  }

  async #load(held: Held): Promise<LoadedIndex> {
    held.early = []
    try {
      const fresh = await loadIndex(this.#database, held.mailbox, (set) => this.#keywords.names(set), held.viewer)
      if (!fresh) throw failure('MAILBOX_GONE')
      const sets = new Set<number>()
      for (let i = 0; i < fresh.count; i++) sets.add(fresh.keywords[i])
      await this.#keywords.load(sets)
      if (held.index) held.index.replace(fresh)
      else held.index = fresh
      const { index, early } = held
      held.early = []
      for (const change of early) {
        if (change.to <= index.modseq && !change.deleted) continue
        if (!index.follows(change)) return await this.#load(held)
        index.apply(change)
      }
      this.#trim()
      return index
    } catch (error) {
      if (held.users === 0) this.#drop(held)
      throw error
    }
  }

  #hear(change: Change): void {
    for (const held of [...this.#of.get(change.mailbox) ?? []]) this.#take(held, change)
  }

  #take(held: Held, change: Change): void {
    if (held.loading) {
      held.early.push(change)
      return
    }
    const { index } = held
    if (!index) return
    if (change.deleted) index.deleted = true
    else if (change.to <= index.modseq) return
    else if (index.follows(change)) index.apply(change)
    else {
      // A gap: something was missed. Rows tell.
      held.loading = this.#load(held).finally(() => {
        held.loading = undefined
        for (const listener of held.listeners) listener()
      })
      held.loading.catch((error: unknown) => { this.#log.error({ err: error, mailbox: change.mailbox }, 'cannot read a mailbox again') })
      return
    }
    for (const listener of held.listeners) listener()
    if (change.deleted && held.users === 0) this.#drop(held)
  }

  #trim(): void {
    let memory = 0
    for (const { index } of this.#held.values()) memory += index?.memory ?? 0
    if (memory <= this.#budget) return
    for (const held of [...this.#held.values()]) {
      if (held.users > 0 || held.loading) continue
      memory -= held.index?.memory ?? 0
      this.#drop(held)
      if (memory <= this.#budget) return
    }
  }
}
