// ENABLE (RFC 5161). What is unknown, or needs no enabling, is ignored, as the RFC asks.
import type { Session } from '../session/session.js'
import { afterLogin, command } from './command.js'

const extensions: ReadonlyMap<string, (session: Session) => void> = new Map([
  ['CONDSTORE', (session) => session.useModseqs()],
  ['QRESYNC', (session) => {
    session.useModseqs()
    session.enabled.add('QRESYNC')
  }],
])

export const enable = command({
  name: 'ENABLE', states: afterLogin, capabilities: ['ENABLE'],
  read(r) {
    const names = [r.sp().word('a capability')]
    while (r.take(' ')) names.push(r.word('a capability'))
    return names
  },
  run(session, names) {
    const known = [...new Set(names)].filter((name) => extensions.has(name))
    for (const name of known) extensions.get(name)?.(session)
    session.say.line(['* ENABLED', ...known].join(' '))
  },
})
