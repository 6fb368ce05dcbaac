// Told after each commit that changed what is known of recipients: notified, read, released, failed. A convenience: truth is rows.
import type { RecipientId } from '../base/branded.js'

export class StatusFeed {
  readonly #listeners = new Set<(recipients: readonly RecipientId[]) => void>()

  /** Call after the commit only (Transaction.afterCommit). */
  tell(recipients: readonly RecipientId[]): void {
    if (recipients.length > 0) for (const listener of this.#listeners) listener(recipients)
  }

  listen(listener: (recipients: readonly RecipientId[]) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }
}
