// Vacation replies (RFC 3834, RFC 5230): who is away tells who writes, once in a while, never a machine.
import { definePlugin, makeAnswers, systemRandom, type AfterDelivery, type VacationWork } from '@restante/core'
import { commands } from './commands.js'
import { config } from './config.js'
import { makeOperations } from './operations.js'
import { migrations, Repository } from './repository.js'
import { VacationSettings } from './settings.js'
import { holdsAt, tells } from './vacation.js'

const dayMs = 24 * 3600 * 1000
/** The longest time between two replies that can be set. */
const longestDays = 30

export default definePlugin({
  name: 'vacation', version: '0.1.0', api: '^1.0.0',
  config, migrations, commands,
  requires: ['accounts', 'contents', 'messageStore'],
  provides: [],
  setup({ config, log, clock, database, services: { accounts, contents, messageStore } }) {
    const repository = new Repository(database)
    const settings = new VacationSettings(repository)
    const now = (): number => clock.now()
    const answers = makeAnswers({ contents, messageStore, accounts, random: systemRandom, now })

    async function perform(fact: AfterDelivery): Promise<void> {
      const { account, sender } = fact
      const work = fact.work as VacationWork | null
      const own = await settings.of(account)
      // A rule may bring its own text; without one it speaks for what the user has set.
      if (!work?.message && (!own || !holdsAt(own, fact.at))) return
      if (own && !work?.message && !tells(own, sender)) return
      const text = work?.message ?? own!
      const days = work?.days ?? own?.days ?? config.days
      const why = await answers.answer(fact, {
        text: { subject: text.subject, text: text.text, ...(text.html === undefined ? {} : { html: text.html }) }, prefix: 'Auto: ', timezone: config.timezone, unnamed: own?.unnamed ?? false,
        due: (to) => repository.claim(account, `${text.subject}\n${text.text}`, to, now(), now() - days * dayMs),
      })
      if (why === undefined) log.info({ account }, 'a vacation reply was sent')
      else log.debug({ account, why }, 'no vacation reply')
    }

    let sweeping: { clear(): void } | undefined
    const sweepLater = (): void => {
      sweeping = clock.after(dayMs, () => {
        repository.sweep(now() - longestDays * dayMs).catch((error: unknown) => log.warn({ err: error }, 'old vacation replies could not be forgotten'))
        sweepLater()
      })
    }
    return {
      services: {},
      hooks: {
        'delivery.after': {
          async wants({ account, originator, at, kept }) {
            // Nearly nobody is away: no job for the others.
            if (!kept || originator.name === '' || originator.suspicion !== undefined) return false
            const own = await settings.of(account)
            return own !== null && !own.byRule && holdsAt(own, at) && tells(own, originator.name)
          },
          perform,
        },
      },
      operations: makeOperations({ accounts, settings, config, now }),
      async start() { sweepLater() },
      async stop() { sweeping?.clear() },
    }
  },
})
