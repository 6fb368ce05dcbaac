// FETCH items → the cheapest source that has them all: index, summaries, octets. Decided once per command. Pure.
import type { SummaryField } from '@restante/core'
import type { Binary, FetchItem, Section } from '../grammar/fetch-items.js'
import { sectionFields, needsOctets } from './body.js'
import { plainItems, type Item } from './items.js'

export interface Plan {
  readonly items: readonly (Item | Section | Binary)[]
  readonly fields: readonly SummaryField[]
  /** Whether octets are read: for every message, for those whose summary lacks what is asked, for none. */
  readonly octets: 'always' | 'perhaps' | 'never'
  /** Some section without PEEK: \Seen is set (RFC 3501 6.4.5). */
  readonly marksSeen: boolean
  /** Some of the text beyond the header is read: whoever sent it may not want that any more. */
  readonly readsText: boolean
  readonly has: Readonly<Record<'FLAGS' | 'UID' | 'MODSEQ', boolean>>
}

export interface Told {
  /** A UID command always says of which UID it speaks (RFC 3501 6.4.8). */
  readonly uid: boolean
  /** CHANGEDSINCE asks for mod-sequences without saying so (RFC 7162 3.1.4.1). */
  readonly modseq: boolean
}

export function planFetch(asked: readonly FetchItem[], told: Told): Plan {
  const items: (Item | Section | Binary)[] = []
  const fields = new Set<SummaryField>()
  let octets: Plan['octets'] = 'never'
  let marksSeen = false
  let readsText = false
  const kinds = new Set(asked.map((item) => item.kind))
  if (told.uid && !kinds.has('UID')) items.push(plainItems.UID)
  for (const item of once(asked)) {
    if (item.kind === 'SECTION') {
      items.push(item)
      for (const field of sectionFields(item)) fields.add(field)
      if (!item.peek) marksSeen = true
      if (item.part !== '' || item.text === '' || item.text === 'TEXT') readsText = true
      const needs = needsOctets(item)
      if (needs === 'always' || octets === 'never') octets = needs
    } else if (item.kind === 'BINARY') {
      items.push(item)
      fields.add('parts')
      if (!item.peek) marksSeen = true
      readsText = true
      octets = 'always'
    } else {
      items.push(plainItems[item.kind])
      for (const field of plainItems[item.kind].fields) fields.add(field)
    }
  }
  if (told.modseq && !kinds.has('MODSEQ')) items.push(plainItems.MODSEQ)
  const has = { FLAGS: kinds.has('FLAGS'), UID: told.uid || kinds.has('UID'), MODSEQ: told.modseq || kinds.has('MODSEQ') }
  return { items, fields: [...fields], octets, marksSeen, readsText, has }
}

/** What is asked for twice is answered once. */
function once(asked: readonly FetchItem[]): Iterable<FetchItem> {
  const items = new Map<string, FetchItem>()
  for (const item of asked) {
    const name = 'label' in item ? `${item.label} ${item.partial?.length ?? ''}` : item.kind
    const there = items.get(name)
    if (!there || ('peek' in there && there.peek)) items.set(name, item)
  }
  return items.values()
}
