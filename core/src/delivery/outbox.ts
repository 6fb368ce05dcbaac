// The mailbox Outbox (opt-in): what an account has submitted, for as long as the store keeps it. Its entries are views: they
// hold nothing. Deleting one takes the message back while a recipient has not read it (im2000.md G6).
import type { AccountId, MailboxId, MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Database, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import type { Log } from '../log/logger.js'
import { flagBits } from '../mailbox/contract.js'
import { fileEntries } from '../mailbox/repository.js'
import { readNumber } from '../store/status.js'
import type { LocalRecipients, Outbox, OutboxFiling, SentCopies } from '../store/ports.js'
import { endSubmissions } from '../store/reaper.js'
import { takeBack, type EntryOf, type FileParts } from './file.js'

export interface OutboxParts {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly file: FileParts
  readonly local: () => LocalRecipients
  readonly sentCopies: () => Pick<SentCopies, 'forgo'>
  readonly findMailbox: (account: AccountId) => Promise<MailboxId>
  /** Its entries show delivery status (sent-tracking.ts). */
  readonly track: (mailbox: MailboxId) => void
  readonly enabled: boolean
}

export function makeOutbox({ database, clock, log, file, local, sentCopies, findMailbox, track, enabled }: OutboxParts): Outbox & { forget(tx: Transaction, account: AccountId): Promise<void>; left(tx: Transaction, ids: readonly RecipientId[]): Promise<void>; load(): Promise<void> } {
  // It may have been switched off with entries in it.
  let any = true
  return {
    async load() {
      any = enabled || await database.read.get('SELECT 1 AS one FROM outbox_pins LIMIT 1') !== undefined
    },
    async of(account) {
      if (!enabled) return undefined
      const mailbox = await findMailbox(account)
      track(mailbox)
      return mailbox
    },
    async write(tx, filings) {
      const { recipients: first } = await allocate(tx, { recipients: filings.length })
      await tx.run(`INSERT INTO outbox_pins (id, submission) SELECT r.id, r.submission FROM ${tx.dialect.rows({ id: 'int', submission: 'int' })} AS r`, [tx.dialect.rowsValue(filings.map((filing, i) => [first + i, filing.submission]))])
      const { changes } = await fileEntries(tx, filings.map(({ mailbox, message, size, at }: OutboxFiling, i) => ({ mailbox, message, flags: flagBits['\\Seen'], keywords: 0, size, internalDate: at, recipient: first + i as RecipientId })), clock.now())
      tx.afterCommit(() => {
        file.quota.changed(filings.map(({ account, size }) => ({ account, octets: size, messages: 1 })))
        for (const change of changes) file.feed.tell(change)
      })
    },
    /** The account goes: nobody takes back what it has sent. */
    forget: (tx, account) => tx.run('DELETE FROM outbox_pins WHERE submission IN (SELECT id FROM submissions WHERE account = ?)', [account]),
    /** Entries left the Outbox by their owner's hand. */
    async left(tx, ids) {
      if (!any || ids.length === 0) return
      const submissions = (await tx.all<{ submission: SubmissionId }>(`DELETE FROM outbox_pins WHERE ${tx.dialect.oneOf('id')} RETURNING submission`, [tx.dialect.list(ids)])).map((row) => row.submission)
      if (submissions.length === 0) return
      const unread = await tx.all<{ id: SubmissionId }>(
        `SELECT s.id FROM submissions s WHERE s.ended_at IS NULL AND ${tx.dialect.oneOf('s.id')}
         AND (EXISTS (SELECT 1 FROM recipients r WHERE r.submission = s.id AND r.pinned = 1 AND r.read < ?) OR EXISTS (SELECT 1 FROM windows w WHERE w.submission = s.id))`,
        [tx.dialect.list(submissions), readNumber('readall')])
      if (unread.length > 0) await endSubmissions(tx, { local: local(), sentCopies: sentCopies(), log }, unread.map((row) => row.id), 'cancelled', clock.now())
    },
    async clear(tx, messages) {
      if (!any) return
      const rows = await tx.all<EntryOf>(
        `SELECT e.mailbox, e.uid, e.flags, e.message, e.size, e.recipient, m.account FROM entries e JOIN outbox_pins o ON o.id = e.recipient JOIN mailboxes m ON m.id = e.mailbox WHERE ${tx.dialect.oneOf('e.message')}`, [tx.dialect.list(messages as MessageId[])])
      if (rows.length === 0) return
      await tx.run(`DELETE FROM outbox_pins WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list(rows.map((row) => row.recipient))])
      await takeBack(file, tx, rows, () => false)
    },
  }
}
