// What STATUS and LIST … RETURN (STATUS …) may ask for, and how it is written.
import type { MailboxStatus } from '@restante/core'
import { BadCommand, type Reader } from '../wire/reader.js'
import { quotedName } from './mailbox-name.js'

const items: Readonly<Record<string, (s: MailboxStatus) => number | string>> = {
  HIGHESTMODSEQ: (s) => s.highestModseq,
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

export const statusLine = (name: string, wanted: readonly string[], found: MailboxStatus): string =>
  `* STATUS ${quotedName(name)} (${wanted.map((key) => `${key} ${items[key](found)}`).join(' ')})`
