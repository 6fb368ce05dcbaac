// A filter file's characters into tokens. Comments travel with the token that follows them. Linear; throws FilterError.
import { FilterError, type Limits } from './rule.js'

export interface Token {
  readonly kind: 'word' | 'string' | 'number' | '{' | '}' | ',' | 'end'
  /** A word in lower case; a string's content; a number with its unit as written. */
  readonly text: string
  readonly line: number
  readonly column: number
  /** Comments since the last token; `beside`: on that token's own line. The parser takes them out as it finds their owner. */
  comments: { readonly text: string; readonly beside: boolean }[]
}

const word = /[a-z][a-z0-9-]*/iy
const number = /\d+(?:\.\d+)?[a-z]*/iy
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', '"': '"', '\\': '\\' }

export function lex(text: string, limits: Limits): Token[] {
  if (Buffer.byteLength(text) > limits.octets) throw new FilterError(1, 1, `${Buffer.byteLength(text)} octets`, `at most ${limits.octets}`)
  const tokens: Token[] = []
  let comments: Token['comments'] = []
  let line = 1
  let start = 0
  let lastLine = 0
  let at = text.startsWith('\ufeff') ? 1 : 0
  const columnOf = (offset: number): number => offset - start + 1
  const push = (kind: Token['kind'], value: string, offset: number, onLine: number, column: number): void => {
    tokens.push({ kind, text: value, line: onLine, column, comments })
    comments = []
    lastLine = line
    at = offset
  }
  while (at < text.length) {
    const character = text[at]
    if (character === '\n') {
      line++
      start = ++at
    } else if (character === ' ' || character === '\t' || character === '\r') at++
    else if (character === '#') {
      const end = text.indexOf('\n', at)
      const stop = end < 0 ? text.length : end
      comments.push({ text: text.slice(at + 1, stop).trim(), beside: line === lastLine })
      at = stop
    } else if (character === '{' || character === '}' || character === ',') push(character, character, at + 1, line, columnOf(at))
    else if (character === '"') readString()
    else {
      const pattern = /[0-9]/.test(character) ? number : word
      pattern.lastIndex = at
      const found = pattern.exec(text)?.[0]
      if (found === undefined) throw new FilterError(line, columnOf(at), shown(String.fromCodePoint(text.codePointAt(at)!)), 'a word, a number, a string in double quotes, { or }')
      push(pattern === number ? 'number' : 'word', found.toLowerCase(), at + found.length, line, columnOf(at))
    }
  }
  push('end', '', at, line, columnOf(at))
  return tokens

  function readString(): void {
    const [fromLine, fromColumn] = [line, columnOf(at)]
    let value = ''
    let offset = at + 1
    let from = offset
    for (;;) {
      const code = text.charCodeAt(offset)
      if (Number.isNaN(code)) throw new FilterError(fromLine, fromColumn, 'a string without end', 'a closing "')
      if (code === 0x22) break
      if (code === 0x5c) {
        const meant = escapes[text[offset + 1] ?? '']
        if (meant === undefined) throw new FilterError(line, columnOf(offset), shown(text.slice(offset, offset + 2)), 'one of \\" \\\\ \\n \\t')
        value += text.slice(from, offset) + meant
        offset += 2
        from = offset
        continue
      }
      offset++
      if (code === 0x0a) {
        line++
        start = offset
      }
    }
    value = (value + text.slice(from, offset)).replaceAll('\r\n', '\n')
    if (value.length > limits.string) throw new FilterError(fromLine, fromColumn, `a string of ${value.length} characters`, `at most ${limits.string}`)
    push('string', value, offset + 1, fromLine, fromColumn)
  }
}

/** A few characters for an error message. */
export const shown = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
