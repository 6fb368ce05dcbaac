// How much each account holds: the truth is in the mailboxes' rows, changed with their entries; the sum is kept in memory,
// so that RCPT and APPEND need no query.
import type { AccountId } from '../base/branded.js'
import { failure } from '../errors/codes.js'
import type { Bus } from '../events/bus.js'
import type { Clock } from '../base/clock.js'
import type { Account } from './contract.js'

export interface Usage { octets: number; messages: number }
/** What a write did to one account's usage. */
export interface UsageChange { readonly account: AccountId; readonly octets: number; readonly messages: number }

/**
 * Sums of several accounts; those that hold nothing may be missing. They are handed over at their place among the commits: after
 * the changes that they include were told, before those that they do not.
 */
export type UsageSource = (accounts: readonly AccountId[], hand: (found: ReadonlyMap<AccountId, Usage>) => void) => Promise<void>

/** Accounts whose usage is kept in memory at most. */
const rememberedAtMost = 50_000

export class Quota {
  readonly #source: UsageSource
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #known = new Map<AccountId, Usage>()

  constructor(source: UsageSource, bus: Bus, clock: Clock) {
    this.#source = source
    this.#bus = bus
    this.#clock = clock
  }

  async usage(account: AccountId): Promise<Usage> {
    await this.load([account])
    return this.#known.get(account) ?? { octets: 0, messages: 0 }
  }

  /** Brings the usage of several accounts into memory, with one query for those that are not there. */
  async load(accounts: readonly AccountId[]): Promise<void> {
    const missing = accounts.filter((account) => !this.#known.has(account))
    if (missing.length > 0) {
      await this.#source(missing, (found) => {
        for (const account of missing) if (!this.#known.has(account)) this.#known.set(account, { octets: 0, messages: 0, ...found.get(account) })
      })
    }
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= rememberedAtMost) break
      this.#known.delete(oldest)
    }
  }

  /** Throws OVER_QUOTA when `octets` in `messages` more do not fit. */
  async check(account: Account, octets: number, messages = 1): Promise<void> {
    if (!account.quotaOctets && !account.quotaMessages) return
    if (this.#fits(account, await this.usage(account.id), octets, messages)) return
    this.#bus.tell({ type: 'QuotaExceed', account: account.id, at: this.#clock.now(), octets, messages })
    throw failure('OVER_QUOTA', { account: account.name })
  }

  /** After the commit: the copy in memory follows. */
  changed(changes: readonly UsageChange[]): void {
    const heard = this.#bus.heard('QuotaChange')
    for (const change of changes) {
      const known = this.#known.get(change.account)
      if (!known) continue
      known.octets += change.octets
      known.messages += change.messages
      if (heard) this.#bus.tell({ type: 'QuotaChange', account: change.account, at: this.#clock.now(), octets: known.octets, messages: known.messages })
    }
  }

  /** A failed commit or an administrator's act: read again when next asked. */
  forget(account: AccountId): void {
    this.#known.delete(account)
  }

  #fits(account: Account, usage: Usage, octets: number, messages: number): boolean {
    return (account.quotaOctets === 0 || usage.octets + octets <= account.quotaOctets) && (account.quotaMessages === 0 || usage.messages + messages <= account.quotaMessages)
  }
}
