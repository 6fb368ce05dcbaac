// Large octets in the database, in chunks: nothing but the database to back up, at the price of a larger write-ahead log.
import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import type { Database } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { BlobDriver } from './blob-store.js'

const chunk = 256 * 1024

export function databaseDriver(database: Database): BlobDriver {
  return {
    name: 'database',
    async keep(path, size) {
      const ref = randomBytes(16).toString('hex')
      const handle = await open(path, 'r')
      try {
        // A commit per few chunks, so that one large message does not hold up everybody's mail.
        for (let at = 0; at < size; at += chunk) {
          const data = Buffer.allocUnsafe(Math.min(chunk, size - at))
          await handle.read(data, 0, data.length, at)
          await database.write((tx) => tx.run('INSERT INTO octet_chunks (ref, position, data, kept_at) VALUES (?, ?, ?, ?)', [ref, at / chunk, data, Date.now()]))
        }
      } finally {
        await handle.close()
      }
      await rm(path, { force: true })
      return ref
    },
    async *range(ref, from, length) {
      for (let done = 0; done < length;) {
        const at = from + done
        const row = await database.read.get<{ data: Buffer }>('SELECT data FROM octet_chunks WHERE ref = ? AND position = ?', [ref, Math.floor(at / chunk)])
        if (!row) throw failure('CONTENT_UNAVAILABLE')
        const piece = row.data.subarray(at % chunk, at % chunk + length - done)
        if (piece.length === 0) throw failure('CONTENT_UNAVAILABLE')
        done += piece.length
        yield piece
      }
    },
    async remove(refs) {
      if (refs.length > 0) await database.write((tx) => tx.run(`DELETE FROM octet_chunks WHERE ${tx.dialect.oneOfText('ref')}`, [tx.dialect.list(refs)]))
    },
    async *list() {
      const rows = await database.read.all<{ ref: string; kept_at: number }>('SELECT ref, max(kept_at) AS kept_at FROM octet_chunks GROUP BY ref')
      for (let i = 0; i < rows.length; i += 1000) yield rows.slice(i, i + 1000).map((row) => ({ ref: row.ref, ageMs: Date.now() - row.kept_at }))
    },
  }
}
