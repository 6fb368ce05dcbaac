// The one trace header that the store prepends (im2000.md D19, D20). Never a message identifier: all recipients see these octets.
import { hostname as machineName } from 'node:os'
import { formatDate } from '../message/dates.js'

/** `Received: by STORE with PROTOCOL id TOKEN; DATE`, folded, with its CRLF. */
export const traceHeader = (store: string, protocol: string, token: string, at: number): string =>
  `Received: by ${store} with ${protocol}\r\n\tid ${token}; ${formatDate(at)}\r\n`

export const defaultStoreName = (): string => machineName() || 'localhost'
