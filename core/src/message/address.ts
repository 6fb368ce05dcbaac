// Addresses. `parseAddressList` reads header fields as they come (RFC 5322 with all of its obsolete syntax, groups, routes,
// comments, and worse) and never fails; `parseMailbox` judges one envelope address strictly. Pure.
import { domainToASCII } from 'node:url'
import type { OctetString } from './summary.js'

/** One mailbox of a header field. Quoting is removed, encoded-words are left as they are; '' for what is missing. */
export interface HeaderMailbox {
  readonly kind: 'mailbox'
  /** Display name, else the last comment. */
  readonly name: OctetString
  /** Obsolete source route, '@a,@b'. */
  readonly route: OctetString
  readonly local: OctetString
  readonly domain: OctetString
}
/** RFC 5322 3.4 groups: 'group' ... mailboxes ... 'end'. Always balanced, never nested. */
export type HeaderAddress = HeaderMailbox | { readonly kind: 'group'; readonly name: OctetString } | { readonly kind: 'end' }

/** Most entries of one field that are read; mail to more than this in one field is spam or an attack. */
const defaultLimit = 1000

/** Reads an address list field's value, folded or not. At most `limit` entries. Linear; never throws. */
export function parseAddressList(value: OctetString, limit = defaultLimit): HeaderAddress[] {
  return new ListReader(value, limit).read()
}

interface Word {
  readonly text: OctetString
  /** Blanks or comments stood before it. */
  readonly apart: boolean
  readonly quoted: boolean
}

