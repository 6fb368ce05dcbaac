// Flags between the wire and the mailbox's bits and keywords. Pure.
import { flagBits, type SystemFlag } from '@restante/core'
import { BadCommand, type Reader } from '../wire/reader.js'

export interface FlagSet { readonly flags: number; readonly keywords: readonly string[] }

const bits = new Map<string, number>(Object.entries(flagBits).map(([name, bit]) => [name.toUpperCase(), bit]))
export const systemFlags = Object.keys(flagBits) as SystemFlag[]

/** `(\Seen $Junk)`; STORE also allows it without parentheses. */
export function flagList(r: Reader, options: { bare: boolean }): FlagSet {
  const names = r.peek() === '(' || !options.bare ? r.list(flag, 'a list of flags') : bare(r)
  let flags = 0
  const keywords: string[] = []
  const seen = new Set<string>()
  for (const name of names) {
    if (!name.startsWith('\\')) {
      if (!seen.has(name.toLowerCase())) keywords.push(name)
      seen.add(name.toLowerCase())
      continue
    }
    const upper = name.toUpperCase()
    // \Recent is the server's: a client that hands back what FETCH gave it means no harm.
    if (upper === '\\RECENT') continue
    const bit = bits.get(upper)
    if (bit === undefined) throw new BadCommand(`There is no system flag ${name}`)
    flags |= bit
  }
  return { flags, keywords }
}

function bare(r: Reader): string[] {
  const names = [flag(r)]
  while (r.take(' ')) names.push(flag(r))
  return names
}
const flag = (r: Reader): string => (r.take('\\') ? `\\${r.atom()}` : r.atom())

/** Bits and keywords as a client reads them, without parentheses. */
export function flagText(flags: number, keywords: readonly string[], recent: boolean): string {
  const names: string[] = []
  for (const name of systemFlags) if (flags & flagBits[name]) names.push(name)
  if (recent) names.push('\\Recent')
  return [...names, ...keywords].join(' ')
}
