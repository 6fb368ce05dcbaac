// Sieve scripts (RFC 5228) into commands, tests and arguments: the generic grammar of section 8, no meaning. Throws FilterError.
import { FilterError } from '../language/rule.js'

export type Argument = { readonly kind: 'tag'; readonly name: string } | { readonly kind: 'number'; readonly value: number } | { readonly kind: 'strings'; readonly values: readonly string[] }
export interface SieveTest { readonly name: string; readonly args: readonly Argument[]; readonly tests: readonly SieveTest[]; readonly line: number }
export interface SieveCommand { readonly name: string; readonly args: readonly Argument[]; readonly tests: readonly SieveTest[]; readonly block: readonly SieveCommand[] | undefined; readonly line: number; readonly comments: readonly string[] }

interface Token { readonly kind: 'word' | 'tag' | 'number' | 'string' | 'mark' | 'end'; readonly text: string; readonly line: number; readonly column: number; readonly comments: readonly string[] }

const deepest = 30
const mostTokens = 500_000
const factors: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

function lex(text: string): Token[] {
  const tokens: Token[] = []
  let [at, line, start] = [0, 1, 0]
  let comments: string[] = []
  const wrong = (found: string, expected: string): never => { throw new FilterError(line, at - start + 1, found, expected) }
  const pass = (to: number): void => {
    for (; at < to; at++) if (text[at] === '\n') { line++; start = at + 1 }
  }
  const push = (kind: Token['kind'], value: string, to: number): void => {
    if (tokens.length >= mostTokens) wrong('more', `at most ${mostTokens} words`)
    tokens.push({ kind, text: value, line, column: at - start + 1, comments })
    comments = []
    pass(to)
  }
  while (at < text.length) {
    const rest = /\s+|#[^\n]*|\/\*|text:[ \t]*(?:#[^\n]*)?\r?\n|"|:[A-Za-z_][\w.]*|[A-Za-z_][\w.]*|\d+[KMGkmg]?|[[\](){},;]/y
    rest.lastIndex = at
    const found = rest.exec(text)?.[0]
    if (found === undefined) wrong(JSON.stringify(text[at]), 'a word, a tag, a number, a string or punctuation')
    else if (/^\s/.test(found)) pass(at + found.length)
    else if (found.startsWith('#')) {
      comments.push(found.slice(1).trim())
      pass(at + found.length)
    } else if (found === '/*') {
      const end = text.indexOf('*/', at + 2)
      if (end < 0) wrong('a comment without end', '*/')
      comments.push(...text.slice(at + 2, end).split('\n').map((one) => one.trim()).filter((one) => one !== ''))
      pass(end + 2)
    } else if (found.startsWith('text:')) {
      const end = /(?:^|\n)\.\r?(?:\n|$)/.exec(text.slice(at + found.length))
      if (!end) return wrong('a text without end', 'a line with a dot alone')
      const content = text.slice(at + found.length, at + found.length + end.index + (end[0].startsWith('\n') ? 1 : 0))
      push('string', content.replaceAll('\r\n', '\n').replace(/^\.\./gm, '.'), at + found.length + end.index + end[0].length)
    } else if (found === '"') {
      let to = at + 1
      while (to < text.length && text[to] !== '"') to += text[to] === '\\' ? 2 : 1
      if (to >= text.length) wrong('a string without end', '"')
      push('string', text.slice(at + 1, to).replace(/\\([^])/g, '$1').replaceAll('\r\n', '\n'), to + 1)
    } else push(found.startsWith(':') ? 'tag' : /^\d/.test(found) ? 'number' : /^[\w]/.test(found) ? 'word' : 'mark', found.toLowerCase(), at + found.length)
  }
  push('end', '', at)
  return tokens
}

export function parseSieve(text: string): readonly SieveCommand[] {
  const tokens = lex(text)
  let at = 0
  let depth = 0
  const look = (): Token => tokens[at]
  const wrong = (expected: string): never => { throw new FilterError(look().line, look().column, look().kind === 'end' ? 'the end of the script' : JSON.stringify(look().text), expected) }
  const take = (text?: string): Token => {
    if (text !== undefined && (look().kind !== 'mark' || look().text !== text)) wrong(text)
    return tokens[at++]
  }
  const is = (text: string): boolean => look().kind === 'mark' && look().text === text
  const deeper = <T>(read: () => T): T => {
    if (++depth > deepest) wrong(`at most ${deepest} blocks or tests inside each other`)
    try { return read() } finally { depth-- }
  }
  const string = (): string => (look().kind === 'string' ? take().text : wrong('a string'))
  function args(): Argument[] {
    const found: Argument[] = []
    for (;;) {
      const { kind, text } = look()
      if (kind === 'tag') found.push({ kind: 'tag', name: take().text.slice(1) })
      else if (kind === 'number') {
        const [, digits, unit] = /^(\d+)([kmg]?)$/.exec(take().text)!
        found.push({ kind: 'number', value: Number(digits) * factors[unit] })
      } else if (kind === 'string') found.push({ kind: 'strings', values: [take().text] })
      else if (kind === 'mark' && text === '[') {
        take()
        const values: string[] = []
        if (!is(']')) for (values.push(string()); is(','); values.push(string())) take()
        take(']')
        found.push({ kind: 'strings', values })
      } else return found
    }
  }
  const test = (): SieveTest => deeper(() => {
    if (look().kind !== 'word') wrong('a test')
    const { text, line } = take()
    return { name: text, args: args(), tests: tests(), line }
  })
  function tests(): SieveTest[] {
    if (look().kind === 'word') return [test()]
    if (!is('(')) return []
    take()
    const all = [test()]
    for (; is(','); all.push(test())) take()
    take(')')
    return all
  }
  const command = (): SieveCommand => deeper(() => {
    if (look().kind !== 'word') wrong('a command')
    const { text, line, comments } = take()
    const head = { name: text, line, comments, args: args(), tests: tests() }
    if (!is('{')) {
      take(';')
      return { ...head, block: undefined }
    }
    take()
    const block: SieveCommand[] = []
    while (!is('}')) block.push(command())
    take()
    return { ...head, block }
  })
  const commands: SieveCommand[] = []
  while (look().kind !== 'end') commands.push(command())
  return commands
}
