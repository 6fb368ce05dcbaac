// FILTER keys (RFC 5466): searches that were stored under a name, as annotations of the server. They are put in place of their names
// before anything is searched for.
import { annotationsOf } from '../commands/metadata.js'
import { mentions, searchKeys, type SearchKey } from '../grammar/search-keys.js'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { BadCommand, Reader, utf8 } from '../wire/reader.js'

/** Filters inside filters. */
const deepest = 8
/** Keys that filters may come to, all together: each may name others twice. */
const mostKeys = 2000

/** The key with every FILTER replaced. Throws [UNDEFINED-FILTER name] for one that is not there, not readable, or contains itself. */
export async function withFilters(session: Session, key: SearchKey): Promise<SearchKey> {
  if (!mentions(key, 'filter')) return key
  const stored = (await annotationsOf(session, [''])).get('') ?? new Map<string, Buffer>()
  let keys = 0
  const expand = (inner: SearchKey, within: readonly string[]): SearchKey => {
    if (++keys > mostKeys) throw new Refusal('LIMIT', `Filters come to more than ${mostKeys} keys`)
    switch (inner.key) {
      case 'and': case 'or': return { key: inner.key, of: inner.of.map((one) => expand(one, within)) }
      case 'not': case 'fuzzy': return { key: inner.key, of: expand(inner.of, within) }
      case 'filter': {
        if (within.includes(inner.name) || within.length >= deepest) throw undefinedFilter(inner.name)
        return expand(definition(stored, inner.name, session.face.config.maxDepth), [...within, inner.name])
      }
      default: return inner
    }
  }
  return expand(key, [])
}

/** One's own filter hides everybody's of the same name. */
function definition(stored: ReadonlyMap<string, Buffer>, name: string, maxDepth: number): SearchKey {
  const value = stored.get(`/private/filters/values/${name}`) ?? stored.get(`/shared/filters/values/${name}`)
  if (!value) throw undefinedFilter(name)
  try {
    const r = new Reader([value.toString('latin1')], maxDepth)
    const key = searchKeys(r, (octets) => utf8(octets) ?? octets)
    r.end()
    return key
  } catch (error) {
    if (error instanceof BadCommand) throw undefinedFilter(name)
    throw error
  }
}

const undefinedFilter = (name: string): Refusal => new Refusal(`UNDEFINED-FILTER ${name}`, 'There is no usable filter of that name')
