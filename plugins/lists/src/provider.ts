// What accounts see of lists, and what SUBSCRIBE means below the prefix.
import { failure, isFailure, type AccountId, type Clock, type Lists, type MailboxProvider, type MailboxProviders, type Reach } from '@restante/core'
import type { Config } from './config.js'
import type { Polls } from './poll.js'
import type { Sources } from './sources.js'

export interface ProviderParts {
  readonly config: Config
  readonly clock: Clock
  readonly lists: Lists
  readonly reach: Reach
  readonly sources: Sources
  readonly polls: Polls
  readonly providers: MailboxProviders
  readonly owner: () => AccountId | undefined
}

const domain = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

export function makeProvider(parts: ProviderParts): MailboxProvider {
  const { config, clock, lists, sources, polls, providers, owner } = parts
  /** 'lists/store.example/news' → the two; undefined for the prefix itself. */
  const parse = (name: string): { store: string; list: string } | undefined => {
    const [, first, ...rest] = name.split('/')
    return first === undefined ? undefined : { store: first, list: rest.join('/') }
  }
  return {
    root: config.prefix,
    kind: 'shared',
    owner,
    seen: (account) => (owner() === undefined ? [] : sources.seen(account)),
    async subscribe(account, name) {
      const local = name.slice(config.prefix.length + 1)
      const found = parse(name)
      // One of ours, or the prefix: there is nothing to do.
      if (!found || await lists.mayRead(local, account)) return
      const { store, list } = found
      if (!domain.test(store) || list === '' || Buffer.byteLength(list) > 255) throw failure('MAILBOX_NOT_FOUND', { mailbox: name })
      const known = sources.find(store, list)
      if (!known?.subscribers.has(account) && sources.subscriptionsOf(account) >= config.subscriptions) throw failure('TOO_MANY_MAILBOXES', { limit: config.subscriptions })
      if (!known) await exists(store, list, name)
      const source = known ?? await sources.add(store, list, await providers.mailbox(owner()!, name), 0)
      await sources.subscribe(source, account)
      polls.soon(source, 0)
    },
    async unsubscribe(account, name) {
      const found = parse(name)
      const source = found && sources.find(found.store, found.list)
      if (source?.subscribers.has(account)) await sources.unsubscribe(source, account, clock.now())
    },
  }

  /** Throws MAILBOX_NOT_FOUND when the store says that there is no such list (or none for us), or when no such store can be. Whoever does not answer in time is believed. */
  async function exists(store: string, list: string, name: string): Promise<void> {
    let late: { clear(): void } | undefined
    const patience = new Promise<'late'>((resolve) => { late = clock.after(config.firstContact * 1000, () => resolve('late')) })
    const asked = ask(store, list)
    try {
      if (await Promise.race([asked, patience]) === 'no') throw failure('MAILBOX_NOT_FOUND', { mailbox: name })
    } finally {
      late?.clear()
    }
  }

  async function ask(store: string, list: string): Promise<'yes' | 'no' | 'silent'> {
    const found = await parts.reach.store({ storeClear: { domain: store }, storeSsl: { domain: store } })
    if (found.kind !== 'connected') return found.kind === 'permanent' ? 'no' : 'silent'
    try {
      await found.value.scan(list, Math.floor(clock.now() / 1000))
      return 'yes'
    } catch (error) {
      return isFailure(error, 'LIST_NOT_FOUND') ? 'no' : 'silent'
    } finally {
      found.value.close()
    }
  }
}
