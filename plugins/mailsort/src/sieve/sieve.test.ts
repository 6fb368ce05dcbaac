// What of Sieve does not map, and is said; what cannot be said in Sieve; scripts that are none. What maps is judged by Pigeonhole
// itself (test/interop/sieve.test.ts).
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatFilter } from '../language/format.js'
import { parseFilter } from '../language/parse.js'
import { FilterError } from '../language/rule.js'
import { exportSieve } from './export.js'
import { importSieve } from './import.js'

describe('import', () => {
  it('says what does not map, with its line, and leaves only that out', () => {
    const { file, problems } = importSieve([
      'require ["fileinto", "variables", "imap4flags"];', 'set "a" "b";', 'if header :is "subject" "x" { fileinto "X"; }', 'if date :is "date" "hour" "9" { discard; }', 'else { fileinto "Y"; }', 'if true { fileinto "Z"; addflag "\\\\Seen"; }',
      'if address :is "delivered-to" "a" { discard; }', 'if header :count "ge" "to" "3" { keep; }', 'vacation :days 60 "x";', 'addflag "a"; setflag "b";', 'if not true { stop; }',
    ].join('\n'))
    expect(problems).toEqual([
      { line: 1, what: 'the extension "variables" has no counterpart' }, { line: 2, what: 'the command "set" has no counterpart' }, { line: 4, what: 'the test "date" has no counterpart' },
      { line: 6, what: 'flags that are set after the message was filed have no counterpart' }, { line: 7, what: 'addresses of the field "delivered-to" cannot be tested' }, { line: 8, what: '":count" has no counterpart' },
      { line: 9, what: '"vacation :days 60" is more than 30 days' }, { line: 10, what: '"setflag" that takes flags away has no counterpart' },
    ])
    const text = formatFilter(file)
    expect(text).toContain('if header "subject" is "x"\n    move to "X"')
    // The branch behind a test that does not map never runs: it would have run where it should not.
    expect(text).toMatch(/none \{\n +all \{\n +\}\n|not all \{/)
    expect(parseFilter(text).items.length).toBe(file.items.length)
  })
  it.each([['if true { keep }', 1], ['keep', 1], ['\n\nif header "a', 3], ['/* never ends', 1], ['text:\nno dot', 1], ['[', 1], [`${'if true {'.repeat(100)}`, 1], ['keep;\n§', 2]])('%j is no script', (script, line) => {
    expect(() => importSieve(script)).toThrowError(expect.objectContaining({ line }))
  })
  it('any text is read or refused with a place in it', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.array(fc.constantFrom('if', 'not', 'true', '{', '}', ';', 'keep', 'header', ':is', '"a"', '[', ']', ',', 'allof', '(', ')', 'fileinto', 'text:\n', '.\n', '#x\n', '3K')).map((words) => words.join(' '))), (script) => {
      try {
        parseFilter(formatFilter(importSieve(script).file))
      } catch (error) {
        expect(error).toBeInstanceOf(FilterError)
      }
    }), { numRuns: 1000 })
  })
})

describe('export', () => {
  it('says what Sieve cannot say, and leaves those rules out', () => {
    const { text, problems } = exportSieve(parseFilter(`
      template "T" { subject "s" text "t" }
      list "friends" { "*@example.org" }
      rule "fine" { if from in list "friends" copy to "A" mark read }
      rule "night" { if time from "18:00" to "08:00" discard }
      rule "answer" { reply with "T" }
      rule "away" { send vacation }
      rule "there" { move to "B" if it exists }
      rule "off" off { discard }`))
    expect(problems).toEqual(['rule "night": "time from "18:00" to "08:00"" has no counterpart', 'rule "answer": "reply with "T"" has no counterpart', 'rule "away": "send vacation" says what is set elsewhere', 'rule "there": "move to "B" if it exists" depends on what is there'])
    expect(text).toBe(`require ["copy", "fileinto", "imap4flags"];

# fine
if address :all :matches "from" "*@example.org" {
    addflag ["\\\\Seen"];
    fileinto :copy "A";
}

# night
# Left out: "time from "18:00" to "08:00"" has no counterpart

# answer
# Left out: "reply with "T"" has no counterpart

# away
# Left out: "send vacation" says what is set elsewhere

# there
# Left out: "move to "B" if it exists" depends on what is there

# off
# discard;
`)
  })
})
