// Which domains were reached with TLS: they are held to it, so that nobody on the way can take it away (im2000.md H9).
import type { Clock } from '../base/clock.js'
import type { Database } from '../database/connect.js'
import type { TlsMemory } from '../im2000/reach.js'

/** A reach that is known already is written down again only after this long: no commit for each session. */
const renewMs = 86_400_000

/** @param seconds how long a domain is held to it after it was last reached with TLS */
export function makeTlsMemory({ database, clock, seconds }: { readonly database: Database; readonly clock: Clock; readonly seconds: number }): TlsMemory & { sweep(): Promise<void> } {
  const seenAt = async (name: string): Promise<number> =>
    (await database.read.get<{ seen_at: number }>('SELECT seen_at FROM tls_seen WHERE name = ?', [name.toLowerCase()]))?.seen_at ?? -Infinity
  return {
    knows: async (name) => await seenAt(name) > clock.now() - seconds * 1000,
    async remember(name) {
      const now = clock.now()
      if (await seenAt(name) > now - renewMs) return
      await database.write((tx) => tx.run('INSERT INTO tls_seen (name, seen_at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at', [name.toLowerCase(), now]))
    },
    sweep: () => database.write((tx) => tx.run('DELETE FROM tls_seen WHERE seen_at <= ?', [clock.now() - seconds * 1000])),
  }
}
