// Recipients elsewhere whose turn has come, with what whoever sees to them must know.
import type { AccountId, MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Statements } from '../database/connect.js'

export interface Due {
  readonly id: RecipientId
  readonly address: string
  readonly identifier: Buffer
  readonly outcome: string | null
  readonly attempts: number
  readonly originator: string
  readonly size: number
  readonly digest: string | null
  readonly submission: SubmissionId
  readonly message: MessageId
  readonly submittedAt: number
  readonly account: AccountId | null
  readonly notify: string | null
  readonly original: string | null
  readonly returns: 'FULL' | 'HDRS' | null
  readonly envelopeId: string | null
  readonly warned: number
  readonly requireTls: boolean
  readonly forwardedFor: string | null
  readonly token: string
}

/** Read at once for one domain. */
const batch = 200

/** Those of a domain whose turn was at `until` (milliseconds UTC) or before, the longest due first. */
export async function dueOf(read: Statements, domain: string, until: number): Promise<Due[]> {
  const rows = await read.all(
    `SELECT r.id, r.address, r.identifier, r.outcome, r.attempts, r.notify, r.original, r.warned, m.digest,
       s.originator, s.size, s.id AS submission, s.message, s.submitted_at, s.account, s.returns, s.envelope_id, s.require_tls, s.forwarded_for, s.token FROM recipients r
     JOIN submissions s ON s.id = r.submission LEFT JOIN messages m ON m.id = s.message
     WHERE r.domain = ? AND r.next_attempt IS NOT NULL AND r.next_attempt <= ? ORDER BY r.next_attempt, r.id LIMIT ?`, [domain, until, batch])
  return rows.map((row) => ({ ...row, submittedAt: row.submitted_at, envelopeId: row.envelope_id, requireTls: row.require_tls === 1, forwardedFor: row.forwarded_for }) as unknown as Due)
}
