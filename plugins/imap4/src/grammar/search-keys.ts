// What SEARCH may ask for, as a tree of values. Pure.
import { flagBits } from '@restante/core'
import { BadCommand, type Reader } from '../wire/reader.js'
import { date } from './dates.js'
import { saved, sequenceSet, type SequenceSet } from './sequence-set.js'

export type Comparison = 'before' | 'on' | 'since'
export type SearchKey =
  | { readonly key: 'all' }
  | { readonly key: 'and' | 'or'; readonly of: readonly SearchKey[] }
  | { readonly key: 'not' | 'fuzzy'; readonly of: SearchKey }
  | { readonly key: 'filter'; readonly name: string }
  | { readonly key: 'flag'; readonly bit: number }
  | { readonly key: 'keyword'; readonly name: string }
  | { readonly key: 'recent' }
  | { readonly key: 'larger' | 'smaller'; readonly than: number }
  | { readonly key: 'internal' | 'sent' | 'savedate'; readonly is: Comparison; readonly day: number }
  | { readonly key: 'header'; readonly field: string; readonly text: string }
  | { readonly key: 'body' | 'text'; readonly text: string }
  | { readonly key: 'modseq'; readonly from: number }
  | { readonly key: 'emailid' | 'threadid'; readonly id: string }
  | { readonly key: 'saved' }
  | { readonly key: 'older' | 'younger'; readonly seconds: number }
  | { readonly key: 'seq' | 'uid'; readonly set: SequenceSet }

/** Turns octets of an argument into text; throws for a bad sequence. */
export type Decode = (octets: string) => string

/** Keys of one command. */
const maxKeys = 1000

export function searchKeys(r: Reader, decode: Decode): SearchKey {
  return keys({ r, decode, count: 0 })
}

/** Whether a key of that kind is anywhere in it. */
export function mentions(search: SearchKey, kind: SearchKey['key']): boolean {
  if (search.key === kind) return true
  if (search.key === 'and' || search.key === 'or') return search.of.some((inner) => mentions(inner, kind))
  return (search.key === 'not' || search.key === 'fuzzy') && mentions(search.of, kind)
}

interface Parse { readonly r: Reader; readonly decode: Decode; count: number }

function keys(p: Parse): SearchKey {
  const of = [key(p)]
  while (p.r.take(' ')) of.push(key(p))
  return of.length === 1 ? of[0] : { key: 'and', of }
}

function key(p: Parse): SearchKey {
  const { r } = p
  if (++p.count > maxKeys) throw new BadCommand(`More than ${maxKeys} search keys`)
  if (r.isDigit() || r.peek() === '*' || r.peek() === '$') return numbered('seq', sequenceSet(r))
  if (r.take('(')) {
    return r.deeper(() => {
      const inner = keys(p)
      r.expect(')')
      return inner
    })
  }
  const name = r.word('a search key')
  if (!Object.hasOwn(table, name) || (name.startsWith('UID') && name !== 'UID' && !r.dialect.uidBounds)) throw new BadCommand(`There is no search key ${name}`)
  return table[name](p)
}

const numbered = (key: 'seq' | 'uid', set: SequenceSet): SearchKey => (set === saved ? { key: 'saved' } : { key, set })
const not = (of: SearchKey): SearchKey => ({ key: 'not', of })
const flag = (bit: number) => (): SearchKey => ({ key: 'flag', bit })
const noFlag = (bit: number) => (): SearchKey => not({ key: 'flag', bit })
const header = (field: string) => (p: Parse): SearchKey => ({ key: 'header', field, text: text(p) })
const text = (p: Parse): string => p.decode(p.r.sp().astring())
const dated = (key: 'internal' | 'sent' | 'savedate', is: Comparison) => (p: Parse): SearchKey => ({ key, is, day: date(p.r.sp()) })
const inner = (p: Parse): SearchKey => {
  p.r.sp()
  return p.r.deeper(() => key(p))
}
const objectId = (p: Parse): string => {
  const id = p.r.sp().astring('an object id')
  return /^[\w-]{1,255}$/.test(id) ? id : p.r.fail('an object id')
}
const lastUid = 0xffff_ffff
const nothing: SearchKey = not({ key: 'all' })
const bound = (p: Parse): number => p.r.sp().nzNumber('a UID')
const recent: SearchKey = { key: 'recent' }
const seen: SearchKey = { key: 'flag', bit: flagBits['\\Seen'] }

