// Delivery status per recipient: numbers in rows, words outside, and the legal moves as a table (im2000.md D.4).
import { notificationStatus, readStatus, type NotificationStatus, type ReadStatus } from './contract.js'

export const notificationNumber = (status: NotificationStatus): number => notificationStatus.indexOf(status)
export const readNumber = (status: ReadStatus): number => readStatus.indexOf(status)

/** noservice, baddomain and silenced are final for the message; the rest may change with the next attempt. */
const moves: Readonly<Record<NotificationStatus, readonly NotificationStatus[]>> = {
  unprocessed: ['baddomain', 'noservice', 'noserver', 'protocolerror', 'nouser', 'notifying', 'silenced'],
  baddomain: [],
  noservice: [],
  noserver: ['noservice', 'protocolerror', 'nouser', 'notifying', 'silenced'],
  protocolerror: ['noservice', 'noserver', 'nouser', 'notifying', 'silenced'],
  nouser: ['noservice', 'noserver', 'protocolerror', 'notifying', 'silenced'],
  notifying: ['noservice', 'noserver', 'protocolerror', 'nouser', 'silenced'],
  silenced: [],
}

/** Whether a recipient's notification status may go from one to the other. */
export const mayMove = (from: NotificationStatus, to: NotificationStatus): boolean => from === to || moves[from].includes(to)

/** Statuses (as numbers) from which `to` may be reached: for UPDATE ... WHERE notification IN (...). */
export const sourcesOf = (to: NotificationStatus): number[] => notificationStatus.filter((from) => from !== to && moves[from].includes(to)).map(notificationNumber)
