// Sieve into rules: what maps exactly, and a precise list of what does not. A rule with anything that does not map is left out,
// never bent.
import type { Action, Comparing, FilterFile, Item, Mark, Rule, Template, Test } from '../language/rule.js'
import { parseSieve, type Argument, type SieveCommand, type SieveTest } from './parse.js'

export interface Imported { readonly file: FilterFile; readonly problems: readonly { readonly line: number; readonly what: string }[] }

class Unmapped extends Error {
  constructor(readonly line: number, readonly what: string) { super(what) }
}

const understood = new Set(['fileinto', 'reject', 'ereject', 'envelope', 'imap4flags', 'vacation', 'copy', 'body', 'regex', 'relational', 'comparator-i;ascii-casemap', 'comparator-i;octet', 'mailbox', 'spamtest', 'subaddress', 'special-use'])
const known = new Set(['keep', 'discard', 'stop', 'redirect', 'fileinto', 'reject', 'ereject', 'addflag', 'setflag', 'vacation'])
const addressHeaders: Readonly<Record<string, 'from' | 'to' | 'cc' | 'bcc' | 'sender' | 'reply-to'>> = { 'from': 'from', 'to': 'to', 'cc': 'cc', 'bcc': 'bcc', 'sender': 'sender', 'reply-to': 'reply-to' }
const flagMarks: Readonly<Record<string, Mark>> = { '\\seen': 'read', '\\flagged': 'flagged', '\\answered': 'answered', '\\deleted': 'deleted', '\\draft': 'draft' }

