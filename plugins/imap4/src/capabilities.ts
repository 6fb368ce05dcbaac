// What a session is told that we can do: computed from the framer and the command rows, so that nothing is advertised and absent.
import { rows } from './commands/table.js'
import type { Session } from './session/session.js'
import { framerCapabilities } from './wire/framer.js'

export function capabilities(session: Session): string {
  const names = new Set<string>(['IMAP4rev1', ...framerCapabilities])
  for (const { capabilities: its } of rows) for (const name of typeof its === 'function' ? its(session) : (its ?? [])) names.add(name)
  return [...names].join(' ')
}
