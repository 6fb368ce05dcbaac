// The messages table: what the one pass found of each message, and the way from a message to its octets.
import type { MessageId } from '../base/branded.js'
import type { BlobStore, Prepared } from '../blobs/blob-store.js'
import type { Content, Contents } from '../blobs/contract.js'
import type { Database, Row, Statements, Transaction } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { Summary } from '../message/summary.js'
import type { Elsewhere } from './ports.js'
import { decodeParts, decodeSortKeys, encodeParts, encodeSortKeys } from '../message/summary-codec.js'
import { SummaryCache, type KeptField } from './summary-cache.js'

/** A message that is ready for a commit. */
export interface StoredMessage {
  readonly id: MessageId
  readonly prepared: Prepared
  readonly summary: Summary
  /** Only its header is here, and is what was prepared; the rest lies at another store. */
  readonly headerOnly?: boolean
}

/** How much of a message is here (the column `partial`). */
export const whole = 0
export const headerOnly = 1
/** Its summary is complete, but the octets left the cache, all but the header. */
export const evicted = 2

/** A chunk of summaries on its way. */
interface Asked<F extends keyof Summary> { readonly found: Map<MessageId, Pick<Summary, F>>; readonly rows: Promise<Row[]> | undefined }
type Forget = (tx: Transaction, ids: readonly MessageId[]) => Promise<void>
interface Column { readonly name: string; readonly decode?: (value: any) => unknown }
/** Where each field of the summary lies. */
const columns: { readonly [F in keyof Summary]: Column } = {
  size: { name: 'size' },
  headerSize: { name: 'header_size' },
  digest: { name: 'digest' },
  envelope: { name: 'envelope' },
  body: { name: 'body' },
  bodyStructure: { name: 'body_structure' },
  headers: { name: 'headers' },
  preview: { name: 'preview' },
  parts: { name: 'parts', decode: decodeParts },
  sort: { name: 'sort_keys', decode: decodeSortKeys },
  hasAttachment: { name: 'attachment', decode: (value) => value === 1 },
}
/** What only the octets tell. */
const ofBody: ReadonlySet<keyof Summary> = new Set(['body', 'bodyStructure', 'parts', 'preview', 'hasAttachment'])
const summaryChunk = 500

/** Octets read ahead at a time: `readMany` asks for as many messages as it takes to fill this, going by the sizes seen so far. */
const readAhead = 1024 * 1024
const mostAtOnce = 128

/** PostgreSQL's text cannot hold NUL; no field of a summary means anything by one. */
const clean = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '') : text)

export class Messages implements Contents {
  readonly #database: Database
  readonly #blobs: BlobStore
  readonly #elsewhere: Elsewhere | undefined
  readonly #forget: Forget | undefined
  readonly #cache: SummaryCache
  /**
   * @param forget what others keep of messages goes in the same commit
   * @param cacheOctets of summaries that stay in memory once they were read
   */
  constructor({ database, blobs, elsewhere, forget, cacheOctets = 0 }: { database: Database; blobs: BlobStore; elsewhere?: Elsewhere; forget?: Forget; cacheOctets?: number }) {
    this.#forget = forget
    this.#cache = new SummaryCache(cacheOctets)
    this.#elsewhere = elsewhere
    this.#database = database
    this.#blobs = blobs
  }

  /** Inserts messages and their octets, in one statement each for all. */
  async insert(tx: Statements, messages: readonly StoredMessage[], now: number): Promise<void> {
    for (let i = 0; i < messages.length; i += summaryChunk) {
      const slice = messages.slice(i, i + summaryChunk)
      await tx.run(
        `INSERT INTO messages (id, size, header_size, ref, digest, attachment, created_at, partial, envelope, body, body_structure, headers, parts, sort_keys, preview)
         VALUES ${slice.map(() => '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}`,
        slice.flatMap(({ id, prepared, summary, headerOnly: partial }) => [id, summary.size, summary.headerSize, prepared.ref, summary.digest, summary.hasAttachment ? 1 : 0, now, partial ? headerOnly : whole,
          clean(summary.envelope), clean(summary.body), clean(summary.bodyStructure), summary.headers === null || summary.headers.includes('\0') ? null : summary.headers,
          clean(encodeParts(summary.parts)), clean(encodeSortKeys(summary.sort)), clean(summary.preview)]))
    }
    await this.#blobs.write(tx, messages.map(({ id, prepared }) => ({ message: id, prepared })))
  }

