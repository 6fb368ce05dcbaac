// The filter language: what it reads, what it says of what it cannot read, and that text and rules go round exactly.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatFilter, stripped } from './format.js'
import { lex } from './lex.js'
import { parseFilter } from './parse.js'
import { addressFields, addressParts, authenticationMethods, comparisons, days, defaultLimits, fields, marks, type Action, type Comparing, type FilterFile, type Item, type Rule, type Test } from './rule.js'

const one = (text: string): Rule => parseFilter(text).items[0] as Rule

describe('reads', () => {
  it("Internet Exchange's own example", () => {
    expect(one('rule "John" { if from contains "John Doe" move to "enr" }')).toEqual({
      kind: 'rule', name: 'John', on: true, test: { kind: 'field', field: 'from', compare: { how: 'contains', values: ['John Doe'], exact: false } }, actions: [{ kind: 'move', mailbox: 'enr', ifExists: false }],
    })
  })
  it('a rule with everything, without regard to the case of its words', () => {
    const rule = one(`RULE "all" off { If ALL {
      any { to is "a", "b" with case  cc address begins with "x" subject exists }
      not list-id matches "*.lists.example"
      header "X-Foo" ends with "bar" size over 10M size under 2.5k has attachment attachment name matches "*.exe" attachment type is "application/pdf"
      body contains "x" time from "18:00" to "8:00" day is saturday, sunday date since "2026-12-24" until "2027-01-06" date until "2026-01-01"
      is spam authentication dmarc is "Fail", "none" came by smtp came by im2000 store "Store.Example" first mail from sender
      from in list "friends" from matches regex "^a+$" }
      move to "A/B" copy to "C" if it exists forward to "x@example.org" forward copy to "y@example.org", "z@example.org" send vacation
      send vacation with "T" every 3 days reply with "T" reject "No" mark read, flagged add keyword "Work", "$Junk" file as spam keep discard stop }`)
    expect(rule.on).toBe(false)
    expect(rule.actions.map(({ kind }) => kind)).toEqual(['move', 'copy', 'forward', 'forward', 'vacation', 'vacation', 'reply', 'reject', 'mark', 'keyword', 'spam', 'keep', 'discard', 'stop'])
    expect((rule.test as Test & { kind: 'group' }).tests.slice(3, 5)).toEqual([{ kind: 'size', how: 'over', octets: 10_485_760 }, { kind: 'size', how: 'under', octets: 2560 }])
  })
  it('strings of several lines, with escapes', () => {
    expect(one('rule "r" { reject "a\n  b\\n\\"c\\" \\\\ \\t" }').actions).toEqual([{ kind: 'reject', text: 'a\n  b\n"c" \\ \t' }])
  })
  it('an empty file, and one of comments alone', () => {
    expect(parseFilter('')).toEqual({ items: [], end: [] })
    expect(parseFilter('# a\n\n#b')).toEqual({ items: [], end: ['a', 'b'] })
  })
})

