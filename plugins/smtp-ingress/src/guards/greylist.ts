// Greylisting (RFC 6647): a triplet of network, sender and recipient that was never seen is put off once. Durable, bounded, and
// networks that keep coming back are let through.
import { createHash } from 'node:crypto'
import { countedAs, type Clock, type Database, type Log, type Migration } from '@restante/core'
import type { GuardConfig } from './config.js'

export const greylistMigration: Migration = {
  name: 'smtp-ingress/0001-greylist',
  async up(db) {
    const { int, text } = db.dialect.types
    // One row a triplet, and one a network that came back; `passes`: how often it was let through for the first time.
    await db.run(`CREATE TABLE smtp_ingress_greylist (entry ${text} PRIMARY KEY, first_at ${int} NOT NULL, until ${int} NOT NULL, passes ${int} NOT NULL)`)
    await db.run('CREATE INDEX smtp_ingress_greylist_until ON smtp_ingress_greylist (until)')
  },
}

interface Row { readonly entry: string; readonly first_at: number; readonly until: number; readonly passes: number }

const sweepMs = 3_600_000

export class Greylist {
  /** How many rows there are, more or less. */
  #rows = 0
  #sweeping: { clear(): void } | undefined
  constructor(private readonly parts: { readonly config: GuardConfig['greylist']; readonly database: Database; readonly clock: Clock; readonly log: Log; /** Whether the sender's domain stands for the address (SPF). */ readonly vouched: (address: string, helo: string, sender: string) => Promise<boolean> }) {}

  async start(): Promise<void> {
    await this.#sweep()
  }
  stop(): void {
    this.#sweeping?.clear()
  }

  /** Seconds to wait; 0: let it through. */
  async wait(address: string, helo: string, sender: string, recipient: string): Promise<number> {
    const { config, database, clock } = this.parts
    const now = clock.now()
    const network = networkOf(address)
    const triplet = keyOf(network, sender, recipient)
    const rows = new Map((await database.read.all<Row>('SELECT entry, first_at, until, passes FROM smtp_ingress_greylist WHERE entry IN (?, ?)', [network, triplet])).filter((row) => row.until > now).map((row) => [row.entry, row]))
    const remember = now + config.remember * 1000
    const known = [rows.get(network)].find((row) => row && row.passes >= config.networkAfter) ?? [rows.get(triplet)].find((row) => row && row.passes > 0)
    if (known) {
      // Written down twice in its time at most.
      if (known.until < now + config.remember * 500) await database.write((tx) => tx.run('UPDATE smtp_ingress_greylist SET until = ? WHERE entry = ?', [remember, known.entry]))
      return 0
    }
    const first = rows.get(triplet)
    if (!first) {
      if (this.#rows >= config.entries) return 0
      if (config.skipSpfPass && await this.parts.vouched(address, helo, sender)) return 0
      await database.write((tx) => tx.run(
        `INSERT INTO smtp_ingress_greylist (entry, first_at, until, passes) VALUES (?, ?, ?, 0)
         ON CONFLICT (entry) DO UPDATE SET first_at = excluded.first_at, until = excluded.until, passes = 0`, [triplet, now, now + config.retry * 1000]))
      this.#rows++
      return config.wait
    }
    const left = Math.ceil((first.first_at + config.wait * 1000 - now) / 1000)
    if (left > 0) return left
    await database.write(async (tx) => {
      await tx.run('UPDATE smtp_ingress_greylist SET passes = 1, until = ? WHERE entry = ?', [remember, triplet])
      await tx.run(
        `INSERT INTO smtp_ingress_greylist (entry, first_at, until, passes) VALUES (?, ?, ?, 1)
         ON CONFLICT (entry) DO UPDATE SET until = excluded.until, passes = smtp_ingress_greylist.passes + 1`, [network, now, remember])
    })
    return 0
  }

  async #sweep(): Promise<void> {
    const { database, clock, log } = this.parts
    try {
      await database.write((tx) => tx.run('DELETE FROM smtp_ingress_greylist WHERE until <= ?', [clock.now()]))
      this.#rows = (await database.read.get<{ rows: number }>('SELECT COUNT(*) AS rows FROM smtp_ingress_greylist'))!.rows
    } catch (error) {
      log.warn({ err: error }, 'old triplets could not be forgotten')
    }
    this.#sweeping = clock.after(sweepMs, () => void this.#sweep())
  }
}

/** An IPv4 /24 or an IPv6 /64: large senders try again from another of their machines. */
const networkOf = (address: string): string => (address.includes(':') ? countedAs(address) : `${address.split('.').slice(0, 3).join('.')}.0/24`)

/** Strangers choose what is kept: a digest has one length. Numbers and tags in a sender change with each message (VERP). */
function keyOf(network: string, sender: string, recipient: string): string {
  const at = sender.lastIndexOf('@')
  const plain = at < 0 ? sender : sender.slice(0, at).replace(/[+=].*$/s, '').replace(/\d+/g, '#') + sender.slice(at)
  return createHash('sha256').update([network, plain.toLowerCase(), recipient.toLowerCase()].join('\0')).digest('base64')
}
