// A SEARCH key as a test in three values: with little known of a message the answer may be "unknown", and more is read only
// for those. Cheap keys are asked first. Pure.
import { fold, isKept, type OctetString } from '@restante/core'
import { dayMs } from '../grammar/dates.js'
import type { Comparison, SearchKey } from '../grammar/search-keys.js'
import { contains, ranges, type Ranges } from '../grammar/sequence-set.js'
import type { Known } from '../fetch/items.js'
import { emailObjectId, threadObjectId } from '../fetch/object-ids.js'
import type { Cursor } from '../session/selected.js'
import { HeaderFields } from './header-fields.js'
import { bare } from './text.js'

/** What is known of the message in question. */
export interface Subject {
  readonly at: Cursor
  readonly recent: boolean
  readonly keywords: readonly string[]
  /** From the summary: `headers`. */
  known: Known | undefined
  /** The whole header, from the octets. */
  header: OctetString | undefined
  /** For each needle, whether the text has it: 1, else 0. */
  found: Uint8Array | undefined
  /** Whether the message surely has a hint (by place) nowhere. */
  lacks(hint: number): boolean
}

export const no = 0
export const yes = 1
export const unknown = 2
export type Verdict = typeof no | typeof yes | typeof unknown
/** 0: the index suffices; 1: the summary is needed; 2: the octets are. */
export type Cost = 0 | 1 | 2

export interface Test {
  readonly cost: Cost
  ask(subject: Subject): Verdict
}

/** A text to look for in bodies; `header`: in the header too (TEXT). */
export interface Needle {
  readonly text: string
  readonly header: boolean
  /** Accents do not count. */
  readonly loose: boolean
}

/** What keys need to know of the mailbox. */
export interface Bounds {
  readonly count: number
  readonly lastUid: number
  /** Milliseconds UTC. */
  readonly now: number
  /** UIDs that `$` means. */
  readonly saved: Ranges
}

/** What a fuzzy search weighs: a text found as it is, or only its words (RFC 6203). */
interface Weighed { readonly exact: Test; readonly loose: Test }
export interface Compiled {
  readonly test: Test
  readonly needles: readonly Needle[]
  /** Texts that a message has somewhere if a header field of it is to match: the text index may know that it has not. */
  readonly hints: readonly string[]
  /** Whether some messages match better than others. */
  readonly fuzzy: boolean
  /** How well a message that matches does so: 1 … 100. */
  relevancy(subject: Subject): number
}
interface Made { readonly needles: Needle[]; readonly hints: string[]; readonly weighed: Weighed[]; readonly fields: HeaderFields }

export function compile(key: SearchKey, bounds: Bounds): Compiled {
  const made: Made = { needles: [], hints: [], weighed: [], fields: new HeaderFields() }
  const test = build(key, bounds, made, 'exact')
  return {
    test, needles: made.needles, hints: made.hints, fuzzy: made.weighed.length > 0,
    relevancy(subject) {
      let sum = 0
      for (const { exact, loose } of made.weighed) sum += exact.ask(subject) === yes ? 100 : loose.ask(subject) === yes ? 50 : 0
      return made.weighed.length === 0 ? 100 : Math.max(1, Math.round(sum / made.weighed.length))
    },
  }
}

/** How texts are compared: as they are; in a fuzzy search their words, in any order; of those, one at a time. */
type Manner = 'exact' | 'fuzzy' | 'loose'

const verdict = (is: boolean): Verdict => (is ? yes : no)
const cheap = (is: (subject: Subject) => boolean): Test => ({ cost: 0, ask: (subject) => verdict(is(subject)) })

