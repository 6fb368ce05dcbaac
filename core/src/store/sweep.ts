// Removes large octets that no message refers to: what a crash left between "file in place" and "commit".
import type { BlobStore } from '../blobs/blob-store.js'
import type { Messages } from './messages.js'

/** Younger ones may belong to a commit that is still to come. */
const settledMs = 3600_000

/** Answers how many were removed. */
export async function sweepBlobs(blobs: BlobStore, messages: Messages): Promise<number> {
  let removed = 0
  for await (const batch of blobs.driver.list()) {
    const old = batch.filter((entry) => entry.ageMs > settledMs).map((entry) => entry.ref)
    if (old.length === 0) continue
    const known = await messages.known(old)
    const orphans = old.filter((ref) => !known.has(ref))
    await blobs.driver.remove(orphans)
    removed += orphans.length
  }
  return removed
}
