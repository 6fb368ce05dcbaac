// One message from another store, window by window: octets that must stay the same while they are read (im2000.md H5), from
// a store that may be slow or worse.
import type { Clock } from '../base/clock.js'
import type { Spool, Spooled } from '../blobs/contract.js'
import { failure } from '../errors/codes.js'
import type { StoreClient } from '../im2000/seams.js'

export interface Pace {
  /** Seconds for a message, unless its size at the lowest rate takes longer. */
  readonly timeout: number
  /** Octets a second. */
  readonly minimumRate: number
  /** Octets of the largest message that is taken. */
  readonly messageLimit: number
}

/** Octets asked for at once (B38). */
const windowOctets = 512 * 1024
/** Before this a store is not yet slow. */
const patienceMs = 10_000

/** The whole message into the spool. Throws MESSAGE_TOO_LARGE, MESSAGE_CHANGED, MESSAGE_NOT_FOUND, STORE_UNREACHABLE (too slow), PEER_…. */
export async function retrieveAll(client: StoreClient, identifier: Buffer, { spool, clock, pace }: { spool: Spool; clock: Pick<Clock, 'now'>; pace: Pace }): Promise<Spooled> {
  const begun = clock.now()
  const first = await client.retrieve(identifier, 'all', 0, windowOctets)
  const { size } = first
  if (size > pace.messageLimit) throw failure('MESSAGE_TOO_LARGE', { limit: pace.messageLimit })
  const writer = spool.open({ expectedSize: size })
  try {
    for (let answer = first, offset = 0; ;) {
      offset += answer.data.length
      if (answer.size !== size || offset > size || (answer.data.length === 0 && offset < size)) throw failure('MESSAGE_CHANGED')
      if (answer.data.length > 0) await writer.write(answer.data)
      if (offset >= size) return await writer.seal()
      const elapsed = clock.now() - begun
      const slow = elapsed > patienceMs && offset < pace.minimumRate * elapsed / 1000
      if (slow || elapsed > Math.max(pace.timeout, size / pace.minimumRate) * 1000) throw failure('STORE_UNREACHABLE', { why: 'it is too slow' })
      answer = await client.retrieve(identifier, 'all', offset, windowOctets)
    }
  } catch (error) {
    await writer.discard()
    throw error
  }
}

/** The header with its empty line; undefined when it is longer than `limit`. */
export async function retrieveHeader(client: StoreClient, identifier: Buffer, limit: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = []
  let size: number | undefined
  for (let offset = 0; size === undefined || offset < size;) {
    const answer = await client.retrieve(identifier, 'headersonly', offset, Math.min(windowOctets, limit))
    size ??= answer.size
    if (size > limit) return undefined
    offset += answer.data.length
    if (answer.size !== size || offset > size || (answer.data.length === 0 && offset < size)) throw failure('MESSAGE_CHANGED')
    parts.push(answer.data)
  }
  // What was read is a view of its frame: kept, it would keep the frame.
  return Buffer.concat(parts)
}
