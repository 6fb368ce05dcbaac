// What restricts a FETCH (RFC 4466): CHANGEDSINCE and VANISHED (RFC 7162), PARTIAL (RFC 9394). Pure.
import { BadCommand, type Reader } from '../wire/reader.js'
import { partialRange, type Partial } from './search-return.js'

export interface FetchModifiers {
  readonly changedSince?: number
  readonly vanished?: boolean
  /** Of the messages of the set, before anything else is asked of them. */
  readonly partial?: Partial
}

const table: Record<string, (r: Reader) => FetchModifiers> = {
  // RFC 7162 knows no mod-sequence 0; Thunderbird asks since then when it knows nothing yet.
  CHANGEDSINCE: (r) => ({ changedSince: r.sp().modseq() }),
  PARTIAL: (r) => ({ partial: partialRange(r.sp()) }),
  VANISHED: () => ({ vanished: true }),
}

/** `(CHANGEDSINCE 12345 VANISHED)` */
export function fetchModifiers(r: Reader, uid: boolean): FetchModifiers {
  const found = new Map<string, FetchModifiers>()
  r.list(() => {
    const name = r.word('a modifier')
    if (!Object.hasOwn(table, name)) throw new BadCommand(`There is no FETCH modifier ${name}`)
    if (found.has(name)) throw new BadCommand(`${name} twice`)
    found.set(name, table[name](r))
  })
  if (found.size === 0) throw new BadCommand('Which modifiers?')
  const all: FetchModifiers = Object.assign({}, ...found.values())
  if (all.partial && !uid) throw new BadCommand('PARTIAL is for UID FETCH')
  if (all.vanished && !uid) throw new BadCommand('VANISHED is for UID FETCH')
  if (all.vanished && all.changedSince === undefined) throw new BadCommand('VANISHED goes with CHANGEDSINCE')
  return all
}
