// SEARCH and UID SEARCH: ESEARCH (RFC 4731), SEARCHRES (RFC 5182), WITHIN (RFC 5032), PARTIAL (RFC 9394), FUZZY (RFC 6203), FILTER (RFC 5466).
import type { Uid } from '@restante/core'
import { mentions } from '../grammar/search-keys.js'
import { searchArguments } from '../grammar/search-arguments.js'
import { takeSearchReturn } from '../grammar/search-return.js'
import { Refusal } from '../replies.js'
import { searchable } from '../search/candidates.js'
import { tellResult } from '../search/result.js'
import { prepareKey, search as run } from '../search/run.js'
import { withLimit } from '../session/message-limit.js'
import { BadCommand, type Reader } from '../wire/reader.js'
import { command, inMailbox, type Done } from './command.js'
import { freeTag, keepUpdated } from './contexts.js'

function charsetAndKeys(r: Reader): ReturnType<typeof searchArguments> & { charset: boolean } {
  const charset = r.take('CHARSET ')
  return { charset, ...searchArguments(r, charset) }
}

export const search = command({
  name: 'SEARCH', uid: true, numbers: true, states: inMailbox, seqs: 'uses', capabilities: ['ESEARCH', 'SEARCHRES', 'WITHIN', 'PARTIAL', 'SEARCH=FUZZY', 'FILTERS', 'INPROGRESS', 'I18NLEVEL=1'],
  read: (r) => ({ returns: takeSearchReturn(r.sp()), ...charsetAndKeys(r) }),
  async run(session, { returns, key: asked, charset, badCharset }, { uid, tag }): Promise<Done> {
    // Of a search that fails nothing is saved (RFC 5182 2.1); one that uses `$` reads it first.
    try {
      if (charset && session.enabled.has('UTF8=ACCEPT')) throw new BadCommand('Everything is in UTF-8 (RFC 6855 3)')
      if (badCharset) throw new Refusal('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'The charset is not known')
      if (returns?.update) freeTag(session, tag)
      const key = await prepareKey(session, asked)
      const byModseq = mentions(key, 'modseq')
      if (byModseq) session.useModseqs()
      const { modseq } = session.open.mailbox.view
      const relevancy = new Map<Uid, number>()
      const { among, code } = await searchable(session, key)
      const found = await run(session, key, { relevancy, ...(among ? { among } : {}) })
      tellResult(session, { name: 'SEARCH', returns, uid, tag, byModseq, relevancy }, found)
      if (returns?.update) keepUpdated(session, { tag, uid, key, program: undefined, fetch: returns.fetch, results: found, modseq })
      // Message numbers in the question: they may not shift before its answer is understood (RFC 7162 3.2.10.2).
      return withLimit(session, { holdExpunges: mentions(key, 'seq') }, code)
    } catch (error) {
      if (returns?.save) session.open.save([])
      throw error
    }
  },
})
