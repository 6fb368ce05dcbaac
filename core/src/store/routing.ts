// Where addresses lead: to an account here, elsewhere, or nowhere. Asked when an envelope comes, and again when it is let go later.
import type { AccountId } from '../base/branded.js'
import type { Accounts } from '../accounts/contract.js'
import { isFailure } from '../errors/codes.js'

export interface RoutingParts {
  readonly accounts: Accounts
  /** Whether a domain that is not ours can be reached (a notifier or a relay is there). */
  readonly reaches: (domain: string) => boolean
}
export interface Route {
  /** As it is written down. */
  readonly address: string
  /** undefined: not ours; the notifier takes it from here. */
  readonly account: AccountId | undefined
}

/** In order; undefined: nowhere. */
export async function routesOf({ accounts, reaches }: RoutingParts, addresses: readonly string[]): Promise<(Route | undefined)[]> {
  const resolutions = await resolveTolerantly(accounts, addresses)
  return addresses.map((address, i) => {
    const resolution = resolutions[i]
    if (resolution?.kind === 'account') return { address: resolution.address, account: resolution.account.id }
    return resolution?.kind === 'foreign' && reaches(address.slice(address.lastIndexOf('@') + 1)) ? { address, account: undefined } : undefined
  })
}

/** An address that cannot be one is an entry to refuse, not a broken envelope. */
async function resolveTolerantly(accounts: Accounts, addresses: readonly string[]): Promise<(Awaited<ReturnType<Accounts['resolve']>> | undefined)[]> {
  try {
    return [...await accounts.resolveAll(addresses)]
  } catch (error) {
    if (!isFailure(error, 'ADDRESS_INVALID')) throw error
  }
  return Promise.all(addresses.map((address) => accounts.resolve(address).catch((error: unknown) => {
    if (isFailure(error, 'ADDRESS_INVALID')) return undefined
    throw error
  })))
}
