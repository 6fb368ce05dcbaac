// Who may send, and who is taken as a recipient, on which listener. Asks accounts and the 'smtp.rcptTo' hook; knows no SMTP
// but its replies.
import { isFailure, type Account, type Accounts, type HookRuntime } from '@restante/core'
import { replyTo, said, type Reply } from './replies.js'

export type ListenerKind = 'mx' | 'submission' | 'lmtp'

/** What a session has shown of itself. */
export interface Peer {
  readonly listener: ListenerKind
  readonly account: Account | undefined
  readonly remoteAddress: string
  readonly helo: string
}

export interface PolicyParts {
  readonly accounts: Accounts
  readonly hooks: HookRuntime
  /** Says which domains that are not ours can be reached at all. */
  readonly notifier: { reaches(domain: string): boolean }
  /** `postmaster` without a domain belongs to the first. */
  readonly domains: readonly string[]
  readonly ownSender: boolean
  readonly ownFrom: boolean
}

export interface Policy {
  /** undefined: fine. */
  sender(peer: Peer, address: string): Promise<Reply | undefined>
  /** The address to put into the envelope, or the list that it is the front end of (im2000.md G8), or why not. */
  recipient(peer: Peer, sender: string, address: string, octets: number): Promise<string | { readonly list: string } | Reply>
  /** Of a submission's From field. `sender`: allowed if the message says who sent it; to be written where it does not. */
  from(peer: Peer, addresses: readonly string[]): Promise<Reply | { readonly sender: string } | undefined>
}

export function createPolicy({ accounts, hooks, notifier, domains, ownSender, ownFrom }: PolicyParts): Policy {
  async function owns(account: Account, address: string): Promise<boolean> {
    try {
      return await accounts.owns(account, address)
    } catch (error) {
      if (isFailure(error, 'ADDRESS_INVALID')) return false
      throw error
    }
  }
  /** Whether a plugin lets the account send as an address of somebody else's. */
  async function leave(account: Account, address: string, where: 'envelope' | 'from'): Promise<'as' | 'behalf' | undefined> {
    if (!hooks.given('smtp.sender')) return undefined
    return (await hooks.ask('smtp.sender', { account: account.id, address, where }))?.may
  }
  /** An address that is no account's own: a list's (H25: nothing else is taken), one that stands for another; undefined: nobody's. */
  async function unknown({ listener, account, remoteAddress, helo }: Peer, sender: string, recipient: string): Promise<{ readonly list: string } | string | Reply | undefined> {
    const kind = hooks.given('smtp.unknown') ? await hooks.ask('smtp.unknown', { listener, account: account?.id ?? null, remoteAddress, helo, sender, recipient }) : undefined
    if (!kind) return undefined
    if ('returned' in kind) return kind.returned
    return 'list' in kind ? kind : said.refusedByPolicy(kind.refuse)
  }
  return {
    async sender({ listener, account }, address) {
      if (listener !== 'submission') return undefined
      if (!account) return said.loginFirst
      // The null sender claims to be nobody: mail programs use it for receipts (RFC 8098).
      if (!ownSender || address === '') return undefined
      return (await owns(account, address)) || (await leave(account, address, 'envelope')) ? undefined : said.senderNotOwned(address)
    },
    async recipient(peer, sender, named, octets) {
      try {
        const address = /^postmaster$/i.test(named) ? `postmaster@${domains[0]}` : named
        const found = await accounts.resolve(address)
        if (found.kind === 'foreign') {
          if (peer.listener !== 'submission') return said.noRelay
          if (!notifier.reaches(address.slice(address.lastIndexOf('@') + 1))) return said.badDomain
        }
        // Before whoever gathers what is nobody's: returned mail would end with him.
        if (found.kind === 'unknown' || (found.kind === 'account' && found.gathered)) {
          const other = await unknown(peer, sender, address)
          if (other !== undefined || found.kind === 'unknown') return other ?? said.unknownUser
        }
        if (found.kind === 'account') await accounts.checkQuota(found.account, octets)
        if (!hooks.given('smtp.rcptTo')) return address
        const { listener, account, remoteAddress, helo } = peer
        const verdict = await hooks.ask('smtp.rcptTo', { listener, account: account?.id ?? null, remoteAddress, helo, sender, recipient: address }, { verdict: 'tempfail', text: 'Try again later' })
        if (!verdict || verdict.verdict === 'accept') return address
        return verdict.verdict === 'reject' ? said.refusedByPolicy(verdict.text) : said.laterByPolicy(verdict.text)
      } catch (error) {
        if (isFailure(error)) return replyTo(error)
        throw error
      }
    },
    async from({ account }, addresses) {
      if (!ownFrom || !account) return undefined
      let sender: string | undefined
      for (const address of addresses) {
        if (await owns(account, address)) continue
        const may = await leave(account, address, 'from')
        if (!may) return said.fromNotOwned(address)
        if (may === 'behalf') sender = account.name
      }
      return sender === undefined ? undefined : { sender }
    },
  }
}
