// Delivery status in the sender's own mailbox: keywords on the copies in Sent of what was submitted here (im2000.md F9, G6).
// Copies are found by their Message-ID. Works after the fact, in few statements for many changes; a crash costs a keyword
// until the next change of that message, or the next start.
import type { AccountId, MailboxId, MessageId, RecipientId, SubmissionId, Uid } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Database } from '../database/connect.js'
import type { Log } from '../log/logger.js'
import type { Change, Feed } from '../mailbox/feed.js'
import type { KeywordSets } from '../mailbox/flags.js'
import { span, touch } from '../mailbox/repository.js'
import type { Messages } from '../store/messages.js'
import type { StatusFeed } from '../store/status-feed.js'
import { notificationNumber } from '../store/status.js'
import { trackedId } from '../store/submission.js'

/** What each says when it stands on a message. */
export const trackingKeywords = {
  /** All recipients' agents have been told. */
  notified: '$Notified',
  /** All recipients have read all of it. */
  retrieved: '$Retrieved',
  /** All recipients have released it. */
  released: '$Released',
  /** At least one recipient could not be told and will not be tried again. */
  failed: '$Failed',
} as const

export interface SentTrackingParts {
  readonly database: Database
  readonly messages: Messages
  readonly clock: Clock
  readonly log: Log
  readonly feed: Feed
  readonly statuses: StatusFeed
  readonly keywords: KeywordSets
}

interface Copy { readonly account: AccountId; readonly mailbox: MailboxId; readonly uid: Uid; readonly message: MessageId }

/** Changes are gathered this long. */
const gatherMs = 200
const batch = 500
/** Mailboxes remembered as being Sent or not. */
const mostRemembered = 50_000
/** Days back that are looked at after a start. */
const recentMs = 7 * 86_400_000

export class SentTracking {
  readonly #parts: SentTrackingParts
  readonly #isSent = new Map<MailboxId, boolean>()
  readonly #stops: (() => void)[] = []
  #copies: Copy[] = []
  #gone: { readonly mailbox: MailboxId; readonly uids: readonly Uid[] | undefined }[] = []
  #recipients = new Set<RecipientId>()
  #timer: { clear(): void } | undefined
  #running: Promise<void> = Promise.resolve()
  /** Whether anybody keeps copies: most statuses need no look otherwise. */
  #any = false

  constructor(parts: SentTrackingParts) {
    this.#parts = parts
  }

