// Pins at other stores: what is owed to them (to silence, to un-pin), whether what they hold is still there, and what
// becomes of entries whose message its sender took back (design section 8). Rows say it all; stores are told from them.
import type { AccountId, MailboxId, MessageId, RecipientId, Uid } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Batch, Database, Transaction } from '../database/connect.js'
import { isFailure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import { takeBack, type EntryOf, type FileParts } from './file.js'
import type { RetrievalChoices } from './choices.js'
import type { Stores } from './stores.js'

export interface RemotePin {
  readonly id: RecipientId
  readonly message: MessageId
  readonly account: AccountId
  readonly mailbox: string
  /** Canonical text of the store's places. */
  readonly store: string
  readonly identifier: Buffer
}
export interface NewPin extends RemotePin { readonly digest: string | null; readonly sender: string; readonly submitter: string; readonly receivedAt: number; readonly owes: Owed }

/** What a store is still to be told. */
export const owed = { nothing: 0, silence: 1, unpin: 2 } as const
type Owed = (typeof owed)[keyof typeof owed]

export interface RemotePinsParts {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly stores: Stores
  readonly choices: RetrievalChoices
  readonly file: FileParts
  /** Something is owed: whoever tells stores may come. */
  readonly wake: () => void
  /** Seconds after which a store that never answers is told no more. */
  readonly giveUp: number
  /** Seconds until a store that went away is told again, at least. */
  readonly retry: number
}

const batch = 200
/** Whether a store still has a message is asked before it is read; a store that does not answer this soon is not waited for. */
const confirmMs = 5000

export class RemotePins {
  readonly #parts: RemotePinsParts
  /** Messages with a pin that is not confirmed: those that a sender may still take back. */
  readonly #recallable = new Set<MessageId>()
  #loading: Promise<void> | undefined
  /** Whether there ever was one: most gateways' expunges need not look. Until it is known there may be. */
  any = true
  readonly #settle: Batch<{ readonly pin: RemotePin; readonly done: Owed }, void>

  constructor(parts: RemotePinsParts) {
    this.#parts = parts
    this.#settle = { name: 'told-stores', write: async (tx, told) => {
      const now = parts.clock.now()
      const silenced = told.filter(({ done }) => done === owed.silence).map(({ pin }) => pin.id)
      // An un-pin that came meanwhile is still owed.
      if (silenced.length > 0) await tx.run(`UPDATE remote_pins SET owes = 0 WHERE owes = 1 AND ${tx.dialect.oneOf('id')}`, [tx.dialect.list(silenced)])
      await this.#forget(tx, told.filter(({ done }) => done === owed.unpin).map(({ pin }) => pin), now)
      return told.map(() => undefined)
    } }
  }

  /** Reads what must be known at once. */
  load(): Promise<void> {
    return this.#loading ??= (async () => {
      const { read } = this.#parts.database
      this.any = await read.get('SELECT 1 AS one FROM remote_pins LIMIT 1') !== undefined
      for (const { message } of await read.all<{ message: MessageId }>('SELECT DISTINCT message FROM remote_pins WHERE confirmed = 0')) this.#recallable.add(message)
    })()
  }

  /** In the commit that files the entry. */
  async add(tx: Transaction, pin: NewPin): Promise<void> {
    await tx.run(
      `INSERT INTO remote_pins (id, message, account, mailbox, store, identifier, digest, sender, submitter, received_at, confirmed, owes, owed_since, next_try) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [pin.id, pin.message, pin.account, pin.mailbox, pin.store, pin.identifier, pin.digest, pin.sender, pin.submitter, pin.receivedAt, pin.owes === owed.unpin ? 1 : 0, pin.owes, pin.receivedAt, 0])
    tx.afterCommit(() => {
      this.any = true
      if (pin.owes !== owed.unpin) this.#recallable.add(pin.message)
    })
  }

  /** Entries left INBOX (F16): un-pins in the caller's commit; the stores are told afterwards. */
  async unpin(tx: Transaction, ids: readonly RecipientId[]): Promise<void> {
    if (!this.any || ids.length === 0) return
    const now = this.#parts.clock.now()
    const rows = await tx.all(`UPDATE remote_pins SET owes = 2, owed_since = ?, next_try = 0, confirmed = 1 WHERE owes <> 2 AND ${tx.dialect.oneOf('id')} RETURNING id`, [now, tx.dialect.list(ids)])
    if (rows.length > 0) tx.afterCommit(() => this.#parts.wake())
  }

  /** Their readers have read them: from now on they are theirs (`keepAfterRead`). */
  async read(tx: Transaction, ids: readonly RecipientId[]): Promise<void> {
    if (!this.any || ids.length === 0) return
    await tx.run(`UPDATE remote_pins SET confirmed = 1 WHERE confirmed = 0 AND ${tx.dialect.oneOf('id')}`, [tx.dialect.list(ids)])
  }

  /** Of messages about to be read for the first time: those that their senders have taken back. They leave the mailbox. A store that does not answer has not taken back anything. */
  async takenBack(mailbox: MailboxId, entries: readonly { readonly uid: Uid; readonly message: MessageId }[]): Promise<readonly Uid[]> {
    const suspects = entries.filter(({ message }) => this.#recallable.has(message))
    if (suspects.length === 0) return []
    const { database, stores } = this.#parts
    const pins = await database.read.all<RemotePin & { uid: Uid; size: number }>(
      `SELECT e.uid, e.size, p.id, p.message, p.account, p.mailbox, p.store, p.identifier FROM entries e JOIN remote_pins p ON p.id = e.recipient WHERE e.mailbox = ? AND p.confirmed = 0 AND ${database.dialect.oneOf('e.uid')}`,
      [mailbox, database.dialect.list(suspects.map(({ uid }) => uid))])
    const gone: (RemotePin & { uid: Uid })[] = []
    const there: RemotePin[] = []
    // Its last octet is asked for: that says whether it is still there, and tells the store that it is read now (D.4).
    await Promise.all(pins.map(async (pin) => {
      const state = await Promise.race([
        stores.use(pin.store, (client) => client.retrieve(pin.identifier, 'all', Math.max(0, pin.size - 1), 1)).then(() => 'there', (error: unknown) => (isFailure(error, 'MESSAGE_NOT_FOUND') ? 'gone' : 'unknown')),
        new Promise<'unknown'>((done) => { this.#parts.clock.after(confirmMs, () => done('unknown')) }),
      ])
      if (state === 'gone') gone.push(pin)
      else if (state === 'there') there.push(pin)
    }))
    if (there.length > 0) {
      await database.write((tx) => this.read(tx, there.map((pin) => pin.id)))
      await this.#recount(there)
    }
    if (gone.length > 0) await this.withdraw(gone)
    return gone.map((pin) => pin.uid)
  }

  /** Their messages are no more: unread entries disappear, read ones stay if they are kept and are here. */
  async withdraw(pins: readonly RemotePin[]): Promise<void> {
    const { database, file, choices, clock, log } = this.#parts
    const keeps = new Map<AccountId, boolean>()
    for (const { account } of pins) if (!keeps.has(account)) keeps.set(account, (await choices.of(account)).keepAfterRead)
    await database.write(async (tx) => {
      const rows = await tx.all<EntryOf & { partial: number; confirmed: number }>(
        `SELECT e.mailbox, e.uid, e.flags, e.message, e.size, m.account, e.recipient, g.partial, p.confirmed FROM remote_pins p
         JOIN entries e ON e.message = p.message AND e.recipient = p.id JOIN mailboxes m ON m.id = e.mailbox JOIN messages g ON g.id = e.message WHERE ${tx.dialect.oneOf('p.id')}`,
        [tx.dialect.list(pins.map((pin) => pin.id))])
      const kept = (row: (typeof rows)[number]): boolean => keeps.get(row.account) === true && row.partial === 0 && (row.confirmed === 1 || (row.flags & 1) !== 0)
      await takeBack(file, tx, rows, kept)
      await this.#forget(tx, pins, clock.now())
    })
    await this.#recount(pins)
    log.info({ messages: pins.length }, 'messages are gone from their stores')
  }

  /** Tells a store what it is owed; answers whether all was told. */
  async tell(store: string, now: number, signal: AbortSignal): Promise<void> {
    const { database, stores, clock, giveUp, retry } = this.#parts
    for (;;) {
      const rows = await database.read.all<RemotePin & { owes: Owed; owed_since: number }>(
        'SELECT id, message, account, mailbox, store, identifier, owes, owed_since FROM remote_pins WHERE owes <> 0 AND next_try <= ? AND store = ? ORDER BY next_try LIMIT ?', [now, store, batch])
      if (rows.length === 0 || signal.aborted) return
      const gone: RemotePin[] = []
      const failed: (typeof rows)[number][] = []
      await Promise.all(rows.map(async (pin) => {
        try {
          await stores.use(store, (client) => (pin.owes === owed.unpin ? client.unpin(pin.identifier) : client.silence(pin.identifier)))
          await database.writeBatched(this.#settle, { pin, done: pin.owes })
        } catch (error) {
          if (isFailure(error, 'MESSAGE_NOT_FOUND')) gone.push(pin)
          else failed.push(pin)
        }
      }))
      if (gone.length > 0) await this.withdraw(gone)
      if (failed.length === 0) continue
      const again = Math.max(stores.parkedUntil(store), clock.now() + retry * 1000)
      const hopeless = failed.filter((pin) => pin.owed_since < clock.now() - giveUp * 1000)
      await database.write(async (tx) => {
        await tx.run(`UPDATE remote_pins SET next_try = ? WHERE ${tx.dialect.oneOf('id')}`, [again, tx.dialect.list(failed.map((pin) => pin.id))])
        await this.#forget(tx, hopeless.filter((pin) => pin.owes === owed.unpin), clock.now())
        const unheard = hopeless.filter((pin) => pin.owes === owed.silence)
        if (unheard.length > 0) await tx.run(`UPDATE remote_pins SET owes = 0 WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list(unheard.map((pin) => pin.id))])
      })
      return
    }
  }

  /** Keeps the pairs of pins that still stand from being forgotten (F.2 step 6): they would be filed again. */
  remember(): Promise<void> {
    return this.#parts.database.write((tx) => tx.run(
      'UPDATE collected SET collected_at = ? WHERE EXISTS (SELECT 1 FROM remote_pins p WHERE p.mailbox = collected.mailbox AND p.store = collected.store AND p.identifier = collected.identifier)', [this.#parts.clock.now()]))
  }

  /** The pins are no more; their pairs are remembered from now. */
  async #forget(tx: Transaction, pins: readonly RemotePin[], now: number): Promise<void> {
    if (pins.length === 0) return
    await tx.run(`DELETE FROM remote_pins WHERE ${tx.dialect.oneOf('id')}`, [tx.dialect.list(pins.map((pin) => pin.id))])
    await tx.run(
      `INSERT INTO collected (mailbox, store, identifier, collected_at) SELECT r.mailbox, r.store, r.identifier, r.at FROM ${tx.dialect.rows({ mailbox: 'text', store: 'text', identifier: 'bytes', at: 'int' })} AS r WHERE 1 = 1
       ON CONFLICT (mailbox, store, identifier) DO UPDATE SET collected_at = excluded.collected_at`, [tx.dialect.rowsValue(pins.map((pin) => [pin.mailbox, pin.store, pin.identifier, now]))])
  }

  /** Which of these messages nobody can take back any more. */
  async #recount(pins: readonly RemotePin[]): Promise<void> {
    const { read } = this.#parts.database
    const ids = [...new Set(pins.map((pin) => pin.message))]
    const left = new Set((await read.all<{ message: MessageId }>(`SELECT DISTINCT message FROM remote_pins WHERE confirmed = 0 AND ${read.dialect.oneOf('message')}`, [read.dialect.list(ids)])).map((row) => row.message))
    for (const id of ids) if (!left.has(id)) this.#recallable.delete(id)
  }
}
