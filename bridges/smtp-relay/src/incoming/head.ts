// What is read of a message's header before any library sees it: who claims to have written it, and whether there is anything
// about it that would cost a library more than mail is worth.
import { domainToASCII } from 'node:url'
import { parseAddressList, splitFields } from '@restante/core'

export interface Head {
  /** Domains in From, in lower case; undefined: nobody can say. */
  readonly authors: readonly string[] | undefined
  /** Why the message is not shown to the libraries that look at signatures. */
  readonly odd: string | undefined
}

/** Header octets that are read. */
const mostOctets = 256 * 1024
/** Lines and From octets: mailauth's parsers take the square of these, and what mail programs write is far below. */
const mostLines = 2000
const mostFrom = 4096
/** Domains in From; no honest message has more. */
const mostAuthors = 4

/** @param signatures how many of them are looked at */
export async function readHead(octets: AsyncIterable<Buffer>, signatures: number): Promise<Head> {
  let text = ''
  for await (const chunk of octets) {
    text += chunk.toString('latin1')
    if (text.length > mostOctets || text.startsWith('\r\n') || text.includes('\r\n\r\n')) break
  }
  const end = text.startsWith('\r\n') ? 0 : text.indexOf('\r\n\r\n')
  if (end > mostOctets || (end < 0 && text.length > mostOctets)) return { authors: undefined, odd: 'a very large header' }
  const header = end < 0 ? text : text.slice(0, end + 2)
  const fields = splitFields(header, mostLines)
  const from = fields.filter(({ name }) => name === 'from').map(({ value }) => value)
  const fromOctets = from.reduce((sum, value) => sum + value.length, 0)
  const lines = header.split('\n', mostLines + 1).length
  const found = fields.filter(({ name }) => name === 'dkim-signature' || name === 'arc-seal').length
  const odd = fromOctets > mostFrom ? 'a very long From' : lines > mostLines ? `more than ${mostLines} lines of header` : found > signatures ? `${found} signatures` : undefined
  return { authors: fromOctets > mostFrom || lines > mostLines && fields.length === mostLines ? undefined : authorsOf(from), odd }
}

function authorsOf(from: readonly string[]): readonly string[] | undefined {
  const domains = new Set(from.flatMap((value) => parseAddressList(value)).flatMap((one) => (one.kind === 'mailbox' && one.domain !== '' ? [ascii(one.domain)] : [])))
  return domains.size === 0 || domains.size > mostAuthors ? undefined : [...domains]
}
/** Octets beyond ASCII are UTF-8 (RFC 6532). */
const ascii = (domain: string): string => domainToASCII(Buffer.from(domain, 'latin1').toString('utf8')) || domain.toLowerCase()