export function importSieve(text: string): Imported {
  const problems: { line: number; what: string }[] = []
  const items: Item[] = []
  const templates: Template[] = []
  let counter = 0
  /** Some flag may be set already: then setflag takes away, which rules cannot. */
  let flagged = false
  const rule = (test: Test | undefined, actions: readonly Action[], comments: readonly string[]): void => {
    if (actions.length === 0) return
    items.push({ kind: 'rule', name: `Sieve ${++counter}`, on: true, ...(test ? { test } : {}), actions, ...(comments.length > 0 ? { before: comments } : {}) } satisfies Rule)
  }

  const walk = (commands: readonly SieveCommand[], outer: readonly Test[]): void => {
    let earlier: Test[] = []
    let plain: { actions: Action[]; comments: string[] } = { actions: [], comments: [] }
    const flush = (): void => {
      inOrder(plain.actions, commands[0]?.line ?? 1)
      rule(together(outer), plain.actions, plain.comments)
      plain = { actions: [], comments: [] }
    }
    for (const command of commands) {
      try {
        if (command.name === 'require') {
          for (const name of strings(command.args, 0, command.line)) if (!understood.has(name)) problems.push({ line: command.line, what: `the extension "${name}" has no counterpart` })
          continue
        }
        if (command.name === 'if' || command.name === 'elsif' || command.name === 'else') {
          flush()
          if (command.name === 'if') earlier = []
          // Tests see the message, which rules before do not change: each branch by itself says the same as the chain.
          const own = command.name === 'else' ? [] : [testOf(command.tests[0] ?? fail(command.line, 'a test is missing'))]
          const before: Test[] = earlier.length > 0 ? [{ kind: 'group', how: 'none', tests: earlier }] : []
          earlier = [...earlier, ...own]
          branch(command, [...outer, ...before, ...own])
          continue
        }
        plain.comments.push(...command.comments)
        plain.actions.push(...action(command))
        if (command.name === 'stop') flush()
      } catch (error) {
        if (!(error instanceof Unmapped)) throw error
        problems.push({ line: error.line, what: error.what })
        // What comes after a command that is left out would run where it should not.
        if (command.name === 'if' || command.name === 'elsif') earlier = [{ kind: 'group', how: 'all', tests: [] }]
      }
    }
    flush()
  }
  const branch = (command: SieveCommand, tests: readonly Test[]): void => {
    const block = command.block ?? fail(command.line, 'a block is missing')
    if (block.some(({ name }) => name === 'if')) return walk(block, tests)
    const actions = block.flatMap(action)
    inOrder(actions, command.line)
    rule(together(tests), actions, command.comments)
  }
  const action = ({ name, args, line }: SieveCommand): Action[] => {
    if (!known.has(name)) fail(line, `the command "${name}" has no counterpart`)
    const tags = args.flatMap((arg) => (arg.kind === 'tag' ? [arg.name] : []))
    const only = (...allowed: string[]): void => { for (const tag of tags) if (!allowed.includes(tag)) fail(line, `"${name} :${tag}" has no counterpart`) }
    switch (name) {
      case 'keep': only(); return [{ kind: 'keep' }]
      case 'discard': only(); return [{ kind: 'discard' }]
      case 'stop': only(); return [{ kind: 'stop' }]
      case 'redirect': only('copy'); return [{ kind: 'forward', addresses: strings(args, 0, line), copy: tags.includes('copy') }]
      case 'fileinto': only('copy', 'create'); return [{ kind: tags.includes('copy') ? 'copy' : 'move', mailbox: strings(args, 0, line)[0], ifExists: false }]
      case 'reject': case 'ereject': only(); return [{ kind: 'reject', text: strings(args, 0, line)[0] }]
      case 'addflag': case 'setflag': {
        only()
        const flags = strings(args, 0, line).flatMap((text) => text.split(/\s+/)).filter((text) => text !== '')
        if (name === 'setflag' && (flagged || flags.length === 0)) fail(line, '"setflag" that takes flags away has no counterpart')
        flagged = true
        const marks = flags.flatMap((flag) => flagMarks[flag.toLowerCase()] ?? [])
        const keywords = flags.filter((flag) => !flag.startsWith('\\'))
        return [...(marks.length > 0 ? [{ kind: 'mark' as const, marks }] : []), ...(keywords.length > 0 ? [{ kind: 'keyword' as const, keywords }] : [])]
      }
      default: {
        only('days', 'subject')
        const days = number(args, 'days')
        const subject = tagged(args, 'subject') ?? ''
        const body = args.at(-1)
        if (body?.kind !== 'strings') return fail(line, '"vacation" without a text')
        const template = { kind: 'template' as const, name: `Vacation ${templates.length + 1}`, subject, text: body.values[0] }
        templates.push(template)
        if (days !== undefined && days > 30) fail(line, `"vacation :days ${days}" is more than 30 days`)
        return [{ kind: 'vacation', template: template.name, ...(days === undefined ? {} : { days }) }]
      }
    }
  }
  walk(parseSieve(text), [])
  return { file: { items: [...templates, ...items], end: [] }, problems }
}

/** Marks of a rule hold for all that it does; in Sieve, for what comes after them. */
function inOrder(actions: readonly Action[], line: number): void {
  const filed = actions.findIndex(({ kind }) => ['move', 'copy', 'keep'].includes(kind))
  if (filed >= 0 && actions.slice(filed).some(({ kind }) => kind === 'mark' || kind === 'keyword')) fail(line, 'flags that are set after the message was filed have no counterpart')
}

const fail = (line: number, what: string): never => { throw new Unmapped(line, what) }
const together = (tests: readonly Test[]): Test | undefined => (tests.length === 0 ? undefined : tests.length === 1 ? tests[0] : { kind: 'group', how: 'all', tests })

