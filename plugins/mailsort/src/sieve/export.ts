// Rules into Sieve (RFC 5228 with fileinto, copy, imap4flags, reject, vacation, body, regex, envelope, date, relational), and a list of
// what cannot be said there. A rule with such a test is left out, with a comment in its place.
import { describeTest, describeAction } from '../language/format.js'
import type { Action, Comparing, FilterFile, Mark, Rule, Template, Test } from '../language/rule.js'

export interface Exported { readonly text: string; readonly problems: readonly string[] }

class Unsayable extends Error {}

const flags: Readonly<Record<Mark, string>> = { read: '\\\\Seen', flagged: '\\\\Flagged', answered: '\\\\Answered', deleted: '\\\\Deleted', draft: '\\\\Draft' }
const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\r\n')}"`
const list = (texts: readonly string[]): string => (texts.length === 1 ? quote(texts[0]) : `[${texts.map(quote).join(', ')}]`)

export function exportSieve({ items }: FilterFile): Exported {
  const needed = new Set<string>()
  const problems: string[] = []
  const blocks: string[] = []
  const templates = new Map(items.flatMap((item) => (item.kind === 'template' ? [[item.name, item] as const] : [])))
  const lists = new Map(items.flatMap((item) => (item.kind === 'list' ? [[item.name, item.entries.map(({ address }) => address)] as const] : [])))
  const need = (name: string): void => { needed.add(name) }
  for (const item of items) {
    if (item.kind !== 'rule') continue
    const head = [...(item.before ?? []), item.name].map((line) => `# ${line.replaceAll('\n', ' ')}`).join('\n')
    try {
      const body = bodyOf(item, templates, need)
      const text = item.test ? `if ${testText(item.test, lists, need)} {\n${body.map((line) => `    ${line}`).join('\n')}\n}` : body.join('\n')
      blocks.push(`${head}\n${item.on ? text : text.split('\n').map((line) => `# ${line}`).join('\n')}`)
    } catch (error) {
      if (!(error instanceof Unsayable)) throw error
      problems.push(`rule "${item.name}": ${error.message}`)
      blocks.push(`${head}\n# Left out: ${error.message}`)
    }
  }
  const require = needed.size > 0 ? `require [${[...needed].sort().map((name) => `"${name}"`).join(', ')}];\n\n` : ''
  return { text: `${require}${blocks.join('\n\n')}\n`, problems }
}

/** Marks come first: in Sieve they hold for what is filed after them. */
function bodyOf({ actions }: Rule, templates: ReadonlyMap<string, Template>, need: (name: string) => void): string[] {
  const marking = actions.filter(({ kind }) => kind === 'mark' || kind === 'keyword')
  return [...marking, ...actions.filter((action) => !marking.includes(action))].flatMap((action) => actionText(action, templates, need))
}

function actionText(action: Action, templates: ReadonlyMap<string, Template>, need: (name: string) => void): string[] {
  switch (action.kind) {
    case 'move': case 'copy':
      if (action.ifExists) throw new Unsayable(`"${describeAction(action)}" depends on what is there`)
      need('fileinto')
      if (action.kind === 'copy') need('copy')
      return [`fileinto ${action.kind === 'copy' ? ':copy ' : ''}${quote(action.mailbox)};`]
    case 'forward':
      if (action.copy) need('copy')
      return action.addresses.map((address) => `redirect ${action.copy ? ':copy ' : ''}${quote(address)};`)
    case 'mark': need('imap4flags'); return [`addflag [${action.marks.map((mark) => `"${flags[mark]}"`).join(', ')}];`]
    case 'keyword': need('imap4flags'); return [`addflag ${list(action.keywords)};`]
    case 'reject': need('reject'); return [`reject ${quote(action.text)};`]
    case 'spam': need('fileinto'); need('imap4flags'); return ['addflag "$Junk";', 'fileinto "Junk";']
    case 'vacation': {
      const template = action.template === undefined ? undefined : templates.get(action.template)
      if (!template) throw new Unsayable('"send vacation" says what is set elsewhere')
      need('vacation')
      return [`vacation${action.days === undefined ? '' : ` :days ${action.days}`}${template.subject === '' ? '' : ` :subject ${quote(template.subject)}`} ${quote(template.text)};`]
    }
    case 'reply': throw new Unsayable(`"${describeAction(action)}" has no counterpart`)
    default: return [`${action.kind};`]
  }
}

const tags: Readonly<Partial<Record<Comparing['how'], string>>> = { 'is': ':is', 'contains': ':contains', 'matches': ':matches', 'matches regex': ':regex' }
const literal = (text: string): string => text.replace(/[\\*?]/g, '\\$&')

/** How a comparison is said: tag and strings. */
function compared({ how, values, exact }: Comparing, need: (name: string) => void): string {
  if (how === 'matches regex') need('regex')
  const tag = tags[how] ?? ':matches'
  const said = how === 'begins with' ? values.map((value) => `${literal(value)}*`) : how === 'ends with' ? values.map((value) => `*${literal(value)}`) : values
  return `${exact ? ':comparator "i;octet" ' : ''}${tag}|${list(said)}`
}

function testText(test: Test, lists: ReadonlyMap<string, readonly string[]>, need: (name: string) => void): string {
  const headers = (names: readonly string[], compare: Comparing, command = 'header'): string => {
    if (compare.how === 'exists') return names.length === 1 ? `exists ${quote(names[0])}` : `anyof (${names.map((name) => `exists ${quote(name)}`).join(', ')})`
    const [how, values] = compared(compare, need).split(/\|(.*)/s)
    return `${command} ${how} ${list(names)} ${values}`
  }
  switch (test.kind) {
    case 'group': {
      const said = test.tests.map((one) => testText(one, lists, need))
      if (said.length === 0) return test.how === 'any' ? 'false' : 'true'
      return test.how === 'all' ? `allof (${said.join(', ')})` : test.how === 'any' ? `anyof (${said.join(', ')})` : said.length === 1 ? `not ${said[0]}` : `not anyof (${said.join(', ')})`
    }
    case 'header': return headers([test.name], test.compare)
    case 'field': {
      if (test.field === 'recipient') throw new Unsayable('"recipient" also asks for the address that a message came to')
      if (test.part === 'name') throw new Unsayable('names of addresses cannot be tested by themselves')
      if (test.part) return headers([test.field], test.compare, `address ${{ address: ':all', user: ':localpart', domain: ':domain' }[test.part]}`)
      // A field's text, or one of its addresses; names by themselves are beyond Sieve.
      if (test.field !== 'subject' && test.field !== 'list-id' && !['contains', 'exists'].includes(test.compare.how)) return `anyof (${headers([test.field], test.compare)}, ${headers([test.field], test.compare, 'address :all')})`
      return headers([test.field], test.compare)
    }
    case 'listed': {
      if (test.field === 'recipient') throw new Unsayable('"recipient" also asks for the address that a message came to')
      const entries = lists.get(test.list) ?? []
      return entries.length === 0 ? 'false' : headers([test.field], { how: 'matches', values: entries, exact: false }, 'address :all')
    }
    case 'size': return `size :${test.how} ${test.octets}`
    case 'body': {
      need('body')
      if (test.compare.how === 'exists') throw new Unsayable(`"${describeTest(test)}" has no counterpart`)
      const [how, values] = compared(test.compare, need).split(/\|(.*)/s)
      return `body ${how.replace(':comparator', ':comparator')} :text ${values}`
    }
    case 'spam': return 'anyof (header :matches "X-Spam-Flag" "yes*", header :matches "X-Spam-Status" "yes*")'
    default: throw new Unsayable(`"${describeTest(test)}" has no counterpart`)
  }
}
