// Summaries of messages that were read lately, so that what clients ask for again and again comes out of memory. A message never
// changes, and its number is never given to another, so nothing here grows old; the oldest leave first under a bound.
import type { MessageId } from '../base/branded.js'
import type { Summary } from '../message/summary.js'

/** What is kept: the texts that replies are made of. Decoded part tables and sort keys take more memory than time. */
const keptFields = ['size', 'headerSize', 'envelope', 'body', 'bodyStructure', 'headers', 'preview'] as const
export type KeptField = typeof keptFields[number]

/** What is known of one message; undefined: was not read. */
type Kept = { -readonly [F in KeptField]: Summary[F] | undefined }

/** Octets that an entry takes beside its texts, more or less. */
const entryOctets = 250

export class SummaryCache {
  readonly #kept = new Map<MessageId, Kept>()
  #octets = 0

  /** @param most octets that all entries together may take; 0: nothing is kept */
  constructor(private readonly most: number) {}

  get octets(): number { return this.#octets }

  /** Whether these fields are kept at all. */
  covers(fields: readonly (keyof Summary)[]): fields is readonly KeptField[] {
    return this.most > 0 && fields.every((field) => (keptFields as readonly string[]).includes(field))
  }

  /** What is known of a message, when that is all of these fields. */
  get(message: MessageId, fields: readonly KeptField[]): Pick<Summary, KeptField> | undefined {
    const kept = this.#kept.get(message)
    if (kept === undefined) return undefined
    for (const field of fields) if (kept[field] === undefined) return undefined
    return kept as Pick<Summary, KeptField>
  }

  /** Only of messages whose summary is complete. */
  put(message: MessageId, fields: readonly KeptField[], values: Pick<Summary, KeptField>): void {
    let kept = this.#kept.get(message)
    if (kept === undefined) {
      this.#kept.set(message, (kept = { size: undefined, headerSize: undefined, envelope: undefined, body: undefined, bodyStructure: undefined, headers: undefined, preview: undefined }))
      this.#octets += entryOctets
    }
    for (const field of fields) {
      if (kept[field] !== undefined) continue
      ;(kept as Record<KeptField, unknown>)[field] = values[field]
      this.#octets += textOctets(values[field])
    }
    for (const [oldest] of this.#kept) {
      if (this.#octets <= this.most) break
      this.#drop(oldest)
    }
  }

  /** They were deleted. */
  forget(messages: readonly MessageId[]): void {
    for (const message of messages) this.#drop(message)
  }

  #drop(message: MessageId): void {
    const kept = this.#kept.get(message)
    if (kept === undefined) return
    this.#kept.delete(message)
    this.#octets -= entryOctets
    for (const field of keptFields) this.#octets -= textOctets(kept[field])
  }
}

const textOctets = (value: unknown): number => (typeof value === 'string' ? value.length : 0)
