// The recipient agent: does for people with IMAP and POP3 what an IM2000 mail reader would do (im2000.md F.2). Takes what the
// notification agent holds, gets header or octets from the sender's store, files an entry, and only then silences the store.
import type { AccountId, MessageId, RecipientId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Accounts } from '../accounts/contract.js'
import { openArriving, type Arriving } from '../blobs/arriving.js'
import type { BlobStore, Prepared } from '../blobs/blob-store.js'
import type { Spool, Spooled } from '../blobs/contract.js'
import type { Database } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import { failure, isFailure } from '../errors/codes.js'
import type { StoreClient } from '../im2000/seams.js'
import { Lanes } from '../jobs/lanes.js'
import type { Log } from '../log/logger.js'
import type { Scanner, Summary } from '../message/summary.js'
import { release } from '../rna/held.js'
import type { Messages } from '../store/messages.js'
import type { LocalRecipients } from '../store/ports.js'
import type { RetrievalChoices } from './choices.js'
import type { DeliveryPlan } from './plan.js'
import { owed, type RemotePins } from './remote-pins.js'
import { retrieveAll, retrieveHeader, type Pace } from './retrieve.js'
import { hurry, type Stores } from './stores.js'

export interface CollectorParts {
  readonly database: Database
  readonly accounts: Accounts
  readonly messages: Messages
  readonly blobs: BlobStore
  readonly spool: Spool
  readonly scanner: () => Scanner
  readonly local: LocalRecipients
  readonly stores: Stores
  readonly pins: RemotePins
  readonly choices: RetrievalChoices
  readonly clock: Clock
  readonly log: Log
  readonly options: {
    /** Stores spoken to at once. */
    readonly stores: number
    readonly headerOctets: number
    readonly pace: Pace
    /** Seconds after a store went away in the middle. */
    readonly retry: number
    /** Seconds that a store is left alone at most. */
    readonly longest: number
    /** Seconds after which a notification whose message could never be had is dropped. */
    readonly giveUp: number
  }
}

interface Held {
  readonly id: number
  readonly account: AccountId
  readonly mailbox: string
  readonly store: string
  readonly identifier: Buffer
  readonly sender: string
  readonly size: number | null
  readonly digest: Buffer | null
  readonly submitter_address: string
  readonly submitter_port: number
  readonly received_at: number
  readonly failing_since: number | null
}

/** What was got of a message: a twin that is here already, its octets, or its header only. */
type Got =
  | { readonly kind: 'twin'; readonly message: MessageId; readonly summary: Summary }
  | { readonly kind: 'octets'; readonly spooled: Spooled; readonly summary: Summary }
  | { readonly kind: 'header'; readonly header: Buffer; readonly summary: Summary }

/** Read at once for one store. */
const batch = 100
/** Worked on at once for one store: while one is being filed, the session serves another. */
const hands = 8
const retryMs = 60_000

export class Collector {
  readonly #parts: CollectorParts
  readonly #lanes: Lanes
  /** First retrievals of messages that others wait for, by store and digest. */
  readonly #first = new Map<string, Promise<void>>()

