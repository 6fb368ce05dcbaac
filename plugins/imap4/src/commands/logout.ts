import { always, command, none } from './command.js'

export const logout = command({ name: 'LOGOUT', states: always, read: none, run(session) { session.bye('Goodbye') } })
