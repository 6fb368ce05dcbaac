// Mailbox names: what is acceptable, how the hierarchy reads. Pure. Stored with '/' between levels whatever the separator shown.
import { failure } from '../errors/codes.js'

/** Characters of a whole name, octets of one level, levels. */
const limits = { octets: 1000, level: 255, depth: 32 }

/** A client's name → stored form. INBOX in any case is INBOX, and so is the first level of what lies below it. Throws MAILBOX_NAME_INVALID. */
export function storedName(name: string, separator: string): string {
  const refuse = (why: string): never => { throw failure('MAILBOX_NAME_INVALID', { why }) }
  const normal = name.normalize('NFC')
  if (normal === '') refuse('it is empty')
  if (Buffer.byteLength(normal) > limits.octets) refuse(`it is longer than ${limits.octets} octets`)
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(normal)) refuse('it has control characters')
  if (!normal.isWellFormed()) refuse('it is not valid Unicode')
  const levels = normal.split(separator)
  if (levels.length > limits.depth) refuse(`it has more than ${limits.depth} levels`)
  for (const level of levels) {
    if (level === '') refuse(`it begins or ends with ${separator}, or has two of them in a row`)
    if (level === '.' || level === '..') refuse(`a level cannot be ${level}`)
    if (separator !== '/' && level.includes('/')) refuse('it has a /')
    if (Buffer.byteLength(level) > limits.level) refuse(`a level is longer than ${limits.level} octets`)
  }
  if (levels[0].toUpperCase() === 'INBOX') levels[0] = 'INBOX'
  return levels.join('/')
}

/** Stored form → as clients see it. */
export const shownName = (stored: string, separator: string): string => (separator === '/' ? stored : stored.replaceAll('/', separator))

/** Names of all levels above, outermost first: 'a/b/c' → ['a', 'a/b']. */
export function parents(stored: string): string[] {
  const levels = stored.split('/')
  return levels.slice(1).map((_, i) => levels.slice(0, i + 1).join('/'))
}

/** Tree order: INBOX first, then level by level without regard to case. */
export function compareNames(a: string, b: string): number {
  const [as, bs] = [a.split('/'), b.split('/')]
  for (let i = 0; i < Math.min(as.length, bs.length); i++) {
    if (as[i] === bs[i]) continue
    if (i === 0 && (as[0] === 'INBOX' || bs[0] === 'INBOX')) return as[0] === 'INBOX' ? -1 : 1
    const order = as[i].toLowerCase() < bs[i].toLowerCase() ? -1 : as[i].toLowerCase() > bs[i].toLowerCase() ? 1 : as[i] < bs[i] ? -1 : 1
    return order
  }
  return as.length - bs.length
}
