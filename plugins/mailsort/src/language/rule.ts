// What a filter file means: rules of tests and actions, with the comments that stand by them. Types and tables only.

/** Comments without their '#', each on a line of its own before the thing; and the one behind it. */
export interface Commented { readonly before?: readonly string[]; readonly after?: string }

export interface FilterFile {
  readonly items: readonly Item[]
  /** Comments behind the last item. */
  readonly end: readonly string[]
}
export type Item = Timezone | List | Template | Rule

/** Time and date tests are read in this zone (IANA name). The last one counts. */
export interface Timezone extends Commented { readonly kind: 'timezone'; readonly name: string }
/** A named list of addresses; '*' and '?' are wildcards. */
export interface List extends Commented { readonly kind: 'list'; readonly name: string; readonly entries: readonly ListEntry[]; readonly close?: readonly string[] }
export interface ListEntry extends Commented { readonly address: string }
/** A reply that rules can send. */
export interface Template extends Commented { readonly kind: 'template'; readonly name: string; readonly subject: string; readonly text: string; readonly html?: string }
export interface Rule extends Commented {
  readonly kind: 'rule'
  readonly name: string
  readonly on: boolean
  /** None: the rule always applies. */
  readonly test?: Test
  readonly actions: readonly Action[]
  /** Comments before the closing brace. */
  readonly close?: readonly string[]
}

export const fields = ['from', 'to', 'cc', 'bcc', 'subject', 'sender', 'reply-to', 'recipient', 'list-id'] as const
export type Field = (typeof fields)[number]
/** Fields that hold addresses, and may be asked for a part of them. */
export const addressFields: ReadonlySet<string> = new Set(['from', 'to', 'cc', 'bcc', 'sender', 'reply-to', 'recipient'])
export const addressParts = ['address', 'name', 'user', 'domain'] as const
export type AddressPart = (typeof addressParts)[number]

/** Comparisons as they are written, longest first where one begins with another. */
export const comparisons = ['contains', 'is', 'begins with', 'ends with', 'matches regex', 'matches', 'exists'] as const
export type Comparison = (typeof comparisons)[number]
/** How a text is compared: any of `values` will do. */
export interface Comparing { readonly how: Comparison; readonly values: readonly string[]; /** With regard to case. */ readonly exact: boolean }

export const days = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const
export type Day = (typeof days)[number]
export const authenticationMethods = ['spf', 'dkim', 'dmarc', 'arc'] as const
export type AuthenticationMethod = (typeof authenticationMethods)[number]

export type Test = Commented & (
  | { readonly kind: 'group'; readonly how: 'all' | 'any' | 'none'; readonly tests: readonly Test[]; readonly close?: readonly string[] }
  | { readonly kind: 'field'; readonly field: Field; readonly part?: AddressPart; readonly compare: Comparing }
  | { readonly kind: 'listed'; readonly field: Field; readonly list: string }
  | { readonly kind: 'header'; readonly name: string; readonly compare: Comparing }
  | { readonly kind: 'size'; readonly how: 'over' | 'under'; /** Octets. */ readonly octets: number }
  | { readonly kind: 'has-attachment' }
  | { readonly kind: 'attachment'; readonly of: 'name' | 'type'; readonly compare: Comparing }
  | { readonly kind: 'body'; readonly compare: Comparing }
  /** Minutes of the day; `to` before `from` goes round midnight. `to` is not included. */
  | { readonly kind: 'time'; readonly from: number; readonly to: number }
  | { readonly kind: 'day'; readonly days: readonly Day[] }
  /** 'YYYY-MM-DD', both included; one of them may be missing. */
  | { readonly kind: 'date'; readonly from?: string; readonly to?: string }
  | { readonly kind: 'spam' }
  | { readonly kind: 'authentication'; readonly method: AuthenticationMethod; readonly results: readonly string[] }
  | { readonly kind: 'came-by'; readonly road: 'smtp' | 'im2000'; readonly store?: string }
  | { readonly kind: 'first' }
)

export const marks = ['read', 'flagged', 'answered', 'deleted', 'draft'] as const
export type Mark = (typeof marks)[number]

export type Action = Commented & (
  | { readonly kind: 'move' | 'copy'; readonly mailbox: string; /** Not made when it is not there. */ readonly ifExists: boolean }
  | { readonly kind: 'forward'; readonly addresses: readonly string[]; readonly copy: boolean }
  | { readonly kind: 'vacation'; readonly template?: string; readonly days?: number }
  | { readonly kind: 'reply'; readonly template: string }
  | { readonly kind: 'reject'; readonly text: string }
  | { readonly kind: 'mark'; readonly marks: readonly Mark[] }
  | { readonly kind: 'keyword'; readonly keywords: readonly string[] }
  | { readonly kind: 'keep' | 'discard' | 'spam' | 'stop' }
)

/** Bounds of a file. */
export interface Limits {
  readonly octets: number
  readonly rules: number
  /** Tests, actions, list entries and templates. */
  readonly parts: number
  readonly depth: number
  /** Characters of one string. */
  readonly string: number
}
export const defaultLimits: Limits = { octets: 5 * 1024 * 1024, rules: 10_000, parts: 100_000, depth: 30, string: 20_000 }

/** Where and why a text is no filter file. Lines and columns count from 1; columns count characters. */
export class FilterError extends Error {
  constructor(readonly line: number, readonly column: number, readonly found: string, readonly expected: string) {
    super(`line ${line}, column ${column}: found ${found}, expected ${expected}`)
  }
}