describe('says where and why it cannot read', () => {
  it.each([
    ['rule "a" {\n  if from has "x"\n}', 2, 11, '"has"', 'address, name, user, domain, in, contains, is, begins with, ends with, matches regex, matches or exists'],
    ['rule "a" {\n  move "x"\n}', 2, 8, 'the text "x"', 'to'],
    ['rule a {}', 1, 6, '"a"', 'the name of the rule'],
    ['rule "a" { move to "x"', 1, 23, 'the end of the file', 'move, copy, forward, send, reply, reject, mark, add, file, keep, discard or stop'],
    ['rule "a" { move to "x\n}', 1, 20, 'a string without end', 'a closing "'],
    ['\n\n  wrong', 3, 3, '"wrong"', 'timezone, list, template or rule'],
    ['rule "é" { §', 1, 12, '"§"', 'a word, a number, a string in double quotes, { or }'],
    ['rule "a" { if size over 10X discard }', 1, 25, '"10x"', 'a size such as 500K or 10M'],
    ['rule "a" { if time from "25:00" to "1:00" stop }', 1, 25, '"25:00"', 'a time such as "18:00"'],
    ['rule "a" { if date since "2026-02-30" stop }', 1, 26, '"2026-02-30"', 'a date such as "2026-12-24"'],
    ['rule "a" { forward to "nobody" }', 1, 23, '"nobody"', 'an address such as "anna@example.org"'],
    ['timezone "Mars/Olympus"', 1, 10, '"Mars/Olympus"', 'a time zone such as "Europe/Berlin"'],
    ['rule "a" { reject "\\q" }', 1, 20, '"\\\\q"', 'one of \\" \\\\ \\n \\t'],
    ['rule "a" { add keyword "two words" }', 1, 24, '"two words"', 'a keyword without blanks, quotes, ( ) { % * \\ or ]'],
  ])('%j', (text, line, column, found, expected) => {
    expect(() => parseFilter(text)).toThrowError(expect.objectContaining({ line, column, found, expected }))
  })

  it('what is too large, too deep or too much is refused, quickly', () => {
    const begun = performance.now()
    const limits: readonly (readonly [string, RegExp])[] = [
      ['#'.repeat(6 * 1024 * 1024), /at most 5242880/],
      ['rule "x" {}'.repeat(10_001), /at most 10000 rules/],
      [`rule "x" { if ${'all { '.repeat(1000)}`, /at most 30 groups/],
      [`rule "x" { if ${'not '.repeat(100_000)}`, /at most 30 groups/],
      [`rule "x" { if from is ${'"a",'.repeat(200_000)} }`, /at most 100000 tests/],
      [`rule "x" { reject "${'a'.repeat(20_001)}" }`, /at most 20000/],
    ]
    for (const [text, expected] of limits) expect(() => parseFilter(text)).toThrowError(expected)
    const most = `rule "x" { if from contains "a" stop }\n`.repeat(defaultLimits.rules)
    expect(parseFilter(most).items).toHaveLength(10_000)
    expect(performance.now() - begun).toBeLessThan(5000)
  })
})

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 8 }), fc.constantFrom('"', '\\', '\n', '# no comment', '{', 'a\n  b', '\t')).map((value) => value.replaceAll('\r', ''))
const remark = fc.stringMatching(/^[a-z#{}" ]{0,12}$/).map((value) => value.trim())
const remarks = fc.record({ before: fc.array(remark, { minLength: 1, maxLength: 2 }), after: remark }, { requiredKeys: [] })
const withRemarks = <T extends object>(thing: fc.Arbitrary<T>): fc.Arbitrary<T> => fc.tuple(thing, fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: remarks })).map(([value, more]) => ({ ...value, ...more }))
const closed = fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.record({ close: fc.array(remark, { minLength: 1, maxLength: 2 }) }) })
const compare: fc.Arbitrary<Comparing> = fc.oneof(
  fc.constant({ how: 'exists' as const, values: [], exact: false }),
  fc.record({ how: fc.constantFrom(...comparisons.filter((how) => how !== 'exists')), values: fc.array(text, { minLength: 1, maxLength: 3 }), exact: fc.boolean() }))
