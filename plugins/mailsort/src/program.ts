// A filter file made ready to run: tests as functions, names of lists and templates looked up. Throws FilterError for what the
// grammar cannot see (a list that is not there, a regular expression that is none).
import { folded, matcher, PatternError, type Match } from './compare.js'
import { localTime } from './local-time.js'
import { describeTest } from './language/format.js'
import { addressFields, FilterError, type Action, type Comparing, type Field, type FilterFile, type Rule, type Template, type Test } from './language/rule.js'
import type { Message } from './message.js'

/** What one recipient's evaluation knows. */
export interface Circumstances {
  readonly message: Message
  readonly recipient: string
  /** The envelope's sender. */
  readonly sender: string
  readonly protocol: string
  /** Domain of the remote store that the message came from, for messages by IM2000. */
  readonly store: string | undefined
  readonly at: number
  /** Whether this sender has written before; undefined: not known, which is an error of the caller's if a rule asks. */
  readonly known?: boolean
  /** Servers whose Authentication-Results are believed, in lower case. */
  readonly trusted: ReadonlySet<string>
  readonly timezone: string
  /** Hears of every test that was looked at. */
  readonly heard?: (test: string, held: boolean, value: string | undefined) => void
}
export type Holds = (its: Circumstances) => boolean

export interface ReadyRule { readonly name: string; readonly holds: Holds; readonly actions: readonly Action[]; readonly test: Test | undefined }
export interface Program {
  readonly rules: readonly ReadyRule[]
  readonly templates: ReadonlyMap<string, Template>
  readonly timezone: string | undefined
  /** Whether a rule asks if a sender has written before. */
  readonly asksFirst: boolean
}

export function makeProgram(file: FilterFile): Program {
  const lists = new Map(file.items.flatMap((item) => (item.kind === 'list' ? [[item.name, matcher({ how: 'matches', values: item.entries.map(({ address }) => address), exact: false })] as const] : [])))
  const templates = new Map(file.items.flatMap((item) => (item.kind === 'template' ? [[item.name, item] as const] : [])))
  let timezone: string | undefined
  for (const item of file.items) if (item.kind === 'timezone') timezone = item.name
  let asksFirst = false
  const rules = file.items.flatMap((item): ReadyRule[] => {
    if (item.kind !== 'rule') return []
    const wrong = (found: string, expected: string): never => { throw new RuleError(item.name, found, expected) }
    for (const action of item.actions) {
      const template = action.kind === 'reply' || action.kind === 'vacation' ? action.template : undefined
      if (template !== undefined && !templates.has(template)) wrong(`template ${JSON.stringify(template)}`, 'a template of this file')
    }
    if (item.test && JSON.stringify(item.test).includes('"kind":"first"')) asksFirst ||= item.on
    try {
      const holds = item.test ? ready(item.test, lists, wrong) : () => true
      return item.on ? [{ name: item.name, holds, actions: item.actions, test: item.test }] : []
    } catch (error) {
      if (error instanceof PatternError) wrong(error.message, 'a pattern that can be used')
      throw error
    }
  })
  return { rules, templates, timezone, asksFirst }
}

/** A rule that can be read and not be used. There is no line to point at: it is named. */
export class RuleError extends FilterError {
  constructor(readonly rule: string, found: string, expected: string) {
    super(0, 0, found, expected)
    this.message = `rule ${JSON.stringify(rule)}: found ${found}, expected ${expected}`
  }
}

type Wrong = (found: string, expected: string) => never

function ready(test: Test, lists: ReadonlyMap<string, Match>, wrong: Wrong): Holds {
  if (test.kind === 'group') {
    const tests = test.tests.map((one) => ready(one, lists, wrong))
    if (test.how === 'all') return (its) => tests.every((holds) => holds(its))
    if (test.how === 'any') return (its) => tests.some((holds) => holds(its))
    return (its) => !tests.some((holds) => holds(its))
  }
  const look = looking(test, lists, wrong)
  let text: string | undefined
  return (its) => {
    const found = look(its)
    its.heard?.((text ??= describeTest(test)), found !== undefined, found)
    return found !== undefined
  }
}

/** Answers the value that made the test hold ('' where there is none to show), or undefined. */
type Look = (its: Circumstances) => string | undefined
const yes = (held: boolean, value = ''): string | undefined => (held ? value : undefined)

