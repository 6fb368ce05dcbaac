// `restante mailsort …`: words for people around the operations.
import { failure, type Asked, type PluginCommands } from '@restante/core'
import { checkFilter } from './filters.js'
import { formatFilter } from './language/format.js'
import { parseFilter } from './language/parse.js'
import { defaultLimits, FilterError } from './language/rule.js'
import { exportSieve } from './sieve/export.js'
import { importSieve, type Imported } from './sieve/import.js'

/** Octets of a message for `test`. */
const largestMessage = 40 * 1024 * 1024
const read = async (asked: Asked, file: string | undefined): Promise<string> => (await asked.input(file, defaultLimits.octets)).toString('utf8')

export const commands: PluginCommands = {
  word: 'mailsort', description: 'Filter rules of users',
  commands: [
    {
      usage: 'list <user>', description: 'The rules, in order; --text prints the filter file itself', options: [['--text', 'the filter file as it was written']],
      async run(asked) {
        if (asked.options.text) {
          const { text } = await asked.perform('mailsort.text', { user: asked.args.user }) as { text: string }
          return asked.answer({ text }, text)
        }
        const rules = await asked.perform('mailsort.list', { user: asked.args.user }) as { name: string; on: boolean; test: string; actions: string[] }[]
        asked.answer(rules, rules.length === 0 ? 'No rules' : asked.table(rules.map((rule, i) => ({ n: i + 1, rule: rule.name, on: rule.on, if: rule.test, then: rule.actions.join('; ') })), ['n', 'rule', 'on', 'if', 'then']))
      },
    },
    {
      usage: 'edit <user>', description: 'Change the filter file in $EDITOR, or replace it by a file ("-": standard input)', options: [['--file <file>', 'take this file']],
      async run(asked) {
        const { user } = asked.args
        if (asked.options.file !== undefined) return save(asked, user, await read(asked, asked.options.file))
        let { text } = await asked.perform('mailsort.text', { user }) as { text: string }
        for (;;) {
          const changed = await asked.edit(text === '' ? newFile : text, '.filter.txt')
          if (changed === undefined) return asked.answer({ user, changed: false }, 'Nothing was changed')
          try {
            return await save(asked, user, changed)
          } catch (error) {
            process.stderr.write(`${(error as Error).message}\n`)
            await asked.confirm('Edit again? Otherwise nothing is changed.')
            text = changed
          }
        }
      },
    },
    {
      usage: 'check [file]', description: 'Whether a filter file can be read; says line, column, what was found and what was expected',
      async run(asked) {
        const rules = checkFilter(await read(asked, asked.args.file)).items.filter(({ kind }) => kind === 'rule').length
        asked.answer({ rules }, `${rules} rules, nothing wrong`)
      },
    },
    {
      usage: 'format [file]', description: 'Print a filter file in the usual form; comments stay',
      async run(asked) {
        const text = await read(asked, asked.args.file)
        checkFilter(text)
        const formatted = formatFilter(parseFilter(text))
        asked.answer({ text: formatted }, formatted)
      },
    },
    {
      usage: 'test <user>', description: 'Say which rules apply to the message on standard input, why, and what would happen',
      options: [['--file <file>', 'the message'], ['--from <sender>', "the envelope's sender"], ['--by <protocol>', 'ESMTP (default), LMTP, MSOAP']],
      async run(asked) {
        const message = await asked.input(asked.options.file, largestMessage)
        const result = await asked.perform('mailsort.test', { user: asked.args.user, message: message.toString('base64'), ...(asked.options.from ? { sender: asked.options.from } : {}), ...(asked.options.by ? { protocol: asked.options.by } : {}) }) as
          { steps: { rule: string; applies: boolean; tests: { test: string; held: boolean; value?: string }[] }[]; would: string[] }
        asked.answer(result, [
          ...result.steps.flatMap(({ rule, applies, tests }) => [`rule "${rule}" ${applies ? 'applies' : 'does not apply'}`, ...tests.map(({ test, held, value }) => `    ${held ? 'yes' : 'no '}  ${test}${value ? `   [${value}]` : ''}`)]),
          ...(result.steps.length > 0 ? [''] : []), ...result.would,
        ].join('\n'))
      },
    },
    {
      usage: 'import <user>', description: 'Translate a Sieve script into rules; says what does not map', options: [['--sieve <file>', 'the script ("-": standard input)'], ['--replace', 'in the place of the rules that are there'], ['--dry-run', 'only print the rules']],
      async run(asked) {
        const { user } = asked.args
        if (asked.options.sieve === undefined) throw failure('NOT_PERMITTED', { what: 'an import from nothing; give --sieve FILE' })
        const { file, problems } = readSieve(await read(asked, asked.options.sieve))
        const text = formatFilter(file)
        checkFilter(text)
        for (const { line, what } of problems) process.stderr.write(`line ${line}: ${what}\n`)
        if (problems.length > 0) asked.exit(1)
        if (asked.options.dryRun) return asked.answer({ text, problems }, text)
        const before = await asked.perform('mailsort.text', { user }) as { text: string }
        if (before.text !== '' && !asked.options.replace) throw failure('NOT_PERMITTED', { what: `this: ${user} has rules already; --replace replaces them` })
        const { rules } = await asked.perform('mailsort.save', { user, text }) as { rules: number }
        asked.answer({ user, rules, problems }, `Saved ${rules} rules of ${user}${problems.length > 0 ? `; ${problems.length} things do not map and were left out` : ''}`)
      },
    },
    {
      usage: 'export <user>', description: 'Write the rules as a Sieve script; says what cannot be said there', options: [['--sieve', 'as Sieve (the only way so far)']],
      async run(asked) {
        const { text } = await asked.perform('mailsort.text', { user: asked.args.user }) as { text: string }
        const exported = exportSieve(parseFilter(text))
        for (const problem of exported.problems) process.stderr.write(`${problem}\n`)
        if (exported.problems.length > 0) asked.exit(1)
        asked.answer(exported, exported.text)
      },
    },
    {
      usage: 'errors <user>', description: 'Rules that failed, newest first', options: [['--clear', 'forget them']],
      async run(asked) {
        const notes = await asked.perform('mailsort.errors', { user: asked.args.user, clear: asked.options.clear === true }) as { at: number; rule: string; why: string; messageId: string }[]
        asked.answer(notes, notes.length === 0 ? 'None' : asked.table(notes.map((note) => ({ at: new Date(note.at).toISOString().slice(0, 19).replace('T', ' '), rule: note.rule || '-', why: note.why, message: note.messageId || '-' })), ['at', 'rule', 'why', 'message']))
      },
    },
    {
      usage: 'apply <user>', description: 'Run the rules over mail that is there already: says what would be done, asks, does it. Nothing is sent',
      options: [['--mailbox <name>', 'which mailbox (default INBOX)'], ['--dry-run', 'only say'], ['--yes', 'do not ask']],
      async run(asked) {
        const args = { user: asked.args.user, mailbox: asked.options.mailbox ?? 'INBOX' }
        const foreseen = await asked.perform('mailsort.apply', { ...args, run: false }) as Applied
        const said = (applied: Applied): string => [
          `${applied.messages} messages, rules apply to ${applied.matched}`, ...applied.done.map(({ what, messages }) => `  ${messages}  ${what}`), ...applied.skipped.map(({ what, messages }) => `  ${messages}  not done: ${what}`),
        ].join('\n')
        if (asked.options.dryRun || foreseen.done.length === 0) return asked.answer({ ...foreseen, run: false }, said(foreseen))
        if (!asked.options.yes) process.stderr.write(`${said(foreseen)}\n`)
        await asked.confirm('Do this?')
        asked.answer({ ...await asked.perform('mailsort.apply', { ...args, run: true }), run: true }, said(foreseen).replace('messages, rules apply', 'messages, rules applied'))
      },
    },
  ],
}

interface Applied { readonly messages: number; readonly matched: number; readonly done: readonly { what: string; messages: number }[]; readonly skipped: readonly { what: string; messages: number }[] }

function readSieve(text: string): Imported {
  try {
    return importSieve(text)
  } catch (error) {
    if (error instanceof FilterError) throw failure('FILTER_INVALID', { why: error.message }, error)
    throw error
  }
}

async function save(asked: Asked, user: string, text: string): Promise<void> {
  if (Buffer.byteLength(text) > defaultLimits.octets) throw failure('FILTER_INVALID', { why: `it has more than ${defaultLimits.octets} octets` })
  const { rules } = await asked.perform('mailsort.save', { user, text }) as { rules: number }
  asked.answer({ user, rules }, `Saved ${rules} rules of ${user}`)
}

const newFile = `# Filter rules. docs/mailsort.md explains them. For example:
#
# rule "Letters from John" {
#     if from contains "John Doe"
#     move to "enr"
# }
`
