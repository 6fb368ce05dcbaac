// Keywords: which are acceptable, and the interned sets that entries name.
import type { Database, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import { failure } from '../errors/codes.js'
import type { KeywordSet } from './mailbox-index.js'

/** Octets of one keyword. */
const longest = 255

/** Refuses what is not an atom (RFC 3501 flag-keyword) or claims to be a system flag. Throws KEYWORD_INVALID, TOO_MANY_KEYWORDS. */
export function checkKeywords(keywords: readonly string[], most: number): void {
  for (const keyword of keywords) {
    if (keyword.length === 0 || keyword.length > longest || !/^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/.test(keyword)) throw failure('KEYWORD_INVALID', { keyword: keyword.slice(0, 80) })
  }
  if (keywords.length > most) throw failure('TOO_MANY_KEYWORDS', { limit: most })
}

/** Sets of keywords, interned for the whole gateway: written once, numbered for ever, kept in memory. Keywords compare without case; the first spelling of a set stays. */
export class KeywordSets {
  readonly #database: Database
  readonly #names = new Map<KeywordSet, readonly string[]>([[0, []]])
  readonly #ids = new Map<string, KeywordSet>([['', 0]])

  constructor(database: Database) {
    this.#database = database
  }

  names(set: KeywordSet): readonly string[] {
    return this.#names.get(set) ?? []
  }

  /** Brings sets into memory, one query for all that are not there. */
  async load(sets: Iterable<KeywordSet>): Promise<void> {
    const missing = [...new Set(sets)].filter((set) => !this.#names.has(set))
    if (missing.length === 0) return
    const { read } = this.#database
    for (const row of await read.all<{ id: number; names: string }>(`SELECT id, names FROM keyword_sets WHERE ${read.dialect.oneOf('id')}`, [read.dialect.list(missing)])) this.#remember(row.id, row.names)
  }

  /** The set with these keywords, if it is known already: no transaction is needed then. */
  known(keywords: readonly string[]): KeywordSet | undefined {
    return this.#ids.get(canonical(keywords).toLowerCase())
  }

  /** The number of a set, written in the caller's commit when it is new. */
  async intern(tx: Transaction, keywords: readonly string[]): Promise<KeywordSet> {
    const names = canonical(keywords)
    const known = this.#ids.get(names.toLowerCase())
    if (known !== undefined) return known
    const found = await tx.get<{ id: number; names: string }>('SELECT id, names FROM keyword_sets WHERE names = ?', [names])
    if (found) return this.#remember(found.id, found.names)
    const { keyword_sets: id } = await allocate(tx, { keyword_sets: 1 })
    await tx.run('INSERT INTO keyword_sets (id, names) VALUES (?, ?)', [id, names])
    // Remembered only by number: if this commit fails, the number is never seen, and the name is looked up again.
    this.#names.set(id, names.split(' '))
    return id
  }

  #remember(id: KeywordSet, names: string): KeywordSet {
    this.#names.set(id, names === '' ? [] : names.split(' '))
    this.#ids.set(names.toLowerCase(), id)
    return id
  }
}

/** Sorted without regard to case, doubles removed (the first spelling stays). */
function canonical(keywords: readonly string[]): string {
  if (keywords.length === 0) return ''
  const spellings = new Map<string, string>()
  for (const keyword of keywords) if (!spellings.has(keyword.toLowerCase())) spellings.set(keyword.toLowerCase(), keyword)
  return [...spellings].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, spelling]) => spelling).join(' ')
}

/** Keywords after a change, without regard to case. */
export function changeKeywords(before: readonly string[], mode: 'add' | 'remove' | 'replace', keywords: readonly string[]): readonly string[] {
  if (mode === 'replace') return keywords
  if (mode === 'add') return [...before, ...keywords]
  const gone = new Set(keywords.map((keyword) => keyword.toLowerCase()))
  return before.filter((keyword) => !gone.has(keyword.toLowerCase()))
}
