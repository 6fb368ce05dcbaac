// MailSort: each user's filter rules, run when mail is delivered.
import { definePlugin, makeAnswers, systemRandom } from '@restante/core'
import { makeAfterwards } from './afterwards.js'
import { commands } from './commands.js'
import { config } from './config.js'
import { Filters } from './filters.js'
import { defaultLimits } from './language/rule.js'
import { makeOperations } from './operations.js'
import { migrations, Repository } from './repository.js'
import { Sorter } from './sorter.js'

/** Replies that no longer hold back others are forgotten this often. */
const sweepMs = 24 * 3600 * 1000

export default definePlugin({
  name: 'mailsort', version: '0.1.0', api: '^1.0.0',
  config, migrations, commands,
  requires: ['accounts', 'contents', 'mailboxes', 'messageStore', 'settings', 'spool'],
  provides: [],
  setup({ config, log, clock, database, services: { accounts, contents, mailboxes, messageStore, settings, spool } }) {
    const repository = new Repository(database)
    const now = (): number => clock.now()
    const note = (account: Parameters<Repository['note']>[0], rule: string, why: string, messageId: string): void => {
      repository.note(account, { at: now(), rule, why: why.slice(0, 1000), messageId: messageId.slice(0, 500) }, config.keptErrors).catch((error: unknown) => log.warn({ err: error, account }, 'a note on a failed rule could not be kept'))
    }
    const filters = new Filters({
      repository, now, limits: { ...defaultLimits, octets: config.maxFile, rules: config.maxRules }, cacheOctets: config.cacheMiB * 1024 * 1024,
      broken: (account, error) => {
        log.error({ err: error, account }, 'a filter file cannot be used; mail goes to INBOX')
        note(account, '', (error as Error).message, '')
      },
    })
    const sorter = new Sorter({
      filters, repository, accounts, mailboxes, log, note,
      options: {
        timezone: config.timezone, trusted: new Set([settings.hostname, ...config.trusted].map((name) => name.toLowerCase())), evaluationMs: config.evaluation, maxHops: config.maxHops, junk: settings.mailboxes.special.junk,
      },
    })
    const answers = makeAnswers({ contents, messageStore, accounts, random: systemRandom, now })
    const perform = makeAfterwards({ contents, store: messageStore, answers, repository, log, now, replyMs: config.replyInterval * 1000, timezone: config.timezone, note })
    let sweeping: { clear(): void } | undefined
    const sweepLater = (): void => {
      sweeping = clock.after(sweepMs, () => {
        repository.sweep(now() - config.replyInterval * 1000).catch((error: unknown) => log.warn({ err: error }, 'old replies could not be forgotten'))
        sweepLater()
      })
    }
    return {
      services: {},
      hooks: {
        'delivery.before': (arrival) => sorter.place(arrival),
        // Jobs come from rules alone.
        'delivery.after': { wants: () => false, perform },
      },
      operations: makeOperations({ accounts, mailboxes, contents, spool, filters, repository, sorter, now, evaluationMs: config.evaluation }),
      async start() { sweepLater() },
      async stop() { sweeping?.clear() },
    }
  },
})
