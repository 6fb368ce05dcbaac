// Rights to mailboxes (RFC 4314): letters as bits, lists of who has which, what comes of them for one account. Pure.
import { failure } from '../errors/codes.js'

/** Bits of rights, in the order of RFC 4314 2.1. */
export const right = { l: 1, r: 2, s: 4, w: 8, i: 16, p: 32, k: 64, x: 128, t: 256, e: 512, a: 1024 } as const
export type RightLetter = keyof typeof right
/** A set of rights as bits of `right`. */
export type Rights = number

export const noRights: Rights = 0
export const allRights: Rights = 2047
/** Any of these makes a SELECT read-write (RFC 4314 5.2). */
export const changingRights: Rights = right.s | right.w | right.i | right.t | right.e

/** What RFC 2086 called create and delete (RFC 4314 2.1.1): one may still ask for them, and is told them. */
const virtual: Readonly<Record<string, Rights>> = { c: right.k | right.x, d: right.t | right.e }
const letters = Object.entries(right) as [RightLetter, number][]

/** Rights of a role, as letters. */
export const rolePresets = { reader: 'lrs', contributor: 'lrswip', editor: 'lrswipkxte', owner: 'lrswipkxtea' } as const
export type Role = keyof typeof rolePresets

/** Letters, in any order, each at most once or more. Throws RIGHTS_INVALID for what is no right. */
export function parseRights(text: string): Rights {
  let rights = 0
  for (const letter of text) {
    const bits = Object.hasOwn(right, letter) ? right[letter as RightLetter] : virtual[letter]
    if (bits === undefined) throw failure('RIGHTS_INVALID', { letter })
    rights |= bits
  }
  return rights
}

export const formatRights = (rights: Rights): string => letters.filter(([, bit]) => (rights & bit) !== 0).map(([letter]) => letter).join('')

/** For the wire: also c and d, when any of what they stood for is there (RFC 4314 2.1.1). */
export const wireRights = (rights: Rights): string => formatRights(rights) + Object.entries(virtual).filter(([, bits]) => (rights & bits) !== 0).map(([letter]) => letter).join('')

/** One line of a list. An identifier is an account's name, 'group:<name>' or 'anyone'; with '-' in front it takes rights away. */
export interface RightsEntry { readonly identifier: string; readonly rights: Rights }

/** What identifiers give together: rights given to any of them, but for those taken from any of them (RFC 4314 2). */
export function rightsOf(entries: readonly RightsEntry[], identifiers: ReadonlySet<string>): Rights {
  let [given, taken] = [0, 0]
  for (const { identifier, rights } of entries) {
    if (identifier.startsWith('-')) { if (identifiers.has(identifier.slice(1))) taken |= rights } else if (identifiers.has(identifier)) given |= rights
  }
  return given & ~taken
}

/** SETACL's third argument: '+' adds, '-' takes away, else replaces. Throws RIGHTS_INVALID. */
export function changedRights(before: Rights, change: string): Rights {
  if (change.startsWith('+')) return before | parseRights(change.slice(1))
  if (change.startsWith('-')) return before & ~parseRights(change.slice(1))
  return parseRights(change)
}

/** The identifier as it is kept: account names and groups compare without case. Throws RIGHTS_INVALID for what can be none. */
export function foldIdentifier(text: string): string {
  const folded = text.normalize('NFC').toLowerCase()
  if (!/^-?[^\s\u0000-\u001f\u007f*%"\\-][^\s\u0000-\u001f\u007f*%"\\]{0,319}$/.test(folded)) throw failure('RIGHTS_INVALID', { letter: text.slice(0, 80) })
  return folded
}