  async start(): Promise<void> {
    const { database, feed, statuses, clock } = this.#parts
    this.#any = await database.read.get('SELECT 1 AS one FROM sent_copies LIMIT 1') !== undefined
    this.#stops.push(feed.listen((change) => this.#hear(change)), statuses.listen((recipients) => {
      if (!this.#any) return
      for (const id of recipients) this.#recipients.add(id)
      this.#soon()
    }))
    if (!this.#any) return
    const rows = await database.read.all<{ id: RecipientId }>(
      'SELECT r.id FROM recipients r JOIN submissions s ON s.id = r.submission JOIN sent_copies c ON c.account = s.account AND c.message_id = s.message_id WHERE s.submitted_at > ? OR s.ended_at > ? LIMIT 10000',
      [clock.now() - recentMs, clock.now() - recentMs])
    for (const { id } of rows) this.#recipients.add(id)
    this.#soon()
  }

  /** A mailbox that shows what is sent by another name. */
  track(mailbox: MailboxId): void {
    this.#isSent.set(mailbox, true)
    this.#any = true
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    this.#timer?.clear()
    await this.#running
  }

  /** Resolves when all that was told has been written. */
  async settled(): Promise<void> {
    this.#timer?.clear()
    this.#timer = undefined
    await this.#flush()
  }

  #hear(change: Change): void {
    const known = this.#isSent.get(change.mailbox)
    if (known !== false && change.filed) {
      // What a delivery filed is nobody's sent mail.
      for (const { uid, message, recipient } of change.filed) if (recipient === null || known) this.#copies.push({ account: change.account, mailbox: change.mailbox, uid, message })
    }
    if (known === true && (change.expunged || change.deleted)) this.#gone.push({ mailbox: change.mailbox, uids: change.deleted ? undefined : change.expunged })
    if (this.#copies.length > 0 || this.#gone.length > 0) this.#soon()
  }

  #soon(): void {
    this.#timer ??= this.#parts.clock.after(gatherMs, () => {
      this.#timer = undefined
      void this.#flush()
    })
  }

  #flush(): Promise<void> {
    return this.#running = this.#running.then(() => this.#work()).catch((error: unknown) => { this.#parts.log.error({ err: error }, 'sent mail cannot be tracked') })
  }

  async #work(): Promise<void> {
    const { database } = this.#parts
    const [copies, gone, recipients] = [this.#copies, this.#gone, [...this.#recipients]]
    this.#copies = []
    this.#gone = []
    this.#recipients = new Set()
    const dirty = new Set<SubmissionId>(await this.#remember(copies))
    for (const { mailbox, uids } of gone) {
      await database.write((tx) => (uids === undefined
        ? tx.run('DELETE FROM sent_copies WHERE mailbox = ?', [mailbox])
        : tx.run(`DELETE FROM sent_copies WHERE mailbox = ? AND ${tx.dialect.oneOf('uid')}`, [mailbox, tx.dialect.list(uids)])))
    }
    for (let i = 0; i < recipients.length; i += batch) {
      const rows = await database.read.all<{ id: SubmissionId }>(
        `SELECT DISTINCT s.id FROM recipients r JOIN submissions s ON s.id = r.submission JOIN sent_copies c ON c.account = s.account AND c.message_id = s.message_id WHERE ${database.dialect.oneOf('r.id')}`,
        [database.dialect.list(recipients.slice(i, i + batch))])
      for (const { id } of rows) dirty.add(id)
    }
    const ids = [...dirty]
    for (let i = 0; i < ids.length; i += batch) await this.#show(ids.slice(i, i + batch))
  }

  /** Which of the new entries are in a Sent mailbox, by Message-ID. Answers the submissions that they are copies of. */
  async #remember(copies: readonly Copy[]): Promise<SubmissionId[]> {
    const { database, messages } = this.#parts
    const unknown = [...new Set(copies.map((copy) => copy.mailbox))].filter((mailbox) => !this.#isSent.has(mailbox))
    if (unknown.length > 0) {
      if (this.#isSent.size > mostRemembered) this.#isSent.clear()
      for (const mailbox of unknown) this.#isSent.set(mailbox, false)
      for (const { id } of await database.read.all<{ id: MailboxId }>(`SELECT id FROM mailboxes WHERE special_use = ? AND ${database.dialect.oneOf('id')}`, ['\\Sent', database.dialect.list(unknown)])) this.#isSent.set(id, true)
    }
    const sent = copies.filter((copy) => this.#isSent.get(copy.mailbox) === true)
    if (sent.length === 0) return []
    const found: (Copy & { messageId: string })[] = []
    for await (const some of messages.summaries(sent.map((copy) => copy.message), ['sort'])) {
      for (const copy of sent) {
        const messageId = trackedId(some.get(copy.message)?.sort.messageId ?? '')
        if (messageId !== '') found.push({ ...copy, messageId })
      }
    }
    if (found.length === 0) return []
    this.#any = true
    return database.write(async (tx) => {
      await tx.run(`INSERT INTO sent_copies (mailbox, uid, account, message_id) SELECT r.mailbox, r.uid, r.account, r.message_id FROM ${tx.dialect.rows({ mailbox: 'int', uid: 'int', account: 'int', message_id: 'text' })} AS r WHERE 1 = 1 ON CONFLICT DO NOTHING`,
        [tx.dialect.rowsValue(found.map((copy) => [copy.mailbox, copy.uid, copy.account, copy.messageId]))])
      const rows = await tx.all<{ id: SubmissionId }>(
        `SELECT DISTINCT s.id FROM ${tx.dialect.rows({ account: 'int', message_id: 'text' })} AS r JOIN submissions s ON s.account = r.account AND s.message_id = r.message_id`,
        [tx.dialect.rowsValue(found.map((copy) => [copy.account, copy.messageId]))])
      return rows.map((row) => row.id)
    })
  }

  /** Puts the keywords of these submissions on their copies. */
  async #show(ids: readonly SubmissionId[]): Promise<void> {
    const { database } = this.#parts
    const { dialect } = database
    const one = (condition: string): string => `CAST(sum(CASE WHEN ${condition} THEN 1 ELSE 0 END) AS ${dialect.types.int})`
    const told = [notificationNumber('notifying'), notificationNumber('silenced')].join(', ')
    const lost = [notificationNumber('baddomain'), notificationNumber('noservice')].join(', ')
    const rows = await database.read.all<{ mailbox: MailboxId; uid: Uid; n: number; notified: number; retrieved: number; released: number; failed: number }>(
      `SELECT c.mailbox, c.uid, CAST(count(*) AS ${dialect.types.int}) AS n, ${one(`r.notification IN (${told})`)} AS notified, ${one('r.read = 3')} AS retrieved, ${one(`r.pinned = 0 AND r.notification NOT IN (${lost})`)} AS released,
       ${one(`r.account IS NULL AND (r.notification IN (${lost}) OR (r.next_attempt IS NULL AND r.held IS NULL AND r.pinned = 1 AND s.ended_at IS NULL AND r.notification NOT IN (${told})))`)} AS failed
       FROM submissions s JOIN recipients r ON r.submission = s.id JOIN sent_copies c ON c.account = s.account AND c.message_id = s.message_id
       WHERE ${dialect.oneOf('s.id')} GROUP BY c.mailbox, c.uid`, [dialect.list(ids)])
    const byMailbox = new Map<MailboxId, Map<Uid, readonly string[]>>()
    for (const row of rows) {
      const wanted = [
        ...(row.notified === row.n ? [trackingKeywords.notified] : []), ...(row.retrieved === row.n ? [trackingKeywords.retrieved] : []),
        ...(row.released === row.n ? [trackingKeywords.released] : []), ...(row.failed > 0 ? [trackingKeywords.failed] : []),
      ]
      if (wanted.length === 0) continue
      byMailbox.set(row.mailbox, (byMailbox.get(row.mailbox) ?? new Map<Uid, readonly string[]>()).set(row.uid, wanted))
    }
    for (const [mailbox, wanted] of byMailbox) await this.#flag(mailbox, wanted)
  }

  async #flag(mailbox: MailboxId, wanted: ReadonlyMap<Uid, readonly string[]>): Promise<void> {
    const { database, keywords, feed } = this.#parts
    await database.write(async (tx) => {
      const entries = await tx.all<{ uid: Uid; flags: number; keywords: number }>(`SELECT uid, flags, keywords FROM entries WHERE mailbox = ? AND ${tx.dialect.oneOf('uid')} ORDER BY uid`, [mailbox, tx.dialect.list([...wanted.keys()])])
      await keywords.load(entries.map((entry) => entry.keywords))
      const changed: { uid: Uid; flags: number; keywords: number }[] = []
      for (const entry of entries) {
        const has = keywords.names(entry.keywords)
        const more = wanted.get(entry.uid)!.filter((keyword) => !has.some((one) => one.toLowerCase() === keyword.toLowerCase()))
        if (more.length > 0) changed.push({ ...entry, keywords: await keywords.intern(tx, [...has, ...more]) })
      }
      if (changed.length === 0) return
      const state = await touch(tx, mailbox)
      await tx.run(`UPDATE entries SET keywords = r.keywords, modseq = ? FROM ${tx.dialect.rows({ uid: 'int', keywords: 'int' })} AS r WHERE entries.mailbox = ? AND entries.uid = r.uid`,
        [state.modseq, tx.dialect.rowsValue(changed.map((entry) => [entry.uid, entry.keywords])), mailbox])
      tx.afterCommit(() => feed.tell({ mailbox, ...span(state), flagged: changed }))
    })
  }
}
