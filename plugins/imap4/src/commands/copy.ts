// COPY and MOVE (RFC 6851), with COPYUID (RFC 4315).
import type { Copied, OpenMailbox, Uid } from '@restante/core'
import { mailbox } from '../grammar/mailbox-name.js'
import { formatSet, sequenceSet, type SequenceSet } from '../grammar/sequence-set.js'
import { Refusal } from '../replies.js'
import { limited, mostSaved, mustFit, withLimit } from '../session/message-limit.js'
import type { Session } from '../session/session.js'
import type { Reader } from '../wire/reader.js'
import { command, inMailbox, type Done } from './command.js'
import { highestModseq } from './expunge.js'

interface Args { readonly set: SequenceSet; readonly to: string }
const read = (r: Reader): Args => ({ set: sequenceSet(r.sp()), to: mailbox(r.sp()) })

export const copy = command({
  name: 'COPY', uid: true, numbers: true, states: inMailbox, target: true, read,
  async run(session, args, { uid }) {
    const { code } = await transfer(session, args, uid, (box, uids) => {
      mustFit(uids, mostSaved(session), 'copy')
      return box.copy(uids, args.to)
    })
    return { code }
  },
})

export const move = command({
  name: 'MOVE', uid: true, numbers: true, states: inMailbox, target: true, expunges: true, capabilities: ['MOVE'], read,
  async run(session, args, { uid }): Promise<Done> {
    session.writable()
    const { code, limit } = await transfer(session, args, uid, (box, uids) => box.move(uids, args.to), (uids) => limited(session, uids))
    // Before the EXPUNGEs, so that the client knows where they went (RFC 6851 4.3).
    if (code) session.say.line(`* OK [${code}] ${limit ? 'Some messages were not moved' : 'Moved'}`)
    return withLimit(session, code && session.qresync ? { code: highestModseq(session) } : {}, limit)
  },
})

/** @returns the COPYUID code, when anything was copied, and the one that says that not all was. */
async function transfer(session: Session, { set, to }: Args, byUid: boolean, go: (box: OpenMailbox, uids: readonly Uid[]) => Promise<Copied>,
  limit: (uids: readonly Uid[]) => ReturnType<typeof limited> = (uids) => ({ uids, code: undefined })): Promise<{ readonly code?: string; readonly limit?: string | undefined }> {
  const { mailbox: box } = session.open
  const known = session.open.uids(set, byUid)
  const uids = known.filter((uid) => box.index.position(uid) >= 0)
  // All or nothing (RFC 2180 4.4.1); by UID, what is gone is as if it had never been.
  if (!byUid && uids.length < known.length) throw new Refusal('EXPUNGEISSUED', 'Some of the messages were expunged by another session')
  if (uids.length === 0) {
    // Still an error when there is no such mailbox.
    await session.mailboxes.status(session.account.id, to)
    return {}
  }
  const some = limit(uids)
  const { uidValidity, from, to: made } = await go(box, some.uids)
  await session.notifying?.filedHere(to, made)
  return { limit: some.code, ...(from.length > 0 ? { code: `COPYUID ${uidValidity} ${formatSet(from)} ${formatSet(made)}` } : {}) }
}