const table: Record<string, (p: Parse) => SearchKey> = {
  ALL: () => ({ key: 'all' }),
  ANSWERED: flag(flagBits['\\Answered']),
  BCC: header('bcc'),
  BEFORE: dated('internal', 'before'),
  BODY: (p) => ({ key: 'body', text: text(p) }),
  CC: header('cc'),
  DELETED: flag(flagBits['\\Deleted']),
  DRAFT: flag(flagBits['\\Draft']),
  EMAILID: (p) => ({ key: 'emailid', id: objectId(p) }),
  FILTER: (p) => {
    const name = p.r.sp().astring('a filter name').toLowerCase()
    return /^[\w.-]{1,100}$/.test(name) ? { key: 'filter', name } : p.r.fail('a filter name')
  },
  FLAGGED: flag(flagBits['\\Flagged']),
  FROM: header('from'),
  FUZZY: (p) => ({ key: 'fuzzy', of: inner(p) }),
  HEADER: (p) => {
    const field = p.r.sp().astring('a header field name').toLowerCase()
    return { key: 'header', field, text: text(p) }
  },
  KEYWORD: (p) => ({ key: 'keyword', name: p.r.sp().atom().toLowerCase() }),
  LARGER: (p) => ({ key: 'larger', than: p.r.sp().number64() }),
  MODSEQ: (p) => {
    // Which flag, and whose: all flags of a message have one mod-sequence (RFC 7162 3.1.5).
    if (p.r.sp().peek() === '"') {
      if (!p.r.string().toLowerCase().startsWith('/flags/')) p.r.fail('"/flags/…"')
      if (!['PRIV', 'SHARED', 'ALL'].includes(p.r.sp().word('priv, shared or all'))) p.r.fail('priv, shared or all')
      p.r.sp()
    }
    return { key: 'modseq', from: p.r.modseq() }
  },
  NEW: () => ({ key: 'and', of: [recent, not(seen)] }),
  NOT: (p) => not(inner(p)),
  OLD: () => not(recent),
  OLDER: (p) => ({ key: 'older', seconds: p.r.sp().nzNumber('seconds') }),
  ON: dated('internal', 'on'),
  OR: (p) => ({ key: 'or', of: [inner(p), inner(p)] }),
  RECENT: () => recent,
  SAVEDATESUPPORTED: () => ({ key: 'all' }),
  SAVEDBEFORE: dated('savedate', 'before'),
  SAVEDON: dated('savedate', 'on'),
  SAVEDSINCE: dated('savedate', 'since'),
  SEEN: () => seen,
  SENTBEFORE: dated('sent', 'before'),
  SENTON: dated('sent', 'on'),
  SENTSINCE: dated('sent', 'since'),
  SINCE: dated('internal', 'since'),
  SMALLER: (p) => ({ key: 'smaller', than: p.r.sp().number64() }),
  SUBJECT: header('subject'),
  TEXT: (p) => ({ key: 'text', text: text(p) }),
  THREADID: (p) => ({ key: 'threadid', id: objectId(p) }),
  TO: header('to'),
  UIDAFTER: (p) => {
    const uid = bound(p)
    return uid === lastUid ? nothing : { key: 'uid', set: [uid + 1, lastUid] }
  },
  UIDBEFORE: (p) => {
    const uid = bound(p)
    return uid === 1 ? nothing : { key: 'uid', set: [1, uid - 1] }
  },
  UID: (p) => numbered('uid', sequenceSet(p.r.sp())),
  UNANSWERED: noFlag(flagBits['\\Answered']),
  UNDELETED: noFlag(flagBits['\\Deleted']),
  UNDRAFT: noFlag(flagBits['\\Draft']),
  UNFLAGGED: noFlag(flagBits['\\Flagged']),
  UNKEYWORD: (p) => not({ key: 'keyword', name: p.r.sp().atom().toLowerCase() }),
  UNSEEN: () => not(seen),
  YOUNGER: (p) => ({ key: 'younger', seconds: p.r.sp().nzNumber('seconds') }),
}
