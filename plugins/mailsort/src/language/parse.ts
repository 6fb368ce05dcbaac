// Tokens into rules, by recursive descent: one function for each line of the grammar in docs/mailsort.md.
import { lex, shown, type Token } from './lex.js'
import {
  addressFields, addressParts, authenticationMethods, comparisons, days, defaultLimits, fields, FilterError, marks,
  type Action, type Commented, type Comparing, type Day, type Field, type FilterFile, type Item, type Limits, type Mark, type Test,
} from './rule.js'

/** Throws FilterError. */
export function parseFilter(text: string, limits: Limits = defaultLimits): FilterFile {
  return new Parser(lex(text, limits), limits).file()
}

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, kb: 1024, kib: 1024, m: 1024 ** 2, mb: 1024 ** 2, mib: 1024 ** 2, g: 1024 ** 3, gb: 1024 ** 3, gib: 1024 ** 3 }
const testWords = [...fields, 'header', 'size', 'has', 'attachment', 'body', 'time', 'day', 'date', 'is', 'authentication', 'came', 'first', 'all', 'any', 'none', 'not']
const actionWords = ['move', 'copy', 'forward', 'send', 'reply', 'reject', 'mark', 'add', 'file', 'keep', 'discard', 'stop']

type Bare<T> = T extends unknown ? Omit<T, keyof Commented> : never

class Parser {
  #at = 0
  /** Comments of the thing that is being read. */
  #pending: string[] = []
  #parts = 0
  #depth = 0

  constructor(private readonly tokens: readonly Token[], private readonly limits: Limits) {}

