// Users' vacations in memory: read when first asked for (all that are asked together by one query), replaced when saved.
import { gather, type AccountId } from '@restante/core'
import type { Repository } from './repository.js'
import type { Vacation } from './vacation.js'

/** Accounts that are remembered, with a vacation or without. */
const remembered = 100_000

export class VacationSettings {
  readonly #repository: Repository
  readonly #known = new Map<AccountId, Vacation | null>()
  #saves = 0
  readonly #read: (account: AccountId) => Promise<Vacation | null>

  constructor(repository: Repository) {
    this.#repository = repository
    this.#read = gather(async (accounts) => {
      const before = this.#saves
      const found = await repository.settings([...new Set(accounts)])
      if (before === this.#saves) for (const account of accounts) this.#known.set(account, found.get(account) ?? null)
      for (const oldest of this.#known.keys()) {
        if (this.#known.size <= remembered) break
        this.#known.delete(oldest)
      }
      return (account) => found.get(account) ?? null
    })
  }

  /** null: the user never set one. At once when it is known. */
  of(account: AccountId): Vacation | null | Promise<Vacation | null> {
    const known = this.#known.get(account)
    return known === undefined ? this.#read(account) : known
  }

  save(account: AccountId, vacation: Vacation, now: number): Promise<void> {
    return this.#repository.save(account, vacation, now, () => {
      this.#saves++
      this.#known.delete(account)
    })
  }
}
