// Keywords: which are acceptable, and the interned sets that entries name.
import { createHash } from 'node:crypto'
import type { Database, Transaction } from '../database/connect.js'
import { allocate } from '../database/migrator.js'
import { failure } from '../errors/codes.js'
import type { KeywordSet, LoadedIndex } from './mailbox-index.js'

/** Octets of one keyword. */
const longest = 255

/** Refuses what is not an atom (RFC 3501 flag-keyword) or claims to be a system flag. Throws KEYWORD_INVALID, TOO_MANY_KEYWORDS. */
export function checkKeywords(keywords: readonly string[], most: number): void {
  for (const keyword of keywords) {
    if (keyword.length === 0 || keyword.length > longest || !/^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/.test(keyword)) throw failure('KEYWORD_INVALID', { keyword: keyword.slice(0, 80) })
  }
  if (keywords.length > most) throw failure('TOO_MANY_KEYWORDS', { limit: most })
}

/** Refuses keywords that would be one too many in their mailbox: clients make them up. Throws TOO_MANY_KEYWORDS. */
export function checkKeywordRoom(index: Pick<LoadedIndex, 'allKeywords' | 'recountKeywords'>, wanted: readonly string[], most: number): void {
  if (wanted.length === 0) return
  const tooMany = (present: readonly string[]): boolean => {
    const names = new Set(present.map((name) => name.toLowerCase()))
    const before = names.size
    for (const name of wanted) names.add(name.toLowerCase())
    return names.size > before && names.size > most
  }
  // Counted only when it seems to be full.
  if (tooMany(index.allKeywords()) && tooMany(index.recountKeywords())) throw failure('TOO_MANY_KEYWORDS', { limit: most })
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
    for (const row of await read.all<{ id: number; names: string }>(`SELECT id, names FROM keyword_sets WHERE ${read.dialect.oneOf('id')}`, [read.dialect.list(missing)])) {
      // Not by name: it may have been swept since it was read.
      this.#names.set(row.id, row.names.split(' '))
    }
  }

  /** The number of a set, written in the caller's commit when it is new. */
  async intern(tx: Transaction, keywords: readonly string[]): Promise<KeywordSet> {
    const names = canonical(keywords)
    const known = this.#ids.get(names.toLowerCase())
    if (known !== undefined) return known
    const digest = digestOf(names)
    let id = (await tx.get<{ id: number }>('SELECT id FROM keyword_sets WHERE digest = ?', [digest]))?.id
    if (id === undefined) {
      id = (await allocate(tx, { keyword_sets: 1 })).keyword_sets
      await tx.run('INSERT INTO keyword_sets (id, names, digest) VALUES (?, ?, ?)', [id, names, digest])
    }
    // By number at once: if this commit fails, nobody sees the number. By name only after it: the row may be of this very
    // transaction, and what is rolled back must be looked up again.
    const number = id
    this.#names.set(number, names.split(' '))
    tx.afterCommit(() => { this.#ids.set(names.toLowerCase(), number) })
    return number
  }

  /** Forgets sets that no entry names any more: clients make up keywords. Answers how many. */
  sweep(): Promise<number> {
    return this.#database.write(async (tx) => {
      const gone = await tx.all<{ id: number; names: string }>('DELETE FROM keyword_sets WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.keywords <> 0 AND e.keywords = keyword_sets.id) RETURNING id, names')
      // At once: whoever writes next in this transaction must not be given their numbers.
      for (const { names } of gone) this.#ids.delete(names.toLowerCase())
      tx.afterCommit(() => {
        for (const { id, names } of gone) {
          this.#names.delete(id)
          this.#ids.delete(names.toLowerCase())
        }
      })
      return gone.length
    })
  }
}

/** Sets are found by this: their names may be longer than what PostgreSQL takes into an index. */
export const digestOf = (names: string): string => createHash('sha256').update(names).digest('hex')

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
