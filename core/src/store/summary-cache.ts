// Summaries of messages that were read lately, so that what clients ask for again and again comes out of memory. A message never
// changes, and its number is never given to another, so nothing here goes stale.
import type { MessageId } from '../base/branded.js'
import { RecentCache } from '../base/recent-cache.js'
import type { Summary } from '../message/summary.js'

/** What is kept: the texts that replies are made of. Decoded part tables and sort keys take more memory than time. */
const keptFields = ['size', 'headerSize', 'envelope', 'body', 'bodyStructure', 'headers', 'preview'] as const
export type KeptField = typeof keptFields[number]

/** What is known of one message; undefined: was not read. */
type Kept = { -readonly [F in KeptField]: Summary[F] | undefined }

/** Octets that an entry takes beside its texts, more or less. */
const entryOctets = 250

export class SummaryCache {
  readonly #kept: RecentCache<MessageId, Kept>

  /** @param most octets that all entries together may take; 0: nothing is kept */
  constructor(private readonly most: number) { this.#kept = new RecentCache(most, octetsOf) }

  get octets(): number { return this.#kept.octets }

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
    const kept: Kept = { ...(this.#kept.get(message) ?? unknown) }
    for (const field of fields) (kept as Record<KeptField, unknown>)[field] = values[field]
    this.#kept.set(message, kept)
  }

  /** They were deleted. */
  forget(messages: readonly MessageId[]): void {
    for (const message of messages) this.#kept.delete(message)
  }
}

const unknown: Kept = { size: undefined, headerSize: undefined, envelope: undefined, body: undefined, bodyStructure: undefined, headers: undefined, preview: undefined }

function octetsOf(kept: Kept): number {
  return entryOctets + (kept.envelope?.length ?? 0) + (kept.body?.length ?? 0) + (kept.bodyStructure?.length ?? 0) + (kept.headers?.length ?? 0) + (kept.preview?.length ?? 0)
}
