// The only way that stores and agents know each other. Each side has an implementation in this process and one over the
// wire; both pass one contract suite (test/contracts). Errors are ours, not a protocol's.
import type { Static } from './der/types.js'
import type { retrievalType } from './pdu/msrap.js'
import type { Notification } from './values.js'

/** What a store asks of a recipient's agent. */
export interface RnaClient {
  /**
   * Resolves when all were accepted, else none was (im2000.md E.17). Throws NOTIFICATION_REFUSED (policy or bound; the agent
   * does not say which), ACCOUNT_NOT_FOUND (only where the agent says so, E.10), PEER_… when the session failed.
   */
  notify(notifications: readonly Notification[]): Promise<void>
  close(): void
}

export type RetrievalType = Static<typeof retrievalType>

/** What a recipient's side asks of a store. The identifier is the only authorisation. */
export interface StoreClient {
  /** At most `length` octets of a representation, and the size of all of it (D.7). Throws MESSAGE_NOT_FOUND, PEER_…. */
  retrieve(identifier: Buffer, type: RetrievalType, offset: number, length: number): Promise<{ readonly data: Buffer; readonly size: number }>
  /** May be repeated (D47). Throws MESSAGE_NOT_FOUND, PEER_…. */
  silence(identifier: Buffer): Promise<void>
  /** May be repeated (D47). Throws MESSAGE_NOT_FOUND, PEER_…. */
  unpin(identifier: Buffer): Promise<void>
  /** Messages of a list that came at `begintime` or later, and where to begin next (D59). Seconds. Throws LIST_NOT_FOUND, PEER_…. */
  scan(list: string, begintime: number): Promise<{ readonly identifiers: readonly Buffer[]; readonly endtime: number }>
  close(): void
}
