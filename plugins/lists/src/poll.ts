// Fills the mailboxes of lists: ours soon after a posting, those of other stores by looking from time to time, from where the
// last look ended (im2000.md F25). Each message is filed once, whatever breaks in between: what was filed and how far was
// read are written in the same commits.
import { failure, isFailure, type AccountId, type Clock, type Database, type Filing, type Lists, type Log, type MailboxProviders, type Mailboxes, type Reach, type Spool, type StoreClient, type Uid } from '@restante/core'
import type { Config } from './config.js'
import type { Source, Sources } from './sources.js'

export interface PollParts {
  readonly config: Config
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly sources: Sources
  readonly lists: Lists
  readonly spool: Spool
  readonly reach: Reach
  readonly mailboxes: Mailboxes
  readonly providers: MailboxProviders
  readonly owner: () => AccountId
  /** Octets of the largest message. */
  readonly limit: number
}

const windowOctets = 512 * 1024
/** A second must be over before its postings are read (D62). */
const settleMs = 1100
/** Our own lists are looked at even when nobody told of a posting. */
const localMs = 60_000
const pruneMs = 600_000
const longestWaitMs = 86_400_000
/** Looks at other stores at once. */
const atOnce = 4

export class Polls {
  readonly #timers = new Map<Source, { readonly due: number; readonly timer: { clear(): void } }>()
  readonly #running = new Map<Source, Promise<void>>()
  readonly #failures = new Map<Source, number>()
  readonly #queue: Source[] = []
  #prune: { clear(): void } | undefined
  #pruning: Promise<void> | undefined
  #stopped = false
  constructor(private readonly parts: PollParts) {}

  start(): void {
    // Spread, so that a restart does not ask all stores at once.
    for (const [i, source] of this.parts.sources.all().entries()) this.soon(source, source.store === '' ? 0 : i * 250)
    this.#pruneLater()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const { timer } of this.#timers.values()) timer.clear()
    this.#prune?.clear()
    await Promise.allSettled([...this.#running.values(), this.#pruning])
  }

  /** A message was posted to a list of ours. */
  posted(source: Source): void {
    this.soon(source, settleMs)
  }

  /** Looks at a list after a while, or earlier if that was the plan. */
  soon(source: Source, ms: number): void {
    if (this.#stopped) return
    const due = this.parts.clock.now() + ms
    const planned = this.#timers.get(source)
    if (planned && planned.due <= due) return
    planned?.timer.clear()
    this.#timers.set(source, { due, timer: this.parts.clock.after(ms, () => {
      this.#timers.delete(source)
      if (!this.#queue.includes(source)) this.#queue.push(source)
      this.#next()
    }) })
  }

