// STORE and UID STORE, with UNCHANGEDSINCE (RFC 7162).
import type { Modseq, Uid } from '@restante/core'
import { flagList } from '../grammar/flags.js'
import { formatSet, sequenceSet } from '../grammar/sequence-set.js'
import { tellKeywords } from '../session/announce.js'
import { limited, withLimit } from '../session/message-limit.js'
import { Cursor, type Selected } from '../session/selected.js'
import type { Session } from '../session/session.js'
import type { Reader } from '../wire/reader.js'
import { command, inMailbox, type Done } from './command.js'

export const store = command({
  name: 'STORE', uid: true, numbers: true, states: inMailbox, seqs: 'uses',
  read(r) {
    const set = sequenceSet(r.sp())
    r.sp()
    const unchangedSince = r.peek() === '(' ? storeModifiers(r) : undefined
    if (unchangedSince !== undefined) r.sp()
    const mode = r.take('+') ? 'add' : r.take('-') ? 'remove' : 'replace'
    const silent = r.expect('FLAGS', 'FLAGS').take('.SILENT')
    return { set, unchangedSince, mode, silent, change: flagList(r.sp(), { bare: true }) } as const
  },
  async run(session, { set, unchangedSince, mode, silent, change }, { uid }): Promise<Done> {
    const selected = session.writable()
    const { uids, code: limit } = limited(session, selected.uids(set, uid))
    if (unchangedSince !== undefined) session.useModseqs()
    if (uids.length === 0) return {}
    const { done, modified, gone } = await selected.mailbox.changeFlags(uids, { mode, ...change, ...(unchangedSince === undefined ? {} : { unchangedSince: unchangedSince as Modseq }) })
    tellKeywords(session, selected)
    if (!silent || session.condstore) await tellStored(session, selected, done, { uid: uid || session.condstore, flags: !silent })
    const { view } = selected.mailbox
    const code = modified.length > 0 ? `MODIFIED ${formatSet(uid ? modified : modified.map((one) => view.seqOf(one)))}` : undefined
    // RFC 2180 4.2.2. By UID, what is gone is as if it had never been (RFC 3501 6.4.8).
    if (gone.length > 0 && !uid && !(silent && unchangedSince === undefined)) return withLimit(session, { failed: true, code: code ?? 'EXPUNGEISSUED', text: 'Some of the messages were expunged by another session' }, limit)
    return withLimit(session, code ? { code, text: 'Some of the messages were changed by another session' } : {}, limit)
  },
})

/** `(UNCHANGEDSINCE n)` (RFC 7162). */
function storeModifiers(r: Reader): number {
  r.expect('(').expect('UNCHANGEDSINCE', 'UNCHANGEDSINCE')
  const modseq = r.sp().modseq()
  r.expect(')')
  return modseq
}

/** One FETCH for each message; with mod-sequences in use even `.SILENT` tells the new one (RFC 7162 3.1.3). */
async function tellStored({ say, condstore, turn }: Session, selected: Selected, uids: readonly Uid[], tell: { readonly uid: boolean; readonly flags: boolean }): Promise<void> {
  const cursor = new Cursor(selected)
  for (const uid of uids) {
    if (!cursor.go(uid)) continue
    const items = [...(tell.flags ? [`FLAGS ${cursor.flagList()}`] : []), ...(condstore ? [`MODSEQ (${cursor.modseq})`] : [])]
    say.text(`${cursor.lead(tell.uid)}${items.join(' ')})\r\n`)
    if (say.full) await say.flush()
    if (turn.over) await turn.pass()
  }
}
