// UIDBATCHES (RFC 10022): ranges of UIDs with equally many messages each, the newest first.
import { Refusal } from '../replies.js'
import { BadCommand } from '../wire/reader.js'
import { command, inMailbox } from './command.js'

/** Messages of a batch at least: a batch shall be worth a command. */
const smallest = 500
/** Messages that the batches of one command span at most, when they are counted. */
const widest = 100_000

export const uidBatches = command({
  name: 'UIDBATCHES', states: inMailbox, capabilities: ['UIDBATCHES'],
  read(r) {
    const size = r.sp().nzNumber('a number of messages')
    if (!r.take(' ')) return { size, from: 1, to: Infinity }
    const from = r.nzNumber('the number of a batch')
    return { size, from, to: r.expect(':').nzNumber('the number of a batch') }
  },
  run(session, { size, from, to }, { tag }) {
    if (to < from) throw new Refusal('CLIENTBUG', 'Invalid batch range', 'BAD')
    if (size < smallest) throw new Refusal('TOOFEW', `Minimum batch size is ${smallest}`)
    if (to !== Infinity && (to - from + 1) * size > widest) throw new Refusal('TOOMANY', `Too many messages; at most ${widest} at once`)
    const { view } = session.open.mailbox
    const uidAt = (seq: number): number => {
      const uid = view.uidAt(seq as Parameters<typeof view.uidAt>[0])
      if (uid === undefined) throw new BadCommand('No such message')
      return uid
    }
    const ranges: string[] = []
    const count = Math.ceil(view.count / size)
    for (let batch = from; batch <= Math.min(to, count); batch++) {
      const newest = view.count - (batch - 1) * size
      const oldest = newest - size
      // The batches leave no UID between them out; the last goes down to 1.
      ranges.push(`${uidAt(newest)}:${oldest < 1 ? 1 : uidAt(oldest) + 1}`)
    }
    session.say.line(`* UIDBATCHES (TAG "${tag}")${ranges.length > 0 ? ` ${ranges.join(',')}` : ''}`)
  },
})
