// How much an account may send in an hour and in a day: counted by the hour, in the database, so that a restart forgets nothing.
import type { AccountId, Clock, Database, Migration } from '@restante/core'
import { said, type Reply } from '../replies.js'

export const ratesMigration: Migration = {
  name: 'smtp-ingress/0002-sent',
  async up(db) {
    const { int } = db.dialect.types
    await db.run(`CREATE TABLE smtp_ingress_sent (account ${int} NOT NULL, hour ${int} NOT NULL, messages ${int} NOT NULL, recipients ${int} NOT NULL, PRIMARY KEY (account, hour))`)
  },
}

/** 0: no limit. */
export interface Rates { readonly messagesPerHour: number; readonly messagesPerDay: number; readonly recipientsPerHour: number; readonly recipientsPerDay: number }
interface Hour { hour: number; messages: number; recipients: number }

const hourMs = 3_600_000
/** Accounts in memory; the others are read again. */
const remembered = 10_000

export class AccountRates {
  readonly #sent = new Map<AccountId, Promise<Hour[]>>()
  #swept = 0
  constructor(private readonly parts: { readonly rates: Rates; readonly database: Database; readonly clock: Clock }) {}

  /** Counts a message that is about to be taken, or says why not. An hour is the last sixty minutes, cut at the full hour. */
  async take(account: AccountId, recipients: number): Promise<Reply | undefined> {
    const { rates, database, clock } = this.parts
    if (!Object.values(rates).some((limit) => limit > 0)) return undefined
    const hour = Math.floor(clock.now() / hourMs)
    const hours = await this.#of(account, hour)
    // From here to the count nothing waits: two messages at once cannot both be the last one.
    while (hours.length > 0 && hours[0].hour <= hour - 24) hours.shift()
    const sum = (since: number, what: 'messages' | 'recipients'): number => hours.reduce((all, one) => (one.hour > hour - since ? all + one[what] : all), 0)
    const above = (limit: number, since: number, what: 'messages' | 'recipients', more: number): boolean => limit > 0 && sum(since, what) + more > limit
    if (above(rates.messagesPerHour, 1, 'messages', 1) || above(rates.recipientsPerHour, 1, 'recipients', recipients)) return said.sentTooMuch('hour')
    if (above(rates.messagesPerDay, 24, 'messages', 1) || above(rates.recipientsPerDay, 24, 'recipients', recipients)) return said.sentTooMuch('day')
    let now = hours.at(-1)
    if (now?.hour !== hour) hours.push(now = { hour, messages: 0, recipients: 0 })
    now.messages++
    now.recipients += recipients
    await database.write(async (tx) => {
      await tx.run(
        `INSERT INTO smtp_ingress_sent (account, hour, messages, recipients) VALUES (?, ?, 1, ?)
         ON CONFLICT (account, hour) DO UPDATE SET messages = smtp_ingress_sent.messages + 1, recipients = smtp_ingress_sent.recipients + excluded.recipients`, [account, hour, recipients])
      if (this.#swept === hour) return
      await tx.run('DELETE FROM smtp_ingress_sent WHERE hour <= ?', [hour - 24])
      this.#swept = hour
    })
    return undefined
  }

  #of(account: AccountId, hour: number): Promise<Hour[]> {
    const known = this.#sent.get(account)
    if (known) return known
    if (this.#sent.size >= remembered) this.#sent.delete(this.#sent.keys().next().value!)
    const read = this.parts.database.read.all<Hour>('SELECT hour, messages, recipients FROM smtp_ingress_sent WHERE account = ? AND hour > ? ORDER BY hour', [account, hour - 24]).then((rows) => rows.map((row) => ({ ...row })))
    read.catch(() => this.#sent.delete(account))
    this.#sent.set(account, read)
    return read
  }
}
