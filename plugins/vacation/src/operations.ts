// What the command line (and later the pages) can ask of vacations. Arguments and results are JSON.
import { failure, type Account, type Accounts, type Operation } from '@restante/core'
import type { Config } from './config.js'
import type { VacationSettings } from './settings.js'
import { dayBegins, holdsAt, type Vacation } from './vacation.js'

/** What a caller may say; what is left out stays as it is. Days are 'YYYY-MM-DD'; '' takes one away. `until` is the last day. */
export interface Wanted {
  readonly user: string
  readonly subject?: string
  readonly text?: string
  readonly html?: string
  readonly from?: string
  readonly until?: string
  readonly days?: number
  readonly who?: Vacation['who']
  readonly senders?: readonly string[]
  readonly unnamed?: boolean
  readonly byRule?: boolean
}

export function makeOperations({ accounts, settings, config, now }: { accounts: Accounts; settings: VacationSettings; config: Config; now: () => number }): Readonly<Record<string, Operation>> {
  const named = async (user: string): Promise<Account> => {
    const account = await accounts.byName(user)
    if (!account) throw failure('ACCOUNT_NOT_FOUND', { account: user })
    return account
  }
  const empty: Vacation = { on: false, subject: '', text: '', days: config.days, who: 'all', senders: [], unnamed: false, byRule: false }
  const shown = (vacation: Vacation): Vacation & { active: boolean } => ({ ...vacation, active: holdsAt(vacation, now()) })
  return {
    async 'vacation.show'({ user }: { user: string }) {
      return shown(await settings.of((await named(user)).id) ?? empty)
    },
    async 'vacation.set'({ user, from, until, ...wanted }: Wanted) {
      const { id } = await named(user)
      const before = await settings.of(id) ?? empty
      const begins = from === undefined ? before.from : moment(from, 0)
      const ends = until === undefined ? before.until : moment(until, 1)
      const { html: oldHtml, from: _from, until: _until, ...rest } = before
      const html = wanted.html ?? oldHtml
      const { html: _html, ...others } = wanted
      const vacation: Vacation = { ...rest, ...others, on: true, ...(html ? { html } : {}), ...(begins === undefined ? {} : { from: begins }), ...(ends === undefined ? {} : { until: ends }) }
      check(vacation)
      await settings.save(id, vacation, now())
      return shown(vacation)
    },
    async 'vacation.off'({ user }: { user: string }) {
      const { id } = await named(user)
      const vacation = { ...(await settings.of(id) ?? empty), on: false }
      await settings.save(id, vacation, now())
      return shown(vacation)
    },
  }

  function moment(day: string, later: 0 | 1): number | undefined {
    if (day === '') return undefined
    const begins = dayBegins(day, config.timezone)
    if (begins === undefined) throw refuse(`${JSON.stringify(day.slice(0, 40))} is no day such as 2026-12-24`)
    return later === 0 ? begins : dayBegins(new Date(Date.parse(`${day}T00:00:00Z`) + 24 * 3600 * 1000).toISOString().slice(0, 10), config.timezone)
  }

  function check({ subject, text, html = '', days, senders, from, until }: Vacation): void {
    if (text === '') throw refuse('it has no text')
    if (subject.length > 500) throw refuse('its subject is longer than 500 characters')
    if (Math.max(text.length, html.length) > config.maxText) throw refuse(`its text is longer than ${config.maxText} characters`)
    if (!Number.isInteger(days) || days < 0 || days > 30) throw refuse('the days between two replies must be 0 to 30')
    if (senders.length > config.maxSenders) throw refuse(`it names more than ${config.maxSenders} senders`)
    if (senders.some((sender) => sender.length > 320 || !/^[^\s@<>]*@?[^\s@<>]+$/.test(sender))) throw refuse('an entry of its senders is no address such as anna@example.org or *@example.org')
    if (from !== undefined && until !== undefined && from >= until) throw refuse('it ends before it begins')
  }
}

const refuse = (why: string): Error => failure('NOT_PERMITTED', { what: `this vacation: ${why}` })
