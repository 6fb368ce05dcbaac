// Which header fields the summary keeps raw, so that clients' header syncs never open the octets. Data only.

/** Lower case; 'list-' stands for every List-* field. Received is not here: it is most of a header and nobody lists by it. */
export const keptFields: readonly string[] = [
  'from', 'to', 'cc', 'bcc', 'reply-to', 'sender', 'subject', 'date', 'message-id', 'in-reply-to', 'references',
  'mime-version', 'content-type', 'content-transfer-encoding', 'x-priority', 'importance', 'priority', 'newsgroups',
  'auto-submitted', 'precedence', 'authentication-results', 'list-',
]
const kept = new Set(keptFields)

/** Whether `Summary.headers` holds every field of that name (given in lower case). */
export const isKept = (name: string): boolean => kept.has(name) || name.startsWith('list-')
