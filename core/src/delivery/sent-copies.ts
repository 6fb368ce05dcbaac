// A copy in the sender's \Sent of what he submitted, for mail programs that make none: an entry for the message as it is stored. A
// submission owes it as a job of its own commit, which keeps the octets until it is done.
import type { Account, Accounts } from '../accounts/contract.js'
import type { Quota } from '../accounts/quota.js'
import type { MailboxId, MessageId, RecipientId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Database, Transaction } from '../database/connect.js'
import { isFailure } from '../errors/codes.js'
import type { Bus } from '../events/bus.js'
import type { Jobs } from '../jobs/jobs.js'
import type { Log } from '../log/logger.js'
import { flagBits, type Mailboxes } from '../mailbox/contract.js'
import type { Feed } from '../mailbox/feed.js'
import type { MailboxesAdministration } from '../mailbox/mailboxes.js'
import { fileEntries } from '../mailbox/repository.js'
import type { OwedSentCopy, SentCopies } from '../store/ports.js'
import { markReapable } from '../store/submission.js'
import { hold, release } from './holds.js'
import type { HoldKey } from './placing.js'

export interface SentCopiesParts {
  readonly database: Database
  readonly jobs: Pick<Jobs, 'add'>
  readonly accounts: Pick<Accounts, 'byId' | 'checkQuota'>
  readonly quota: Quota
  readonly feed: Feed
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  readonly mailboxes: Pick<Mailboxes, 'create'> & Pick<MailboxesAdministration, 'special' | 'find'>
  /** Name of \Sent where an account has none, by its login name. */
  readonly sentName: (account: string) => string
  /** What is known of copies that clients have made (sent-tracking.ts). */
  readonly tracking: { settled(): Promise<void> }
}

/** The kind of job that files one. */
export const sentCopyJob = 'sent-copy'
type Owed = Omit<OwedSentCopy, 'at'>

/** No recipient has this number. */
const keyOf = (message: MessageId): HoldKey => ({ message, recipient: 0 as RecipientId, n: 0 })

export function makeSentCopies(parts: SentCopiesParts): SentCopies & { file(owed: Owed): Promise<void> } {
  const { database, clock } = parts
  return {
    async owe(tx, copies) {
      if (copies.length === 0) return
      await hold(tx, copies.map(({ message }) => keyOf(message)))
      await parts.jobs.add(tx, copies.map(({ at, ...payload }) => ({ kind: sentCopyJob, payload, runAt: at })))
    },
    async forgo(tx, messages) {
      await tx.run(`DELETE FROM holds WHERE recipient = 0 AND ${tx.dialect.oneOf('message')}`, [tx.dialect.list(messages)])
    },
    /** Does the job. Throws what may pass. */
    async file(owed) {
      const sender = await wanting(owed)
      if (!sender) return release(database, keyOf(owed.message))
      const mailbox = await sentOf(sender)
      await database.write((tx) => write(tx, owed, mailbox))
    },
  }

  /** Who is to have a copy; undefined: nobody. */
  async function wanting({ account, submission, message, missing }: Owed): Promise<Account | undefined> {
    const found = await database.read.get<{ message_id: string; size: number; ended_by: string | null }>('SELECT message_id, size, ended_by FROM submissions WHERE id = ?', [submission])
    if (!found || found.ended_by === 'cancelled') return undefined
    const sender = await parts.accounts.byId(account).catch((error: unknown) => {
      if (!isFailure(error, 'ACCOUNT_NOT_FOUND')) throw error
    })
    if (!sender) return undefined
    if (missing && found.message_id !== '') {
      await parts.tracking.settled()
      if (await database.read.get('SELECT 1 AS one FROM sent_copies WHERE account = ? AND message_id = ? LIMIT 1', [account, found.message_id])) return undefined
    }
    try {
      await parts.accounts.checkQuota(sender, found.size)
    } catch (error) {
      if (!isFailure(error, 'OVER_QUOTA')) throw error
      parts.log.warn({ account: sender.name, message, err: error }, 'there is no room for a copy in Sent')
      return undefined
    }
    return sender
  }

  async function sentOf({ id, name }: Account): Promise<MailboxId> {
    const { mailboxes } = parts
    const known = await mailboxes.special(id, '\\Sent')
    if (known !== undefined) return known
    const called = parts.sentName(name)
    await mailboxes.create(id, called, '\\Sent').catch((error: unknown) => {
      if (!isFailure(error, 'MAILBOX_EXISTS')) throw error
    })
    return (await mailboxes.find(id, called, true)).id
  }

  /** Once, however often the job is done: the hold goes in the same commit. */
  async function write(tx: Transaction, { account, submission, message }: Owed, mailbox: MailboxId): Promise<void> {
    const mine = await tx.all('DELETE FROM holds WHERE message = ? AND recipient = 0 RETURNING message', [message])
    const row = await tx.get<{ size: number; at: number; token: string }>('SELECT m.size, s.submitted_at AS at, s.token FROM messages m JOIN submissions s ON s.message = m.id WHERE s.id = ?', [submission])
    if (mine.length === 0 || !row) return
    const now = clock.now()
    const { changes, uids } = await fileEntries(tx, [{ mailbox, message, flags: flagBits['\\Seen'], keywords: 0, size: row.size, internalDate: row.at, recipient: null }], now)
    await markReapable(tx, [message])
    tx.afterCommit(() => {
      parts.log.debug({ id: row.token, mailbox }, 'a copy in Sent')
      parts.quota.changed([{ account, octets: row.size, messages: 1 }])
      for (const change of changes) parts.feed.tell(change)
      parts.bus.tell({ type: 'MessageAppend', account, at: now, mailbox, mailboxName: '', uids })
    })
  }
}