const atom = /[^\s()<>@,;:".[\0]+/y
const encodedWord = /=\?[^?\s]{1,80}\?[bq]\?[^?\s]*\?=/iy

class ListReader {
  readonly #text: OctetString
  readonly #limit: number
  readonly #found: HeaderAddress[] = []
  #at = 0
  #apart = false
  #comment = ''
  // Once a closing quote, bracket or parenthesis has been looked for in vain, later openers are plain text: no second search.
  #quotes = true
  #comments = true
  #literals = true

  constructor(text: OctetString, limit: number) {
    this.#text = text
    this.#limit = limit
  }

  read(): HeaderAddress[] {
    let inGroup = false
    let words: Word[] = []
    const finish = (): void => {
      const mailbox = bareMailbox(words, this.#comment)
      if (mailbox && mailbox.name + mailbox.local + mailbox.domain !== '') this.#found.push(mailbox)
      words = []
      this.#comment = ''
      this.#apart = false
    }
    while (this.#at < this.#text.length && this.#found.length < this.#limit) {
      switch (this.#text.charCodeAt(this.#at)) {
        case 0x2c: // ,
          this.#at++
          finish()
          break
        case 0x3b: // ; ends a group; Outlook also writes it between addresses
          this.#at++
          finish()
          if (inGroup) this.#found.push({ kind: 'end' })
          inGroup = false
          break
        case 0x3a: // :
          this.#at++
          if (inGroup || words.length === 0) words.push(this.#word(':'))
          else {
            this.#found.push({ kind: 'group', name: phrase(words) })
            inGroup = true
            words = []
            this.#comment = ''
          }
          break
        case 0x3c: { // <
          this.#at++
          const { route, address } = this.#angle()
          const { local, domain } = split(address)
          this.#skipTrailer()
          const name = phrase(words) || this.#comment
          if (name !== '' || local !== '' || domain !== '') this.#found.push({ kind: 'mailbox', name, route, local, domain })
          words = []
          this.#comment = ''
          this.#apart = false
          break
        }
        default: {
          const word = this.#next()
          if (word) words.push(word)
        }
      }
    }
    if (this.#at >= this.#text.length) finish()
    if (inGroup) this.#found.push({ kind: 'end' })
    return this.#found
  }

  #word(text: OctetString, quoted = false): Word {
    const word = { text, apart: this.#apart, quoted }
    this.#apart = false
    return word
  }

  /** One word, or undefined after blanks and comments. Always moves on. */
  #next(): Word | undefined {
    const text = this.#text
    const code = text.charCodeAt(this.#at)
    if (code <= 0x20) {
      this.#at++
      this.#apart = true
      return undefined
    }
    if (code === 0x22 && this.#quotes) {
      const quoted = this.#quoted()
      if (quoted !== undefined) return this.#word(quoted, true)
    }
    if (code === 0x28 && this.#comments) {
      const comment = this.#readComment()
      if (comment !== undefined) {
        this.#comment = comment
        this.#apart = true
        return undefined
      }
    }
    if (code === 0x5b && this.#literals) {
      const end = text.indexOf(']', this.#at)
      if (end < 0) this.#literals = false
      else {
        const literal = text.slice(this.#at, end + 1)
        this.#at = end + 1
        return this.#word(literal)
      }
    }
    if (code === 0x3d) {
      // An encoded word may hold commas and brackets that its writer should have encoded.
      encodedWord.lastIndex = this.#at
      const match = encodedWord.exec(text)
      if (match) {
        this.#at = encodedWord.lastIndex
        return this.#word(match[0])
      }
    }
    atom.lastIndex = this.#at
    const match = atom.exec(text)
    if (!match) {
      this.#at++
      return this.#word(text[this.#at - 1])
    }
    this.#at = atom.lastIndex
    return this.#word(match[0])
  }

  #quoted(): OctetString | undefined {
    const text = this.#text
    let end = this.#at + 1
    for (;;) {
      const quote = text.indexOf('"', end)
      if (quote < 0) {
        this.#quotes = false
        return undefined
      }
      let backslashes = 0
      while (quote - 1 - backslashes > this.#at && text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes++
      end = quote + 1
      if (backslashes % 2 === 0) break
    }
    const raw = text.slice(this.#at + 1, end - 1)
    this.#at = end
    return clean(raw)
  }

  #readComment(): OctetString | undefined {
    const text = this.#text
    let depth = 0
    for (let i = this.#at; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === 0x5c) i++
      else if (code === 0x28) depth++
      else if (code === 0x29 && --depth === 0) {
        const raw = text.slice(this.#at + 1, i)
        this.#at = i + 1
        return clean(raw).trim()
      }
    }
    this.#comments = false
    return undefined
  }

  /** Inside '<': up to '>' or, where that is forgotten, up to the comma. */
  #angle(): { route: OctetString; address: Word[] } {
    const text = this.#text
    let words: Word[] = []
    let route = ''
    this.#apart = false
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at)
      if (code === 0x3e) {
        this.#at++
        break
      }
      const inRoute = route === '' && words.length > 0 && words[0].text === '@' && !words[0].quoted
      if (code === 0x3a && inRoute) {
        this.#at++
        route = words.map((word) => word.text).join('')
        words = []
      } else if (code === 0x2c && !inRoute) break
      else if (code === 0x3c || code === 0x2c || code === 0x3b || code === 0x3a) {
        this.#at++
        if (code !== 0x3c) words.push(this.#word(text[this.#at - 1]))
      } else {
        const word = this.#next()
        if (word) words.push(word)
      }
    }
    return { route, address: words }
  }

  /** Behind '>': comments and rubbish up to the next separator or the next '<...>' that lacks one. */
  #skipTrailer(): void {
    const text = this.#text
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at)
      if (code === 0x2c) {
        this.#at++
        return
      }
      if (code > 0x20 && code !== 0x28 && code !== 0x3e) return
      if (code === 0x28 && !this.#comments) return
      if (code === 0x3e) this.#at++
      else this.#next()
    }
  }
}

/** Inside of a quoted string or comment: folding and quoting backslashes go. */
function clean(raw: OctetString): OctetString {
  const flat = raw.indexOf('\n') < 0 ? raw : raw.replace(/\r?\n/g, '')
  return flat.indexOf('\\') < 0 ? flat : flat.replace(/\\([^])/g, '$1')
}

function phrase(words: readonly Word[]): OctetString {
  return words.map((word, i) => (i > 0 && word.apart ? ' ' + word.text : word.text)).join('')
}

/** Words of `<...>`: the last '@' divides. */
function split(words: readonly Word[]): { local: OctetString; domain: OctetString } {
  const at = words.findLastIndex((word) => word.text === '@' && !word.quoted)
  if (at < 0) return { local: joined(words), domain: '' }
  return { local: joined(words.slice(0, at)), domain: words.slice(at + 1).map((word) => word.text).join('') }
}

/** Obsolete syntax lets blanks stand round dots; other blanks are kept, or two words would become one. */
function joined(words: readonly Word[]): OctetString {
  const isDot = (i: number): boolean => words[i].text === '.' && !words[i].quoted
  return words.map((word, i) => (i > 0 && word.apart && !isDot(i) && !isDot(i - 1) ? ' ' + word.text : word.text)).join('')
}

/** An entry without '<...>': 'user@host', 'user@host (Name)', 'Name user@host', 'user', 'Some Words'. */
function bareMailbox(words: readonly Word[], comment: OctetString): HeaderMailbox | undefined {
  if (words.length === 0) return undefined
  const at = words.findLastIndex((word) => word.text === '@' && !word.quoted)
  const isDot = (i: number): boolean => words[i].text === '.' && !words[i].quoted
  const together = (i: number): boolean => !words[i].apart || isDot(i) || isDot(i - 1)
  if (at < 0) {
    const one = words.every((_, i) => i === 0 || together(i))
    return { kind: 'mailbox', name: one ? comment : phrase(words), route: '', local: one ? joined(words) : '', domain: '' }
  }
  let first = Math.max(0, at - 1)
  while (first > 0 && together(first)) first--
  let end = Math.min(words.length, at + 2)
  while (end < words.length && together(end)) end++
  const name = phrase(words.slice(0, at === 0 ? 0 : first)) || comment || phrase(words.slice(end))
  return {
    kind: 'mailbox', name, route: '',
    local: at === 0 ? '' : joined(words.slice(first, at)),
    domain: words.slice(at + 1, end).map((word) => word.text).join(''),
  }
}

/** An envelope address that can be used. */
export interface Mailbox {
  /** Without quoting; case kept. */
  readonly local: string
  /** Lower case; internationalised domains as A-labels ('xn--...'), so that equal domains are equal strings. */
  readonly domain: string
  /** As it is written on the wire: local part quoted where needed, '@', domain. */
  readonly address: string
  /** Whether the local part needs SMTPUTF8 (RFC 6531). */
  readonly utf8: boolean
}

/** RFC 5321 4.5.3.1: octets of a local part and of a domain. */
const localOctets = 64
const domainOctets = 255

const atext = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\u0080-\\u{10ffff}-]+"
const dotString = new RegExp(`^${atext}(\\.${atext})*$`, 'u')
const quotedString = /^"((?:[ !#-[\]-~\u0080-\u{10ffff}]|\\[ -~])*)"$/u
// Underscores are against RFC 1123 and stand in domains that really receive mail.
const domainName = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$/
const domainLiteral = /^\[(?:\d{1,3}(?:\.\d{1,3}){3}|ipv6:[0-9a-f:.]{2,45}|[a-z0-9-]{1,40}:[!-Z^-~]{1,200})\]$/

/** Reads one envelope address, 'local@domain' without brackets (RFC 5321, 6531). undefined when it cannot be used. */
export function parseMailbox(text: string): Mailbox | undefined {
  if (text.length > 2 * (localOctets + domainOctets) + 3) return undefined
  const at = text.lastIndexOf('@')
  if (at < 1 || at === text.length - 1) return undefined
  const local = parseLocal(text.slice(0, at))
  const domain = normalizeDomain(text.slice(at + 1))
  if (local === undefined || domain === undefined) return undefined
  const written = dotString.test(local) ? local : `"${local.replace(/["\\]/g, '\\$&')}"`
  return { local, domain, address: `${written}@${domain}`, utf8: /[^\x00-\x7f]/.test(local) }
}

const loneSurrogate = /[\ud800-\udfff]/u

function parseLocal(text: string): string | undefined {
  if (loneSurrogate.test(text)) return undefined
  const quoted = dotString.test(text) ? undefined : quotedString.exec(text)
  if (quoted === null) return undefined
  const local = quoted ? quoted[1].replace(/\\([^])/g, '$1') : text
  // RFC 6532 3.1: NFC, so that one name written in two ways is one name. C1 controls and separators are no part of names.
  const normal = local.normalize('NFC')
  if (normal === '' || Buffer.byteLength(normal) > localOctets || /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(normal)) return undefined
  return normal
}

/** A domain or address literal in the form in which domains are compared: lower case, A-labels. undefined when it is none. */
export function normalizeDomain(text: string): string | undefined {
  if (text.length > domainOctets) return undefined
  const lower = text.toLowerCase()
  if (lower.startsWith('[')) return domainLiteral.test(lower) ? lower : undefined
  const ascii = /[^\x00-\x7f]/.test(lower) ? domainToASCII(lower) : lower
  return ascii.length <= domainOctets && domainName.test(ascii) ? ascii : undefined
}