  #next(): void {
    while (!this.#stopped && this.#queue.length > 0 && this.#running.size < atOnce) {
      const source = this.#queue.shift()!
      if (this.#running.has(source)) {
        this.soon(source, settleMs)
        continue
      }
      this.#running.set(source, this.#look(source).finally(() => {
        this.#running.delete(source)
        this.#next()
      }))
    }
  }

  async #look(source: Source): Promise<void> {
    const { config, log, sources } = this.parts
    if (sources.find(source.store, source.list) !== source || (source.store !== '' && source.subscribers.size === 0)) return
    try {
      const more = source.store === '' ? await this.#ours(source) : await this.#theirs(source)
      this.#failures.delete(source)
      this.soon(source, more ? 0 : source.store === '' ? localMs : config.poll * 1000)
    } catch (error) {
      const failures = (this.#failures.get(source) ?? 0) + 1
      this.#failures.set(source, failures)
      const level = isFailure(error) && error.kind !== 'bug' ? 'info' : 'error'
      log[level]({ err: error, store: source.store, list: source.list }, 'a list cannot be read at the moment')
      this.soon(source, Math.min(longestWaitMs, (source.store === '' ? localMs : config.poll * 1000) * 2 ** Math.min(failures, 20)))
    }
  }

  /** One copy of the octets: the mailbox's entries name the messages that the list has. */
  async #ours(source: Source): Promise<boolean> {
    const { lists, providers, owner } = this.parts
    const { messages, endtime } = await lists.postedSince(source.list, source.endtime)
    if (messages.length > 0) {
      await providers.place(owner(), source.mailbox, messages.map(({ message, at }) => ({ message, internalDate: at })), (tx) =>
        tx.run('UPDATE lists_sources SET endtime = ? WHERE store = ? AND list = ?', [endtime, source.store, source.list]))
    }
    const moved = endtime > source.endtime
    source.endtime = Math.max(source.endtime, endtime)
    return moved && messages.length > 0
  }

  async #theirs(source: Source): Promise<boolean> {
    const { config, database, providers, owner, reach } = this.parts
    const found = await reach.store({ storeClear: { domain: source.store }, storeSsl: { domain: source.store } })
    if (found.kind !== 'connected') throw failure('PEER_UNREACHABLE', { where: source.store, why: found.why })
    const client = found.value
    try {
      const { identifiers, endtime } = await client.scan(source.list, source.endtime)
      if (endtime < source.endtime || (identifiers.length > 0 && endtime === source.endtime)) throw failure('PEER_PROTOCOL_ERROR', { why: 'a scan that does not go on' })
      const names = [source.store, source.list]
      const done = new Set((await database.read.all<{ identifier: Buffer }>('SELECT identifier FROM lists_done WHERE store = ? AND list = ?', names)).map((row) => row.identifier.toString('hex')))
      let octets = 0
      for (const identifier of identifiers) {
        if (this.#stopped) return false
        if (done.has(identifier.toString('hex'))) continue
        if (octets >= config.octetsPerPoll) return true
        const filing = await this.#fetch(client, identifier)
        octets += filing?.spooled.size ?? 0
        await providers.place(owner(), source.mailbox, filing ? [filing] : [], (tx) => tx.run('INSERT INTO lists_done (store, list, identifier) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', [...names, identifier])).catch(async (error: unknown) => {
          await filing?.spooled.discard()
          throw error
        })
      }
      if (endtime > source.endtime) {
        await database.write(async (tx) => {
          await tx.run('UPDATE lists_sources SET endtime = ? WHERE store = ? AND list = ?', [endtime, ...names])
          await tx.run('DELETE FROM lists_done WHERE store = ? AND list = ?', names)
        })
        source.endtime = endtime
      }
      return identifiers.length > 0
    } finally {
      client.close()
    }
  }

  /** undefined: it is gone already, or larger than we take. */
  async #fetch(client: StoreClient, identifier: Buffer): Promise<Filing | undefined> {
    const { clock, limit, log, spool } = this.parts
    let writer: ReturnType<Spool['open']> | undefined
    try {
      for (let offset = 0, size: number | undefined; size === undefined || offset < size;) {
        const answer = await client.retrieve(identifier, 'all', offset, windowOctets)
        if (size === undefined && answer.size > limit) {
          log.info({ octets: answer.size }, 'a message of a list is too large and left out')
          return undefined
        }
        size ??= answer.size
        if (answer.size !== size || (answer.data.length === 0 && offset < size)) throw failure('PEER_PROTOCOL_ERROR', { why: 'the message changed while it was read' })
        writer ??= spool.open({ expectedSize: size })
        await writer.write(answer.data)
        offset += answer.data.length
      }
      return { spooled: await writer!.seal(), flags: 0, keywords: [], internalDate: clock.now() }
    } catch (error) {
      await writer?.discard()
      if (isFailure(error, 'MESSAGE_NOT_FOUND')) return undefined
      throw error
    }
  }

  #pruneLater(): void {
    this.#prune = this.parts.clock.after(pruneMs, () => {
      this.#pruning = this.prune().catch((error: unknown) => { this.parts.log.error({ err: error }, 'lists cannot be pruned') }).finally(() => { if (!this.#stopped) this.#pruneLater() })
    })
  }

  /** Takes out what our lists have no more, what is too old or too much of others, and lists that nobody wants any more. */
  async prune(): Promise<void> {
    const { clock, config, lists, mailboxes, providers, owner, sources } = this.parts
    for (const source of sources.all()) {
      if (this.#stopped) return
      if (source.store === '') await providers.takeOut(owner(), source.mailbox, await lists.takenOff(source.list, source.mailbox))
      else if (source.unusedSince !== null && source.unusedSince < clock.now() - config.unused * 1000) {
        await mailboxes.delete(owner(), this.#shown(source))
        await sources.remove(source)
      } else await providers.takeOut(owner(), source.mailbox, await this.#tooMuch(source))
    }
  }

  async #tooMuch(source: Source): Promise<Uid[]> {
    const { clock, config, mailboxes, owner } = this.parts
    const box = await mailboxes.open(owner(), this.#shown(source), { readOnly: true })
    try {
      const uids = box.view.uidsBetween(1 as Uid, 4_294_967_295 as Uid)
      const before = config.keep === 0 ? -Infinity : clock.now() - config.keep * 1000
      return uids.filter((uid, i) => i < uids.length - config.messages || (box.index.entry(uid)?.internalDate ?? Infinity) < before)
    } finally {
      box.close()
    }
  }

  #shown(source: Source): string {
    const { separator } = this.parts.mailboxes.namespaces(this.parts.owner())
    return this.parts.sources.nameOf(source).replaceAll('/', separator)
  }
}
