// FETCH items that are one word: where each comes from, and how it is written. BODY[…] is body.ts.
import type { Summary, SummaryField } from '@restante/core'
import { internalDate } from '../grammar/dates.js'
import type { PlainItem } from '../grammar/fetch-items.js'
import { quoted } from '../grammar/mailbox-name.js'
import { emailObjectId, threadObjectId } from './object-ids.js'
import type { Cursor } from '../session/selected.js'

/** Parts of a summary, as many as the plan asks for. */
export type Known = Pick<Summary, SummaryField>

export interface Item {
  /** What it needs beyond the index. */
  readonly fields: readonly SummaryField[]
  /** Name and value. `known` has the fields asked for. */
  write(at: Cursor, known: Known): string
}

export const plainItems: Readonly<Record<PlainItem, Item>> = {
  FLAGS: { fields: [], write: (at) => `FLAGS ${at.flagList()}` },
  MODSEQ: { fields: [], write: (at) => `MODSEQ (${at.modseq})` },
  UID: { fields: [], write: (at) => `UID ${at.uid}` },
  INTERNALDATE: { fields: [], write: (at) => `INTERNALDATE ${internalDate(at.internalDate)}` },
  'RFC822.SIZE': { fields: [], write: (at) => `RFC822.SIZE ${at.size}` },
  EMAILID: { fields: [], write: (at) => `EMAILID (${emailObjectId(at.message)})` },
  THREADID: { fields: ['sort'], write: (at, known) => `THREADID (${threadObjectId(at.message, known.sort)})` },
  SAVEDATE: { fields: [], write: (at) => `SAVEDATE ${internalDate(at.saveDate)}` },
  PREVIEW: { fields: ['preview'], write: (_, known) => `PREVIEW ${text(known.preview)}` },
  ENVELOPE: { fields: ['envelope'], write: (_, known) => `ENVELOPE ${known.envelope}` },
  BODY: { fields: ['body'], write: (_, known) => `BODY ${known.body}` },
  BODYSTRUCTURE: { fields: ['bodyStructure'], write: (_, known) => `BODYSTRUCTURE ${known.bodyStructure}` },
}

/** A string for a client: quoted in seven bits, a literal in UTF-8. */
function text(value: string): string {
  if (/^[\x20-\x7e]*$/.test(value)) return quoted(value)
  const octets = Buffer.from(value, 'utf8')
  return `{${octets.length}}\r\n${octets.toString('latin1')}`
}
