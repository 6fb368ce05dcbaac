// SEARCH and UID SEARCH.
import { decodeText, isKnownCharset, type OpenMailbox, type Uid } from '@restante/core'
import { mentions, searchKeys } from '../grammar/search-keys.js'
import { Refusal } from '../replies.js'
import { search as run } from '../search/run.js'
import { BadCommand, utf8 } from '../wire/reader.js'
import { Cursor } from '../session/selected.js'
import { command, inMailbox, type Done } from './command.js'

export const search = command({
  name: 'SEARCH', uid: true, states: inMailbox, seqs: 'uses',
  read(r) {
    let charset = 'UTF-8'
    if (r.sp().take('CHARSET ')) {
      charset = r.astring('a charset')
      if (!isKnownCharset(charset)) throw new Refusal('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'The charset is not known')
      r.sp()
    }
    return searchKeys(r, decoder(charset))
  },
  async run(session, key, { uid }): Promise<Done> {
    const { say } = session
    const byModseq = mentions(key, 'modseq')
    if (byModseq) session.useModseqs()
    const uids = await run(session, key)
    const { view } = session.open.mailbox
    say.text('* SEARCH')
    for (const one of uids) say.text(` ${uid ? one : view.seqOf(one)}`)
    if (byModseq && uids.length > 0) say.text(` (MODSEQ ${highest(session.open.mailbox, uids)})`)
    say.text('\r\n')
    // Message numbers in the question: they may not shift before its answer is understood (RFC 7162 3.2.10.2).
    return { holdExpunges: mentions(key, 'seq') }
  },
})

/** The highest mod-sequence of some messages. */
function highest(mailbox: OpenMailbox, uids: readonly Uid[]): number {
  const cursor = new Cursor(mailbox)
  let most = 0
  for (const uid of uids) if (cursor.go(uid) && cursor.modseq > most) most = cursor.modseq
  return most
}

/** Without CHARSET clients send US-ASCII, or UTF-8 all the same. */
const decoder = (charset: string) => (octets: string): string => {
   
  if (/^[\x00-\x7f]*$/.test(octets) && !/^(utf-?(7|16|32)|iso-2022|hz)/i.test(charset)) return octets
  if (!/^utf-?8$/i.test(charset)) return decodeText(Buffer.from(octets, 'latin1'), charset)
  const text = utf8(octets)
  if (text === undefined) throw new BadCommand('Not UTF-8')
  return text
}
