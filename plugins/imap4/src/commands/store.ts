// STORE and UID STORE.
import { flagList } from '../grammar/flags.js'
import { sequenceSet } from '../grammar/sequence-set.js'
import { Refusal } from '../replies.js'
import { tellKeywords } from '../session/announce.js'
import { Cursor } from '../session/selected.js'
import { command, inMailbox } from './command.js'

export const store = command({
  name: 'STORE', uid: true, states: inMailbox, seqs: 'uses',
  read(r) {
    const set = sequenceSet(r.sp())
    r.sp()
    const mode = r.take('+') ? 'add' : r.take('-') ? 'remove' : 'replace'
    const silent = r.expect('FLAGS', 'FLAGS').take('.SILENT')
    return { set, mode, silent, change: flagList(r.sp(), { bare: true }) } as const
  },
  async run(session, { set, mode, silent, change }, { uid }) {
    const selected = session.writable()
    const uids = selected.uids(set, uid)
    if (uids.length === 0) return
    const { done, gone } = await selected.mailbox.changeFlags(uids, { mode, ...change })
    tellKeywords(session, selected)
    if (silent) return
    const { say } = session
    const cursor = new Cursor(selected.mailbox)
    for (const one of done) {
      if (!cursor.go(one)) continue
      say.text(uid ? `* ${cursor.seq} FETCH (UID ${one} FLAGS ${cursor.flagList()})\r\n` : `* ${cursor.seq} FETCH (FLAGS ${cursor.flagList()})\r\n`)
      if (say.full) await say.flush()
    }
    // RFC 2180 4.2.2. By UID, what is gone is as if it had never been (RFC 3501 6.4.8).
    if (gone.length > 0 && !uid) throw new Refusal('EXPUNGEISSUED', 'Some of the messages were expunged by another session')
  },
})
