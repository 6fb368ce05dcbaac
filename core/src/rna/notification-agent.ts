// The recipient notification agent (im2000.md E): accepts notifications, collapses repeats, holds them within bounds, and
// hands them to their recipient once. In process; the wire protocols are tables of calls to this.
import type { AccountId } from '../base/branded.js'
import type { Clock } from '../base/clock.js'
import type { Accounts, Resolution } from '../accounts/contract.js'
import type { Database, Transaction } from '../database/connect.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Notification, ServiceLocation } from '../im2000/values.js'
import type { Log } from '../log/logger.js'
import { makeHoldBatch, release, releaseAll, type WantedRow } from './held.js'
import { judge, type Action, type Facts, type Rule } from './policy.js'

export type { Notification, ServiceLocation }
/** Who told us (E.6). */
export interface Submitter { readonly address: string; readonly port: number; readonly domain?: string; readonly tls: boolean }
/** What a recipient is given (E.7). */
export interface HeldNotification { readonly notification: Notification; readonly submitter: Omit<Submitter, 'tls'>; readonly receivedAt: number }

export interface AgentOptions {
  readonly bound: number
  readonly perMailbox: number
  readonly unknownMailbox: 'silent' | 'nouser'
  readonly replacement: 'off' | 'oldest-of-store' | 'oldest-of-mailbox'
  /** Seconds that a collected pair is remembered. */
  readonly remember: number
  readonly policy: readonly Rule[]
}
export interface AgentParts {
  readonly database: Database
  readonly accounts: Accounts
  readonly clock: Clock
  readonly log: Log
  readonly options: AgentOptions
  /** Something new is held: whoever collects may come (delivery/collect.ts). */
  readonly arrived?: () => void
}

export interface NotificationAgent {
  /** Notify: all or none (E.17). Throws NOTIFICATION_REFUSED, NOTIFICATIONS_FULL; ACCOUNT_NOT_FOUND only with `unknownMailbox: nouser`. */
  notify(notifications: readonly Notification[], submitter: Submitter): Promise<void>
  /** What the policies say of mail that our own store has for an account, before it is filed in the same commit. */
  judgeLocal(account: AccountId, facts: Facts): Promise<Action>
  /** RetrieveAndClear (E.25-E.28): at most `limit`, oldest first. `hand` writes the answer out; only when it resolves are the notifications cleared. */
  retrieveAndClear(account: AccountId, limit: number, hand: (held: readonly HeldNotification[]) => Promise<void>): Promise<void>
  policyOf(account: AccountId): Promise<readonly Rule[]>
  /** Whether any recipient might have rules of their own (known to be false only after a look). */
  readonly personalPolicies: boolean
  setPolicy(account: AccountId, rules: readonly Rule[]): Promise<void>
  /** What is held for an account that goes, and its policy: nobody would ever fetch it, and it would count against the bound. */
  removeAll(tx: Transaction, account: AccountId): Promise<void>
  /** Forgets old pairs. */
  sweep(): Promise<void>
}

