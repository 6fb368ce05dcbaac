// What STATUS and LIST … RETURN (STATUS …) may ask for, and how it is written.
import type { MailboxStatus } from '@restante/core'
import { mailboxObjectId } from '../fetch/object-ids.js'
import { BadCommand, type Reader } from '../wire/reader.js'

/** What is not in a mailbox's status. */
export interface Limits {
  readonly appendLimit: number
  /** Octets of its messages with \\Deleted (RFC 9208 4.1.4). */
  readonly deletedStorage?: number
}
const items: Readonly<Record<string, (s: MailboxStatus, limits: Limits) => number | string>> = {
  APPENDLIMIT: (_, { appendLimit }) => appendLimit,
  DELETED: (s) => s.deleted,
  'DELETED-STORAGE': (_, { deletedStorage }) => deletedStorage ?? 0,
  HIGHESTMODSEQ: (s) => s.highestModseq,
  MAILBOXID: (s) => `(${mailboxObjectId(s.id)})`,
  MESSAGES: (s) => s.messages,
  RECENT: (s) => s.recent,
  SIZE: (s) => s.size,
  UIDNEXT: (s) => s.uidNext,
  UIDVALIDITY: (s) => s.uidValidity,
  UNSEEN: (s) => s.unseen,
}

/** `(MESSAGES UNSEEN)`, each once. */
export function statusItems(r: Reader): readonly string[] {
  const wanted = r.list((x) => {
    const name = x.word('a STATUS item')
    if (!Object.hasOwn(items, name)) throw new BadCommand(`There is no STATUS item ${name}`)
    return name
  })
  if (wanted.length === 0) throw new BadCommand('Which STATUS items?')
  return [...new Set(wanted)]
}

/** @param name as it is written, in quotes */
export const statusLine = (name: string, wanted: readonly string[], found: MailboxStatus, limits: Limits): string =>
  `* STATUS ${name} (${wanted.map((key) => `${key} ${items[key](found, limits)}`).join(' ')})`
