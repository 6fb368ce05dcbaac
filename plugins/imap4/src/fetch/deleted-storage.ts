// What an EXPUNGE would free (RFC 9208 4.1.4): asked for seldom, and worth a look at the index only where something is deleted.
import { flagBits, isFailure, type MailboxStatus } from '@restante/core'
import type { Limits } from '../grammar/status-items.js'
import type { Session } from '../session/session.js'

/** What STATUS says of a mailbox beside its counts. */
export async function limitsOf(session: Session, name: string, wanted: readonly string[], { deleted }: MailboxStatus): Promise<Limits> {
  const { appendLimit } = session.face.config
  return wanted.includes('DELETED-STORAGE') && deleted > 0 ? { appendLimit, deletedStorage: await deletedStorage(session, name) } : { appendLimit }
}

async function deletedStorage({ account, mailboxes }: Session, name: string): Promise<number> {
  try {
    const mailbox = await mailboxes.open(account.id, name, { readOnly: true })
    try {
      const { count, flags, sizes } = mailbox.index
      let octets = 0
      for (let i = 0; i < count; i++) if (flags[i] & flagBits['\\Deleted']) octets += sizes[i]
      return octets
    } finally {
      mailbox.close()
    }
  } catch (error) {
    if (isFailure(error, 'MAILBOX_NOT_FOUND') || isFailure(error, 'MAILBOX_GONE')) return 0
    throw error
  }
}
