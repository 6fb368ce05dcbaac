// NOOP and CHECK: nothing to do but to tell what changed, which every command does at its end.
import { always, command, inMailbox, none } from './command.js'

export const noop = command({ name: 'NOOP', states: always, read: none, run: none })
export const check = command({ name: 'CHECK', states: inMailbox, read: none, run: none })
