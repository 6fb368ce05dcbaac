// Rules into text, always in the same form: what it writes, parse.ts reads back to the same rules, and format.ts writes again
// to the same text. Pure.
import type { Action, Commented, Comparing, FilterFile, Item, Test } from './rule.js'

export function formatFilter({ items, end }: FilterFile): string {
  const blocks: string[] = []
  let last: Item['kind'] | undefined
  for (const item of items) {
    if (last !== undefined && (item.kind === 'rule' || item.kind !== last || item.kind !== 'timezone')) blocks.push('')
    blocks.push(...around(item, formatItem(item)))
    last = item.kind
  }
  if (end.length > 0) blocks.push(...(items.length > 0 ? [''] : []), ...end.map(comment))
  return blocks.length === 0 ? '' : `${blocks.join('\n')}\n`
}

/** One test on one line, for people. */
export const describeTest = (test: Test): string => bareTest(stripped(test)).join(' ').replace(/\s+/g, ' ')
export const describeAction = (action: Action): string => bareAction(action)

const comment = (text: string): string => (text === '' ? '#' : `# ${text}`)
const indented = (lines: readonly string[]): string[] => lines.map((line) => (line === '' ? '' : `    ${line}`))

/** The lines of a thing with its comments. A thing of many lines has its last comment behind its last line. */
function around({ before = [], after }: Commented, lines: readonly string[]): string[] {
  return [...before.map(comment), ...(after === undefined ? lines : [...lines.slice(0, -1), `${lines.at(-1)} ${comment(after)}`])]
}

/** Lines of text inside strings must not be indented: they are kept apart by escapes. */
export const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('\t', '\\t')}"`
const quotes = (texts: readonly string[]): string => texts.map(quote).join(', ')
const closing = (close: readonly string[] = []): string[] => indented(close.map(comment))

function formatItem(item: Item): string[] {
  switch (item.kind) {
    case 'timezone': return [`timezone ${quote(item.name)}`]
    case 'list': return [`list ${quote(item.name)} {`, ...indented(item.entries.flatMap((entry) => around(entry, [quote(entry.address)]))), ...closing(item.close), '}']
    case 'template': return [
      `template ${quote(item.name)} {`, ...indented([`subject ${quote(item.subject)}`, `text ${quote(item.text)}`, ...(item.html === undefined ? [] : [`html ${quote(item.html)}`])]), '}',
    ]
    default: {
      const { test } = item
      const condition = test ? around(test, prefixed('if ', bareTest(test))) : []
      return [`rule ${quote(item.name)}${item.on ? '' : ' off'} {`, ...indented([...condition, ...item.actions.flatMap((action) => around(action, [bareAction(action)]))]), ...closing(item.close), '}']
    }
  }
}

const prefixed = (prefix: string, [first, ...rest]: readonly string[]): string[] => [prefix + first, ...rest]
const hasComments = (thing: Commented): boolean => thing.after !== undefined || (thing.before?.length ?? 0) > 0

function bareTest(test: Test): string[] {
  switch (test.kind) {
    case 'group': {
      const [only] = test.tests
      // A comment beside it would be read as the inner test's.
      if (test.how === 'none' && test.tests.length === 1 && !test.close && test.after === undefined && !hasComments(only)) return prefixed('not ', bareTest(only))
      return [`${test.how} {`, ...indented(test.tests.flatMap((one) => around(one, bareTest(one)))), ...closing(test.close), '}']
    }
    case 'field': return [`${test.field}${test.part ? ` ${test.part}` : ''} ${comparing(test.compare)}`]
    case 'listed': return [`${test.field} in list ${quote(test.list)}`]
    case 'header': return [`header ${quote(test.name)} ${comparing(test.compare)}`]
    case 'size': return [`size ${test.how} ${sizeText(test.octets)}`]
    case 'has-attachment': return ['has attachment']
    case 'attachment': return [`attachment ${test.of} ${comparing(test.compare)}`]
    case 'body': return [`body ${comparing(test.compare)}`]
    case 'time': return [`time from ${clock(test.from)} to ${clock(test.to)}`]
    case 'day': return [`day is ${test.days.join(', ')}`]
    case 'date': return [['date', ...(test.from ? [`since ${quote(test.from)}`] : []), ...(test.to ? [`until ${quote(test.to)}`] : [])].join(' ')]
    case 'spam': return ['is spam']
    case 'authentication': return [`authentication ${test.method} is ${quotes(test.results)}`]
    case 'came-by': return [`came by ${test.road}${test.store === undefined ? '' : ` store ${quote(test.store)}`}`]
    case 'first': return ['first mail from sender']
  }
}

const comparing = ({ how, values, exact }: Comparing): string => (how === 'exists' ? how : `${how} ${quotes(values)}${exact ? ' with case' : ''}`)
const clock = (minutes: number): string => quote(`${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`)

function sizeText(octets: number): string {
  for (const [unit, factor] of [['G', 1024 ** 3], ['M', 1024 ** 2], ['K', 1024]] as const) if (octets > 0 && octets % factor === 0) return `${octets / factor}${unit}`
  return String(octets)
}

function bareAction(action: Action): string {
  switch (action.kind) {
    case 'move': case 'copy': return `${action.kind} to ${quote(action.mailbox)}${action.ifExists ? ' if it exists' : ''}`
    case 'forward': return `forward ${action.copy ? 'copy ' : ''}to ${quotes(action.addresses)}`
    case 'vacation': return `send vacation${action.template === undefined ? '' : ` with ${quote(action.template)}`}${action.days === undefined ? '' : ` every ${action.days} days`}`
    case 'reply': return `reply with ${quote(action.template)}`
    case 'reject': return `reject ${quote(action.text)}`
    case 'mark': return `mark ${action.marks.join(', ')}`
    case 'keyword': return `add keyword ${quotes(action.keywords)}`
    case 'spam': return 'file as spam'
    default: return action.kind
  }
}

/** Without comments, all the way down. */
export function stripped<T extends Commented>(thing: T): T {
  const { before: _before, after: _after, close: _close, ...rest } = thing as Commented & { close?: unknown } & Record<string, unknown>
  return Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, Array.isArray(value) ? value.map((one: unknown) => (isObject(one) ? stripped(one) : one)) : isObject(value) ? stripped(value) : value])) as unknown as T
}
const isObject = (value: unknown): value is Commented => typeof value === 'object' && value !== null