function strings(args: readonly Argument[], n: number, line: number): readonly string[] {
  const found = positional(args)[n]
  return found?.kind === 'strings' && found.values.length > 0 ? found.values : fail(line, 'a string is missing')
}
/** Tags that take a value: the value is none of the positions. */
const valued = new Set(['comparator', 'days', 'subject', 'from', 'addresses', 'handle', 'value', 'count', 'content', 'over', 'under', 'flags', 'specialuse'])
function positional(args: readonly Argument[]): readonly Argument[] {
  return args.filter((arg, i) => arg.kind !== 'tag' && !(i > 0 && args[i - 1].kind === 'tag' && valued.has((args[i - 1] as { name: string }).name) && !['over', 'under'].includes((args[i - 1] as { name: string }).name)))
}
function tagged(args: readonly Argument[], tag: string): string | undefined {
  const value = args[args.findIndex((arg) => arg.kind === 'tag' && arg.name === tag) + 1]
  return args.some((arg) => arg.kind === 'tag' && arg.name === tag) && value?.kind === 'strings' ? value.values[0] : undefined
}
function number(args: readonly Argument[], tag: string): number | undefined {
  const at = args.findIndex((arg) => arg.kind === 'tag' && arg.name === tag)
  const value = args[at + 1]
  return at >= 0 && value?.kind === 'number' ? value.value : undefined
}

const matches: Readonly<Record<string, Comparing['how']>> = { is: 'is', contains: 'contains', matches: 'matches', regex: 'matches regex' }

function testOf({ name, args, tests, line }: SieveTest): Test {
  const tags = args.flatMap((arg) => (arg.kind === 'tag' ? [arg.name] : []))
  const comparing = (n: number): Comparing => {
    const comparator = tagged(args, 'comparator') ?? 'i;ascii-casemap'
    if (comparator !== 'i;ascii-casemap' && comparator !== 'i;octet') fail(line, `the comparator "${comparator}" has no counterpart`)
    for (const tag of tags) if (tag === 'value' || tag === 'count') fail(line, `":${tag}" has no counterpart`)
    const how = tags.map((tag) => matches[tag]).find((one) => one !== undefined) ?? 'is'
    return { how, values: strings(args, n, line), exact: comparator === 'i;octet' }
  }
  const only = (...allowed: string[]): void => { for (const tag of tags) if (!allowed.includes(tag)) fail(line, `"${name} :${tag}" has no counterpart`) }
  const any = (list: readonly Test[]): Test => (list.length === 1 ? list[0] : { kind: 'group', how: 'any', tests: list })
  const common = ['is', 'contains', 'matches', 'regex', 'comparator', 'value', 'count']
  switch (name) {
    case 'true': return { kind: 'group', how: 'all', tests: [] }
    case 'false': return { kind: 'group', how: 'any', tests: [] }
    case 'not': return { kind: 'group', how: 'none', tests: [testOf(tests[0] ?? fail(line, 'a test is missing'))] }
    case 'allof': return { kind: 'group', how: 'all', tests: tests.map(testOf) }
    case 'anyof': return { kind: 'group', how: 'any', tests: tests.map(testOf) }
    case 'size': {
      const value = args.find((arg) => arg.kind === 'number')
      if (value?.kind !== 'number') return fail(line, 'a size is missing')
      return { kind: 'size', how: tags.includes('over') ? 'over' : 'under', octets: value.value }
    }
    case 'exists': return { kind: 'group', how: 'all', tests: strings(args, 0, line).map((header): Test => ({ kind: 'header', name: header, compare: { how: 'exists', values: [], exact: false } })) }
    case 'header': {
      only(...common)
      const compare = comparing(1)
      return any(strings(args, 0, line).map((header): Test => ({ kind: 'header', name: header, compare })))
    }
    case 'address': {
      only(...common, 'all', 'localpart', 'domain', 'user')
      const compare = comparing(1)
      const part = tags.includes('localpart') || tags.includes('user') ? 'user' : tags.includes('domain') ? 'domain' : 'address'
      if (tags.includes('user')) fail(line, '":user" has no counterpart')
      return any(strings(args, 0, line).map((header): Test => ({ kind: 'field', field: addressHeaders[header.toLowerCase()] ?? fail(line, `addresses of the field "${header}" cannot be tested`), part, compare })))
    }
    case 'body': {
      only(...common, 'text', 'content')
      if (tags.includes('content') && !/^text(?:\/|$)/.test(tagged(args, 'content') ?? '')) fail(line, '"body :content" of anything but text has no counterpart')
      return { kind: 'body', compare: comparing(0) }
    }
    default: return fail(line, `the test "${name}" has no counterpart`)
  }
}