  file(): FilterFile {
    const items: Item[] = []
    let rules = 0
    while (this.#look().kind !== 'end') {
      const at = this.#look()
      const item = this.#commented<Item>(() => this.#item())
      if (item.kind === 'rule' && ++rules > this.limits.rules) throw new FilterError(at.line, at.column, `rule ${rules}`, `at most ${this.limits.rules} rules`)
      items.push(item)
    }
    return { items, end: this.#look().comments.map(({ text }) => text) }
  }

  #item(): Bare<Item> {
    const word = this.#word('timezone', 'list', 'template', 'rule')
    if (word === 'timezone') {
      const at = this.#look()
      const name = this.#string('a time zone')
      if (!isZone(name)) throw new FilterError(at.line, at.column, shown(name), 'a time zone such as "Europe/Berlin"')
      return { kind: 'timezone', name }
    }
    const name = this.#string(`the name of the ${word}`)
    if (word === 'rule') return this.#rule(name)
    this.#expect('{')
    if (word === 'template') {
      this.#word('subject')
      const subject = this.#string('the subject')
      this.#word('text')
      const text = this.#string('the text')
      const html = this.#takeWord('html') ? { html: this.#string('the text in HTML') } : {}
      this.#expect('}')
      return { kind: 'template', name, subject, text, ...html }
    }
    const entries = []
    while (this.#look().kind !== '}') {
      this.#count()
      entries.push(this.#commented<{ address: string } & Commented>(() => {
        const address = this.#string('an address, or }')
        this.#takeKind(',')
        return { address }
      }))
    }
    return { kind: 'list', name, entries, ...this.#close() }
  }

  #rule(name: string): Bare<Item> {
    const on = !this.#takeWord('off')
    this.#expect('{')
    let test: { test: Test } | undefined
    if (this.#look().text === 'if' && this.#look().kind === 'word') {
      test = { test: this.#commented<Test>(() => {
        this.#take()
        return this.#test()
      }) }
    }
    const actions: Action[] = []
    while (this.#look().kind !== '}') actions.push(this.#commented<Action>(() => this.#action()))
    return { kind: 'rule', name, on, ...test, actions, ...this.#close() }
  }

  #test(): Bare<Test> {
    this.#count()
    if (++this.#depth > this.limits.depth) throw this.#wrong(`at most ${this.limits.depth} groups inside each other`)
    try {
      return this.#bareTest()
    } finally {
      this.#depth--
    }
  }

  #bareTest(): Bare<Test> {
    const word = this.#word(...testWords)
    switch (word) {
      case 'all': case 'any': case 'none': {
        this.#expect('{')
        const tests: Test[] = []
        while (this.#look().kind !== '}') tests.push(this.#commented<Test>(() => this.#test()))
        return { kind: 'group', how: word, tests, ...this.#close() }
      }
      case 'not': return { kind: 'group', how: 'none', tests: [this.#commented<Test>(() => this.#test())] }
      case 'header': return { kind: 'header', name: this.#headerName(), compare: this.#comparing() }
      case 'size': return { kind: 'size', how: this.#word('over', 'under') as 'over', octets: this.#octets() }
      case 'has': this.#word('attachment'); return { kind: 'has-attachment' }
      case 'attachment': return { kind: 'attachment', of: this.#word('name', 'type') as 'name', compare: this.#comparing() }
      case 'body': return { kind: 'body', compare: this.#comparing() }
      case 'time': {
        this.#word('from')
        const from = this.#minutes()
        this.#word('to')
        return { kind: 'time', from, to: this.#minutes() }
      }
      case 'day': {
        this.#word('is')
        return { kind: 'day', days: this.#several(() => this.#word(...days) as Day) }
      }
      case 'date': {
        // 'from' and 'to' are tests of their own.
        const from = this.#takeWord('since') ? { from: this.#date() } : {}
        const to = 'from' in from ? (this.#takeWord('until') ? { to: this.#date() } : {}) : (this.#word('since', 'until'), { to: this.#date() })
        return { kind: 'date', ...from, ...to }
      }
      case 'is': this.#word('spam'); return { kind: 'spam' }
      case 'authentication': {
        const method = this.#word(...authenticationMethods) as (typeof authenticationMethods)[number]
        this.#word('is')
        return { kind: 'authentication', method, results: this.#several(() => this.#string('a result such as "pass"').toLowerCase()) }
      }
      case 'came': {
        this.#word('by')
        const road = this.#word('smtp', 'im2000') as 'smtp'
        return { kind: 'came-by', road, ...(road !== 'smtp' && this.#takeWord('store') ? { store: this.#string('the name of a store').toLowerCase() } : {}) }
      }
      case 'first': this.#word('mail'); this.#word('from'); this.#word('sender'); return { kind: 'first' }
      default: {
        const field = word as Field
        const part = addressFields.has(field) ? addressParts.find((one) => this.#takeWord(one)) : undefined
        if (addressFields.has(field) && part === undefined && this.#takeWord('in')) {
          this.#word('list')
          return { kind: 'listed', field, list: this.#string('the name of a list') }
        }
        return { kind: 'field', field, ...(part ? { part } : {}), compare: this.#comparing(addressFields.has(field) && !part ? [...addressParts, 'in'] : []) }
      }
    }
  }

  /** @param also other words that would do here, for the message */
  #comparing(also: readonly string[] = []): Comparing {
    const how = comparisons.find((one) => {
      const words = one.split(' ')
      return words.every((word, i) => this.#isWord(this.#ahead(i), word)) && words.every(() => this.#take())
    })
    if (!how) throw this.#wrong(listed([...also, ...comparisons]))
    if (how === 'exists') return { how, values: [], exact: false }
    const values = this.#several(() => {
      this.#count()
      return this.#string('a text in double quotes')
    })
    if (!this.#takeWord('with')) return { how, values, exact: false }
    this.#word('case')
    return { how, values, exact: true }
  }

  #action(): Bare<Action> {
    this.#count()
    const word = this.#word(...actionWords)
    switch (word) {
      case 'move': case 'copy': {
        this.#word('to')
        const mailbox = this.#string('the name of a mailbox')
        if (!this.#takeWord('if')) return { kind: word, mailbox, ifExists: false }
        this.#word('it')
        this.#word('exists')
        return { kind: word, mailbox, ifExists: true }
      }
      case 'forward': {
        const copy = this.#takeWord('copy')
        this.#word('to')
        return { kind: 'forward', copy, addresses: this.#several(() => this.#address()) }
      }
      case 'send': {
        this.#word('vacation')
        const template = this.#takeWord('with') ? { template: this.#string('the name of a template') } : {}
        return { kind: 'vacation', ...template, ...(this.#takeWord('every') ? { days: this.#days() } : {}) }
      }
      case 'reply': this.#word('with'); return { kind: 'reply', template: this.#string('the name of a template') }
      case 'reject': return { kind: 'reject', text: this.#string('the text for the sender') }
      case 'mark': return { kind: 'mark', marks: this.#several(() => this.#word(...marks) as Mark) }
      case 'add': this.#word('keyword'); return { kind: 'keyword', keywords: this.#several(() => this.#keyword()) }
      case 'file': this.#word('as'); this.#word('spam'); return { kind: 'spam' }
      default: return { kind: word as 'stop' }
    }
  }

  /** Reads a thing with the comments before and inside of it (`before`), and the one beside it (`after`). */
  #commented<T extends Commented>(read: () => Bare<T>): T {
    const outer = this.#pending
    this.#pending = []
    const thing = read()
    const before = this.#pending
    this.#pending = outer
    const next = this.#look()
    const after = next.comments[0]?.beside ? { after: next.comments.shift()!.text } : {}
    return { ...thing, ...(before.length > 0 ? { before } : {}), ...after } as unknown as T
  }

  #close(): { close?: readonly string[] } {
    const close = this.#look().comments.map(({ text }) => text)
    if (this.#look().kind === '}') this.#look().comments = []
    this.#expect('}')
    return close.length > 0 ? { close } : {}
  }

  #look(): Token { return this.tokens[this.#at] }
  #ahead(n: number): Token { return this.tokens[Math.min(this.#at + n, this.tokens.length - 1)] }
  #isWord(token: Token, word: string): boolean { return token.kind === 'word' && token.text === word }

  #take(): Token {
    const token = this.tokens[this.#at]
    if (token.kind !== 'end') this.#at++
    for (const { text } of token.comments) this.#pending.push(text)
    token.comments = []
    return token
  }

  #expect(kind: Token['kind']): void {
    if (this.#look().kind !== kind) throw this.#wrong(kind)
    this.#take()
  }
  #takeKind(kind: Token['kind']): boolean {
    if (this.#look().kind !== kind) return false
    this.#take()
    return true
  }
  #takeWord(word: string): boolean {
    if (!this.#isWord(this.#look(), word)) return false
    this.#take()
    return true
  }
  #word(...wanted: readonly string[]): string {
    const token = this.#look()
    if (token.kind !== 'word' || !wanted.includes(token.text)) throw this.#wrong(listed(wanted))
    return this.#take().text
  }
  #string(what: string): string {
    if (this.#look().kind !== 'string') throw this.#wrong(what)
    return this.#take().text
  }
  #several<T>(read: () => T): T[] {
    const all = [read()]
    while (this.#takeKind(',')) all.push(read())
    return all
  }

  #headerName(): string {
    const at = this.#look()
    const name = this.#string('the name of a header field')
    if (!/^[!-9;-~]{1,200}$/.test(name)) throw new FilterError(at.line, at.column, shown(name), 'the name of a header field')
    return name
  }
  #address(): string {
    const at = this.#look()
    const address = this.#string('an address')
    if (!/^[^\s<>@"]{1,64}@[^\s<>@"]{1,255}$/.test(address)) throw new FilterError(at.line, at.column, shown(address), 'an address such as "anna@example.org"')
    return address
  }
  #keyword(): string {
    const at = this.#look()
    const keyword = this.#string('a keyword')
    if (!/^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]{1,255}$/.test(keyword)) throw new FilterError(at.line, at.column, shown(keyword), 'a keyword without blanks, quotes, ( ) { % * \\ or ]')
    return keyword
  }
  #octets(): number {
    const token = this.#look()
    const [, digits, unit] = /^([\d.]+)([a-z]*)$/.exec(token.text) ?? []
    const factor = token.kind === 'number' ? units[unit ?? ''] : undefined
    const octets = factor === undefined ? NaN : Math.round(Number(digits) * factor)
    if (!Number.isSafeInteger(octets)) throw this.#wrong('a size such as 500K or 10M')
    this.#take()
    return octets
  }
  #days(): number {
    const token = this.#look()
    if (token.kind !== 'number' || !/^\d{1,2}$/.test(token.text) || Number(token.text) > 30) throw this.#wrong('a number of days, 0 to 30')
    this.#take()
    this.#word('days', 'day')
    return Number(token.text)
  }
  #minutes(): number {
    const at = this.#look()
    const text = this.#string('a time such as "18:00"')
    const [, hours, minutes] = /^(\d{1,2}):(\d\d)$/.exec(text) ?? []
    if (hours === undefined || Number(hours) > 24 || Number(minutes) > 59 || (Number(hours) === 24 && minutes !== '00')) throw new FilterError(at.line, at.column, shown(text), 'a time such as "18:00"')
    return Number(hours) * 60 + Number(minutes)
  }
  #date(): string {
    const at = this.#look()
    const text = this.#string('a date such as "2026-12-24"')
    if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(Date.parse(text)) || new Date(text).toISOString().slice(0, 10) !== text) throw new FilterError(at.line, at.column, shown(text), 'a date such as "2026-12-24"')
    return text
  }

  #count(): void {
    if (++this.#parts > this.limits.parts) throw this.#wrong(`at most ${this.limits.parts} tests, actions and texts in all`)
  }
  #wrong(expected: string): FilterError {
    const { kind, text, line, column } = this.#look()
    return new FilterError(line, column, kind === 'end' ? 'the end of the file' : kind === 'string' ? `the text ${shown(text)}` : shown(text), expected)
  }
}

const listed = (words: readonly string[]): string => (words.length === 1 ? words[0] : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`)

function isZone(name: string): boolean {
  try {
    return /^[A-Za-z0-9_+\-/]+$/.test(name) && new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false
  }
}
