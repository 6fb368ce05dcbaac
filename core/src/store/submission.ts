// The commit of a submission: message once, envelope, identifiers, and the filing for all local recipients. Many
// submissions that wait together are written by the same handful of statements (a Batch of the commit queue).
import { domainToASCII } from 'node:url'
import type { MailboxId, MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Random } from '../base/random.js'
import type { Prepared } from '../blobs/blob-store.js'
import type { Batch, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import type { Summary } from '../message/summary.js'
import type { Originator, RecipientWishes, ReportWishes, Submission } from './contract.js'
import type { Lists } from './lists.js'
import type { Messages } from './messages.js'
import type { LocalRecipients, Outbox, OwedReport, OwedReports, SentCopies } from './ports.js'
import type { Route } from './routing.js'
import { notificationNumber, readNumber } from './status.js'
import type { StatusFeed } from './status-feed.js'
import type { Windows } from './window.js'

/** One entry of an envelope, routed. */
export interface RoutedRecipient extends Route { /** As it stands in the envelope. */ readonly named: string; readonly wishes?: RecipientWishes }

/** Everything that is known before the commit. */
export interface Sealed {
  readonly token: string
  readonly originator: Originator
  readonly at: number
  /** Milliseconds UTC; undefined: never. */
  readonly expiresAt: number | undefined
  readonly reports?: ReportWishes
  readonly requireTls?: boolean
  readonly summary: Summary
  readonly prepared: Prepared
  readonly recipients: readonly RoutedRecipient[]
  readonly lists: readonly Buffer[]
  /** Plan for the local recipients, in their order; undefined when there are none. */
  readonly plan: unknown
  /** Where the submission shows; undefined: nowhere. */
  readonly outbox: MailboxId | undefined
  /** Milliseconds UTC until which nobody sees it (window.ts); undefined: it goes at once. */
  readonly heldUntil: number | undefined
  /** Of an account's own mail only. */
  readonly sentCopy?: { readonly after: number; readonly missing: boolean }
}

export interface SubmissionParts {
  readonly messages: Messages
  readonly lists: Lists
  /** Told after the commit when recipients wait whose agents are elsewhere. */
  readonly notifier: { wake(): void }
  readonly statuses: StatusFeed
  readonly outbox: Pick<Outbox, 'write'>
  readonly local: LocalRecipients
  readonly reports: OwedReports
  readonly windows: Pick<Windows, 'open'>
  readonly sentCopies: Pick<SentCopies, 'owe'>
  readonly random: Random
}

const identifierOctets = 16

/** A Message-ID as it is kept and looked up. Strangers write it, and PostgreSQL refuses rows whose indexed text is longer than some 2,700 octets. */
export const trackedId = (messageId: string): string => messageId.slice(0, 800).toWellFormed()

export function makeSubmitBatch({ messages, lists, notifier, statuses, outbox, local, reports, windows, sentCopies, random }: SubmissionParts): Batch<Sealed, Submission> {
  return {
    name: 'submit',
    async write(tx, items) {
      const total = items.reduce((sum, item) => sum + item.recipients.length, 0)
      const first = await allocate(tx, { messages: items.length, submissions: items.length, recipients: total })
      await messages.insert(tx, items.map((item, i) => ({ id: first.messages + i as MessageId, prepared: item.prepared, summary: item.summary })), items[0].at)
      await insertSubmissions(tx, items, first.messages, first.submissions)

      let nextRecipient = first.recipients
      const numbered = items.map((item) => item.recipients.map((recipient) => ({ ...recipient, id: nextRecipient++ as RecipientId, identifier: Buffer.from(random.octets(identifierOctets)) })))

      // Local recipients first: what is filed is silenced by that (the collector is in this very commit).
      const withLocals = items.map((item, i) => ({ item, i, locals: numbered[i].filter((recipient) => recipient.account !== undefined) })).filter(({ item, locals }) => item.heldUntil === undefined && locals.length > 0)
      const results = await local.write(tx, withLocals.map(({ item, i, locals }) => ({
        plan: item.plan, token: item.token, message: first.messages + i as MessageId, summary: item.summary, recipients: locals.map((recipient) => recipient.id),
      })))
      const unpinned = new Set(results.flatMap((result) => result.unpinned))

      await tx.run(
        `INSERT INTO recipients (id, submission, address, account, identifier, notification, read, pinned, domain, next_attempt, held, notify, original)
         SELECT r.id, r.submission, r.address, r.account, r.identifier, r.notification, 0, r.pinned, r.domain, r.at, r.held, r.notify, r.original
         FROM ${tx.dialect.rows({ id: 'int', submission: 'int', address: 'text', account: 'int', identifier: 'bytes', notification: 'int', pinned: 'int', domain: 'text', at: 'int', held: 'int', notify: 'text', original: 'text' })} AS r`,
        [tx.dialect.rowsValue(numbered.flatMap((recipients, i) => recipients.map((recipient) => [recipient.id, first.submissions + i, recipient.address, recipient.account ?? null,
          recipient.identifier, notificationNumber(filed(items[i], recipient) ? 'silenced' : 'unprocessed'), unpinned.has(recipient.id) ? 0 : 1,
          ...waiting(items[i], recipient), recipient.wishes?.notify?.join(',') ?? null, recipient.wishes?.original ?? null])))])
      await reports.owe(tx, withLocals.flatMap(({ i, locals }) => delivered(first.submissions + i as SubmissionId, locals)))

      tx.afterCommit(() => statuses.tell(numbered.flatMap((recipients) => recipients.map((recipient) => recipient.id))))
      await windows.open(tx, items.flatMap(({ heldUntil, lists: names }, i) => (heldUntil === undefined ? [] : [{ submission: first.submissions + i as SubmissionId, until: heldUntil, lists: names }])))
      const postings = items.flatMap((item, i) => (item.heldUntil === undefined ? item.lists.map((name) => ({ name, item: i, message: first.messages + i as MessageId, submission: first.submissions + i as SubmissionId, at: item.at })) : []))
      const identifiers = postings.length > 0 ? await lists.post(tx, postings) : []
      if (items.some((item, i) => item.heldUntil === undefined && numbered[i].some((recipient) => recipient.account === undefined))) tx.afterCommit(() => notifier.wake())
      const shown = items.flatMap((item, i) => (item.outbox === undefined ? [] : [{
        mailbox: item.outbox, account: item.originator.account!, submission: first.submissions + i as SubmissionId, message: first.messages + i as MessageId, size: item.summary.size, at: item.at,
      }]))
      if (shown.length > 0) await outbox.write(tx, shown)
      await sentCopies.owe(tx, items.flatMap(({ sentCopy, originator, at, heldUntil }, i) => (sentCopy === undefined || originator.account === null ? [] : [{
        account: originator.account, submission: first.submissions + i as SubmissionId, message: first.messages + i as MessageId, at: (heldUntil ?? at) + sentCopy.after * 1000, missing: sentCopy.missing,
      }])))
      // A message that nobody wants (all copies discarded) is the reaper's at once.
      const nobody = withLocals.filter(({ item, locals }) => item.lists.length === 0 && locals.length === item.recipients.length && locals.every((recipient) => unpinned.has(recipient.id)))
      await markReapable(tx, nobody.map(({ i }) => first.messages + i as MessageId))

      return items.map((item, i) => ({
        id: first.submissions + i as SubmissionId,
        token: item.token,
        recipients: numbered[i].map((recipient) => ({ recipient: recipient.address, identifier: recipient.identifier })),
        lists: identifiers.flatMap((identifier, p) => (postings[p].item === i ? [{ list: postings[p].name.toString(), identifier }] : [])),
      }))
    },
  }
}

/** A local copy is filed in this very commit. */
const filed = (item: Sealed, { account }: Route): boolean => account !== undefined && item.heldUntil === undefined
/** Domain, next attempt and since when it is held: what the queue and the notifier go by. */
function waiting({ at, heldUntil }: Sealed, { address, account }: Route): readonly [string | null, number | null, number | null] {
  if (heldUntil !== undefined) return [domainOf(address), null, at]
  return account === undefined ? [domainOf(address), at, null] : [null, null, null]
}

/** Reports for those who asked to be told of success: a local recipient has the message by this commit (RFC 3461 5.2.6). */
export function delivered(submission: SubmissionId, locals: readonly { readonly id: RecipientId; readonly wishes?: RecipientWishes }[]): OwedReport[] {
  const wanted = locals.filter((recipient) => recipient.wishes?.notify?.includes('SUCCESS')).map((recipient) => recipient.id)
  return wanted.length === 0 ? [] : [{ kind: 'delivered', submission, about: wanted.map((id) => ({ id, status: '2.1.5', why: 'it was delivered' })) }]
}

/** As DNS is asked, and as recipients wait together (notifier.ts). */
export const domainOf = (address: string): string => {
  const domain = address.slice(address.lastIndexOf('@') + 1)
  return (domainToASCII(domain) || domain).toLowerCase()
}

const insertSubmissions = (tx: Transaction, items: readonly Sealed[], firstMessage: number, firstSubmission: number): Promise<void> => tx.run(
  `INSERT INTO submissions (id, message, token, account, originator, protocol, message_id, size, submitted_at, expires_at, returns, envelope_id, require_tls, forwarded_for)
   SELECT r.id, r.message, r.token, r.account, r.originator, r.protocol, r.message_id, r.size, r.submitted_at, r.expires_at, r.returns, r.envelope_id, r.require_tls, r.forwarded_for
   FROM ${tx.dialect.rows({ id: 'int', message: 'int', token: 'text', account: 'int', originator: 'text', protocol: 'text', message_id: 'text', size: 'int', submitted_at: 'int', expires_at: 'int', returns: 'text', envelope_id: 'text', require_tls: 'int', forwarded_for: 'text' })} AS r`,
  [tx.dialect.rowsValue(items.map((item, i) => [firstSubmission + i, firstMessage + i, item.token, item.originator.account, item.originator.name, item.originator.protocol,
    trackedId(item.summary.sort.messageId), item.summary.size, item.at, item.expiresAt ?? null, item.reports?.returns ?? null, item.reports?.envelopeId ?? null, item.requireTls ? 1 : 0, item.originator.forwardedFor ?? null]))])

/** Messages that may have lost their last holder. The reaper finds out (reaper.ts). */
export async function markReapable(tx: Transaction, messages: readonly MessageId[]): Promise<void> {
  if (messages.length === 0) return
  await tx.run(`INSERT INTO reapable (message) SELECT DISTINCT r.message FROM ${tx.dialect.rows({ message: 'int' })} AS r WHERE 1 = 1 ON CONFLICT DO NOTHING`,
    [tx.dialect.rowsValue(messages.map((message) => [message]))])
}

export { readNumber }
