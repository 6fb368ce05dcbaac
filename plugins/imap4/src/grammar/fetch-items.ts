// What FETCH may ask for, as values. Pure.
import { BadCommand, type Reader } from '../wire/reader.js'

export type SectionText = '' | 'HEADER' | 'HEADER.FIELDS' | 'HEADER.FIELDS.NOT' | 'TEXT' | 'MIME'

/** BODY[…] and its RFC 822 forerunners. */
export interface Section {
  readonly kind: 'SECTION'
  /** '' or '1.2'. */
  readonly part: string
  readonly text: SectionText
  /** Field names in lower case. */
  readonly fields: ReadonlySet<string>
  /** Leaves \Seen alone. */
  readonly peek: boolean
  readonly partial: { readonly from: number; readonly length: number } | undefined
  /** How the reply calls it: `BODY[1.MIME]<0>`, `RFC822.TEXT`. */
  readonly label: string
}
export type PlainItem = 'FLAGS' | 'UID' | 'INTERNALDATE' | 'RFC822.SIZE' | 'ENVELOPE' | 'BODY' | 'BODYSTRUCTURE' | 'MODSEQ' | 'EMAILID' | 'THREADID' | 'SAVEDATE' | 'PREVIEW'
/** BINARY[…] (RFC 3516). */
export interface Binary {
  readonly kind: 'BINARY'
  readonly part: string
  readonly sizeOnly: boolean
  readonly peek: boolean
  readonly partial: Section['partial']
  readonly label: string
}
export type FetchItem = { readonly kind: PlainItem } | Section | Binary

/** Items of one command: each costs work per message. */
const maxItems = 200

const macros: Record<string, readonly PlainItem[]> = {
  ALL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE'],
  FAST: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'],
  FULL: ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'ENVELOPE', 'BODY'],
}
const none: ReadonlySet<string> = new Set()
const rfc822: Record<string, { text: SectionText; peek: boolean }> = {
  RFC822: { text: '', peek: false },
  'RFC822.HEADER': { text: 'HEADER', peek: true },
  'RFC822.TEXT': { text: 'TEXT', peek: false },
}

/** Forms of RFC 1730; their replies are named as if they had not been said in that way. */
const beforeRfc2060: Record<string, { text: SectionText; peek: boolean; label: string }> = {
  'RFC822.PEEK': { text: '', peek: true, label: 'RFC822' },
  'RFC822.TEXT.PEEK': { text: 'TEXT', peek: true, label: 'RFC822.TEXT' },
  'RFC822.HEADER.LINES': { text: 'HEADER.FIELDS', peek: true, label: 'RFC822.HEADER' },
  'RFC822.HEADER.LINES.NOT': { text: 'HEADER.FIELDS.NOT', peek: true, label: 'RFC822.HEADER' },
}

/** What PARTIAL may ask for (RFC 1730 6.4.6). */
export function oldItem(r: Reader): Section {
  const found = fetchItem(r)
  if (found.kind !== 'SECTION' || found.partial || found.text.startsWith('HEADER.FIELDS')) throw new BadCommand('There are no parts of that')
  return found
}

export function fetchItems(r: Reader): readonly FetchItem[] {
  if (r.peek() === '(') {
    const items = r.list(fetchItem)
    if (items.length === 0) throw new BadCommand('Nothing to fetch')
    if (items.length > maxItems) throw new BadCommand(`More than ${maxItems} items to fetch`)
    return items
  }
  const name = itemName(r)
  return macros[name]?.map((kind) => ({ kind })) ?? [item(name, r)]
}

const itemName = (r: Reader): string => r.dotted('a FETCH item')
const fetchItem = (r: Reader): FetchItem => item(itemName(r), r)

