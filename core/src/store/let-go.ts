// The end of a sender's window (window.ts): one commit that does what a submission without a window does in its own. Addresses,
// rules and lists are looked at now; who is not there any more, or refuses, is reported to the sender.
import type { AccountId, MessageId, RecipientId, SubmissionId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Batch, Database, Transaction } from '../database/connect.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import type { Summary } from '../message/summary.js'
import type { NotifyOn, RecipientWishes } from './contract.js'
import type { Lists } from './lists.js'
import type { Messages } from './messages.js'
import type { LocalRecipients, OwedReports } from './ports.js'
import { routesOf, type Route, type RoutingParts } from './routing.js'
import { notificationNumber } from './status.js'
import type { StatusFeed } from './status-feed.js'
import { delivered, domainOf, markReapable } from './submission.js'

export interface LetGoParts extends RoutingParts {
  readonly database: Database
  readonly messages: Pick<Messages, 'kept' | 'open'>
  readonly lists: Lists
  readonly local: LocalRecipients
  readonly reports: OwedReports
  readonly statuses: StatusFeed
  readonly notifier: { wake(): void }
  readonly reaper: { soon(): void }
  readonly clock: Clock
  readonly log: Log
}

interface Held { readonly id: RecipientId; readonly address: string; readonly wishes: RecipientWishes }
/** A recipient who does not get it, and why (RFC 3463). */
interface Refusal { readonly status: string; readonly why: string }
interface Going {
  readonly submission: SubmissionId
  readonly message: MessageId
  readonly token: string
  readonly summary: Summary
  readonly at: number
  /** Each is a local one, one elsewhere, or refused. */
  readonly recipients: readonly (Held & { readonly to: Route | Refusal })[]
  /** For the local ones, in their order. */
  readonly plan: unknown
  readonly lists: readonly Buffer[]
}
type Outcome = 'gone' | 'over' | 'changed'

const gone: Refusal = { status: '5.1.1', why: 'there is no such recipient any more' }
const isLocal = ({ to }: Going['recipients'][number]): boolean => 'account' in to && to.account !== undefined
/** Plans of one message, when mailboxes and recipients vanish under them. */
const mostPlans = 3
const longestWhy = 300

/** Lets a submission go whose window is over; does nothing when it was taken back or is held. Throws what may pass. */
export function makeLetGo(parts: LetGoParts): (submission: SubmissionId) => Promise<void> {
  const { database, clock } = parts
  const batch: Batch<Going, Outcome> = { name: 'let go', write: (tx, items) => write(parts, tx, items) }
  return async (submission) => {
    for (let tries = 1; tries <= mostPlans; tries++) {
      try {
        const going = await plan(parts, submission, clock.now())
        if (!going || await database.writeBatched(batch, going) !== 'changed') return
      } catch (error) {
        // A mailbox, an account or a list went between plan and commit.
        if (!isFailure(error, 'MAILBOX_GONE') && !isFailure(error, 'LIST_NOT_FOUND')) throw error
      }
    }
    throw failure('MAILBOX_GONE')
  }
}

