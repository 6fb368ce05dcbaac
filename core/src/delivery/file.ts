// Files planned messages for all their local recipients: a handful of set statements in the submission's own commit. Asks nobody.
import type { AccountId, MailboxId, MessageId, RecipientId, Uid } from '../base/branded.js'
import type { Quota, UsageChange } from '../accounts/quota.js'
import type { Transaction } from '../database/connect.js'
import type { Bus } from '../events/bus.js'
import type { Jobs, NewJob } from '../jobs/jobs.js'
import type { Log } from '../log/logger.js'
import type { Feed } from '../mailbox/feed.js'
import type { KeywordSets } from '../mailbox/flags.js'
import { fileEntries, removeEntries, span, touch, type Placement } from '../mailbox/repository.js'
import { markReapable } from '../store/submission.js'
import { hold } from './holds.js'
import type { AfterDelivery, HoldKey } from './placing.js'
import type { Filing, FilingResult } from '../store/ports.js'
import type { DeliveryPlan } from './plan.js'

export interface FileParts {
  readonly quota: Quota
  readonly keywords: KeywordSets
  readonly feed: Feed
  readonly bus: Bus
  readonly jobs: Jobs
  readonly log: Log
  readonly keepAfterRead: boolean
}

/** Named in a log line. */
const mostNamed = 20

export async function fileMessages(parts: FileParts, tx: Transaction, filings: readonly Filing<DeliveryPlan>[], now: number): Promise<FilingResult[]> {
  const placements: Placement[] = []
  const usage: UsageChange[] = []
  const owners: AccountId[] = []
  const owing: { readonly from: number; readonly to: number; readonly job: (copies: AfterDelivery['copies']) => NewJob; readonly key: HoldKey }[] = []
  const results: FilingResult[] = []
  for (const { plan, message, summary, recipients } of filings) {
    const unpinned: RecipientId[] = []
    for (const [i, { account, recipient, copies, owed }] of plan.recipients.entries()) {
      let pinned = false
      const from = placements.length
      for (const copy of copies) {
        // One pin per recipient: it sits on the entry in INBOX. Mail filed elsewhere left INBOX already (im2000.md F16).
        const holds: boolean = copy.isInbox && !pinned
        pinned ||= holds
        placements.push({
          mailbox: copy.mailbox, message, flags: copy.flags, keywords: copy.keywords.length === 0 ? 0 : await parts.keywords.intern(tx, copy.keywords), size: summary.size,
          internalDate: plan.at, recipient: holds ? recipients[i] : null,
        })
        owners.push(account)
      }
      for (const [n, { plugin, work }] of owed.entries()) {
        const key: HoldKey = { message, recipient: recipients[i], n }
        const fact = { account, recipient, sender: plan.sender, protocol: plan.protocol, ...(plan.requireTls ? { requireTls: true } : {}), message, at: plan.at, work }
        owing.push({ from, to: placements.length, key, job: (copies) => ({ kind: 'duty', payload: { hook: 'delivery.after', plugin, fact: { ...fact, copies }, hold: key } }) })
      }
      usage.push({ account, octets: copies.length * summary.size, messages: copies.length })
      if (!pinned) unpinned.push(recipients[i])
    }
    results.push({ unpinned })
  }
  const { changes, uids } = placements.length === 0 ? { changes: [], uids: [] } : await fileEntries(tx, placements, now)
  if (owing.length > 0) {
    await hold(tx, owing.map(({ key }) => key))
    await parts.jobs.add(tx, owing.map(({ from, to, job }) => job(placements.slice(from, to).map(({ mailbox }, i) => ({ mailbox, uid: uids[from + i] })))))
  }
  tx.afterCommit(() => {
    for (const { token, plan } of filings) {
      const to = plan.recipients.slice(0, mostNamed).map(({ recipient, copies, owed }) => ({ recipient, mailboxes: copies.map(({ mailbox }) => mailbox), ...(owed.length === 0 ? {} : { owed: owed.map(({ plugin }) => plugin) }) }))
      parts.log.info({ ...(token === '' ? {} : { id: token }), from: plan.sender, recipients: plan.recipients.length, to }, 'filed')
    }
  })
  if (placements.length === 0) return results
  tx.afterCommit(() => {
    parts.quota.changed(usage)
    for (const change of changes) parts.feed.tell(change)
    if (!parts.bus.heard('MessageNew')) return
    placements.forEach((placement, i) => parts.bus.tell({ type: 'MessageNew', account: owners[i], at: now, mailbox: placement.mailbox, mailboxName: '', uids: [uids[i]] }))
  })
  return results
}

/** An entry with what its taking back needs to know. */
export interface EntryOf { readonly mailbox: MailboxId; readonly uid: Uid; readonly flags: number; readonly message: MessageId; readonly size: number; readonly account: AccountId; readonly recipient: RecipientId }

/** A message that its sender took back or whose time is over: unread copies disappear, read ones stay if the gateway keeps what was read. */
export async function withdrawEntries(parts: FileParts, tx: Transaction, recipients: readonly RecipientId[]): Promise<void> {
  if (recipients.length === 0) return
  const rows = await tx.all<EntryOf & { read: number }>(
    `SELECT e.mailbox, e.uid, e.flags, e.message, e.size, e.recipient, m.account, r.read FROM recipients r
     JOIN submissions s ON s.id = r.submission JOIN entries e ON e.message = s.message AND e.recipient = r.id JOIN mailboxes m ON m.id = e.mailbox
     WHERE ${tx.dialect.oneOf('r.id')}`, [tx.dialect.list(recipients)])
  await takeBack(parts, tx, rows, (row) => parts.keepAfterRead && ((row.flags & 1) !== 0 || row.read === 3))
}

/** Entries whose message is gone from its store: those that are `kept` lose their pin, the others disappear. */
export async function takeBack<E extends EntryOf>(parts: FileParts, tx: Transaction, rows: readonly E[], kept: (row: E) => boolean): Promise<void> {
  const stay = rows.filter(kept)
  const staying = new Set(stay)
  if (stay.length > 0) {
    await tx.run(`UPDATE entries SET recipient = NULL WHERE ${tx.dialect.oneOf('recipient')} AND ${tx.dialect.oneOf('message')}`,
      [tx.dialect.list(stay.map((row) => row.recipient)), tx.dialect.list(stay.map((row) => row.message))])
  }
  const byMailbox = new Map<MailboxId, E[]>()
  for (const row of rows) if (!staying.has(row)) byMailbox.set(row.mailbox, [...(byMailbox.get(row.mailbox) ?? []), row])
  if (byMailbox.size === 0) return
  const usage: UsageChange[] = []
  for (const [mailbox, gone] of byMailbox) {
    const state = await touch(tx, mailbox)
    await removeEntries(tx, mailbox, state.modseq, gone.map((row) => row.uid))
    await markReapable(tx, gone.map((row) => row.message))
    for (const row of gone) usage.push({ account: row.account, octets: -row.size, messages: -1 })
    tx.afterCommit(() => parts.feed.tell({ mailbox, ...span(state), expunged: gone.map((row) => row.uid).sort((a, b) => a - b) }))
  }
  tx.afterCommit(() => parts.quota.changed(usage))
}
