// What a recipient may do with an identifier (im2000.md D.2, D.7, MSRAP): retrieve by representation and range, silence,
// un-pin. The identifier is the only authorisation.
import type { MessageId, RecipientId } from '../base/branded.js'
import type { Database, Transaction } from '../database/connect.js'
import { failure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import { selectFields } from '../message/headers.js'
import type { ReadStatus } from './contract.js'
import type { Messages } from './messages.js'
import type { Reaper } from './reaper.js'
import { markReapable } from './submission.js'
import type { StatusFeed } from './status-feed.js'
import { readNumber, sourcesOf, notificationNumber } from './status.js'

/** RetrievalType of im2000.md A.2, by name. */
export type Representation = 'nothing' | 'summaryonly' | 'headersonly' | 'all'
export interface Retrieved {
  readonly data: Buffer
  /** Octets of the whole representation; for 'nothing', of the message. */
  readonly size: number
}

/** Fields of 'summaryonly', in stored order (D.7). */
const summaryFields: ReadonlySet<string> = new Set(['from', 'sender', 'to', 'cc', 'date', 'subject', 'message-id', 'in-reply-to', 'references', 'list-id'])
/** Octets of one answer (B38). */
const largestWindow = 512 * 1024

const readAfter: { readonly [R in Representation]?: ReadStatus } = { summaryonly: 'summarised', headersonly: 'readheaders', all: 'readall' }

export class Retrieval {
  readonly #database: Database
  readonly #messages: Messages
  readonly #reaper: Reaper
  readonly #statuses: StatusFeed
  readonly #log: Log
  constructor({ database, messages, reaper, statuses, log }: { database: Database; messages: Messages; reaper: Reaper; statuses: StatusFeed; log: Log }) {
    this.#log = log
    this.#statuses = statuses
    this.#database = database
    this.#messages = messages
    this.#reaper = reaper
  }

  /** Throws MESSAGE_NOT_FOUND for unknown identifiers and deleted messages alike. */
  async retrieve(identifier: Buffer, representation: Representation, offset: number, length: number): Promise<Retrieved> {
    const found = await this.#find(identifier)
    const content = await this.#messages.open(found.message)
    if (representation === 'nothing') return { data: Buffer.alloc(0), size: content.size }
    const wanted = Math.min(length, largestWindow)
    let whole: { size: number; read(from: number, count: number): Promise<Buffer> }
    if (representation === 'all') whole = { size: content.size, read: (from, count) => gather(content.range(from, count)) }
    else {
      const header = await this.#header(found.message, content)
      const octets = representation === 'headersonly' ? header : Buffer.from(selectFields(header, summaryFields), 'latin1')
      whole = { size: octets.length, read: async (from, count) => octets.subarray(from, from + count) }
    }
    const data = offset >= whole.size || wanted === 0 ? Buffer.alloc(0) : await whole.read(offset, Math.min(wanted, whole.size - offset))
    if (data.length > 0 && offset + data.length >= whole.size) this.#log.debug({ id: found.token, what: representation, list: found.recipient === undefined }, 'retrieved')
    // D.4: it rises when the last octet of the representation has been handed out, and never falls.
    if (found.recipient !== undefined && data.length > 0 && offset + data.length >= whole.size) await this.raise([found.recipient], readAfter[representation]!)
    return { data, size: whole.size }
  }

  /** Silence (D33, D47). */
  async silence(identifier: Buffer): Promise<void> {
    const { recipient, token } = await this.#find(identifier)
    if (recipient === undefined) throw failure('MESSAGE_NOT_FOUND') // a list identifier (D27)
    await this.#database.write(async (tx) => {
      await tx.run(`UPDATE recipients SET notification = ?, next_attempt = NULL, held = NULL WHERE id = ? AND ${tx.dialect.oneOf('notification')}`, [notificationNumber('silenced'), recipient, tx.dialect.list(sourcesOf('silenced'))])
      tx.afterCommit(() => {
        this.#log.debug({ id: token }, "silenced by its recipient's agent")
        this.#statuses.tell([recipient])
      })
    })
  }

  /** UnPin (D46, D47). */
  async unpin(identifier: Buffer): Promise<void> {
    const { recipient } = await this.#find(identifier)
    if (recipient === undefined) throw failure('MESSAGE_NOT_FOUND')
    await this.#database.write((tx) => this.unpinRecipients(tx, [recipient]))
  }

  /** Un-pins in the caller's commit; the messages become the reaper's to look at. */
  async unpinRecipients(tx: Transaction, recipients: readonly RecipientId[]): Promise<void> {
    if (recipients.length === 0) return
    const list = [tx.dialect.list(recipients)]
    await tx.run(`UPDATE recipients SET pinned = 0, next_attempt = NULL, held = NULL WHERE ${tx.dialect.oneOf('id')}`, list)
    const rows = await tx.all<{ message: MessageId; token: string; address: string }>(`SELECT s.message, s.token, r.address FROM recipients r JOIN submissions s ON s.id = r.submission WHERE ${tx.dialect.oneOf('r.id')}`, list)
    await markReapable(tx, rows.map((row) => row.message))
    tx.afterCommit(() => {
      for (const { token, address } of rows) this.#log.debug({ id: token, to: address }, 'released by its recipient')
      this.#statuses.tell(recipients)
      this.#reaper.soon()
    })
  }

  /** Raises the read status of recipients, never lowers it. */
  async raise(recipients: readonly RecipientId[], to: ReadStatus): Promise<void> {
    if (recipients.length > 0) await this.#database.write((tx) => this.raiseIn(tx, recipients, to))
  }

  /** The same in the caller's commit. */
  async raiseIn(tx: Transaction, recipients: readonly RecipientId[], to: ReadStatus): Promise<void> {
    if (recipients.length === 0) return
    // Who it was is asked only where somebody wants to know.
    const said = this.#log.isLevelEnabled('debug') ? ' RETURNING address, (SELECT s.token FROM submissions s WHERE s.id = recipients.submission) AS token' : ''
    const rows = await tx.all<{ address: string; token: string }>(`UPDATE recipients SET read = ? WHERE read < ? AND ${tx.dialect.oneOf('id')}${said}`, [readNumber(to), readNumber(to), tx.dialect.list(recipients)])
    tx.afterCommit(() => {
      this.#statuses.tell(recipients)
      if (said !== '') for (const { token, address } of rows) this.#log.debug({ id: token, to: address, status: to }, 'read')
    })
  }

  /** After cancel and expiry nobody has an identifier any more, although a reader's own copy may hold the octets (D52). */
  async #find(identifier: Buffer): Promise<{ message: MessageId; token: string; recipient: RecipientId | undefined }> {
    const { read } = this.#database
    const row = await read.get<{ message: MessageId; token: string; recipient: RecipientId }>(
      'SELECT s.message, s.token, r.id AS recipient FROM recipients r JOIN submissions s ON s.id = r.submission JOIN messages m ON m.id = s.message WHERE r.identifier = ? AND s.ended_at IS NULL', [identifier])
    if (row) return row
    const posted = await read.get<{ message: MessageId; token: string }>('SELECT p.message, s.token FROM postings p JOIN messages m ON m.id = p.message JOIN submissions s ON s.id = p.submission WHERE p.identifier = ?', [identifier])
    if (!posted) throw failure('MESSAGE_NOT_FOUND')
    return { ...posted, recipient: undefined }
  }

  async #header(message: MessageId, content: { range(from: number, length: number): AsyncIterable<Buffer> }): Promise<Buffer> {
    for await (const found of this.#messages.summaries([message], ['headerSize'])) {
      const summary = found.get(message)
      if (summary) return gather(content.range(0, summary.headerSize))
    }
    throw failure('MESSAGE_NOT_FOUND')
  }
}

async function gather(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return parts.length === 1 ? parts[0] : Buffer.concat(parts)
}

declare module '../plugin/services.js' {
  interface Services { retrieval: Retrieval }
}
