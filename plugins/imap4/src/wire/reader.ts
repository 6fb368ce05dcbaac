// Reads one command's pieces as RFC 3501's grammar names them. Pure and synchronous; works on octets (one character each).
// `take…` tries; everything else insists and throws BadCommand, which says what was wanted and shows what stands there.
import type { Spooled } from '@restante/core'
import type { Piece } from './framer.js'

/** The client's words make no sense: answered with BAD. */
export class BadCommand extends Error {
  override readonly name = 'BadCommand'

  /** Without a stack: it says nothing about a client's mistake, and costs more than reading the command did. */
  constructor(message: string) {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** The command ends where a string was wanted; while it still arrives, a literal may be it. */
export class AwaitsLiteral extends BadCommand {}

/** What is wanted is a message, or the piece of one that CATENATE calls TEXT: it goes to the spool. */
export class AwaitsMessage extends AwaitsLiteral {
  constructor(message: string, readonly kind: MessageKind) { super(message) }
}
export type MessageKind = 'message' | 'utf8' | 'text'

const ATOM = 1
const ASTRING = 2
const TAG = 4
const DIGIT = 8
/** Characters of list-mailbox beyond ASTRING: the wildcards. */
const LIST = 16
const classes = new Uint8Array(256)
for (let c = 0x21; c < 0x7f; c++) {
  const special = '(){%*"\\]'.includes(String.fromCharCode(c))
  if (!special) classes[c] |= ATOM | ASTRING | LIST
  if (c === 0x5d) classes[c] |= ASTRING | LIST // resp-specials
  if (c === 0x25 || c === 0x2a) classes[c] |= LIST
  if (classes[c] & ASTRING && c !== 0x2b) classes[c] |= TAG
  if (c >= 0x30 && c <= 0x39) classes[c] |= DIGIT
}

/** What a session may say. */
export interface Dialect {
  /** Mailbox names come in UTF-8 (RFC 6855, RFC 9051), not in modified UTF-7. */
  readonly utf8Names?: boolean
  /** Forms of RFC 1730 and before are understood. */
  readonly obsolete?: boolean
  /** UIDAFTER and UIDBEFORE (RFC 9738 3.2). */
  readonly uidBounds?: boolean
}

export class Reader {
  readonly #pieces: readonly Piece[]
  #piece = 0
  #text: string
  #at = 0
  #depth = 0
  readonly #maxDepth: number

  constructor(pieces: readonly Piece[], maxDepth = 200, readonly dialect: Dialect = {}) {
    this.#pieces = pieces
    this.#text = pieces.length > 0 && typeof pieces[0] === 'string' ? pieces[0] : ''
    this.#maxDepth = maxDepth
  }

  /** The next character, '' at the end of this stretch of text. */
  peek(): string { return this.#text.charAt(this.#at) }

  /** The next characters of this stretch of text, at most so many. */
  ahead(characters: number): string { return this.#text.slice(this.#at, this.#at + characters) }

  /** Reads the last characters again. */
  back(characters: number): void { this.#at -= characters }

  /** Takes `text` if it comes next (letters in any case). */
  take(text: string): boolean {
    const next = this.#text.slice(this.#at, this.#at + text.length)
    if (next !== text && next.toUpperCase() !== text) return false
    this.#at += text.length
    return true
  }

  expect(text: string, what = `"${text}"`): this {
    if (!this.take(text)) this.fail(what)
    return this
  }

  sp(): this { return this.expect(' ', 'a space') }

  /** RFC 3501 `tag`. */
  tag(): string { return this.#run(TAG, 'a tag') }
  atom(): string { return this.#run(ATOM, 'an atom') }
  /** A word of the protocol, in upper case. */
  word(what = 'a keyword'): string { return this.#run(ATOM, what).toUpperCase() }
  takeAtom(): string | undefined { return (classes[this.#text.charCodeAt(this.#at)] & ATOM) ? this.atom() : undefined }

  /** Letters, digits and dots: what names of FETCH items and sections are made of. In upper case. */
  dotted(what: string): string {
    const from = this.#at
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charCodeAt(this.#at)
      if (!((c >= 0x30 && c <= 0x39) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a) || c === 0x2e || c === 0x2d)) break
    }
    if (from === this.#at) this.fail(what)
    return this.#text.slice(from, this.#at).toUpperCase()
  }

  /** 0 … 2^32-1. */
  number(what = 'a number'): number {
    const value = this.number64(what)
    if (value > 0xffff_ffff) throw new BadCommand(`Wanted ${what} below 2^32`)
    return value
  }

  number64(what = 'a number'): number {
    const from = this.#at
    const digits = this.#run(DIGIT, what)
    const value = Number(digits)
    if (digits.length > 18 || !Number.isSafeInteger(value)) {
      this.#at = from
      this.fail(what)
    }
    return value
  }

  /** A mod-sequence (RFC 7162): 63 bits; what we never give out is as good as the largest that we could. */
  modseq(what = 'a mod-sequence'): number {
    const from = this.#at
    const digits = this.#run(DIGIT, what)
    if (digits.length > 19 || BigInt(digits) > 0x7fff_ffff_ffff_ffffn) {
      this.#at = from
      this.fail(what)
    }
    return Math.min(Number(digits), Number.MAX_SAFE_INTEGER)
  }

  nzNumber(what = 'a number from 1'): number {
    const from = this.#at
    const value = this.number(what)
    if (value === 0) {
      this.#at = from
      this.fail(what)
    }
    return value
  }

  isDigit(): boolean { return (classes[this.#text.charCodeAt(this.#at)] & DIGIT) !== 0 }

  /** Quoted string or literal, as octets. */
  string(what = 'a string'): string {
    if (this.peek() === '"') return this.#quoted()
    if (this.#ended) throw new AwaitsLiteral(`Wanted ${what}, found the end`)
    const literal = this.#literal()
    if (literal === undefined) this.fail(what)
    if (!Buffer.isBuffer(literal)) throw new BadCommand(`Wanted ${what}, not a message`)
    if (literal.includes(0)) throw new BadCommand('NUL in a literal')
    return literal.toString('latin1', 0, literal.length)
  }

  astring(what = 'a string'): string {
    return classes[this.#text.charCodeAt(this.#at)] & ASTRING ? this.#run(ASTRING, what) : this.string(what)
  }

  /** Mailbox with wildcards (RFC 3501 list-mailbox). */
  listMailbox(): string {
    return classes[this.#text.charCodeAt(this.#at)] & LIST ? this.#run(LIST, 'a mailbox pattern') : this.string('a mailbox pattern')
  }

  /** String, or NIL. */
  nstring(what = 'a string or NIL'): string | null {
    return this.peek() !== '"' && this.take('NIL') ? null : this.string(what)
  }

  /** Octets of any kind (`literal8`), or null for NIL: values of annotations (RFC 5464). */
  nvalue(): Buffer | null {
    if (this.peek() === '"') return Buffer.from(this.#quoted(), 'latin1')
    if (this.take('NIL')) return null
    if (this.#ended) throw new AwaitsLiteral('Wanted a value, found the end')
    const literal = this.#literal()
    if (!Buffer.isBuffer(literal)) this.fail('a value')
    return literal
  }

  /** A literal that went to the spool; a small one in memory does not do. */
  message(kind: MessageKind = 'message'): Spooled {
    if (this.#ended) throw new AwaitsMessage('Wanted a message literal, found the end', kind)
    const literal = this.#literal()
    if (literal === undefined) this.fail('a message literal')
    if (Buffer.isBuffer(literal)) throw new BadCommand('Wanted a message literal')
    return literal
  }

  /** `(item item …)`, possibly empty. */
  list<T>(item: (r: this) => T, what = 'a parenthesised list'): T[] {
    this.expect('(', what)
    const items: T[] = []
    if (this.take(')')) return items
    return this.deeper(() => {
      for (;;) {
        items.push(item(this))
        if (this.take(')')) return items
        this.sp()
      }
    })
  }

  /** For grammars that call themselves: bounded, so that 100,000 parentheses cannot overflow the stack. */
  deeper<T>(read: () => T): T {
    if (++this.#depth > this.#maxDepth) throw new BadCommand(`Nested deeper than ${this.#maxDepth} levels`)
    const value = read()
    this.#depth--
    return value
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.done()) this.fail('the end of the command')
  }

  /** Whether everything was read. */
  done(): boolean { return this.#at >= this.#text.length && this.#piece >= this.#pieces.length - 1 }

  /** Whether a literal comes next (or, while the command is still arriving, would). */
  atLiteral(): boolean { return this.#at >= this.#text.length }

  fail(wanted: string): never {
    const rest = this.#text.slice(this.#at, this.#at + 10)
    const found = rest !== '' ? `"${rest}"` : this.#piece + 1 < this.#pieces.length ? 'a literal' : 'the end'
    throw new BadCommand(`Wanted ${wanted}, found ${found}`)
  }

  get #ended(): boolean { return this.#at >= this.#text.length && this.#piece + 1 >= this.#pieces.length }

  #run(mask: number, what: string): string {
    const from = this.#at
    const text = this.#text
    let at = from
    while (at < text.length && classes[text.charCodeAt(at)] & mask) at++
    if (at === from) this.fail(what)
    this.#at = at
    return text.slice(from, at)
  }

  #quoted(): string {
    const text = this.#text
    let from = this.#at + 1
    let value = ''
    for (let at = from; at < text.length; at++) {
      const c = text.charCodeAt(at)
      if (c === 0x22) {
        this.#at = at + 1
        return value + text.slice(from, at)
      }
      if (c === 0x5c) {
        const next = text.charCodeAt(at + 1)
        if (next !== 0x22 && next !== 0x5c) throw new BadCommand('In a quoted string only " and \\ may follow \\')
        value += text.slice(from, at)
        from = at + 1
        at++
      } else if (c === 0 || c === 13) throw new BadCommand('A quoted string may not contain NUL or CR')
    }
    throw new BadCommand('A quoted string does not end')
  }

  /** The literal that comes next, if one does; moves behind it. */
  #literal(): Buffer | Spooled | undefined {
    if (this.#at < this.#text.length) return undefined
    const next = this.#pieces[this.#piece + 1]
    if (next === undefined || typeof next === 'string') return undefined
    this.#piece += 2
    const text = this.#pieces[this.#piece]
    this.#text = typeof text === 'string' ? text : ''
    this.#at = 0
    return next
  }
}

/** Octets as UTF-8 text; undefined when they are not. */
export function utf8(octets: string): string | undefined {
   
  if (/^[\x00-\x7f]*$/.test(octets)) return octets
  try {
    return decoder.decode(Buffer.from(octets, 'latin1'))
  } catch (error) {
    if (error instanceof TypeError) return undefined
    throw error
  }
}
const decoder = new TextDecoder('utf-8', { fatal: true })
