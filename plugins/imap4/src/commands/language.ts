// LANGUAGE (RFC 5255): in which language people are spoken to.
import { languages, type Language } from '../languages.js'
import { Refusal } from '../replies.js'
import { always, command } from './command.js'

export const language = command({
  name: 'LANGUAGE', states: always, capabilities: ['LANGUAGE'],
  read(r) {
    const ranges: string[] = []
    while (r.take(' ')) ranges.push(r.astring('a language').toLowerCase())
    return ranges
  },
  run(session, ranges) {
    if (ranges.length === 0) {
      session.say.line(`* LANGUAGE (${languages.join(' ')})`)
      return
    }
    const chosen = ranges.flatMap((range) => matching(range) ?? [])[0]
    if (!chosen) throw new Refusal(undefined, 'There is no such language')
    session.language = chosen
    session.say.line(`* LANGUAGE (${chosen})`)
  },
})

/** RFC 4647 3.4, look-up: `de-CH-1996` is content with `de`; `default` is what was spoken at first. */
function matching(range: string): Language | undefined {
  if (range === 'default' || range === '*') return 'i-default'
  for (let tag = range; tag !== ''; tag = tag.slice(0, Math.max(0, tag.lastIndexOf('-')))) {
    const found = languages.find((one) => one === tag)
    if (found) return found
  }
  return undefined
}
