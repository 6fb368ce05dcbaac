// Annotations as RFC 5464 writes them: names of entries, options, values. Pure.
import type { SpecialUse } from '@restante/core'
import { BadCommand, type Reader } from '../wire/reader.js'
import { quoted } from './mailbox-name.js'

/** How far below the entries that are named, and how large. */
export interface MetadataOptions { readonly maxSize: number | undefined; readonly depth: 0 | 1 | 'infinity' }
export interface MetadataQuery extends MetadataOptions { readonly entries: readonly string[] }

/** The entry that says what a mailbox is for (RFC 6154 4). */
export const specialUse = '/private/specialuse'
/** What a mailbox can be for; \\All and \\Flagged would be views of others, which we have none of. */
export const specialUses: ReadonlyMap<string, SpecialUse> = new Map((['\\Archive', '\\Drafts', '\\Junk', '\\Sent', '\\Trash'] as const).map((use) => [use.toUpperCase(), use]))

const longestEntry = 255
/** Entries of one command. */
const maxEntries = 200

/** `/shared/comment`, in lower case (RFC 5464 4.1). */
export function entryName(r: Reader): string {
  const name = r.astring('an entry name').toLowerCase()
  if (!/^\/(?:private|shared)(?:\/[^/*%\x00-\x1f\x7f-\xff]+)+$/.test(name) || name.length > longestEntry) throw new BadCommand('Entry names begin with /private/ or /shared/')
  return name
}

/** One entry, or several in parentheses. */
export function entryNames(r: Reader): readonly string[] {
  const names = r.peek() === '(' ? r.list(entryName) : [entryName(r)]
  if (names.length === 0) throw new BadCommand('Which entries?')
  if (names.length > maxEntries) throw new BadCommand(`More than ${maxEntries} entries`)
  return [...new Set(names)]
}

/** `(MAXSIZE 1024 DEPTH 1)`, when it comes next; entries begin with a slash. Without the space after it. */
export function takeOptions(r: Reader): MetadataOptions | undefined {
  if (!/^\([md]/i.test(r.ahead(2))) return undefined
  let maxSize: number | undefined
  let depth: MetadataOptions['depth'] = 0
  r.list(() => {
    const name = r.word('an option')
    if (name === 'MAXSIZE') maxSize = r.sp().number()
    else if (name === 'DEPTH') depth = depths[r.sp().word('0, 1 or infinity')] ?? r.fail('0, 1 or infinity')
    else throw new BadCommand(`There is no option ${name}`)
  })
  return { maxSize, depth }
}
const depths: Readonly<Record<string, MetadataOptions['depth']>> = { 0: 0, 1: 1, INFINITY: 'infinity' }

export const noOptions: MetadataOptions = { maxSize: undefined, depth: 0 }

/** `(/private/comment "text" /shared/comment NIL)`: null removes. */
export function entryValues(r: Reader): ReadonlyMap<string, Buffer | null> {
  const pairs = new Map<string, Buffer | null>()
  r.list(() => {
    const name = entryName(r)
    if (pairs.has(name)) throw new BadCommand(`${name} twice`)
    pairs.set(name, r.sp().nvalue())
  })
  if (pairs.size === 0) throw new BadCommand('Which entries?')
  if (pairs.size > maxEntries) throw new BadCommand(`More than ${maxEntries} entries`)
  return pairs
}

/** The values that a query asks for, NIL for those that were named and are not there; and the size of the largest that was too large. */
export function select({ entries, depth, maxSize }: MetadataQuery, values: ReadonlyMap<string, Buffer>): { readonly found: ReadonlyMap<string, Buffer | null>; readonly longest: number } {
  const found = new Map<string, Buffer | null>()
  let longest = 0
  const add = (name: string, value: Buffer): void => {
    if (maxSize !== undefined && value.length > maxSize) longest = Math.max(longest, value.length)
    else found.set(name, value)
  }
  for (const entry of entries) {
    const value = values.get(entry)
    if (value) add(entry, value)
    else if (depth === 0) found.set(entry, null)
    if (depth !== 0) for (const [name, below] of values) if (isBelow(name, entry, depth)) add(name, below)
  }
  return { found, longest }
}

function isBelow(name: string, entry: string, depth: 1 | 'infinity'): boolean {
  if (!name.startsWith(`${entry}/`)) return false
  return depth === 'infinity' || !name.includes('/', entry.length + 1)
}

/** `(/shared/comment "text")` */
export const entryList = (found: ReadonlyMap<string, Buffer | null>): string => `(${[...found].map(([name, value]) => `${quotedEntry(name)} ${valueText(value)}`).join(' ')})`

const quotedEntry = (name: string): string => (/^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/.test(name) ? name : quoted(name))

function valueText(value: Buffer | null): string {
  if (value === null) return 'NIL'
  const octets = value.toString('latin1')
  if (octets.length <= 1000 && /^[\x20-\x7e]*$/.test(octets)) return quoted(octets)
  return `${value.includes(0) ? '~' : ''}{${value.length}}\r\n${octets}`
}
