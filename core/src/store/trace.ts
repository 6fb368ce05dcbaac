// The one trace header that the store prepends (im2000.md D19, D20). Never a message identifier: all recipients see these octets.
import { hostname as machineName } from 'node:os'

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const two = (n: number): string => String(n).padStart(2, '0')

/** RFC 5322 date-time in UTC. */
export function formatDate(at: number): string {
  const d = new Date(at)
  return `${days[d.getUTCDay()]}, ${d.getUTCDate()} ${months[d.getUTCMonth()]} ${d.getUTCFullYear()} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} +0000`
}

/** `Received: by STORE with PROTOCOL id TOKEN; DATE`, folded, with its CRLF. */
export const traceHeader = (store: string, protocol: string, token: string, at: number): string =>
  `Received: by ${store} with ${protocol}\r\n\tid ${token}; ${formatDate(at)}\r\n`

export const defaultStoreName = (): string => machineName() || 'localhost'
