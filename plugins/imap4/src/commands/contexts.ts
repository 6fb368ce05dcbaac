// CANCELUPDATE (RFC 5267 4.3.5), and what SEARCH and SORT do when they are asked for updates.
import { mentions } from '../grammar/search-keys.js'
import type { Context } from '../search/contexts.js'
import type { Session } from '../session/session.js'
import { BadCommand } from '../wire/reader.js'
import { command, inMailbox } from './command.js'

export const cancelUpdate = command({
  name: 'CANCELUPDATE', states: inMailbox, capabilities: ['CONTEXT=SEARCH', 'CONTEXT=SORT'],
  read(r) {
    const tags = [r.sp().string('a tag in quotes')]
    while (r.take(' ')) tags.push(r.string('a tag in quotes'))
    return tags
  },
  run({ open: { contexts } }, tags) {
    const unknown = tags.find((tag) => !contexts.has(tag))
    if (unknown !== undefined) throw new BadCommand('Nothing is kept up to date under one of the tags')
    for (const tag of tags) contexts.delete(tag)
  },
})

/** Before a search runs whose updates are wanted: its tag must be free. */
export function freeTag({ open: { contexts } }: Session, tag: string): void {
  if (contexts.has(tag)) throw new BadCommand('A search under this tag is kept up to date')
}

/** Keeps a result up to date; says so when it cannot: message numbers in a key mean other messages soon. */
export function keepUpdated(session: Session, context: Context): void {
  const { contexts } = session.open
  if (contexts.size >= session.face.config.maxContexts || mentions(context.key, 'seq')) session.say.line(`* NO [NOUPDATE "${context.tag}"] No updates for this one`)
  else contexts.set(context.tag, context)
}