function looking(test: Exclude<Test, { kind: 'group' }>, lists: ReadonlyMap<string, Match>, wrong: Wrong): Look {
  switch (test.kind) {
    case 'field': return fieldLook(test.field, test.part, test.compare)
    case 'listed': {
      const match = lists.get(test.list) ?? wrong(`list ${JSON.stringify(test.list)}`, 'a list of this file')
      return (its) => addressesOf(its, test.field).find(match)
    }
    case 'header': {
      const [name, match] = [test.name.toLowerCase(), matcher(test.compare)]
      return (its) => textOf(its.message, name, match)
    }
    case 'size': return test.how === 'over' ? (its) => yes(its.message.summary.size > test.octets, `${its.message.summary.size}`) : (its) => yes(its.message.summary.size < test.octets, `${its.message.summary.size}`)
    case 'has-attachment': return (its) => yes(its.message.summary.hasAttachment)
    case 'attachment': return first(test.compare, (its) => its.message.summary.parts.flatMap((part) => attached(part, test.of)))
    case 'body': {
      const match = matcher(test.compare)
      return (its) => yes(its.message.bodies.some(match))
    }
    case 'time': {
      const { from, to } = test
      return (its) => {
        const { minutes, shown } = localTime(its.at, its.timezone)
        return yes(from <= to ? minutes >= from && minutes < to : minutes >= from || minutes < to, shown)
      }
    }
    case 'day': return (its) => [localTime(its.at, its.timezone).day].find((day) => test.days.includes(day))
    case 'date': return (its) => {
      const { date } = localTime(its.at, its.timezone)
      return yes((test.from === undefined || date >= test.from) && (test.to === undefined || date <= test.to), date)
    }
    case 'spam': return (its) => spamSign(its.message)
    case 'authentication': return (its) => results(its, test.method).find((result) => test.results.includes(result))
    case 'came-by': {
      const { road, store } = test
      return (its) => yes(roadOf(its.protocol) === road && (store === undefined || its.store === store || its.store?.endsWith(`.${store}`) === true), its.store ?? its.protocol)
    }
    case 'first': return (its) => {
      if (its.known === undefined) throw new Error('whether the sender is known was not looked up')
      return yes(!its.known)
    }
  }
}

function first(compare: Comparing, values: (its: Circumstances) => readonly string[]): Look {
  const match = matcher(compare)
  return (its) => values(its).find(match)
}

/** The first of a field's texts that matches. */
function textOf(message: Message, name: string, match: Match): string | undefined {
  const texts = message.texts(name)
  const { folded: compare } = match
  if (!compare) return texts.find(match)
  const all = message.foldedTexts(name)
  for (let i = 0; i < all.length; i++) if (compare(all[i])) return texts[i]
  return undefined
}

const headerOf = (field: Field): readonly string[] => (field === 'recipient' ? ['to', 'cc', 'bcc'] : [field])

/** A field's text; of an address field also each address and each name by itself, unless a part was named. */
function fieldLook(field: Field, part: 'address' | 'name' | 'user' | 'domain' | undefined, compare: Comparing): Look {
  const names = headerOf(field)
  if (part) {
    const own = (its: Circumstances): string[] => (field === 'recipient' && part !== 'name' ? [partOf(its.recipient, part)] : [])
    return first(compare, (its) => [...names.flatMap((name) => its.message.people(name).map((one) => one[part])), ...own(its)])
  }
  const match = matcher(compare)
  // In the whole text they would find nothing that is not found in its parts.
  const wholeOnly = !addressFields.has(field) || compare.how === 'contains' || compare.how === 'exists'
  return (its) => {
    for (const name of names) {
      const whole = textOf(its.message, name, match)
      if (whole !== undefined) return whole
      if (!wholeOnly) for (const { address, name: shown } of its.message.people(name)) {
        if (match(address)) return address
        if (shown !== '' && match(shown)) return shown
      }
    }
    return field === 'recipient' && match(its.recipient) ? its.recipient : undefined
  }
}

const partOf = (address: string, part: 'address' | 'user' | 'domain' | 'name'): string => {
  const at = address.lastIndexOf('@')
  return part === 'user' ? address.slice(0, at) : part === 'domain' ? address.slice(at + 1) : address
}

const addressesOf = (its: Circumstances, field: Field): readonly string[] =>
  [...headerOf(field).flatMap((name) => its.message.people(name).map(({ address }) => address)), ...(field === 'recipient' ? [its.recipient] : [])]

const attached = (part: { readonly section: string; readonly type: string; readonly filename: string; readonly disposition: string }, of: 'name' | 'type'): readonly string[] => {
  const is = part.filename !== '' || part.disposition === 'attachment'
  return is ? [of === 'name' ? part.filename : part.type] : []
}

/** What filters in front of us write: SpamAssassin, rspamd, Exchange, others that copy them. */
const spamSigns: readonly (readonly [string, RegExp])[] = [
  ['x-spam-flag', /^yes\b/i], ['x-spam-status', /^yes\b/i], ['x-spam', /^(?:yes|true|spam)\b/i], ['x-rspamd-action', /^(?:add header|rewrite subject|reject)/i], ['x-ms-exchange-organization-scl', /^[5-9]$/],
]
function spamSign(message: Message): string | undefined {
  for (const [name, sign] of spamSigns) if (message.texts(name).some((value) => sign.test(value))) return name
  return undefined
}

/** Results of a method, as servers of ours say (RFC 8601): anybody could have written the others. */
function results({ message, trusted }: Circumstances, method: string): readonly string[] {
  return message.texts('authentication-results').flatMap((text) => {
    const [server = '', ...said] = text.replace(/\([^()]*\)/g, ' ').split(';')
    if (!trusted.has(server.trim().split(/\s/)[0].toLowerCase())) return []
    return said.flatMap((one) => {
      const [, its, result] = /^\s*([a-z0-9-]+)(?:\/\d+)?\s*=\s*([a-z]+)/i.exec(one) ?? []
      return its !== undefined && folded(its) === method ? [folded(result)] : []
    })
  })
}

/** undefined: made here, by a forward or a reply. */
export const roadOf = (protocol: string): 'smtp' | 'im2000' | undefined => (/SMTP|^LMTP/i.test(protocol) ? 'smtp' : /^MS(?:RA|OA)P/.test(protocol) ? 'im2000' : undefined)

export type { Rule }
