// LIST in its basic and its extended form (RFC 3501 6.3.8, RFC 5258, 5819, 6154). Pure.
import { BadCommand, type Reader } from '../wire/reader.js'
import { entryNames } from './metadata.js'
import { statusItems } from './status-items.js'

export interface ListArguments {
  /** Anything beyond RFC 3501's form. */
  readonly extended: boolean
  readonly only: ReadonlySet<Selection>
  readonly returns: ReadonlySet<string>
  /** STATUS items of each mailbox. */
  readonly status: readonly string[]
  /** Annotations of each mailbox (RFC 9590). */
  readonly metadata: readonly string[]
  readonly reference: string
  readonly patterns: readonly string[]
}
export type Selection = 'SUBSCRIBED' | 'REMOTE' | 'RECURSIVEMATCH' | 'SPECIAL-USE'

const selections: readonly string[] = ['SUBSCRIBED', 'REMOTE', 'RECURSIVEMATCH', 'SPECIAL-USE']
const returnOptions: readonly string[] = ['SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE', 'STATUS', 'METADATA', 'MYRIGHTS']
/** Patterns of one command: each is matched with each name. */
const maxPatterns = 100

export function listArguments(r: Reader): ListArguments {
  const only = r.peek() === '(' ? r.list(option(selections)) as Selection[] : undefined
  if (only) r.sp()
  if (only?.includes('RECURSIVEMATCH') && only.every((name) => name === 'RECURSIVEMATCH' || name === 'REMOTE')) throw new BadCommand('RECURSIVEMATCH of what?')
  const reference = r.astring('a reference name')
  const several = r.sp().peek() === '('
  const patterns = several ? r.list((x) => x.listMailbox()) : [r.listMailbox()]
  if (patterns.length === 0) throw new BadCommand('Which patterns?')
  if (patterns.length > maxPatterns) throw new BadCommand(`More than ${maxPatterns} patterns`)
  let status: readonly string[] = []
  let metadata: readonly string[] = []
  const returning = r.take(' ')
  const returns = returning ? r.expect('RETURN', 'RETURN').sp().list((x) => {
    const name = option(returnOptions)(x)
    if (name === 'STATUS') status = statusItems(x.sp())
    if (name === 'METADATA') metadata = entryNames(x.sp())
    return name
  }) : []
  return { extended: only !== undefined || several || returning, only: new Set(only), returns: new Set(returns), status, metadata, reference, patterns }
}

const option = (allowed: readonly string[]) => (r: Reader): string => {
  const name = r.word('an option')
  if (!allowed.includes(name)) throw new BadCommand(`There is no option ${name}`)
  return name
}
