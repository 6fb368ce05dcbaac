// ENABLE (RFC 5161). What is unknown, or needs no enabling, is ignored, as the RFC asks.
import type { Session } from '../session/session.js'
import { afterLogin, command } from './command.js'

/** By name in upper case. */
const extensions: ReadonlyMap<string, (session: Session) => void> = new Map<string, (session: Session) => void>([
  ['IMAP4REV2', (session) => { session.enabled.add('IMAP4REV2') }],
  ['UTF8=ACCEPT', (session) => { session.enabled.add('UTF8=ACCEPT') }],
  ['UIDONLY', (session) => { session.enabled.add('UIDONLY') }],
  ['CONDSTORE', (session) => session.useModseqs()],
  ['QRESYNC', (session) => {
    session.useModseqs()
    session.enabled.add('QRESYNC')
  }],
])

export const enable = command({
  name: 'ENABLE', states: afterLogin, capabilities: ['ENABLE', 'UTF8=ACCEPT', 'UIDONLY'],
  read(r) {
    const names = [r.sp().word('a capability')]
    while (r.take(' ')) names.push(r.word('a capability'))
    return names
  },
  run(session, names) {
    const known = [...new Set(names)].filter((name) => extensions.has(name) && !session.hides(name))
    for (const name of known) extensions.get(name)?.(session)
    session.adapt()
    session.say.line(['* ENABLED', ...known.map((name) => (name === 'IMAP4REV2' ? 'IMAP4rev2' : name))].join(' '))
  },
})
