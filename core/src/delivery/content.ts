// Octets of messages that lie at other stores: fetched when they are first needed, verified, kept; and given up again when
// the cache is full and nobody has read them (design section 8).
import type { MessageId } from '../base/branded.js'
import type { BlobStore } from '../blobs/blob-store.js'
import type { Spool } from '../blobs/contract.js'
import type { Clock } from '../base/clock.js'
import type { Database } from '../database/connect.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import type { Messages } from '../store/messages.js'
import type { Elsewhere } from '../store/ports.js'
import { retrieveAll, type Pace } from './retrieve.js'
import type { RemotePin, RemotePins } from './remote-pins.js'
import { hurry, type Stores } from './stores.js'

export interface ContentParts {
  readonly database: Database
  readonly messages: Messages
  readonly blobs: BlobStore
  readonly spool: Spool
  readonly stores: Stores
  readonly pins: RemotePins
  readonly clock: Clock
  readonly log: Log
  readonly pace: Pace
  /** Octets of unread messages that may be kept although they could be fetched again. */
  readonly cacheOctets: number
}

/** Recipients whose stores are asked for one message before it counts as not to be had. */
const mostPins = 5
const evictAtOnce = 100

export class RemoteContent implements Elsewhere {
  readonly #parts: ContentParts
  readonly #coming = new Map<MessageId, Promise<void>>()

  constructor(parts: ContentParts) {
    this.#parts = parts
  }

  get any(): boolean {
    return this.#parts.pins.any
  }

  /** Many who want the same message wait for one retrieval. */
  fetch(message: MessageId): Promise<void> {
    const coming = this.#coming.get(message) ?? this.#fetch(message).finally(() => { this.#coming.delete(message) })
    this.#coming.set(message, coming)
    return coming
  }

  async #fetch(message: MessageId): Promise<void> {
    const { database, log } = this.#parts
    const row = await database.read.get<{ partial: number; size: number; digest: string; header_size: number }>('SELECT partial, size, digest, header_size FROM messages WHERE id = ?', [message])
    if (!row) throw failure('MESSAGE_NOT_FOUND')
    if (row.partial === 0) return
    const pins = await database.read.all<RemotePin>('SELECT id, message, account, mailbox, store, identifier FROM remote_pins WHERE message = ? AND owes <> 2 ORDER BY id LIMIT ?', [message, mostPins])
    let gone = 0
    for (const pin of pins) {
      try {
        return await this.#from(pin, row)
      } catch (error) {
        if (isFailure(error, 'MESSAGE_NOT_FOUND')) {
          gone++
          await this.#parts.pins.withdraw([pin])
        } else log.warn({ err: error, store: pin.store, message }, 'octets cannot be had')
      }
    }
    throw failure(gone > 0 && gone === pins.length ? 'MESSAGE_NOT_FOUND' : 'CONTENT_UNAVAILABLE')
  }

  async #from(pin: RemotePin, known: { readonly size: number; readonly digest: string; readonly header_size: number }): Promise<void> {
    const { database, messages, blobs, spool, stores, clock, pace } = this.#parts
    const header = await this.#headerOf(pin.message, known.header_size)
    const spooled = await stores.use(pin.store, (client) => retrieveAll(client, pin.identifier, { spool, clock, pace }), hurry.reader)
    const { summary } = spooled
    // H5: what was announced, what was shown and what comes now must be one message.
    const same = summary.size === known.size && summary.headerSize === known.header_size && (known.digest === '' || known.digest === summary.digest) && (await headerOf(spooled.octets, header.length)).equals(header)
    if (!same) {
      await spooled.discard()
      throw failure('MESSAGE_CHANGED')
    }
    const prepared = await blobs.prepare(spooled)
    try {
      if (!await database.write((tx) => messages.complete(tx, { id: pin.message, prepared, summary }))) await blobs.discard(prepared, failure('MESSAGE_NOT_FOUND'))
    } catch (error) {
      await blobs.discard(prepared, error)
      throw error
    }
  }

  async #headerOf(message: MessageId, size: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for await (const chunk of (await this.#parts.messages.open(message)).range(0, size)) parts.push(chunk)
    return Buffer.concat(parts)
  }

  /** Gives up unread octets, the oldest first, until the cache is within its bound. Answers how many messages. */
  async trim(cacheOctets = this.#parts.cacheOctets): Promise<number> {
    const { database, messages } = this.#parts
    if (!this.any) return 0
    // Only what all its holders could fetch again: no entry without a pin, nobody has read it.
    const evictable = `m.partial = 0 AND NOT EXISTS (SELECT 1 FROM entries e LEFT JOIN remote_pins p ON p.id = e.recipient WHERE e.message = m.id AND (p.id IS NULL OR p.confirmed = 1 OR p.owes = 2))`
    const cached = `FROM messages m WHERE m.id IN (SELECT message FROM remote_pins WHERE confirmed = 0) AND ${evictable}`
    let over = ((await database.read.get<{ octets: number | null }>(`SELECT CAST(sum(m.size) AS ${database.dialect.types.int}) AS octets ${cached}`))?.octets ?? 0) - cacheOctets
    let count = 0
    while (over > 0) {
      const rows = await database.read.all<{ id: MessageId; size: number; header_size: number }>(`SELECT m.id, m.size, m.header_size ${cached} ORDER BY m.id LIMIT ?`, [evictAtOnce])
      if (rows.length === 0) break
      for (const row of rows) {
        if (over <= 0) break
        const header = await this.#headerOf(row.id, row.header_size)
        await database.write(async (tx) => {
          if (await tx.get(`SELECT m.id FROM messages m WHERE m.id = ? AND ${evictable}`, [row.id])) await messages.evict(tx, row.id, header)
        })
        over -= row.size - row.header_size
        count++
      }
    }
    return count
  }
}

async function headerOf(octets: Buffer | { readonly path: string }, size: number): Promise<Buffer> {
  if (Buffer.isBuffer(octets)) return octets.subarray(0, size)
  const { open } = await import('node:fs/promises')
  const file = await open(octets.path)
  try {
    const header = Buffer.alloc(size)
    await file.read(header, 0, size, 0)
    return header
  } finally {
    await file.close()
  }
}