const date = fc.date({ min: new Date('1990-01-01'), max: new Date('2090-01-01'), noInvalidDate: true }).map((at) => at.toISOString().slice(0, 10))
const { test } = fc.letrec<{ test: Test }>((tie) => ({
  test: withRemarks<Test>(fc.oneof({ depthSize: 'small', withCrossShrink: true },
    fc.tuple(fc.constantFrom(...fields), compare).map(([field, its]): Test => ({ kind: 'field', field, compare: its })),
    fc.tuple(fc.constantFrom(...fields.filter((field) => addressFields.has(field))), fc.constantFrom(...addressParts), compare).map(([field, part, its]): Test => ({ kind: 'field', field, part, compare: its })),
    fc.record({ kind: fc.constant('listed' as const), field: fc.constantFrom('from' as const, 'recipient' as const), list: text }),
    fc.record({ kind: fc.constant('header' as const), name: fc.stringMatching(/^[A-Za-z-]{1,10}$/), compare }),
    fc.record({ kind: fc.constant('size' as const), how: fc.constantFrom('over' as const, 'under' as const), octets: fc.nat() }),
    fc.record({ kind: fc.constant('attachment' as const), of: fc.constantFrom('name' as const, 'type' as const), compare }),
    fc.record({ kind: fc.constant('body' as const), compare }),
    fc.record({ kind: fc.constant('time' as const), from: fc.nat(1439), to: fc.nat(1440) }),
    fc.record({ kind: fc.constant('day' as const), days: fc.array(fc.constantFrom(...days), { minLength: 1, maxLength: 3 }) }),
    fc.oneof(fc.record({ kind: fc.constant('date' as const), from: date }), fc.record({ kind: fc.constant('date' as const), to: date }), fc.record({ kind: fc.constant('date' as const), from: date, to: date })),
    fc.record({ kind: fc.constant('authentication' as const), method: fc.constantFrom(...authenticationMethods), results: fc.array(text.map((value) => value.toLowerCase()), { minLength: 1, maxLength: 2 }) }),
    fc.oneof(fc.record({ kind: fc.constant('came-by' as const), road: fc.constantFrom('smtp' as const, 'im2000' as const) }), fc.record({ kind: fc.constant('came-by' as const), road: fc.constant('im2000' as const), store: text.map((value) => value.toLowerCase()) })),
    fc.constantFrom({ kind: 'spam' as const }, { kind: 'first' as const }, { kind: 'has-attachment' as const }),
    fc.tuple(fc.constantFrom('all' as const, 'any' as const, 'none' as const), fc.array(tie('test'), { maxLength: 3 }), closed).map(([how, tests, more]): Test => ({ kind: 'group', how, tests, ...more })),
  ) as fc.Arbitrary<Test>),
}))
const action = withRemarks<Action>(fc.oneof(
  fc.record({ kind: fc.constantFrom('move' as const, 'copy' as const), mailbox: text, ifExists: fc.boolean() }),
  fc.record({ kind: fc.constant('forward' as const), addresses: fc.array(fc.constantFrom('a@example.org', 'b@example.org'), { minLength: 1, maxLength: 2 }), copy: fc.boolean() }),
  fc.record({ kind: fc.constant('vacation' as const), template: text, days: fc.nat(30) }, { requiredKeys: ['kind'] }),
  fc.record({ kind: fc.constant('reply' as const), template: text }),
  fc.record({ kind: fc.constant('reject' as const), text }),
  fc.record({ kind: fc.constant('mark' as const), marks: fc.array(fc.constantFrom(...marks), { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant('keyword' as const), keywords: fc.array(fc.constantFrom('Work', '$Junk'), { minLength: 1, maxLength: 2 }) }),
  fc.constantFrom({ kind: 'keep' as const }, { kind: 'discard' as const }, { kind: 'spam' as const }, { kind: 'stop' as const }),
) as fc.Arbitrary<Action>)
const item = withRemarks<Item>(fc.oneof(
  fc.record({ kind: fc.constant('timezone' as const), name: fc.constantFrom('Europe/Berlin', 'UTC') }),
  fc.tuple(text, fc.array(withRemarks(fc.record({ address: text })), { maxLength: 3 }), closed).map(([name, entries, more]): Item => ({ kind: 'list', name, entries, ...more })),
  fc.record({ kind: fc.constant('template' as const), name: text, subject: text, text, html: text }, { requiredKeys: ['kind', 'name', 'subject', 'text'] }),
  fc.tuple(text, fc.boolean(), fc.option(test, { nil: undefined }), fc.array(action, { maxLength: 4 }), closed).map(([name, on, its, actions, more]): Item => ({ kind: 'rule', name, on, ...(its ? { test: its } : {}), actions, ...more })),
) as fc.Arbitrary<Item>)
const file: fc.Arbitrary<FilterFile> = fc.record({ items: fc.array(item, { maxLength: 5 }), end: fc.array(remark, { maxLength: 2 }) })

describe('goes round', () => {
  it('rules to text to rules: the same rules, comments and all; and the same text again', () => {
    fc.assert(fc.property(file, (rules) => {
      const written = formatFilter(rules)
      expect(parseFilter(written)).toEqual(rules)
      expect(formatFilter(parseFilter(written))).toBe(written)
    }), { numRuns: 1000 })
  })

  it('comments anywhere are kept, and change nothing but themselves', () => {
    const noise = fc.array(fc.tuple(fc.nat(), fc.constantFrom(' # one\n', '\n#two\n', '# \n', '\n\n  # three "{}\n')), { maxLength: 6 })
    fc.assert(fc.property(file, noise, (rules, places) => {
      const plain = formatFilter({ items: rules.items.map((one) => stripped(one)), end: [] })
      // Between two tokens, outside of strings.
      const gaps = [...plain.matchAll(/"(?:[^"\\]|\\.)*"|[^"\s]+/g)].map((found) => found.index)
      let mixed = plain
      for (const at of places.map(([where, what]) => [gaps.length === 0 ? 0 : gaps[where % gaps.length], what] as const).sort((a, b) => b[0] - a[0])) mixed = mixed.slice(0, at[0]) + at[1] + mixed.slice(at[0])
      const read = parseFilter(mixed)
      expect(read.items.map((one) => stripped(one))).toEqual(parseFilter(plain).items)
      const formatted = formatFilter(read)
      const count = (where: string): number => lex(where, defaultLimits).reduce((sum, { comments }) => sum + comments.length, 0)
      expect(count(formatted)).toBe(count(mixed))
      expect(formatFilter(parseFilter(formatted))).toBe(formatted)
    }), { numRuns: 500 })
  })

  it('any text is read or refused with a place in it', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('rule', '"x"', '{', '}', 'if', 'from', 'contains', 'all', '#', '\n', 'stop', ',', 'move', 'to', '"')).map((words) => words.join(' '))), (wild) => {
      try {
        parseFilter(wild)
      } catch (error) {
        expect(error).toMatchObject({ line: expect.any(Number), column: expect.any(Number), expected: expect.any(String) })
        expect((error as { line: number }).line).toBeLessThanOrEqual(wild.split('\n').length)
      }
    }), { numRuns: 1000 })
  })
})
