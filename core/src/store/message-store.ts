// The message store (im2000.md D): accepts envelopes and octets, answers for what became of them, and lets recipients
// retrieve, silence and un-pin. In process; the wire protocols are tables of calls to this.
import type { AccountId, MailboxId, MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'
import { openArriving } from '../blobs/arriving.js'
import type { BlobStore } from '../blobs/blob-store.js'
import type { Spool, Spooled, SpoolWriter } from '../blobs/contract.js'
import type { Batch, Database } from '../database/connect.js'
import { failure, isFailure } from '../errors/codes.js'
import { notificationStatus, readStatus, type DeliveryStatus, type Draft, type Envelope, type MessageStore, type Originator, type Submission } from './contract.js'
import type { Log } from '../log/logger.js'
import type { Lists } from './lists.js'
import type { LocalRecipients, Outbox, SentCopies } from './ports.js'
import type { Reaper } from './reaper.js'
import { endSubmissions } from './reaper.js'
import { routesOf, type RoutingParts } from './routing.js'
import { notificationNumber, readNumber } from './status.js'
import { trackedId, type RoutedRecipient, type Sealed } from './submission.js'
import { traceHeader } from './trace.js'

export interface StoreOptions {
  /** Name in the trace header. */
  readonly name: string
  /** Seconds (D12). */
  readonly minimumLifetime: number
  /** Seconds, for envelopes that name none; 0: no expiry. */
  readonly defaultLifetime: number
  /** Recipients and lists of one envelope (Q24). */
  readonly envelopeEntries: number
}
export interface StoreParts extends RoutingParts {
  readonly database: Database
  readonly blobs: BlobStore
  readonly spool: Spool
  readonly lists: Lists
  readonly local: LocalRecipients
  readonly submitBatch: Batch<Sealed, Submission>
  readonly reaper: Reaper
  readonly outbox: Pick<Outbox, 'of'>
  readonly sentCopies: Pick<SentCopies, 'forgo'>
  readonly clock: Clock
  readonly log: Log
  readonly random: Random
  readonly options: StoreOptions
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

/** Plans of one message, when mailboxes vanish under them. */
const mostPlans = 3

export function makeMessageStore(parts: StoreParts): MessageStore & TrackingStore {
  const { database, blobs, spool, lists, local, submitBatch, clock, options } = parts

  const route = async (envelope: Envelope, originator: Originator): Promise<{ recipients: RoutedRecipient[]; lists: Buffer[] }> => {
    const entries = envelope.recipients.length + (envelope.lists?.length ?? 0)
    if (entries === 0) throw failure('ENVELOPE_EMPTY')
    if (entries > options.envelopeEntries) throw failure('ENVELOPE_TOO_LARGE', { limit: options.envelopeEntries })
    const listNames = (envelope.lists ?? []).map((name) => Buffer.from(name))
    const [routes, postable] = await Promise.all([routesOf(parts, envelope.recipients), lists.mayPost(listNames, originator.account)])
    // D10: one status per entry, and the whole envelope is refused if any is not acceptable.
    const acceptable = routes.map((route) => route !== undefined)
    if (acceptable.includes(false) || postable.includes(false)) {
      throw failure('ENVELOPE_REFUSED', { recipients: acceptable, lists: postable, refused: envelope.recipients.filter((_, i) => !acceptable[i]) })
    }
    return {
      recipients: envelope.recipients.map((address, i) => {
        const wishes = envelope.wishes?.get(address)
        return { ...routes[i]!, ...(wishes ? { wishes } : {}) }
      }),
      lists: listNames,
    }
  }

  const lifetimeOf = (envelope: Envelope): number => {
    const lifetime = envelope.lifetime ?? options.defaultLifetime
    if (lifetime !== 0 && lifetime < options.minimumLifetime) throw failure('LIFETIME_TOO_SHORT', { minimum: options.minimumLifetime })
    return lifetime
  }

  const open: MessageStore['open'] = async (originator, envelope, opening = {}) => {
    const lifetime = lifetimeOf(envelope)
    const routed = await route(envelope, originator)
    // Hex: it stands on command lines, and must never look like an option. As long as an identifier: MSOAP's Cancel takes both.
    const token = parts.random.octets(16).toString('hex')
    const at = clock.now()
    const trace = Buffer.from(traceHeader(options.name, originator.protocol, token, at) + (opening.trace ?? ''), 'utf8')
    const writer = spool.open({
      ...(opening.expectedSize === undefined ? {} : { expectedSize: opening.expectedSize + trace.length }),
      ...(opening.limit === undefined ? {} : { limit: opening.limit + trace.length }),
    })
    await writer.write(trace)
    return {
      writer,
      discard: () => writer.discard(),
      async seal() {
        const spooled = await writer.seal().catch(async (error: unknown) => {
          await writer.discard()
          throw error
        })
        try {
          return await commit(spooled, { token, originator, at, heldUntil: envelope.hold ? at + envelope.hold * 1000 : undefined, expiresAt: lifetime === 0 ? undefined : at + lifetime * 1000, ...(envelope.reports ? { reports: envelope.reports } : {}), ...(envelope.requireTls ? { requireTls: true } : {}), ...(envelope.sentCopy ? { sentCopy: envelope.sentCopy } : {}), ...routed })
        } catch (error) {
          await spooled.discard()
          throw error
        }
      },
    } satisfies Draft
  }

  const commit = async (spooled: Spooled, known: Pick<Sealed, 'token' | 'originator' | 'at' | 'heldUntil' | 'expiresAt' | 'reports' | 'requireTls' | 'sentCopy' | 'recipients' | 'lists'>): Promise<Submission> => {
    const locals = known.recipients.flatMap(({ address, account }) => (account === undefined ? [] : [{ address, account }]))
    const arriving = openArriving(spooled, blobs)
    // What its sender may still take back is not planned before it is let go.
    const ask = async (): Promise<unknown> => (locals.length === 0 || known.heldUntil !== undefined ? undefined : local.plan({
      token: known.token, originator: known.originator, ...(known.requireTls ? { requireTls: true } : {}), summary: spooled.summary, at: known.at, recipients: locals, octets: arriving.read,
      alone: locals.length === known.recipients.length && known.lists.length === 0,
    }))
    let plan = await ask().catch(async (error: unknown) => {
      await arriving.close()
      throw error
    })
    const { account } = known.originator
    const showing = async (): Promise<MailboxId | undefined> => (account === null || known.recipients.length === 0 ? undefined : parts.outbox.of(account))
    let outbox = await showing()
    const prepared = await blobs.prepare(spooled).finally(() => arriving.close())
    arriving.kept(prepared)
    try {
      for (let tries = 1; ; tries++) {
        try {
          return await database.writeBatched(submitBatch, { ...known, summary: spooled.summary, prepared, plan, outbox })
        } catch (error) {
          // A mailbox or an account went between plan and commit: that is no reason to refuse the others' mail.
          if (!isFailure(error, 'MAILBOX_GONE') || tries === mostPlans) throw error
          plan = await ask()
          outbox = await showing()
        }
      }
    } catch (error) {
      await blobs.discard(prepared, error)
      throw error
    }
  }

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
    open,
    async submit(originator, envelope, octets) {
      const draft = await open(originator, envelope)
      try {
        for await (const chunk of isSpooled(octets) ? chunksOf(octets) : octets) await draft.writer.write(chunk)
        return await draft.seal()
      } finally {
        await draft.discard()
        if (isSpooled(octets)) await octets.discard()
      }
    },
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

const isSpooled = (octets: AsyncIterable<Buffer> | Spooled): octets is Spooled => 'summary' in octets
async function* chunksOf(spooled: Spooled): AsyncGenerator<Buffer> {
  if (Buffer.isBuffer(spooled.octets)) {
    yield spooled.octets
    return
  }
  const { createReadStream } = await import('node:fs')
  yield* createReadStream(spooled.octets.path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>
}

export type { MessageId, SpoolWriter }

declare module '../plugin/services.js' {
  interface Services { tracking: TrackingStore }
}