async function plan(parts: LetGoParts, submission: SubmissionId, now: number): Promise<Going | undefined> {
  const { database: { read }, messages, lists, local, log } = parts
  const row = await read.get<{ message: MessageId; token: string; account: AccountId | null; originator: string; protocol: string; require_tls: number; lists: string }>(
    'SELECT s.message, s.token, s.account, s.originator, s.protocol, s.require_tls, w.lists FROM windows w JOIN submissions s ON s.id = w.submission WHERE w.submission = ? AND w.until IS NOT NULL AND w.until <= ?', [submission, now])
  if (!row) return undefined
  const held = (await read.all<{ id: RecipientId; address: string; notify: string | null }>('SELECT id, address, notify FROM recipients WHERE submission = ? AND held IS NOT NULL ORDER BY id', [submission]))
    .map(({ id, address, notify }): Held => ({ id, address, wishes: notify === null ? {} : { notify: notify.split(',') as NotifyOn[] } }))
  const summary = await messages.kept(row.message)
  if (!summary) throw failure('MESSAGE_NOT_FOUND')
  const routes = await routesOf(parts, held.map(({ address }) => address))
  let recipients = held.map((one, i) => ({ ...one, to: routes[i] ?? gone }))
  const locals = recipients.filter(isLocal)
  const names = (JSON.parse(row.lists) as string[]).map((name) => Buffer.from(name))
  const postable = await lists.mayPost(names, row.account)
  postable.forEach((may, i) => { if (!may) log.warn({ id: row.token, list: names[i].toString() }, 'a list is no more, or takes no mail from this sender: it is not posted there') })
  const octets = async (from: number, length: number): Promise<Buffer> => {
    const chunks: Buffer[] = []
    for await (const chunk of (await messages.open(row.message)).range(from, length)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }
  const planned = locals.length === 0 ? undefined : await local.plan({
    token: row.token, originator: { account: row.account, name: row.originator, protocol: row.protocol }, ...(row.require_tls === 1 ? { requireTls: true } : {}), summary, at: now, octets, alone: locals.length === recipients.length && names.length === 0,
    recipients: locals.map(({ to }) => ({ address: (to as Route).address, account: (to as Route).account! })),
  }).catch((error: unknown) => {
    if (!isFailure(error, 'MESSAGE_REJECTED')) throw error
    const refusal: Refusal = { status: '5.7.1', why: error.message.slice(0, longestWhy) }
    recipients = recipients.map((one) => ({ ...one, to: refusal }))
    return undefined
  })
  return { submission, message: row.message, token: row.token, summary, at: now, recipients, plan: planned, lists: names.filter((_, i) => postable[i]) }
}

async function write({ database, local, reports, lists, statuses, notifier, reaper, log }: LetGoParts, tx: Transaction, items: readonly Going[]): Promise<Outcome[]> {
  const waiting = new Map<SubmissionId, Set<RecipientId | null>>()
  for (const { submission, id } of await tx.all<{ submission: SubmissionId; id: RecipientId | null }>(
    `SELECT w.submission, r.id FROM windows w LEFT JOIN recipients r ON r.submission = w.submission AND r.held IS NOT NULL WHERE w.until IS NOT NULL AND w.until <= ? AND ${tx.dialect.oneOf('w.submission')}`,
    [Math.max(...items.map((item) => item.at)), tx.dialect.list(items.map((item) => item.submission))])) waiting.set(submission, (waiting.get(submission) ?? new Set()).add(id))
  const outcomes = items.map(({ submission, recipients }): Outcome => {
    const now = waiting.get(submission)
    if (!now) return 'over'
    now.delete(null)
    return now.size === recipients.length && recipients.every(({ id }) => now.has(id)) ? 'gone' : 'changed'
  })
  const going = items.filter((_, i) => outcomes[i] === 'gone')
  if (going.length === 0) return outcomes

  const filings = going.map((item) => ({ item, locals: item.recipients.filter(isLocal) })).filter(({ locals }) => locals.length > 0)
  const results = await local.write(tx, filings.map(({ item, locals }) => ({ plan: item.plan, token: item.token, message: item.message, summary: item.summary, recipients: locals.map(({ id }) => id) })))
  const unpinned = new Set(results.flatMap((result) => result.unpinned))
  const all = going.flatMap((item) => item.recipients.map((recipient) => ({ ...recipient, item })))
  const rows = all.map(({ id, to, item }) => {
    if ('why' in to) return [id, null, notificationNumber('noservice'), 0, null, null, to.why]
    if (to.account === undefined) return [id, null, notificationNumber('unprocessed'), 1, domainOf(to.address), item.at, null]
    return [id, to.account, notificationNumber('silenced'), unpinned.has(id) ? 0 : 1, null, null, null]
  })
  await tx.run(
    `UPDATE recipients SET held = NULL, account = r.account, notification = r.notification, pinned = r.pinned, domain = r.domain, next_attempt = r.at, why = r.why
     FROM ${tx.dialect.rows({ id: 'int', account: 'int', notification: 'int', pinned: 'int', domain: 'text', at: 'int', why: 'text' })} AS r WHERE recipients.id = r.id`, [tx.dialect.rowsValue(rows)])
  await reports.owe(tx, [
    ...filings.flatMap(({ item, locals }) => delivered(item.submission, locals)),
    ...all.flatMap(({ id, to, item }) => ('why' in to ? [{ kind: 'failed' as const, submission: item.submission, about: [{ id, ...to }] }] : [])),
  ])
  const postings = going.flatMap(({ lists: names, message, submission, at }) => names.map((name) => ({ name, message, submission, at })))
  if (postings.length > 0) await lists.post(tx, postings)
  await tx.run(`DELETE FROM windows WHERE ${database.dialect.oneOf('submission')}`, [tx.dialect.list(going.map((item) => item.submission))])
  // The reaper finds out which of them nobody holds.
  await markReapable(tx, going.map((item) => item.message))
  tx.afterCommit(() => {
    statuses.tell(all.map(({ id }) => id))
    if (all.some(({ to }) => 'account' in to && to.account === undefined)) notifier.wake()
    reaper.soon()
    for (const { token, recipients } of going) log.info({ id: token, recipients: recipients.length, refused: recipients.filter(({ to }) => 'why' in to).length }, "the sender's window is over")
  })
  return outcomes
}
