// What an error of ours is: a code in the domain's words, a kind, a sentence. Protocol words are each face's own business.

/**
 * - `client`: the asker did something wrong or impossible; asking again will not help.
 * - `temporary`: it may work later.
 * - `permanent`: refused by state or policy.
 * - `bug`: ours; log it with its stack.
 */
export type ErrorKind = 'client' | 'temporary' | 'permanent' | 'bug'

export interface ErrorDefinition {
  readonly kind: ErrorKind
  /** One sentence for people; `{name}` is replaced from the error's details. */
  readonly sentence: string
}

/** Thrown where the trouble is known; worded for a peer only where a face speaks (style: rule 8). */
export class RestanteError<Code extends string = string> extends Error {
  readonly code: Code
  readonly kind: ErrorKind
  readonly details: Readonly<Record<string, unknown>>
  constructor(code: Code, definition: ErrorDefinition, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(definition.sentence.replace(/\{(\w+)\}/g, (_, key: string) => String(details[key] ?? '?')), options)
    this.name = 'RestanteError'
    this.code = code
    this.kind = definition.kind
    this.details = details
  }
}
