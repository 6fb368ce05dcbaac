// Acts on whole accounts that touch several parts of core: for the command line, and for plugins that keep accounts of their own.
import type { AccountId } from './base/branded.js'
import type { Account } from './accounts/contract.js'
import type { AccountsAdministration, WantedAccount } from './accounts/accounts.js'
import type { Transaction } from './database/connect.js'
import { failure } from './errors/codes.js'
import type { MailboxesAdministration } from './mailbox/mailboxes.js'
import type { Reaper } from './store/reaper.js'

export interface Administration {
  /** Creates accounts with their first mailboxes, all or none. Throws ACCOUNT_EXISTS, ADDRESS_EXISTS, ADDRESS_INVALID, NOT_LOCAL. */
  add(wanted: readonly WantedAccount[]): Promise<readonly Account[]>
  /** Deletes an account with all its mail. Throws ACCOUNT_NOT_FOUND. */
  remove(name: string): Promise<Account>
}

interface Parts {
  readonly accounts: AccountsAdministration & { byName(name: string): Promise<Account | undefined> }
  readonly mailboxes: MailboxesAdministration
  /** What others keep of an account, each in its own tables; in the commit that removes it. */
  readonly forget: readonly ((tx: Transaction, account: AccountId) => Promise<unknown>)[]
  readonly reaper: Reaper
}

export function makeAdministration({ accounts, mailboxes, forget, reaper }: Parts): Administration {
  return {
    async add(wanted) {
      const made = await accounts.add(wanted)
      await mailboxes.provide(made.map((account) => account.id as AccountId))
      return made
    },
    async remove(name) {
      const account = await accounts.byName(name)
      if (!account) throw failure('ACCOUNT_NOT_FOUND', { account: name })
      await mailboxes.removeAll(account.id, async (tx) => { for (const one of forget) await one(tx, account.id) })
      accounts.forget()
      reaper.soon()
      return account
    },
  }
}

declare module './plugin/services.js' {
  interface Services { administration: Administration }
}
