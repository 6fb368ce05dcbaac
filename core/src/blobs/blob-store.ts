// Where octets lie. Small messages lie in a database row (one commit, no second fsync); large ones where the driver puts
// them. Does not know what the octets mean.
import type { MessageId } from '../base/branded.js'
import type { Database, Statements } from '../database/connect.js'
import { isFailure } from '../errors/codes.js'
import type { Spooled } from './contract.js'

/** Octets made ready for a commit: small ones still in memory, large ones already durable under `ref`. */
export interface Prepared {
  readonly size: number
  /** Octets for the message's own row; undefined when the driver holds them. */
  readonly inline: Buffer | undefined
  /** The driver's name for the octets; null when they are inline. */
  readonly ref: string | null
}

/** Keeps large octets. Each driver passes test/contracts/blob-store.ts. */
export interface BlobDriver {
  readonly name: 'database' | 'fs'
  /** Makes a spooled file durable under a new name. Nothing refers to it until the commit; what a crash leaves is swept. */
  keep(path: string, size: number): Promise<string>
  /** `length` octets from `from`, in chunks of at most 256 KiB. Throws CONTENT_UNAVAILABLE. */
  range(ref: string, from: number, length: number): AsyncIterable<Buffer>
  /** Forgets octets; harmless when they are gone. */
  remove(refs: readonly string[]): Promise<void>
  /** All names kept, in batches, with their age: for the sweeper. */
  list(): AsyncIterable<readonly { readonly ref: string; readonly ageMs: number }[]>
}

export interface BlobStore {
  /** Before the commit: whatever takes time and may fail. */
  prepare(spooled: Spooled): Promise<Prepared>
  /** The prepared octets will not be stored after all, because of `why`. When it is not sure that they are not (the connection broke in COMMIT), the sweeper finds out. */
  discard(prepared: Prepared, why: unknown): Promise<void>
  /** Inside the commit. */
  write(tx: Statements, items: readonly { readonly message: MessageId; readonly prepared: Prepared }[]): Promise<void>
  /** Inside the commit that deletes the messages. Large octets go afterwards, by `removed`. */
  remove(tx: Statements, messages: readonly MessageId[]): Promise<void>
  /** After that commit. */
  removed(refs: readonly string[]): Promise<void>
  range(ref: string, from: number, length: number): AsyncIterable<Buffer>
  readonly driver: BlobDriver
}

export function makeBlobStore({ driver, inlineLimit }: { driver: BlobDriver; inlineLimit: number }): BlobStore {
  return {
    driver,
    async prepare(spooled) {
      if (Buffer.isBuffer(spooled.octets)) return { size: spooled.size, inline: spooled.octets, ref: null }
      if (spooled.size <= inlineLimit) {
        const { readFile } = await import('node:fs/promises')
        const inline = await readFile(spooled.octets.path)
        await spooled.discard()
        return { size: spooled.size, inline, ref: null }
      }
      return { size: spooled.size, inline: undefined, ref: await driver.keep(spooled.octets.path, spooled.size) }
    },
    async discard(prepared, why) {
      const sure = isFailure(why) && why.code !== 'DATABASE_FAILED'
      if (sure && prepared.ref !== null) await driver.remove([prepared.ref])
    },
    async write(tx, items) {
      const small = items.filter((item) => item.prepared.inline !== undefined)
      // Bound as they are: hex in one JSON value would double the octets twice.
      for (let i = 0; i < small.length; i += 200) {
        const slice = small.slice(i, i + 200)
        await tx.run(`INSERT INTO octets (message, data) VALUES ${slice.map(() => '(?, ?)').join(', ')}`, slice.flatMap((item) => [item.message, item.prepared.inline!]))
      }
    },
    remove: (tx, messages) => tx.run(`DELETE FROM octets WHERE ${tx.dialect.oneOf('message')}`, [tx.dialect.list(messages)]),
    removed: (refs) => driver.remove(refs),
    range: (ref, from, length) => driver.range(ref, from, length),
  }
}

export type { Database }