export function makeNotificationAgent({ database, accounts, clock, log, options, arrived = () => undefined }: AgentParts): NotificationAgent {
  const policies = new Map<AccountId, readonly Rule[]>()
  // Until the first look nobody knows; local deliveries then ask per recipient, which is only slower.
  let personalPolicies = true
  void database.read.get('SELECT 1 FROM notification_policies LIMIT 1').then((row) => { personalPolicies = row !== undefined }, () => undefined)
  const counts = { refused: 0, discarded: 0, unknown: 0 }
  const hold = makeHoldBatch(options)

  const policyOf = async (account: AccountId): Promise<readonly Rule[]> => {
    const known = policies.get(account)
    if (known) return known
    const row = await database.read.get<{ rules: string }>('SELECT rules FROM notification_policies WHERE account = ?', [account])
    const rules = row ? JSON.parse(row.rules) as Rule[] : []
    if (policies.size > 10_000) policies.clear()
    policies.set(account, rules)
    return rules
  }

  /** An address that cannot be one is nobody's. */
  const resolveAll = async (addresses: readonly string[]): Promise<readonly Resolution[]> => {
    try {
      return await accounts.resolveAll(addresses)
    } catch (error) {
      if (!isFailure(error, 'ADDRESS_INVALID')) throw error
      if (addresses.length === 1) return [{ kind: 'unknown' }]
    }
    return (await Promise.all(addresses.map((address) => resolveAll([address])))).flat()
  }

  /** Rows to keep of a batch: known mailboxes, not discarded. Throws on the first refusal: all or none. */
  const sift = async (notifications: readonly Notification[], submitter: Submitter): Promise<WantedRow[]> => {
    const rows: WantedRow[] = []
    const resolutions = await resolveAll(notifications.map((notification) => notification.recipient))
    for (const [i, notification] of notifications.entries()) {
      const facts = factsOf(notification, submitter)
      const global = judge(facts, options.policy, [])
      const resolution = resolutions[i]
      if (global === 'refuse' || global === 'reject') {
        counts.refused++
        throw failure('NOTIFICATION_REFUSED')
      }
      if (resolution.kind !== 'account') {
        counts.unknown++
        if (options.unknownMailbox === 'nouser') throw failure('ACCOUNT_NOT_FOUND', { account: notification.recipient })
        continue
      }
      const action = judge(facts, options.policy, await policyOf(resolution.account.id))
      if (action === 'refuse' || action === 'reject') {
        counts.refused++
        throw failure('NOTIFICATION_REFUSED')
      }
      if (action === 'discard') {
        counts.discarded++
        log.debug({ account: resolution.account.name, sender: notification.sender }, 'notification discarded by policy')
        continue
      }
      rows.push({ mailbox: resolution.address, account: resolution.account.id, store: storeKey(notification), notification })
    }
    return rows
  }

  return {
    async notify(notifications, submitter) {
      const rows = await sift(notifications, submitter)
      if (rows.length === 0) return
      const { address, port, domain } = submitter
      const held = await database.writeBatched(hold, { rows, submitter: { address, port, ...(domain === undefined ? {} : { domain }) }, at: clock.now() }).catch((error: unknown) => {
        if (isFailure(error, 'NOTIFICATIONS_FULL')) return false
        throw error
      })
      if (held) return arrived()
      counts.refused++
      throw failure('NOTIFICATIONS_FULL')
    },
    judgeLocal: async (account, facts) => judge(facts, options.policy, await policyOf(account)),
    async retrieveAndClear(account, limit, hand) {
      const rows = await database.read.all('SELECT * FROM notifications WHERE account = ? ORDER BY id LIMIT ?', [account, limit])
      await hand(rows.map((row) => ({
        notification: { ...storeOf(row.store), recipient: row.mailbox, identifier: row.identifier, sender: row.sender, ...(row.size === null ? {} : { size: row.size }), ...(row.digest === null ? {} : { digest: row.digest }) },
        submitter: { address: row.submitter_address, port: row.submitter_port, ...(row.submitter_domain === null ? {} : { domain: row.submitter_domain }) },
        receivedAt: row.received_at,
      })))
      if (rows.length === 0) return
      // By number: what came in between stays held (T97).
      await database.write((tx) => release(tx, rows.map((row) => row.id)))
    },
    policyOf,
    get personalPolicies() {
      return personalPolicies
    },
    async setPolicy(account, rules) {
      await database.write((tx) => tx.run('INSERT INTO notification_policies (account, rules) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET rules = excluded.rules', [account, JSON.stringify(rules)]))
      policies.delete(account)
      personalPolicies = true
    },
    async removeAll(tx, account) {
      await releaseAll(tx, account)
      await tx.run('DELETE FROM notification_policies WHERE account = ?', [account])
      tx.afterCommit(() => { policies.delete(account) })
    },
    sweep: () => database.write((tx) => tx.run('DELETE FROM collected WHERE collected_at < ?', [clock.now() - options.remember * 1000])),
  }
}

function factsOf(notification: Notification, submitter: Submitter): Facts {
  const store = notification.storeSsl ?? notification.storeClear
  return {
    submitterAddress: submitter.address,
    storeDomain: 'domain' in store ? store.domain : undefined,
    storeLiterals: 'literals' in store ? store.literals.map((literal) => literal.address) : [],
    sender: notification.sender,
    size: notification.size,
    tls: submitter.tls,
  }
}

/** "Same store" means equal locations (E.9): one canonical text for both. */
const storeKey = ({ storeClear, storeSsl }: Notification): string => JSON.stringify([canonical(storeClear), storeSsl === undefined ? null : canonical(storeSsl)])
const canonical = (location: ServiceLocation): unknown =>
  // Only ASCII letters: others may grow when folded, and then would not fit where they came from (E.4).
  ('domain' in location ? location.domain.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : location.literals.map((literal) => [literal.address, literal.port]))
/** The places that a store's canonical text stands for. */
export function storeOf(key: string): Pick<Notification, 'storeClear' | 'storeSsl'> {
  const [clear, ssl] = JSON.parse(key) as [Canonical, Canonical | null]
  return { storeClear: locationOf(clear), ...(ssl === null ? {} : { storeSsl: locationOf(ssl) }) }
}
type Canonical = string | [string, number][]
const locationOf = (text: Canonical): ServiceLocation => (typeof text === 'string' ? { domain: text } : { literals: text.map(([address, port]) => ({ address, port })) })

declare module '../plugin/services.js' {
  interface Services { notificationAgent: NotificationAgent }
}