  constructor(parts: CollectorParts) {
    this.#parts = parts
    const { read } = parts.database
    this.#lanes = new Lanes({
      clock: parts.clock, log: parts.log, most: parts.options.stores,
      due: async (now, limit) => (await read.all<{ store: string }>(
        `SELECT store, min(due) AS due FROM (
           SELECT n.store, n.next_try AS due FROM notifications n WHERE n.next_try <= ? AND ${parts.choices.collected}
           UNION ALL SELECT p.store, p.next_try AS due FROM remote_pins p WHERE p.owes <> 0 AND p.next_try <= ?) AS work
         GROUP BY store ORDER BY due LIMIT ?`, [now, now, limit])).map((row) => row.store),
      next: async (now) => {
        const one = await read.get<{ at: number | null }>(`SELECT min(n.next_try) AS at FROM notifications n WHERE n.next_try > ? AND ${parts.choices.collected}`, [now])
        const other = await read.get<{ at: number | null }>('SELECT min(next_try) AS at FROM remote_pins WHERE owes <> 0 AND next_try > ?', [now])
        return [one?.at, other?.at].flatMap((at) => at ?? []).sort((a, b) => a - b)[0]
      },
      run: (store, now, signal) => this.#lane(store, now, signal),
    })
  }

  async start(): Promise<void> {
    // A clock that was ahead: nothing waits longer than it may.
    const { database, clock, options } = this.#parts
    const latest = clock.now() + options.longest * 1200
    await database.write(async (tx) => {
      await tx.run('UPDATE notifications SET next_try = 0 WHERE next_try > ?', [latest])
      await tx.run('UPDATE remote_pins SET next_try = 0 WHERE next_try > ?', [latest])
    })
    this.#lanes.start()
  }
  wake(): void {
    this.#lanes.wake()
  }
  /** A store that was away has answered: what waits for it is due. */
  back(store: string): void {
    this.#parts.database.write(async (tx) => {
      await tx.run('UPDATE notifications SET next_try = 0 WHERE store = ? AND next_try > 0', [store])
      await tx.run('UPDATE remote_pins SET next_try = 0 WHERE store = ? AND owes <> 0', [store])
      tx.afterCommit(() => this.wake())
    }).catch((error: unknown) => { this.#parts.log.error({ err: error, store }, 'what waits for a store cannot be called') })
  }
  async stop(): Promise<void> {
    await this.#lanes.stop()
    this.#parts.stores.close()
  }
  settled(): Promise<void> {
    return this.#lanes.settled()
  }

  async #lane(store: string, now: number, signal: AbortSignal): Promise<void> {
    const { database, choices, pins } = this.#parts
    for (;;) {
      const rows = await database.read.all<Held>(`SELECT n.* FROM notifications n WHERE n.store = ? AND n.next_try <= ? AND ${choices.collected} ORDER BY n.id LIMIT ?`, [store, now, batch])
      if (rows.length === 0) break
      const waiting = [...rows].reverse()
      await Promise.all(Array.from({ length: hands }, async () => {
        for (let held = waiting.pop(); held && !signal.aborted; held = waiting.pop()) await this.#collect(held)
      }))
      if (signal.aborted) return
    }
    await pins.tell(store, now, signal)
  }

  async #collect(held: Held): Promise<void> {
    try {
      await this.#withTwins(held, () => this.#file(held))
    } catch (error) {
      if (this.#lanes.over) return
      if (isFailure(error, 'MESSAGE_NOT_FOUND')) await this.#drop(held, 'it is gone from its store')
      else if (isFailure(error, 'MESSAGE_TOO_LARGE')) await this.#refuse(held, error.message).catch((again: unknown) => this.#later(held, again))
      else await this.#later(held, error)
    }
  }

  /** Recipients of one message wait for the first of them, and then have its octets (they are told apart by the digest). */
  async #withTwins(held: Held, file: () => Promise<void>): Promise<void> {
    const key = held.digest && `${held.store}\n${held.digest.toString('hex')}`
    if (!key) return file()
    const first = this.#first.get(key)
    if (first) await first.catch(() => undefined)
    if (this.#first.has(key)) return file()
    const filing = file()
    this.#first.set(key, filing)
    try {
      await filing
    } finally {
      if (this.#first.get(key) === filing) this.#first.delete(key)
    }
  }

  async #file(held: Held): Promise<void> {
    const { database, accounts, blobs, local, messages, pins, clock, spool, stores, options } = this.#parts
    let got = await stores.use(held.store, (client) => this.#get(client, held), held.failing_since === null ? hurry.news : Infinity)
    const whole = async (): Promise<void> => {
      if (got.kind === 'twin') return messages.fetchAll([got.message])
      if (got.kind === 'octets') return
      const spooled = await stores.use(held.store, (client) => retrieveAll(client, held.identifier, { spool, clock, pace: options.pace }))
      got = { kind: 'octets', spooled, summary: spooled.summary }
    }
    let prepared: Prepared | undefined
    let arriving: Arriving | undefined
    try {
      await accounts.checkQuota(await accounts.byId(held.account), got.summary.size)
      const at = held.received_at
      const octets = async (from: number, length: number): Promise<Buffer> => {
        if (got.kind === 'header' && from + length <= got.header.length) return got.header.subarray(from, from + length)
        await whole()
        if (got.kind === 'octets') return (arriving ??= openArriving(got.spooled, blobs)).read(from, length)
        return gather((await messages.open((got as { message: MessageId }).message)).range(from, length))
      }
      const plan = await local.plan({
        token: '', originator: { account: null, name: held.sender, protocol: 'MSRAP', store: placeOf(held.store) }, summary: got.summary, at,
        recipients: [{ address: held.mailbox, account: held.account }], judged: true, octets, alone: false,
      }) as DeliveryPlan
      const { copies, owed: jobs } = plan.recipients[0]
      // What is filed elsewhere than INBOX has left it: the octets must be here before the store is told (F16).
      if (copies.some((copy) => !copy.isInbox) || (copies.length === 0 && jobs.length > 0)) await whole()
      await arriving?.close()
      const wanted = copies.length > 0 || jobs.length > 0
      if (got.kind === 'octets') prepared = await blobs.prepare(got.spooled)
      else if (got.kind === 'header') prepared = { size: got.header.length, inline: got.header, ref: null }
      const ready = got
      await database.write(async (tx) => {
        // Somebody else may have taken it meanwhile (RNAQP), or its account is gone.
        if (!await tx.get('SELECT id FROM notifications WHERE id = ?', [held.id])) throw failure('MESSAGE_INCOMPLETE')
        const { recipients: id, messages: fresh } = await allocate(tx, { recipients: 1, messages: ready.kind === 'twin' ? 0 : 1 }) as { recipients: RecipientId; messages: MessageId }
        const message = ready.kind === 'twin' ? ready.message : fresh
        if (ready.kind === 'twin' && !await tx.get('SELECT id FROM messages WHERE id = ?', [message])) throw failure('MESSAGE_INCOMPLETE')
        if (ready.kind === 'twin' && copies.some((copy) => !copy.isInbox)) await messages.mustBeHere(tx, [message])
        if (ready.kind !== 'twin' && wanted) await messages.insert(tx, [{ id: message, prepared: prepared!, summary: ready.summary, headerOnly: ready.kind === 'header' }], clock.now())
        const [{ unpinned }] = await local.write(tx, [{ plan, token: '', message, summary: ready.summary, recipients: [id] }])
        await pins.add(tx, {
          id, message, account: held.account, mailbox: held.mailbox, store: held.store, identifier: held.identifier, sender: held.sender, receivedAt: at,
          digest: held.digest?.toString('hex') ?? (ready.kind === 'octets' ? ready.summary.digest : null), submitter: `${held.submitter_address} ${held.submitter_port}`,
          owes: unpinned.length > 0 ? owed.unpin : owed.silence,
        })
        await release(tx, [held.id])
        await tx.run('INSERT INTO collected (mailbox, store, identifier, collected_at) VALUES (?, ?, ?, ?) ON CONFLICT (mailbox, store, identifier) DO NOTHING', [held.mailbox, held.store, held.identifier, clock.now()])
        // A discarded message has no row; its octets, if any, are not wanted.
        if (!wanted && ready.kind !== 'twin') tx.afterCommit(() => { void blobs.discard(prepared!, failure('MESSAGE_NOT_FOUND')).catch(() => undefined) })
      })
    } catch (error) {
      await arriving?.close()
      if (prepared) await blobs.discard(prepared, error)
      else if (got.kind === 'octets') await got.spooled.discard()
      if (isFailure(error, 'MESSAGE_INCOMPLETE')) return
      throw error
    }
  }

  /** The least that is needed to file it: a twin, all of a small message, the header of a large one. */
  async #get(client: StoreClient, held: Held): Promise<Got> {
    const { spool, clock, choices, options } = this.#parts
    const whole = async (): Promise<Got> => {
      const spooled = await retrieveAll(client, held.identifier, { spool, clock, pace: options.pace })
      return { kind: 'octets', spooled, summary: spooled.summary }
    }
    const twin = await this.#twin(client, held)
    if (twin) return twin
    const { eagerUpTo } = await choices.of(held.account)
    if (held.size !== null && held.size <= eagerUpTo) return whole()
    const { size } = await client.retrieve(held.identifier, 'nothing', 0, 0)
    if (size > options.pace.messageLimit) throw failure('MESSAGE_TOO_LARGE', { limit: options.pace.messageLimit })
    const header = size <= eagerUpTo ? undefined : await retrieveHeader(client, held.identifier, options.headerOctets)
    if (header === undefined || header.length > size) return whole()
    return { kind: 'header', header, summary: this.#headerSummary(header, size, held.digest?.toString('hex') ?? '') }
  }

  /** A message of the same store with the announced digest. The store must show its header under this recipient's identifier: a digest alone opens nothing. */
  async #twin(client: StoreClient, held: Held): Promise<Got | undefined> {
    if (held.digest === null || !this.#parts.pins.any) return undefined
    const { database, messages, options } = this.#parts
    const row = await database.read.get<{ id: MessageId }>(
      'SELECT m.id FROM remote_pins p JOIN messages m ON m.id = p.message WHERE p.store = ? AND p.digest = ? AND m.digest = p.digest LIMIT 1', [held.store, held.digest.toString('hex')])
    if (!row) return undefined
    const summary = await messages.kept(row.id)
    if (!summary) return undefined
    const header = await retrieveHeader(client, held.identifier, options.headerOctets)
    const { size } = await client.retrieve(held.identifier, 'nothing', 0, 0)
    if (header?.length !== summary.headerSize || size !== summary.size) return undefined
    const ours = await gather((await messages.open(row.id)).range(0, summary.headerSize))
    return ours.equals(header) ? { kind: 'twin', message: row.id, summary } : undefined
  }

  #headerSummary(header: Buffer, size: number, digest: string): Summary {
    const scanner = this.#parts.scanner()
    scanner.push(header)
    return { ...scanner.end(), size, headerSize: header.length, body: '', bodyStructure: '', parts: [], preview: '', hasAttachment: false, digest }
  }

  /** Silences and un-pins without retrieving (F14). */
  async #refuse(held: Held, why: string): Promise<void> {
    await this.#parts.stores.use(held.store, async (client) => {
      await client.silence(held.identifier)
      await client.unpin(held.identifier)
    })
    await this.#drop(held, why)
  }

  async #drop(held: Held, why: string): Promise<void> {
    const { database, clock, log } = this.#parts
    log.info({ store: held.store, sender: held.sender, why }, 'a notification is dropped')
    await database.write(async (tx) => {
      await release(tx, [held.id])
      await tx.run('INSERT INTO collected (mailbox, store, identifier, collected_at) VALUES (?, ?, ?, ?) ON CONFLICT (mailbox, store, identifier) DO NOTHING', [held.mailbox, held.store, held.identifier, clock.now()])
    })
  }

  async #later(held: Held, error: unknown): Promise<void> {
    const { database, stores, clock, log, options } = this.#parts
    const now = clock.now()
    const since = held.failing_since ?? now
    if (since < now - options.giveUp * 1000) return this.#drop(held, `it could not be had since ${new Date(since).toISOString()}`)
    const why = error instanceof Error ? error.message : String(error)
    if (!isFailure(error, 'STORE_UNREACHABLE')) log.warn({ err: error, store: held.store, sender: held.sender }, 'a message cannot be collected')
    // A store that is away has its own time; anything else waits as long again as it has failed already.
    const away = isFailure(error, 'STORE_UNREACHABLE') || isFailure(error, 'PEER_GONE') || isFailure(error, 'PEER_OUTCOME_UNKNOWN')
    const again = Math.max(stores.parkedUntil(held.store), now + (away ? options.retry * 1000 : Math.min(3_600_000, Math.max(retryMs, now - since))))
    await database.write((tx) => tx.run('UPDATE notifications SET next_try = ?, failing_since = ?, why = ? WHERE id = ?', [again, since, why.slice(0, 300), held.id]))
  }
}

async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

/** The store as people know it: its domain, else its first address. */
export function placeOf(store: string): string {
  const [clear, ssl] = JSON.parse(store) as (string | [string, number][] | null)[]
  const place = ssl ?? clear
  return typeof place === 'string' ? place : place?.[0]?.[0] ?? ''
}
