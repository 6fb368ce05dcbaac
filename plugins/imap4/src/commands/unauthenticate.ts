// UNAUTHENTICATE (RFC 8437): back to before login, with what TLS there is. Everything that the account brought with it goes.
import { afterLogin, command, none } from './command.js'

export const unauthenticate = command({
  name: 'UNAUTHENTICATE', states: afterLogin, read: none,
  capabilities: (session) => (session.state === 'not-authenticated' ? [] : ['UNAUTHENTICATE']),
  run(session) { session.logoff() },
})
