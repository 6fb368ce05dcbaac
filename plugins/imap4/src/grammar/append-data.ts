// What APPEND and REPLACE file: flags, date, and a message that comes whole, as UTF8 (RFC 6855), or in pieces (CATENATE, RFC 4469). Pure.
import type { Spooled } from '@restante/core'
import { BadCommand, type Reader } from '../wire/reader.js'
import { dateTime } from './dates.js'
import { flagList, type FlagSet } from './flags.js'

/** Octets as they are, or a URL whose text is meant. */
export type Piece = Spooled | string
export interface AppendData extends FlagSet {
  /** Milliseconds UTC. */
  readonly internalDate?: number
  readonly source: Spooled | readonly Piece[]
}

/** One message. Throws AwaitsMessage where a literal for the spool is still to come, AwaitsLiteral where one for memory is. */
export function appendData(r: Reader, maxParts: number): AppendData {
  return { ...about(r), source: source(r, maxParts) }
}

function about(r: Reader): FlagSet & { internalDate?: number } {
  let flags: FlagSet = { flags: 0, keywords: [] }
  if (r.peek() === '(') {
    flags = flagList(r, { bare: false })
    r.sp()
  }
  if (r.peek() !== '"') return flags
  const internalDate = dateTime(r)
  r.sp()
  return { ...flags, internalDate }
}

function source(r: Reader, maxParts: number): AppendData['source'] {
  if (r.take('UTF8 (')) {
    const spooled = r.message('utf8')
    r.expect(')')
    return spooled
  }
  if (!r.take('CATENATE ')) return r.message()
  const pieces = r.list((x): Piece => {
    if (x.take('URL ')) return x.astring('a URL')
    x.expect('TEXT ', 'TEXT or URL')
    return x.message('text')
  })
  if (pieces.length === 0) throw new BadCommand('Of which pieces?')
  if (pieces.length > maxParts) throw new BadCommand(`More than ${maxParts} pieces`)
  return pieces
}
