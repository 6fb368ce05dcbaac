// What became of submissions, and taking them back (im2000.md D28, D29): by track id, Message-ID or identifier.
import type { AccountId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Database } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import { notificationStatus, readStatus, type DeliveryStatus } from './contract.js'
import type { LocalRecipients, SentCopies } from './ports.js'
import { endSubmissions, type Reaper } from './reaper.js'
import { notificationNumber, readNumber } from './status.js'
import { trackedId } from './submission.js'

export interface TrackingParts {
  readonly database: Database
  readonly local: LocalRecipients
  readonly sentCopies: Pick<SentCopies, 'forgo'>
  readonly reaper: Pick<Reaper, 'soon'>
  readonly clock: Clock
  readonly log: Log
}

/** A submission as `restante track` shows it. */
export interface Tracked {
  readonly token: string
  readonly messageId: string
  readonly originator: string
  readonly protocol: string
  readonly size: number
  readonly submittedAt: number
  readonly expiresAt: number | null
  readonly endedAt: number | null
  readonly endedBy: string | null
  /** Nobody sees it before `until` (milliseconds UTC; null: before the administrator releases it); null: it is on its way. */
  readonly window: { readonly until: number | null } | null
  readonly recipients: readonly DeliveryStatus[]
}

export interface Cancelled {
  /** Submissions that were still there. */
  readonly cancelled: number
  /** Recipients of these who have the message already and keep it: it was handed to their server, filed elsewhere, or read. */
  readonly late: readonly string[]
}

export interface TrackingStore {
  /** Submissions by token or Message-ID (angle brackets or not), newest first. `account`: only that account's own. */
  track(what: string, account?: AccountId): Promise<readonly Tracked[]>
  /** Cancels by token or Message-ID. Only unread copies disappear from mailboxes (design section 8). */
  cancel(what: string, account?: AccountId): Promise<Cancelled>
  /** MSOAP Track (D28): NOT_PERMITTED for whatever is not a recipient identifier of this account. */
  trackIdentifier(identifier: Buffer, account: AccountId): Promise<DeliveryStatus>
  /** MSOAP Cancel (D29): an identifier, or the track id's octets. */
  cancelIdentifier(identifier: Buffer, account: AccountId): Promise<void>
}

export function makeTracking(parts: TrackingParts): TrackingStore {
  const { database, clock } = parts

  const find = async (what: string, account?: AccountId): Promise<{ id: SubmissionId }[]> => {
    const bare = what.replace(/^<(.*)>$/, '$1')
    if (bare === '') return [] // messages without a Message-ID are not all one message
    const mine = account === undefined ? '' : ' AND account = ?'
    return database.read.all<{ id: SubmissionId }>(`SELECT id FROM submissions WHERE (token = ? OR message_id = ?)${mine} ORDER BY submitted_at DESC LIMIT 100`,
      [what, trackedId(bare), ...(account === undefined ? [] : [account])])
  }

  const end = (ids: readonly SubmissionId[]): Promise<Cancelled> => database.write(async (tx) => {
    const alive = (await tx.all<{ id: SubmissionId }>(`SELECT id FROM submissions WHERE ended_at IS NULL AND ${tx.dialect.oneOf('id')}`, [tx.dialect.list(ids)])).map((row) => row.id)
    const late = await tx.all<{ address: string }>(`SELECT address FROM recipients WHERE ${tx.dialect.oneOf('submission')} AND ((notification = ? AND pinned = 0) OR read = ?) ORDER BY id`,
      [tx.dialect.list(alive), notificationNumber('silenced'), readNumber('readall')])
    if (alive.length > 0) await endSubmissions(tx, parts, alive, 'cancelled', clock.now())
    tx.afterCommit(() => parts.reaper.soon())
    return { cancelled: alive.length, late: late.map((row) => row.address) }
  })

  /** The submission behind any identifier of this account's; D28, D29: everything else answers alike. */
  const own = async (identifier: Buffer, account: AccountId, recipientsOnly: boolean): Promise<{ submission: SubmissionId; recipient: RecipientId | undefined }> => {
    const row = await database.read.get<{ submission: SubmissionId; recipient: RecipientId }>(
      'SELECT s.id AS submission, r.id AS recipient FROM recipients r JOIN submissions s ON s.id = r.submission WHERE r.identifier = ? AND s.account = ? AND s.ended_at IS NULL', [identifier, account])
    if (row) return row
    // The track id too: by SMTP nobody is told identifiers, and before a list is posted to there is none.
    const posted = recipientsOnly ? undefined : await database.read.get<{ submission: SubmissionId }>(
      'SELECT s.id AS submission FROM postings p JOIN submissions s ON s.id = p.submission WHERE p.identifier = ? AND s.account = ? AND s.ended_at IS NULL', [identifier, account])
      ?? await database.read.get<{ submission: SubmissionId }>('SELECT id AS submission FROM submissions WHERE token = ? AND account = ? AND ended_at IS NULL', [identifier.toString('hex'), account])
    if (!posted) throw failure('NOT_PERMITTED', { what: 'this identifier' })
    return { submission: posted.submission, recipient: undefined }
  }

  return {
    async track(what, account) {
      const found = await find(what, account)
      if (found.length === 0) return []
      const list = [database.dialect.list(found.map((row) => row.id))]
      const [rows, recipients] = await Promise.all([
        database.read.all(`SELECT s.*, w.submission AS waits, w.until FROM submissions s LEFT JOIN windows w ON w.submission = s.id WHERE ${database.dialect.oneOf('s.id')} ORDER BY submitted_at DESC, id DESC`, list),
        database.read.all(`SELECT submission, address, notification, read, pinned FROM recipients WHERE ${database.dialect.oneOf('submission')} ORDER BY id`, list),
      ])
      return rows.map((row) => ({
        token: row.token, messageId: row.message_id, originator: row.originator, protocol: row.protocol, size: row.size,
        submittedAt: row.submitted_at, expiresAt: row.expires_at, endedAt: row.ended_at, endedBy: row.ended_by, window: row.waits === null ? null : { until: row.until },
        recipients: recipients.filter((recipient) => recipient.submission === row.id).map((recipient) => ({ recipient: recipient.address, ...statusOf(recipient) })),
      }))
    },
    cancel: async (what, account) => end((await find(what, account)).map((row) => row.id)),
    async trackIdentifier(identifier, account) {
      const { recipient } = await own(identifier, account, true)
      const row = await database.read.get('SELECT address, notification, read, pinned FROM recipients WHERE id = ?', [recipient!])
      if (!row) throw failure('NOT_PERMITTED', { what: 'this identifier' })
      return { recipient: row.address, ...statusOf(row) }
    },
    async cancelIdentifier(identifier, account) {
      await end([(await own(identifier, account, false)).submission])
    },
  }
}

const statusOf = (row: { notification?: number; read?: number; pinned?: number }): Omit<DeliveryStatus, 'recipient'> => ({
  notification: notificationStatus[row.notification!], read: readStatus[row.read!], pinned: row.pinned === 1,
})

declare module '../plugin/services.js' {
  interface Services { tracking: TrackingStore }
}
