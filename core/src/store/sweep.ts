// Removes large octets that no message refers to: what a crash left between "file in place" and "commit".
import type { BlobStore } from '../blobs/blob-store.js'
import type { Database } from '../database/connect.js'
import type { Messages } from './messages.js'

/** Younger ones may belong to a commit that is still to come. */
const settledMs = 3600_000

/** Answers how many were removed. Octets older than the database are another one's: somebody named the wrong database, and all mail would be swept. */
export async function sweepBlobs(database: Database, blobs: BlobStore, messages: Messages): Promise<number> {
  const { since } = (await database.read.get<{ since: number }>('SELECT min(applied_at) AS since FROM migrations'))!
  let removed = 0
  for await (const batch of blobs.driver.list()) {
    const old = batch.filter((entry) => entry.ageMs > settledMs && Date.now() - entry.ageMs >= since).map((entry) => entry.ref)
    if (old.length === 0) continue
    const known = await messages.known(old)
    const orphans = old.filter((ref) => !known.has(ref))
    await blobs.driver.remove(orphans)
    removed += orphans.length
  }
  return removed
}
