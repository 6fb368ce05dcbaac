// ENABLE (RFC 5161). Nothing can be enabled yet; what is unknown is ignored, as the RFC asks.
import { afterLogin, command } from './command.js'

export const enable = command({
  name: 'ENABLE', states: afterLogin, capabilities: ['ENABLE'],
  read(r) {
    const names = [r.sp().word('a capability')]
    while (r.take(' ')) names.push(r.word('a capability'))
    return names
  },
  run(session) { session.say.line('* ENABLED') },
})
