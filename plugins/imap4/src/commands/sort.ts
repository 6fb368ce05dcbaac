// SORT and THREAD, with their UID forms: RFC 5256, SORT=DISPLAY (RFC 5957), ESORT (RFC 5267).
import type { Uid } from '@restante/core'
import { searchArguments } from '../grammar/search-arguments.js'
import { mentions } from '../grammar/search-keys.js'
import { takeSearchReturn } from '../grammar/search-return.js'
import { Refusal } from '../replies.js'
import { mustBeSortable } from '../search/candidates.js'
import { tellResult } from '../search/result.js'
import { prepareKey, search } from '../search/run.js'
import { sortables } from '../search/sort-keys.js'
import { sortMessages, sortProgram } from '../search/sort.js'
import { algorithms, thread as threaded } from '../search/thread.js'
import { BadCommand } from '../wire/reader.js'
import { command, inMailbox, type Done } from './command.js'
import { freeTag, keepUpdated } from './contexts.js'

const badCharsetReply = (): Refusal => new Refusal('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'The charset is not known')

export const sort = command({
  name: 'SORT', uid: true, numbers: true, states: inMailbox, seqs: 'uses', capabilities: ['SORT', 'SORT=DISPLAY', 'ESORT'],
  read(r) {
    const returns = takeSearchReturn(r.sp())
    const program = sortProgram(r)
    return { returns, program, ...searchArguments(r.sp(), true) }
  },
  async run(session, { returns, program, key: asked, badCharset }, { uid, tag }): Promise<Done> {
    try {
      if (badCharset) throw badCharsetReply()
      if (returns?.update) freeTag(session, tag)
      const key = await prepareKey(session, asked)
      const byModseq = mentions(key, 'modseq')
      if (byModseq) session.useModseqs()
      const { modseq } = session.open.mailbox.view
      await mustBeSortable(session, key)
      const relevancy = new Map<Uid, number>()
      const found = await sortables(session, await search(session, key, { relevancy }), program.needKeys, relevancy)
      const sorted = (await session.turn.through(sortMessages(found, program))).map((message) => message.uid)
      tellResult(session, { name: 'SORT', returns, uid, tag, byModseq, relevancy }, sorted)
      if (returns?.update) keepUpdated(session, { tag, uid, key, program, fetch: returns.fetch, results: sorted, modseq })
      return { holdExpunges: mentions(key, 'seq') }
    } catch (error) {
      if (returns?.save) session.open.save([])
      throw error
    }
  },
})

export const thread = command({
  name: 'THREAD', uid: true, numbers: true, states: inMailbox, seqs: 'uses', capabilities: [...algorithms.keys()].map((name) => `THREAD=${name}`),
  read(r) {
    const name = r.sp().word('an algorithm')
    const algorithm = algorithms.get(name)
    if (!algorithm) throw new BadCommand(`There is no threading algorithm ${name}`)
    return { algorithm, ...searchArguments(r.sp(), true) }
  },
  async run(session, { algorithm, key: asked, badCharset }, { uid }): Promise<Done> {
    if (badCharset) throw badCharsetReply()
    const key = await prepareKey(session, asked)
    if (mentions(key, 'modseq')) session.useModseqs()
    await mustBeSortable(session, key)
    const { view } = session.open.mailbox
    const messages = await sortables(session, await search(session, key), true)
    const text = await session.turn.through(threaded(messages, algorithm, (message) => (uid ? message.uid : view.seqOf(message.uid))))
    session.say.line(`* THREAD${text === '' ? '' : ` ${text}`}`)
    return { holdExpunges: mentions(key, 'seq') }
  },
})