function build(key: SearchKey, bounds: Bounds, made: Made, manner: Manner): Test {
  if (manner === 'fuzzy' && (key.key === 'header' || key.key === 'body' || key.key === 'text')) return fuzzy(key, bounds, made)
  switch (key.key) {
    case 'all':
      return cheap(() => true)
    case 'and': case 'or': {
      const of = key.of.map((inner) => build(inner, bounds, made, manner)).sort((a, b) => a.cost - b.cost)
      return { cost: dearest(of), ask: key.key === 'and' ? allOf(of) : anyOf(of) }
    }
    case 'not': {
      const { cost, ask } = build(key.of, bounds, made, manner)
      const opposite: readonly Verdict[] = [yes, no, unknown]
      return { cost, ask: (subject) => opposite[ask(subject)] }
    }
    case 'fuzzy':
      return build(key.of, bounds, made, 'fuzzy')
    case 'filter':
      throw new Error('Filters are put in their place before')
    case 'flag':
      return cheap(({ at }) => (at.flags & key.bit) !== 0)
    case 'keyword':
      return cheap(({ keywords }) => keywords.some((name) => name.toLowerCase() === key.name))
    case 'recent':
      return cheap(({ recent }) => recent)
    case 'larger':
      return cheap(({ at }) => at.size > key.than)
    case 'smaller':
      return cheap(({ at }) => at.size < key.than)
    case 'modseq':
      return cheap(({ at }) => at.modseq >= key.from)
    case 'internal':
      return cheap(({ at }) => compare(Math.floor(at.internalDate / dayMs), key.is, key.day))
    case 'older': {
      // To the second (RFC 5032 2).
      const target = Math.floor(bounds.now / 1000) - key.seconds
      return cheap(({ at }) => Math.floor(at.internalDate / 1000) <= target)
    }
    case 'younger': {
      const target = Math.floor(bounds.now / 1000) - key.seconds
      return cheap(({ at }) => Math.floor(at.internalDate / 1000) >= target)
    }
    case 'saved':
      return within(bounds.saved, ({ at }) => at.uid)
    case 'savedate':
      return cheap(({ at }) => compare(Math.floor(at.saveDate / dayMs), key.is, key.day))
    case 'emailid':
      return cheap(({ at }) => emailObjectId(at.message) === key.id)
    case 'threadid':
      return { cost: 1, ask: ({ at, known }) => (known?.sort ? verdict(threadObjectId(at.message, known.sort) === key.id) : unknown) }
    case 'seq':
      return within(ranges(key.set, bounds.count), ({ at }) => at.seq)
    case 'uid':
      return within(ranges(key.set, bounds.lastUid), ({ at }) => at.uid)
    case 'sent':
      return fromHeader(made.fields, 'date', ({ sentDay }) => sentDay !== null && compare(sentDay, key.is, key.day))
    case 'header': {
      const loose = manner === 'loose'
      const wanted = loose ? bare(fold(key.text)) : fold(key.text)
      const { cost, ask } = fromHeader(made.fields, key.field, (fields) => (wanted === '' ? fields.values(key.field).length > 0 : fields.texts(key.field, loose).some((text) => text.includes(wanted))))
      // Its longest word is a hint whatever becomes of the blanks around it.
      const word = wanted.split(/\s+/).reduce((longest, one) => (one.length > longest.length ? one : longest), '')
      if (loose || word.length < shortestHint) return { cost, ask }
      const place = made.hints.push(word) - 1
      return { cost, ask: (subject) => (subject.lacks(place) ? no : ask(subject)) }
    }
    case 'body': case 'text': {
      if (key.text === '') return cheap(() => true)
      const loose = manner === 'loose'
      const text = loose ? bare(fold(key.text)) : fold(key.text)
      const place = made.needles.push({ text, header: key.key === 'text', loose }) - 1
      return { cost: 2, ask: ({ found }) => (found ? verdict(found[place] === 1) : unknown) }
    }
  }
}

/** Characters: what is shorter has no trigram. */
const shortestHint = 3

/** Every word somewhere, accents or not: half as good as the text itself. */
function fuzzy(key: Extract<SearchKey, { readonly text: string }>, bounds: Bounds, made: Made): Test {
  const exact = build(key, bounds, made, 'exact')
  const words = fold(key.text).split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '').slice(0, mostWords)
  const each = words.map((text) => build({ ...key, text }, bounds, made, 'loose'))
  const loose: Test = each.length === 0 ? exact : { cost: dearest(each), ask: allOf(each) }
  made.weighed.push({ exact, loose })
  return { cost: dearest([exact, loose]), ask: anyOf([exact, loose]) }
}
/** Words of one fuzzy text that are looked for. */
const mostWords = 20

const dearest = (tests: readonly Test[]): Cost => tests.reduce<Cost>((most, { cost }) => (cost > most ? cost : most), 0)

const allOf = (tests: readonly Test[]) => (subject: Subject): Verdict => {
  let all: Verdict = yes
  for (const { ask } of tests) {
    const answer = ask(subject)
    if (answer === no) return no
    if (answer === unknown) all = unknown
  }
  return all
}

const anyOf = (tests: readonly Test[]) => (subject: Subject): Verdict => {
  let any: Verdict = no
  for (const { ask } of tests) {
    const answer = ask(subject)
    if (answer === yes) return yes
    if (answer === unknown) any = unknown
  }
  return any
}

const within = (set: Ranges, of: (subject: Subject) => number): Test => cheap((subject) => contains(set, of(subject)))

const compare = (day: number, is: Comparison, than: number): boolean => (is === 'before' ? day < than : is === 'on' ? day === than : day >= than)

/** A test on one header field, in the kept fields or in the whole header (of which the text index sees the same fields). */
function fromHeader(fields: HeaderFields, field: string, holds: (fields: HeaderFields) => boolean): Test {
  const kept = isKept(field)
  return {
    cost: kept ? 1 : 2,
    ask({ known, header }) {
      const block = header ?? (kept ? known?.headers : undefined)
      if (block === undefined || block === null) return unknown
      return verdict(holds(fields.of(block, header !== undefined)))
    },
  }
}
