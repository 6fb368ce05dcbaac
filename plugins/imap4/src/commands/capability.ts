import { always, command, none } from './command.js'

export const capability = command({
  name: 'CAPABILITY', states: always, read: none,
  run(session) { session.say.line(`* CAPABILITY ${session.capabilities}`) },
})
