// Tells senders what became of their mail, where they want to know (RFC 3461). A report is owed by the commit that it tells of, as
// a job; so it is written once, however often the gateway is killed in between.
import { createHash } from 'node:crypto'
import type { AccountId, MessageId, RecipientId } from '../base/branded.js'
import type { Accounts } from '../accounts/contract.js'
import type { Clock } from '../base/clock.js'
import type { Content, Contents } from '../blobs/contract.js'
import type { Database, Transaction } from '../database/connect.js'
import { isFailure } from '../errors/codes.js'
import type { Jobs } from '../jobs/jobs.js'
import type { Log } from '../log/logger.js'
import { composeReport, type ReportKind } from '../message/report.js'
import type { MessageStore, NotifyOn } from '../store/contract.js'
import type { TrackingStore } from '../store/tracking.js'
import type { OwedReport, OwedReports } from '../store/ports.js'

export interface ReportsParts {
  readonly database: Database
  readonly jobs: Pick<Jobs, 'add'>
  readonly accounts: Pick<Accounts, 'byId'>
  readonly contents: Pick<Contents, 'open'>
  readonly store: () => MessageStore & Pick<TrackingStore, 'track'>
  readonly clock: Clock
  readonly log: Log
  readonly host: string
  /** Octets of the largest message that comes back whole. */
  readonly wholeOctets: number
}

/** The kind of job that writes a report. */
export const reportJob = 'report'
/** Of a header; what lies beyond is not shown. */
const mostHeader = 256 * 1024

/** Whether a sender wants to hear of it. Who said nothing hears of trouble, and of nothing else (RFC 3461 4.1). */
function wanted(kind: ReportKind, notify: readonly NotifyOn[] | undefined): boolean {
  const on = ({ failed: 'FAILURE', delayed: 'DELAY', relayed: 'SUCCESS', delivered: 'SUCCESS' } as const)[kind]
  return notify === undefined ? on !== 'SUCCESS' : notify.includes(on)
}

export function makeReports(parts: ReportsParts): OwedReports & { write(owed: OwedReport): Promise<void> } {
  const { database, clock, host } = parts

  return {
    async owe(tx: Transaction, reports: readonly OwedReport[]) {
      await parts.jobs.add(tx, merged(reports).map((payload) => ({ kind: reportJob, payload })))
    },
    /** Does the job. Throws what may pass. */
    async write({ kind, submission, about, left }) {
      const found = await database.read.get<{ account: AccountId | null; originator: string; message: MessageId; submitted_at: number; returns: string | null; envelope_id: string | null; token: string }>(
        'SELECT token, account, originator, message, submitted_at, returns, envelope_id FROM submissions WHERE id = ?', [submission])
      // Never about mail from the null sender; of trouble never to anybody elsewhere, who may not be who sent it (im2000.md H25).
      if (!found || found.originator === '' || (found.account === null && (kind === 'failed' || kind === 'delayed'))) return
      const fates = await recipients(kind, about)
      const to = found.account === null ? found.originator : (await parts.accounts.byId(found.account).catch(() => undefined))?.name
      if (fates.length === 0 || to === undefined) return
      const store = parts.store()
      const which = createHash('sha256').update(about.map(({ id }) => id).sort((a, b) => a - b).join(' ')).digest('hex').slice(0, 16)
      const messageId = `${kind}.${submission}.${which}@${host}`
      // After a crash between its commit and the job's end.
      if ((await store.track(messageId)).length > 0) return
      const content = await parts.contents.open(found.message).catch(() => undefined)
      const header = content ? await headerOf(content) : ''
      const whole = content && kind === 'failed' && found.returns === 'FULL' && content.size <= parts.wholeOctets ? { eightBit: await isEightBit(content) } : undefined
      const { before, after } = composeReport({
        kind, host, to, messageId, at: clock.now(), submittedAt: found.submitted_at, recipients: fates, header,
        ...(whole ? { whole } : {}), ...(left === undefined ? {} : { left }), ...(found.envelope_id === null ? {} : { envelopeId: found.envelope_id }),
      })
      const octets = async function* (): AsyncGenerator<Buffer> {
        yield before
        if (whole) yield* content!.range(0, content!.size)
        else yield Buffer.from(header === '' ? '\r\n' : `${header}\r\n`, 'latin1')
        yield after
      }
      try {
        const { token } = await store.submit({ account: null, name: '', protocol: 'DSN' }, { recipients: [to] }, octets())
        parts.log.info({ id: found.token, kind, about: fates.length, report: token }, 'its sender is told')
      } catch (error) {
        if (!isFailure(error) || error.kind === 'temporary' || error.kind === 'bug') throw error
        parts.log.warn({ err: error, submission }, 'a delivery report could not be filed')
      }
    },
  }

  async function recipients(kind: ReportKind, about: OwedReport['about']) {
    const rows = await database.read.all<{ id: RecipientId; address: string; notify: string | null; original: string | null }>(
      `SELECT id, address, notify, original FROM recipients WHERE ${database.dialect.oneOf('id')}`, [database.dialect.list(about.map(({ id }) => id))])
    const known = new Map(rows.map((row) => [row.id, row]))
    return about.flatMap(({ id, ...fate }) => {
      const row = known.get(id)
      if (!row || !wanted(kind, row.notify?.split(',') as NotifyOn[] | undefined)) return []
      return [{ ...fate, address: row.address, ...(row.original === null ? {} : { original: row.original }) }]
    })
  }
}

/** One report for all recipients of a submission that met the same in one commit. */
function merged(reports: readonly OwedReport[]): OwedReport[] {
  const found = new Map<string, OwedReport>()
  for (const report of reports) {
    const key = `${report.kind} ${report.submission}`
    const known = found.get(key)
    found.set(key, known ? { ...known, about: [...known.about, ...report.about] } : report)
  }
  return [...found.values()]
}

async function headerOf(content: Content): Promise<string> {
  const head: Buffer[] = []
  for await (const chunk of content.range(0, Math.min(content.size, mostHeader))) head.push(chunk)
  const text = Buffer.concat(head).toString('latin1')
  return text.slice(0, /\r?\n\r?\n/.exec(text)?.index).replace(/\r\n|\r|\n/g, '\r\n').replace(/(\r\n)+$/, '')
}

async function isEightBit(content: Content): Promise<boolean> {
  for await (const chunk of content.range(0, content.size)) if (chunk.some((octet) => octet > 127)) return true
  return false
}
