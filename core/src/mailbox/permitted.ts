// What rights (rights.ts) mean for one mailbox: which may be done, which flags may be set. Our own mailboxes permit everything.
import { failure } from '../errors/codes.js'
import { flagBits } from './contract.js'
import type { MailboxRow } from './repository.js'
import { allRights, right, type RightLetter, type Rights } from './rights.js'

export const rightsTo = (row: MailboxRow): Rights => row.foreign?.rights() ?? allRights

/** Throws RIGHTS_MISSING; MAILBOX_NOT_FOUND for those who may not even know of it (RFC 4314 6). */
export function need(row: MailboxRow, shown: string, ...letters: readonly RightLetter[]): void {
  const has = rightsTo(row)
  const missing = letters.find((letter) => (has & right[letter]) === 0)
  if (missing === undefined) return
  if ((has & (right.l | right.r)) === 0) throw failure('MAILBOX_NOT_FOUND', { mailbox: shown })
  throw failure('RIGHTS_MISSING', { mailbox: shown, right: missing })
}

/** System flags that may be changed: \Seen by s, \Deleted by t, the others by w (RFC 4314 4). */
export function flagMask(rights: Rights): number {
  const { '\\Seen': seen, '\\Deleted': deleted } = flagBits
  return ((rights & right.s) !== 0 ? seen : 0) | ((rights & right.t) !== 0 ? deleted : 0) | ((rights & right.w) !== 0 ? 31 & ~(seen | deleted) : 0)
}

/** Flags of a message that is put there: those that we might set afterwards (RFC 4314 4: the others are left out). */
export const allowedFlags = (row: MailboxRow, flags: number): number => flags & flagMask(rightsTo(row))
export const mayFlag = (row: MailboxRow): boolean => (rightsTo(row) & right.w) !== 0
