// Changes in all mailboxes that an account sees: its own, and those of others as far as there are rights to them now.
import type { AccountId } from '../base/branded.js'
import type { Change, Feed, Listener } from './feed.js'
import type { MailboxProvider } from './namespaces.js'
import { right } from './rights.js'

export interface Seen {
  readonly feed: Feed
  readonly provided: readonly MailboxProvider[]
  /** Called when rights were changed. */
  readonly looking: Set<() => void>
}

/** Calls `listener` for each such change. Returns the way to stop. */
export function watchSeen({ feed, provided, looking }: Seen, account: AccountId, listener: Listener): () => void {
  const stops = new Map<AccountId, () => void>()
  /** Rights are looked up for each change: they may be taken away between two. */
  const passes = ({ account: owner, mailbox }: Change): boolean => provided.some((provider) => (provider.grants?.(account) ?? []).some((grant) => grant.owner === owner && (grant.rights(mailbox) & right.l) !== 0)
    || (provider.owner() === owner && provider.seen(account).some((seen) => seen.mailbox === mailbox)))
  const look = (): void => {
    const owners = new Set(provided.flatMap((provider) => [...(provider.grants?.(account) ?? []).map((grant) => grant.owner), provider.owner() ?? account]))
    owners.delete(account)
    for (const [owner, stop] of stops) {
      if (owners.has(owner) || owner === account) continue
      stop()
      stops.delete(owner)
    }
    for (const owner of owners) if (!stops.has(owner)) stops.set(owner, feed.watch(owner, (change) => { if (passes(change)) listener(change) }))
  }
  stops.set(account, feed.watch(account, listener))
  look()
  looking.add(look)
  return () => {
    looking.delete(look)
    for (const stop of stops.values()) stop()
  }
}
