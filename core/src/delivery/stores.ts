// Sessions with other organisations' stores: few per store, kept for a moment, shared by whoever needs one. A store that
// cannot be reached is left alone for longer and longer, whatever number of messages lies there (im2000.md F18, H8).
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Located } from '../im2000/locate.js'
import type { StoreClient } from '../im2000/seams.js'
import type { Log } from '../log/logger.js'

export interface StoresOptions {
  readonly perStore: number
  /** Seconds after the first failure, doubling to `longest`. */
  readonly retry: number
  readonly longest: number
}
export interface StoresParts {
  readonly clock: Clock
  readonly random: Pick<Random, 'fraction'>
  readonly log: Log
  /** A session with the store of this canonical text (rna/notification-agent.ts storeOf). */
  readonly reach: (store: string) => Promise<Located<StoreClient>>
  /** A store that was away has answered: what waits for it may come. */
  readonly back: (store: string) => void
  readonly options: StoresOptions
}

interface Known {
  readonly idle: { readonly client: StoreClient; readonly timer: { clear(): void } }[]
  open: number
  readonly waiting: { take(client: StoreClient): void; fail(error: unknown): void }[]
  failures: number
  /** Milliseconds UTC; not asked before, but for those who are in a hurry. */
  parkedUntil: number
  /** When it was last looked for, milliseconds UTC. */
  triedAt: number
  why: string
}

/** Somebody waits for it now: a store that is left alone is asked all the same when the last time is that long ago. */
export const hurry = { reader: 30_000, news: 600_000 } as const

/** Sessions are kept this long: below the idle limit of the other side (B39). */
const keepMs = 20_000
/** Stores that are remembered as not reached; strangers name them. */
const mostKnown = 10_000

export class Stores {
  readonly #parts: StoresParts
  readonly #known = new Map<string, Known>()
  #closed = false

  constructor(parts: StoresParts) {
    this.#parts = parts
  }

  /** When the store may be asked again, in milliseconds UTC: at once when that is not in the future. */
  parkedUntil(store: string): number {
    return this.#known.get(store)?.parkedUntil ?? 0
  }

  /** Does `work` in a session of its own. @param patience see `hurry`. Throws STORE_UNREACHABLE, or what `work` throws; a session that broke is not used again. */
  async use<T>(store: string, work: (client: StoreClient) => Promise<T>, patience = Infinity): Promise<T> {
    for (let fresh = false; ; fresh = true) {
      const client = await this.#take(store, patience)
      let good = false
      try {
        const result = await work(client)
        good = true
        return result
      } catch (error) {
        good = isFailure(error, 'MESSAGE_NOT_FOUND') || isFailure(error, 'LIST_NOT_FOUND')
        // It was closed while nobody used it, and nothing was sent.
        if (!fresh && isFailure(error, 'PEER_GONE')) continue
        throw error
      } finally {
        this.#give(store, client, good)
      }
    }
  }

  close(): void {
    this.#closed = true
    this.drop()
    for (const known of this.#known.values()) for (const waiter of known.waiting.splice(0)) waiter.fail(failure('STORE_UNREACHABLE', { why: 'the gateway is stopping' }))
  }

  /** Ends the sessions that nobody uses just now: the next look finds what has moved. */
  drop(): void {
    for (const known of this.#known.values()) {
      for (const { client, timer } of known.idle.splice(0)) {
        timer.clear()
        client.close()
        known.open--
      }
    }
  }

  async #take(store: string, patience = Infinity): Promise<StoreClient> {
    const known = this.#known.get(store) ?? { idle: [], open: 0, waiting: [], failures: 0, parkedUntil: 0, triedAt: 0, why: '' }
    this.#known.set(store, known)
    const idle = known.idle.pop()
    if (idle) {
      idle.timer.clear()
      return idle.client
    }
    const now = this.#parts.clock.now()
    if (this.#closed || (known.parkedUntil > now && now < known.triedAt + patience)) throw failure('STORE_UNREACHABLE', { why: known.why })
    if (known.open >= this.#parts.options.perStore) return new Promise((take, fail) => { known.waiting.push({ take, fail }) })
    known.open++
    known.triedAt = now
    const located = await this.#parts.reach(store).catch((error: unknown) => ({ kind: 'temporary', why: String((error as Error).message) }) as const)
    if (located.kind === 'connected' && !this.#closed) {
      if (known.failures > 0) this.#parts.back(store)
      known.failures = 0
      known.parkedUntil = 0
      return located.value
    }
    if (located.kind === 'connected') located.value.close()
    known.open--
    this.#park(store, known, located.kind === 'connected' ? 'the gateway is stopping' : located.why)
    throw failure('STORE_UNREACHABLE', { why: known.why })
  }

  #park(store: string, known: Known, why: string): void {
    const { clock, random, options, log } = this.#parts
    known.failures++
    known.why = why
    known.parkedUntil = Math.round(clock.now() + Math.min(options.longest, options.retry * 2 ** Math.min(known.failures - 1, 30)) * 1000 * (0.9 + 0.2 * random.fraction()))
    log.info({ store, why, failures: known.failures, until: new Date(known.parkedUntil).toISOString() }, 'store not reached')
    if (known.open === 0) for (const waiter of known.waiting.splice(0)) waiter.fail(failure('STORE_UNREACHABLE', { why }))
    if (this.#known.size > mostKnown) this.#forget(store, known)
  }

  #give(store: string, client: StoreClient, good: boolean): void {
    const known = this.#known.get(store)!
    if (!good || this.#closed) {
      client.close()
      known.open--
      // Somebody waits for a session: one of them may ask for another.
      const next = known.waiting.shift()
      if (next) void this.#take(store).then((another) => next.take(another), (error: unknown) => next.fail(error))
      else this.#forget(store, known)
      return
    }
    const next = known.waiting.shift()
    if (next) {
      next.take(client)
      return
    }
    const entry = { client, timer: this.#parts.clock.after(keepMs, () => {
      known.idle.splice(known.idle.indexOf(entry), 1)
      known.open--
      client.close()
      this.#forget(store, known)
    }) }
    known.idle.push(entry)
  }

  /** Nothing is worth remembering of a store that answers, nor of very many that do not. */
  #forget(store: string, known: Known): void {
    if (known.open === 0 && known.waiting.length === 0 && (known.parkedUntil <= this.#parts.clock.now() || this.#known.size > mostKnown)) this.#known.delete(store)
  }
}
