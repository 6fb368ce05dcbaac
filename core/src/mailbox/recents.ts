// Which messages were told of as \\Recent (RFC 3501 2.3.2): the index knows at once, the rows a moment later. Nobody waits for it, and
// a commit for every message that somebody is told of would cost more than the message: after a crash it is recent once more.
import type { MailboxId, Uid } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Batch, Database } from '../database/connect.js'

export interface Recents {
  /** Up to here all messages were told of. */
  told(mailbox: MailboxId, below: Uid): void
  /** A session is over, so the mailbox's index may leave memory: what is noted of it is written now. */
  write(mailbox: MailboxId): void
}

/** Gathered this long, in milliseconds. */
const gatherMs = 1000

export function makeRecents({ database, clock }: { readonly database: Database; readonly clock: Clock }): Recents {
  const noted = new Map<MailboxId, Uid>()
  let timer: { clear(): void } | undefined
  const together: Batch<readonly (readonly [MailboxId, Uid])[], void> = {
    name: 'recent',
    async write(tx, items) {
      const highest = new Map<MailboxId, Uid>()
      for (const [mailbox, below] of items.flat()) if (below > (highest.get(mailbox) ?? 0)) highest.set(mailbox, below)
      await tx.run(`UPDATE mailboxes SET recent_uid = r.uid FROM ${tx.dialect.rows({ mailbox: 'int', uid: 'int' })} AS r WHERE mailboxes.id = r.mailbox AND mailboxes.recent_uid < r.uid`, [tx.dialect.rowsValue([...highest])])
      return items.map(() => undefined)
    },
  }
  const write = (rows: readonly (readonly [MailboxId, Uid])[]): void => {
    for (const [mailbox] of rows) noted.delete(mailbox)
    if (noted.size === 0) {
      timer?.clear()
      timer = undefined
    }
    if (rows.length > 0) database.writeBatched(together, rows).catch(() => undefined)
  }
  return {
    told(mailbox, below) {
      if (below > (noted.get(mailbox) ?? 0)) noted.set(mailbox, below)
      timer ??= clock.after(gatherMs, () => write([...noted]))
    },
    write(mailbox) {
      const below = noted.get(mailbox)
      if (below !== undefined) write([[mailbox, below]])
    },
  }
}
