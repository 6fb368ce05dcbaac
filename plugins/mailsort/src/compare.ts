// Comparing texts as rules say: folded unless with regard to case, wildcards, and regular expressions without backtracking.
import { RE2JS } from 're2js'
import type { Comparing } from './language/rule.js'

/** `folded`: the same of a text that is folded already, where that is what it compares. */
export type Match = ((text: string) => boolean) & { readonly folded?: (text: string) => boolean }

/** Characters that wildcards and regular expressions look at: their time is in proportion to text times pattern. */
export const mostMatched = 16 * 1024
/** Characters of such a pattern, and instructions that a regular expression becomes. */
const longestPattern = 1000
const mostInstructions = 5000

/** A pattern that cannot be used; worded for the person who wrote it. */
export class PatternError extends Error {}

/** Whether any of the values holds for a text. Throws PatternError. */
export function matcher({ how, values, exact }: Comparing): Match {
  if (how === 'exists') return () => true
  const fold = exact ? (text: string): string => text : folded
  const wanted = values.map((value) => value.normalize('NFC'))
  if (how === 'matches regex') {
    const patterns = wanted.map((value) => regex(value, exact))
    return (text) => {
      const part = text.slice(0, mostMatched)
      return patterns.some((pattern) => pattern.test(part))
    }
  }
  const ready = wanted.map(fold)
  switch (how) {
    case 'contains': return folding(ready, exact, (text, value) => text.includes(value))
    case 'is': return folding(ready, exact, (text, value) => text === value)
    case 'begins with': return folding(ready, exact, (text, value) => text.startsWith(value))
    case 'ends with': return folding(ready, exact, (text, value) => text.endsWith(value))
    default: {
      const patterns = ready.map(wildcards)
      return (text) => {
        const its = fold(text.slice(0, mostMatched))
        return patterns.some((pattern) => like(its, pattern))
      }
    }
  }
}

/** Whether a text compares so with one of the values; most rules have one. */
function folding(values: readonly string[], exact: boolean, compare: (text: string, value: string) => boolean): Match {
  const [first] = values
  const plain = values.length === 1 ? (text: string): boolean => compare(text, first) : (text: string): boolean => values.some((value) => compare(text, value))
  return exact ? plain : Object.assign((text: string): boolean => plain(folded(text)), { folded: plain })
}

/** Most texts are ASCII already in lower case: the engine hands those back as they are. */
export const folded = (text: string): string => text.toLowerCase()

function regex(source: string, exact: boolean): RE2JS {
  if (source.length > longestPattern) throw new PatternError(`a regular expression of ${source.length} characters; at most ${longestPattern}`)
  try {
    const made = RE2JS.compile(source, exact ? 0 : RE2JS.CASE_INSENSITIVE)
    if (made.programSize() > mostInstructions) throw new PatternError('a regular expression that is too large when its repetitions are written out')
    return made
  } catch (error) {
    throw error instanceof PatternError ? error : new PatternError(`not a regular expression: ${(error as Error).message}`)
  }
}

/** A pattern's characters; `any` and `one` stand for '*' and '?'. A backslash makes the next character itself. */
const [any, one] = ['\uffff*', '\uffff?']
function wildcards(pattern: string): readonly string[] {
  if (pattern.length > longestPattern) throw new PatternError(`a pattern of ${pattern.length} characters; at most ${longestPattern}`)
  const pieces: string[] = []
  const characters = [...pattern]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]
    if (character === '\\' && i + 1 < characters.length) pieces.push(characters[++i])
    else if (character === '*') { if (pieces.at(-1) !== any) pieces.push(any) } else pieces.push(character === '?' ? one : character)
  }
  return pieces
}

/** Goes back to the last '*' only: an earlier one can never do better. */
function like(text: string, pattern: readonly string[]): boolean {
  const characters = /[\ud800-\udfff]/.test(text) ? [...text] : text
  let [at, p, star, back] = [0, 0, -1, 0]
  while (at < characters.length) {
    if (p < pattern.length && pattern[p] === any) {
      star = p++
      back = at
    } else if (p < pattern.length && (pattern[p] === one || pattern[p] === characters[at])) {
      p++
      at++
    } else if (star >= 0) {
      p = star + 1
      at = ++back
    } else return false
  }
  while (pattern[p] === any) p++
  return p === pattern.length
}
