// What a session is told that we can do: computed from the command rows, so that nothing is advertised and absent.
import { rows } from './commands/table.js'
import type { Session } from './session/session.js'

export function capabilities(session: Session): string {
  const names = new Set<string>(['IMAP4rev1', 'IMAP4rev2', session.face.config.literals])
  for (const { capabilities: its } of rows) for (const name of typeof its === 'function' ? its(session) : (its ?? [])) names.add(name)
  return (session.face.config.hide.length === 0 ? [...names] : [...names].filter((name) => !session.hides(name))).join(' ')
}
