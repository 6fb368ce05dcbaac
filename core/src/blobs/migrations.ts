// Tables of octets.
import type { Migration } from '../database/migrator.js'

export const blobsMigrations: readonly Migration[] = [{
  name: 'blobs/0001-octets',
  async up(db) {
    const { id, int, text, bytes } = db.dialect.types
    // Apart from the summaries, so that these lie close together.
    await db.run(`CREATE TABLE octets (message ${id}, data ${bytes} NOT NULL)`)
    await db.run(`CREATE TABLE octet_chunks (ref ${text} NOT NULL, position ${int} NOT NULL, data ${bytes} NOT NULL, kept_at ${int} NOT NULL, PRIMARY KEY (ref, position))`)
  },
}]
