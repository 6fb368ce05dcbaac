// The filter files of accounts: read when first needed (one query for all that are asked for together), kept ready under a
// memory budget, replaced when saved.
import { failure, gather, type AccountId } from '@restante/core'
import { parseFilter } from './language/parse.js'
import { defaultLimits, FilterError, type FilterFile, type Limits } from './language/rule.js'
import { makeProgram, type Program } from './program.js'
import type { Repository } from './repository.js'

/** What rules take in memory, for each character of their text: measured at 6 to 9. */
const growth = 10
/** Accounts that are remembered to have no rules. */
const mostWithout = 200_000

export interface FiltersParts { readonly repository: Repository; readonly limits: Limits; readonly cacheOctets: number; readonly now: () => number; readonly broken: (account: AccountId, error: unknown) => void }

export class Filters {
  readonly #parts: FiltersParts
  /** Least recently used first. */
  readonly #ready = new Map<AccountId, { readonly program: Program; readonly cost: number }>()
  readonly #without = new Set<AccountId>()
  #held = 0
  /** Saves since the start: what was read across one may be old, and is not remembered. */
  #saves = 0
  readonly #read: (account: AccountId) => Promise<Program | undefined>

  constructor(parts: FiltersParts) {
    this.#parts = parts
    this.#read = gather(async (accounts) => {
      const before = this.#saves
      const texts = await parts.repository.texts([...new Set(accounts)])
      const programs = new Map<AccountId, Program | undefined>()
      for (const account of new Set(accounts)) programs.set(account, this.#made(account, texts.get(account), before))
      return (account) => programs.get(account)
    })
  }

  /** The rules of an account, ready to run; undefined when there are none. At once when they are in memory. */
  program(account: AccountId): Program | undefined | Promise<Program | undefined> {
    if (this.#without.has(account)) return undefined
    const known = this.#ready.get(account)
    if (!known) return this.#read(account)
    this.#ready.delete(account)
    this.#ready.set(account, known)
    return known.program
  }

  async text(account: AccountId): Promise<string> {
    return (await this.#parts.repository.texts([account])).get(account) ?? ''
  }

  /** Checks and saves; '' takes the rules away. A broken file changes nothing. Throws FILTER_INVALID. */
  async save(account: AccountId, text: string): Promise<FilterFile> {
    const file = this.check(text)
    await this.#parts.repository.save(account, text, this.#parts.now(), () => {
      this.#saves++
      this.#forget(account)
    })
    return file
  }

  /** Throws FILTER_INVALID. */
  check(text: string): FilterFile {
    return checkFilter(text, this.#parts.limits)
  }

  #made(account: AccountId, text: string | undefined, before: number): Program | undefined {
    const keep = before === this.#saves
    if (text === undefined || text === '') {
      if (keep) {
        if (this.#without.size >= mostWithout) this.#without.clear()
        this.#without.add(account)
      }
      return undefined
    }
    let program: Program
    try {
      program = makeProgram(parseFilter(text, this.#parts.limits))
    } catch (error) {
      // Saved by another version, or under other limits.
      this.#parts.broken(account, error)
      return undefined
    }
    if (!keep) return program
    this.#forget(account)
    const cost = text.length * growth
    this.#ready.set(account, { program, cost })
    this.#held += cost
    for (const [oldest, { cost: its }] of this.#ready) {
      if (this.#held <= this.#parts.cacheOctets || oldest === account) break
      this.#ready.delete(oldest)
      this.#held -= its
    }
    return program
  }

  #forget(account: AccountId): void {
    this.#held -= this.#ready.get(account)?.cost ?? 0
    this.#ready.delete(account)
    this.#without.delete(account)
  }
}

/** Reads a file and makes it ready, for what only that can find. Throws FILTER_INVALID. */
export function checkFilter(text: string, limits: Limits = defaultLimits): FilterFile {
  try {
    const file = parseFilter(text, limits)
    makeProgram(file)
    return file
  } catch (error) {
    if (!(error instanceof FilterError)) throw error
    throw failure('FILTER_INVALID', { why: error.message, line: error.line, column: error.column, found: error.found, expected: error.expected }, error)
  }
}
