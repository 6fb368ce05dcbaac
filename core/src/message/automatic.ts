// Whether a message may be answered by a machine (RFC 3834 2, RFC 5230 4.6): never lists, bulk, other machines, ourselves. Pure.

export interface Questioned {
  /** The envelope's sender; '' is the null sender. */
  readonly sender: string
  /** Values of the fields of a name (lower case), unfolded. */
  readonly field: (name: string) => readonly string[]
  /** All field names, lower case. */
  readonly names: Iterable<string>
  /** Addresses in To, Cc and Bcc. */
  readonly recipients: readonly string[]
  /** The answering account's own addresses. */
  readonly own: readonly string[]
  /** Also answer what does not name us in To, Cc or Bcc. */
  readonly unnamed?: boolean
}

/** Local parts that are machines or lists by name (RFC 5230 4.6, RFC 2142, custom). */
const machines = /^(?:mailer-daemon|listserv|majordomo|owner-.*|.*-owner|.*-request|.*-bounces?(?:[+=].*)?|bounces?(?:[+=-].*)?|no-?reply|do-?not-?reply|double-bounce)$/i
/** Fields whose mere presence says so, and those that say it by their value. */
const machineFields = new Set(['x-autoreply', 'x-autorespond', 'x-auto-response', 'feedback-id', 'x-mailing-list', 'x-loop', 'mailing-list'])
const tells: readonly (readonly [string, RegExp, string])[] = [
  ['auto-submitted', /^(?!\s*no\s*(?:[;(]|$))/i, 'it was sent by a machine (Auto-Submitted)'],
  ['precedence', /^\s*(?:bulk|list|junk|auto_reply)\b/i, 'it is bulk mail (Precedence)'],
  ['x-auto-response-suppress', /\b(?:all|oof|autoreply)\b/i, 'its sender wants no automatic replies'],
  ['x-spam-flag', /^\s*yes\b/i, 'it is spam'],
  ['x-spam-status', /^\s*yes\b/i, 'it is spam'],
  ['content-type', /^\s*multipart\/report\b/i, 'it is a report'],
]

/** Why not, in words; undefined: it may be answered. */
export function whyNotAnswer({ sender, field, names, recipients, own, unnamed = false }: Questioned): string | undefined {
  const at = sender.lastIndexOf('@')
  if (at < 1) return 'it has no sender to answer'
  if (machines.test(sender.slice(0, at))) return 'its sender is a machine or a list'
  const mine = new Set(own.map((address) => address.toLowerCase()))
  if (mine.has(sender.toLowerCase())) return 'it is our own'
  for (const name of names) if (name.startsWith('list-') || machineFields.has(name)) return `it came by a list or a machine (${name})`
  for (const [name, tell, why] of tells) if (field(name).some((value) => tell.test(value))) return why
  if (!unnamed && !recipients.some((address) => mine.has(address.toLowerCase()))) return 'it does not name us in To or Cc'
  return undefined
}
