// `restante vacation …`: words for people around the operations.
import type { Asked, PluginCommands } from '@restante/core'
import type { Wanted } from './operations.js'
import type { Vacation } from './vacation.js'

const largestText = 1024 * 1024
const list = (text: string): string[] => text.split(',').map((entry) => entry.trim()).filter((entry) => entry !== '')
const day = (at: number | undefined): string => (at === undefined ? '-' : new Date(at).toISOString().slice(0, 16).replace('T', ' '))

function tell(asked: Asked, vacation: Vacation & { active: boolean }): void {
  const who = { all: 'everybody', only: `only ${vacation.senders.join(', ')}`, except: `everybody but ${vacation.senders.join(', ')}` }[vacation.who]
  asked.answer(vacation, [
    `Vacation  ${vacation.on ? (vacation.active ? 'on' : 'on, but not now') : 'off'}${vacation.byRule ? ', when a rule says so' : ''}`, `From      ${day(vacation.from)}`, `Until     ${day(vacation.until)}`, `Tells     ${who}, ${vacation.days === 0 ? 'every time' : `once in ${vacation.days} days`}`,
    `Subject   ${vacation.subject || '(Auto: and the subject that is answered)'}`, ...(vacation.html === undefined ? [] : ['HTML      yes']), '', vacation.text,
  ].join('\n'))
}

export const commands: PluginCommands = {
  word: 'vacation', description: 'Automatic replies while users are away',
  commands: [
    { usage: 'show <user>', description: 'What is set', run: async (asked) => tell(asked, await asked.perform('vacation.show', { user: asked.args.user }) as never) },
    { usage: 'off <user>', description: 'No more replies; the text stays', run: async (asked) => tell(asked, await asked.perform('vacation.off', { user: asked.args.user }) as never) },
    {
      usage: 'set <user>', description: 'Switch on. What is not given stays as it was; {subject} {sender} {recipient} {date} {time} in texts are filled in',
      options: [
        ['--text <text>', 'what it says'], ['--text-file <file>', 'the same, from a file ("-": standard input)'], ['--html-file <file>', 'the same in HTML'], ['--subject <subject>', 'subject of the reply'],
        ['--from <day>', 'first day, as 2026-12-24; "" for none'], ['--until <day>', 'last day'], ['--days <n>', 'between two replies to one sender, 0 to 30'],
        ['--only <senders>', 'tell only these: addresses, with commas; * is a wildcard'], ['--except <senders>', 'tell all but these'], ['--everybody', 'tell all'],
        ['--unnamed', 'also answer what does not name the user in To or Cc'], ['--named', 'do not'], ['--by-rule', 'only when a filter rule says "send vacation"'], ['--always', 'for all mail'],
      ],
      async run(asked) {
        const { options } = asked
        const read = async (file: string): Promise<string> => (await asked.input(file, largestText)).toString('utf8').trimEnd()
        const wanted: Wanted = {
          user: asked.args.user,
          ...(options.text === undefined ? {} : { text: options.text as string }), ...(options.textFile === undefined ? {} : { text: await read(options.textFile as string) }), ...(options.htmlFile === undefined ? {} : { html: await read(options.htmlFile as string) }),
          ...(options.subject === undefined ? {} : { subject: options.subject as string }), ...(options.from === undefined ? {} : { from: options.from as string }), ...(options.until === undefined ? {} : { until: options.until as string }),
          ...(options.days === undefined ? {} : { days: Number(options.days) }), ...(options.everybody ? { who: 'all' as const, senders: [] } : {}),
          ...(options.only === undefined ? {} : { who: 'only' as const, senders: list(options.only as string) }), ...(options.except === undefined ? {} : { who: 'except' as const, senders: list(options.except as string) }),
          ...(options.unnamed ? { unnamed: true } : {}), ...(options.named ? { unnamed: false } : {}), ...(options.byRule ? { byRule: true } : {}), ...(options.always ? { byRule: false } : {}),
        }
        tell(asked, await asked.perform('vacation.set', wanted) as never)
      },
    },
  ],
}
