// The messages table: what the one pass found of each message, and the way from a message to its octets.
import type { MessageId } from '../base/branded.js'
import type { BlobStore, Prepared } from '../blobs/blob-store.js'
import type { Content, Contents } from '../blobs/contract.js'
import type { Database, Row, Statements, Transaction } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { Summary } from '../message/summary.js'
import { decodeParts, decodeSortKeys, encodeParts, encodeSortKeys } from '../message/summary-codec.js'

/** A message that is ready for a commit. */
export interface StoredMessage { readonly id: MessageId; readonly prepared: Prepared; readonly summary: Summary }

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
const summaryChunk = 500

/** Octets read ahead at a time: `readMany` asks for as many messages as it takes to fill this, going by the sizes seen so far. */
const readAhead = 1024 * 1024
const mostAtOnce = 128

/** PostgreSQL's text cannot hold NUL; no field of a summary means anything by one. */
const clean = (text: string): string => (text.includes('\0') ? text.replaceAll('\0', '') : text)

export class Messages implements Contents {
  readonly #database: Database
  readonly #blobs: BlobStore
  constructor({ database, blobs }: { database: Database; blobs: BlobStore }) {
    this.#database = database
    this.#blobs = blobs
  }

  /** Inserts messages and their octets, in one statement each for all. */
  async insert(tx: Statements, messages: readonly StoredMessage[], now: number): Promise<void> {
    for (let i = 0; i < messages.length; i += summaryChunk) {
      const slice = messages.slice(i, i + summaryChunk)
      await tx.run(
        `INSERT INTO messages (id, size, header_size, ref, digest, attachment, created_at, envelope, body, body_structure, headers, parts, sort_keys, preview)
         VALUES ${slice.map(() => '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}`,
        slice.flatMap(({ id, prepared, summary }) => [id, summary.size, summary.headerSize, prepared.ref, summary.digest, summary.hasAttachment ? 1 : 0, now,
          clean(summary.envelope), clean(summary.body), clean(summary.bodyStructure), summary.headers === null || summary.headers.includes('\0') ? null : summary.headers,
          clean(encodeParts(summary.parts)), clean(encodeSortKeys(summary.sort)), clean(summary.preview)]))
    }
    await this.#blobs.write(tx, messages.map(({ id, prepared }) => ({ message: id, prepared })))
  }

  /** Deletes messages with their octets. Files go when the commit is done. */
  async remove(tx: Transaction, ids: readonly MessageId[]): Promise<void> {
    const list = [tx.dialect.list(ids)]
    const rows = await tx.all<{ ref: string | null }>(`DELETE FROM messages WHERE ${tx.dialect.oneOf('id')} RETURNING ref`, list)
    await this.#blobs.remove(tx, ids)
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

  async *summaries<F extends keyof Summary>(ids: readonly MessageId[], fields: readonly F[]): AsyncGenerator<ReadonlyMap<MessageId, Pick<Summary, F>>> {
    const { read } = this.#database
    const wanted = fields.map((field) => ({ field, ...columns[field] }))
    const sql = `SELECT id, ${wanted.map((column) => column.name).join(', ')} FROM messages WHERE ${read.dialect.oneOf('id')}`
    const ask = (from: number): Promise<Row[]> | undefined => (from < ids.length ? read.all(sql, [read.dialect.list(ids.slice(from, from + summaryChunk))]) : undefined)
    let coming = ask(0)
    for (let i = 0; i < ids.length; i += summaryChunk) {
      const rows = await coming!
      coming = ask(i + summaryChunk)
      coming?.catch(() => undefined) // taken up, and thrown, by the next turn
      const found = new Map<MessageId, Pick<Summary, F>>()
      for (const row of rows) {
        const summary: Row = {}
        for (const column of wanted) summary[column.field] = column.decode ? column.decode(row[column.name]) : row[column.name]
        found.set(row.id, summary as Pick<Summary, F>)
      }
      yield found
    }
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
      ? await read.all('SELECT m.id, m.size, m.ref, o.data FROM messages m LEFT JOIN octets o ON o.message = m.id WHERE m.id = ?', [ids[0]])
      : await read.all(`SELECT m.id, m.size, m.ref, o.data FROM messages m LEFT JOIN octets o ON o.message = m.id WHERE ${read.dialect.oneOf('m.id')}`, [read.dialect.list(ids)])
    return new Map(rows.map((row) => [row.id, this.#content(row)]))
  }

  #content(row: Row): Content {
    const { id, size, ref, data } = row as { id: MessageId; size: number; ref: string | null; data: Buffer | null }
    if (ref !== null) return { message: id, size, range: (from, length) => this.#blobs.range(ref, from, Math.max(0, Math.min(length, size - from))) }
    if (data === null) throw failure('CONTENT_UNAVAILABLE')
    return {
      message: id, size, octets: data,
      async *range(from, length) {
        if (length > 0 && from < data.length) yield data.subarray(from, from + length)
      },
    }
  }
}
