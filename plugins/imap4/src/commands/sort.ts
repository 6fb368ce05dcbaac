// SORT and THREAD, with their UID forms: RFC 5256, SORT=DISPLAY (RFC 5957), ESORT (RFC 5267).
import { searchArguments } from '../grammar/search-arguments.js'
import { mentions } from '../grammar/search-keys.js'
import { takeSearchReturn } from '../grammar/search-return.js'
import { Refusal } from '../replies.js'
import { tellResult } from '../search/result.js'
import { checkKeys, search } from '../search/run.js'
import { sortables } from '../search/sort-keys.js'
import { sortMessages, sortProgram } from '../search/sort.js'
import { algorithms, thread as threaded } from '../search/thread.js'
import { BadCommand } from '../wire/reader.js'
import { command, inMailbox, type Done } from './command.js'

const badCharsetReply = (): Refusal => new Refusal('BADCHARSET (UTF-8 US-ASCII ISO-8859-1)', 'The charset is not known')

export const sort = command({
  name: 'SORT', uid: true, numbers: true, states: inMailbox, seqs: 'uses', capabilities: ['SORT', 'SORT=DISPLAY', 'ESORT'],
  read(r) {
    const returns = takeSearchReturn(r.sp())
    const program = sortProgram(r)
    return { returns, program, ...searchArguments(r.sp(), true) }
  },
  async run(session, { returns, program, key, badCharset }, { uid, tag }): Promise<Done> {
    const byModseq = mentions(key, 'modseq')
    if (byModseq) session.useModseqs()
    try {
      if (badCharset) throw badCharsetReply()
      const found = await sortables(session, await search(session, checkKeys(session, key)), program.needKeys)
      tellResult(session, { name: 'SORT', returns, uid, tag, byModseq }, sortMessages(found, program).map((message) => message.uid))
    } catch (error) {
      if (returns?.save) session.open.save([])
      throw error
    }
    return { holdExpunges: mentions(key, 'seq') }
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
  async run(session, { algorithm, key, badCharset }, { uid }): Promise<Done> {
    if (badCharset) throw badCharsetReply()
    if (mentions(key, 'modseq')) session.useModseqs()
    const { view } = session.open.mailbox
    const messages = await sortables(session, await search(session, checkKeys(session, key)), true)
    const text = threaded(messages, algorithm, (message) => (uid ? message.uid : view.seqOf(message.uid)))
    session.say.line(`* THREAD${text === '' ? '' : ` ${text}`}`)
    return { holdExpunges: mentions(key, 'seq') }
  },
})