function item(name: string, r: Reader): FetchItem {
  switch (name) {
    case 'PREVIEW':
      // Previews are kept with the message, so even the laziest is there at once (RFC 8970 4).
      r.take(' (LAZY)')
      return { kind: 'PREVIEW' }
    case 'BODY':
      return r.peek() === '[' ? section(r, false) : { kind: 'BODY' }
    case 'BINARY': case 'BINARY.PEEK': case 'BINARY.SIZE':
      return binary(r, name)
    case 'BODY.PEEK':
      return section(r, true)
    case 'FLAGS': case 'UID': case 'INTERNALDATE': case 'RFC822.SIZE': case 'ENVELOPE': case 'BODYSTRUCTURE': case 'MODSEQ':
    case 'EMAILID': case 'THREADID': case 'SAVEDATE':
      return { kind: name }
  }
  const old = Object.hasOwn(rfc822, name) ? rfc822[name] : r.dialect.obsolete && Object.hasOwn(beforeRfc2060, name) ? beforeRfc2060[name] : undefined
  if (!old) throw new BadCommand(`There is no FETCH item ${name}`)
  const fields = old.text.startsWith('HEADER.FIELDS') ? new Set(r.sp().list((x) => x.astring('a header field name').toLowerCase(), 'a list of header fields')) : none
  return { kind: 'SECTION', part: '', fields, partial: undefined, label: name, ...old }
}

function binary(r: Reader, name: string): Binary {
  const sizeOnly = name === 'BINARY.SIZE'
  r.expect('[')
  const part = partNumber(r)
  r.expect(']')
  const partial = sizeOnly ? undefined : takePartial(r)
  return { kind: 'BINARY', part, sizeOnly, peek: name !== 'BINARY', partial, label: `${sizeOnly ? name : 'BINARY'}[${part}]${partial ? `<${partial.from}>` : ''}` }
}

/** `1.2`, up to what is no number. */
function partNumber(r: Reader, zero = false): string {
  let part = ''
  while (r.isDigit()) {
    part += `${part === '' ? '' : '.'}${zero ? r.number('a part number') : r.nzNumber('a part number')}`
    if (part.length > 1000) throw new BadCommand('Part number too deep')
    if (r.peek() === ']') break
    if (part === '0' || part.endsWith('.0')) r.fail('"]"')
    r.expect('.')
    if (r.peek() === ']') r.fail('a part number or section text')
  }
  return part
}

function takePartial(r: Reader): Section['partial'] {
  if (!r.take('<')) return undefined
  const from = r.number()
  r.expect('.')
  const partial = { from, length: r.nzNumber('a length') }
  r.expect('>')
  return partial
}

/** `[1.2.MIME]`, as a URL names it too. */
export const sectionOf = (r: Reader): Section => section(r, true)

function section(r: Reader, peek: boolean): Section {
  r.expect('[')
  const numbers = partNumber(r, r.dialect.obsolete)
  // RFC 1730: part 0 is the header of the message around it.
  const zero = numbers === '0' || numbers.endsWith('.0')
  const part = zero ? numbers.slice(0, -2) : numbers
  let text: SectionText = zero ? 'HEADER' : ''
  let names: readonly string[] = []
  if (r.peek() !== ']' && !zero) {
    text = sectionText(r, part)
    if (text === 'HEADER.FIELDS' || text === 'HEADER.FIELDS.NOT') {
      names = r.sp().list((x) => x.astring('a header field name'), 'a list of header fields')
      if (names.length === 0) throw new BadCommand('Which header fields?')
    }
  }
  r.expect(']')
  const partial = takePartial(r)
  const spec = zero ? numbers : `${part}${part !== '' && text !== '' ? '.' : ''}${text}${names.length > 0 ? ` (${names.map(fieldName).join(' ')})` : ''}`
  const fields = names.length > 0 ? new Set(names.map((name) => name.toLowerCase())) : none
  return { kind: 'SECTION', part, text, fields, peek, partial, label: `BODY[${spec}]${partial ? `<${partial.from}>` : ''}` }
}

function sectionText(r: Reader, part: string): SectionText {
  const text = r.dotted('a section')
  switch (text) {
    case 'MIME':
      if (part === '') throw new BadCommand('MIME needs a part number')
      return text
    case 'HEADER': case 'HEADER.FIELDS': case 'HEADER.FIELDS.NOT': case 'TEXT':
      return text
    default:
      throw new BadCommand(`There is no section ${text}`)
  }
}

/** An astring: the client gets back what it sent. */
function fieldName(name: string): string {
  if (/^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/.test(name)) return name
   
  if (/[^\x01-\x7f]|[\r\n]/.test(name)) throw new BadCommand('Not a header field name')
  return `"${name.replace(/[\\"]/g, '\\$&')}"`
}