  /** All of a message has come: its octets take the header's place, and its summary is complete. Answers whether it was still there. */
  async complete(tx: Transaction, { id, prepared, summary }: StoredMessage): Promise<boolean> {
    const rows = await tx.all('UPDATE messages SET partial = ?, ref = ?, digest = ?, attachment = ?, body = ?, body_structure = ?, parts = ?, preview = ? WHERE id = ? AND partial <> ? RETURNING id',
      [whole, prepared.ref, summary.digest, summary.hasAttachment ? 1 : 0, clean(summary.body), clean(summary.bodyStructure), clean(encodeParts(summary.parts)), clean(summary.preview), id, whole])
    if (rows.length === 0) return false
    await this.#blobs.remove(tx, [id])
    await this.#blobs.write(tx, [{ message: id, prepared }])
    return true
  }

  /** Gives up the octets of a message that can be had again, all but the header. */
  async evict(tx: Transaction, id: MessageId, header: Buffer): Promise<void> {
    const row = await tx.get<{ ref: string | null }>('SELECT ref FROM messages WHERE id = ? AND partial = ?', [id, whole])
    if (!row) return
    await tx.run('UPDATE messages SET partial = ?, ref = NULL WHERE id = ?', [evicted, id])
    await this.#blobs.remove(tx, [id])
    await this.#blobs.write(tx, [{ message: id, prepared: { size: header.length, inline: header, ref: null } }])
    if (row.ref !== null) tx.afterCommit(() => { void this.#blobs.removed([row.ref!]).catch(() => undefined) })
  }

  /** Makes sure that all of these messages are here. Throws CONTENT_UNAVAILABLE, MESSAGE_NOT_FOUND. */
  async fetchAll(ids: readonly MessageId[]): Promise<void> {
    if (!this.#elsewhere?.any || ids.length === 0) return
    const { read } = this.#database
    for (const { id } of await read.all<{ id: MessageId }>(`SELECT id FROM messages WHERE partial <> ? AND ${read.dialect.oneOf('id')}`, [whole, read.dialect.list(ids)])) await this.#elsewhere.fetch(id)
  }

  /** In the commit that lets go of a pin: octets that were here a moment ago may have left the cache since. Throws CONTENT_UNAVAILABLE. */
  async mustBeHere(tx: Transaction, ids: readonly MessageId[]): Promise<void> {
    if (!this.#elsewhere?.any || ids.length === 0) return
    if (await tx.get(`SELECT id FROM messages WHERE partial <> ? AND ${tx.dialect.oneOf('id')} LIMIT 1`, [whole, tx.dialect.list(ids)])) throw failure('CONTENT_UNAVAILABLE')
  }

  /** Deletes messages with their octets. Files go when the commit is done. */
  async remove(tx: Transaction, ids: readonly MessageId[]): Promise<void> {
    const list = [tx.dialect.list(ids)]
    const rows = await tx.all<{ ref: string | null }>(`DELETE FROM messages WHERE ${tx.dialect.oneOf('id')} RETURNING ref`, list)
    await this.#blobs.remove(tx, ids)
    await this.#forget?.(tx, ids)
    tx.afterCommit(() => this.#cache.forget(ids))
    const refs = rows.flatMap((row) => row.ref ?? [])
    // A crash between commit and removal leaves files that the sweeper finds.
    if (refs.length > 0) tx.afterCommit(() => { void this.#blobs.removed(refs).catch(() => undefined) })
  }

  /** Refs among these that a message refers to. */
  async known(refs: readonly string[]): Promise<ReadonlySet<string>> {
    const { read } = this.#database
    const rows = await read.all<{ ref: string }>(`SELECT ref FROM messages WHERE ref IS NOT NULL AND ${read.dialect.oneOfText('ref')}`, [read.dialect.list(refs)])
    return new Set(rows.map((row) => row.ref))
  }

  /** What is known of a message, as it is: nothing is fetched for it. */
  async kept(id: MessageId): Promise<Summary | undefined> {
    const { read } = this.#database
    const row = await read.get(`SELECT ${Object.values(columns).map((column) => column.name).join(', ')} FROM messages WHERE id = ?`, [id])
    if (!row) return undefined
    return Object.fromEntries(Object.entries(columns).map(([field, { name, decode }]: [string, Column]) => [field, decode ? decode(row[name]) : row[name]])) as unknown as Summary
  }

  async *summaries<F extends keyof Summary>(ids: readonly MessageId[], fields: readonly F[]): AsyncGenerator<ReadonlyMap<MessageId, Pick<Summary, F>>> {
    const { read } = this.#database
    const wanted = fields.map((field) => ({ field, ...columns[field] }))
    const sql = `SELECT id, partial, ${wanted.map((column) => column.name).join(', ')} FROM messages WHERE ${read.dialect.oneOf('id')}`
    const needsBody = fields.some((field) => ofBody.has(field))
    const cached: readonly (keyof Summary)[] = fields
    const kept = this.#cache.covers(cached) ? cached : undefined
    /** Reads a chunk: what is in memory, and the rows of the others. */
    const ask = (from: number): Asked<F> | undefined => {
      if (from >= ids.length) return undefined
      const found = new Map<MessageId, Pick<Summary, F>>()
      const missing: MessageId[] = []
      for (let i = from; i < Math.min(ids.length, from + summaryChunk); i++) {
        const known = kept && this.#cache.get(ids[i], kept)
        if (known) found.set(ids[i], known as unknown as Pick<Summary, F>)
        else missing.push(ids[i])
      }
      const rows = missing.length > 0 ? read.all(sql, [read.dialect.list(missing)]) : undefined
      rows?.catch(() => undefined) // taken up, and thrown, in its turn
      return { found, rows }
    }
    let coming = ask(0)
    for (let i = 0; i < ids.length; i += summaryChunk) {
      const { found, rows } = coming!
      const read = rows && (needsBody ? await this.#completed(await rows, sql) : await rows)
      coming = ask(i + summaryChunk)
      for (const row of read ?? []) {
        const summary: Row = {}
        for (const column of wanted) summary[column.field] = column.decode ? column.decode(row[column.name]) : row[column.name]
        found.set(row.id, summary as Pick<Summary, F>)
        if (kept && row.partial !== headerOnly) this.#cache.put(row.id, kept, summary as Pick<Summary, KeptField>)
      }
      yield found
    }
  }

  /** Summaries of messages of which only the header was here; those that cannot be had now are left out. */
  async #completed(rows: Row[], sql: string): Promise<Row[]> {
    const missing = rows.filter((row) => row.partial === headerOnly).map((row) => row.id as MessageId)
    if (missing.length === 0) return rows
    for (const id of missing) await this.#elsewhere?.fetch(id).catch(() => undefined)
    const { read } = this.#database
    const again = await read.all(sql, [read.dialect.list(missing)])
    return [...rows, ...again].filter((row) => row.partial !== headerOnly)
  }

  async open(id: MessageId): Promise<Content> {
    const found = (await this.#read([id])).get(id)
    if (!found) throw failure('MESSAGE_NOT_FOUND')
    return found
  }

  async *readMany(ids: readonly MessageId[]): AsyncGenerator<Content> {
    let batch = Math.min(ids.length, 8)
    let at = 0
    let coming = this.#read(ids.slice(0, batch))
    while (at < ids.length) {
      const asked = ids.slice(at, at + batch)
      const found = await coming
      at += asked.length
      let octets = 0
      for (const content of found.values()) octets += content.octets?.length ?? 0
      batch = Math.max(1, Math.min(mostAtOnce, Math.floor(readAhead / Math.max(1024, octets / Math.max(1, found.size)))))
      if (at < ids.length) {
        coming = this.#read(ids.slice(at, at + batch))
        coming.catch(() => undefined) // taken up, and thrown, by the next turn
      }
      for (const id of asked) {
        const content = found.get(id)
        if (content) yield content
      }
    }
  }

  async #read(ids: readonly MessageId[]): Promise<Map<MessageId, Content>> {
    const { read } = this.#database
    const rows = ids.length === 1
      ? await read.all('SELECT m.id, m.size, m.ref, m.partial, o.data FROM messages m LEFT JOIN octets o ON o.message = m.id WHERE m.id = ?', [ids[0]])
      : await read.all(`SELECT m.id, m.size, m.ref, m.partial, o.data FROM messages m LEFT JOIN octets o ON o.message = m.id WHERE ${read.dialect.oneOf('m.id')}`, [read.dialect.list(ids)])
    return new Map(rows.map((row) => [row.id, this.#content(row)]))
  }

  #content(row: Row): Content {
    const { id, size, ref, partial, data } = row as { id: MessageId; size: number; ref: string | null; partial: number; data: Buffer | null }
    if (ref !== null) return { message: id, size, range: (from, length) => this.#blobs.range(ref, from, Math.max(0, Math.min(length, size - from))) }
    if (data === null) throw failure('CONTENT_UNAVAILABLE')
    if (partial !== whole) return { message: id, size, range: (from, length) => this.#remotely(id, data, from, length) }
    return {
      message: id, size, octets: data,
      async *range(from, length) {
        if (length > 0 && from < data.length) yield data.subarray(from, from + length)
      },
    }
  }

  /** The header is here; what lies beyond is fetched first. */
  async *#remotely(id: MessageId, header: Buffer, from: number, length: number): AsyncGenerator<Buffer> {
    if (length <= 0) return
    if (from + length <= header.length) {
      yield header.subarray(from, from + length)
      return
    }
    if (!this.#elsewhere) throw failure('CONTENT_UNAVAILABLE')
    await this.#elsewhere.fetch(id)
    yield* (await this.open(id)).range(from, length)
  }
}
