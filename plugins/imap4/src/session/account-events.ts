// Events of the bus by account: however many sessions listen, an event asks only those of its own account.
import type { AccountId, Bus, MailEvent } from '@restante/core'

const wanted = ['MailboxCreate', 'MailboxDelete', 'MailboxRename', 'MailboxSubscribe', 'MailboxUnSubscribe', 'MailboxMetadataChange', 'ServerMetadataChange'] as const
/** What became of a mailbox's name, subscription or annotations. */
export type NamedEvent = Exclude<Extract<MailEvent, { readonly mailboxName: string }>, { readonly uids: unknown }>

export class AccountEvents {
  readonly #listeners = new Map<AccountId, Set<(event: NamedEvent) => void>>()
  readonly #stop: () => void

  constructor(bus: Bus) {
    this.#stop = bus.listen(wanted, (event) => { for (const listener of this.#listeners.get(event.account) ?? []) listener(event as NamedEvent) })
  }

  watch(account: AccountId, listener: (event: NamedEvent) => void): () => void {
    const known = this.#listeners.get(account)
    if (known) known.add(listener)
    else this.#listeners.set(account, new Set([listener]))
    return () => {
      const left = this.#listeners.get(account)
      left?.delete(listener)
      if (left?.size === 0) this.#listeners.delete(account)
    }
  }

  stop(): void { this.#stop() }
}
