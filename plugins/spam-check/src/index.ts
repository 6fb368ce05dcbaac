// The plugin spam-check: shows mail from outside to rspamd and ClamAV before it is stored, on the hook 'smtp.message'.
import { definePlugin, type IncomingMessage } from '@restante/core'
import { makeClamd } from './clamd.js'
import { config } from './config.js'
import { makeRspamd } from './rspamd.js'
import { verdictOf, type Seen } from './verdict.js'

export default definePlugin({
  name: 'spam-check', version: '0.1.0', api: '^1.0.0',
  config,
  requires: ['metrics', 'settings'],
  provides: [],
  setup({ config, log, services: { metrics, settings } }) {
    const rspamd = config.rspamd.url === '' ? undefined : makeRspamd({ ...config.rspamd, hostname: settings.hostname })
    const clamd = config.clamd.address === '' ? undefined : makeClamd(config.clamd)
    const checked = metrics.counter('restante_spam_checks_total', 'Messages shown to rspamd and ClamAV, by what they said.')
    // A hook that takes longer is passed over, and what shall fail closed must not.
    const within = (seconds: number): AbortSignal => AbortSignal.timeout(Math.min(seconds, settings.limits.decision * 0.9) * 1000)

    async function tried<T>(by: 'rspamd' | 'clamd', seconds: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T | 'no answer'> {
      try {
        const signal = within(seconds)
        return await Promise.race([ask(signal), new Promise<never>((_, late) => { signal.addEventListener('abort', () => late(signal.reason as Error), { once: true }) })])
      } catch (error) {
        log.error({ err: error, by }, 'a message could not be checked')
        checked.add(1, { by, said: 'nothing' })
        return 'no answer'
      }
    }
    async function look(message: IncomingMessage): Promise<Seen> {
      if (message.size > config.largest) return { ...(rspamd ? { rspamd: 'too large' } : {}), ...(clamd ? { clamd: 'too large' } : {}) }
      const [spam, virus] = await Promise.all([
        rspamd && tried('rspamd', config.rspamd.timeout, (signal) => rspamd.ask(message, signal)),
        clamd && tried('clamd', config.clamd.timeout, async (signal) => ({ found: await clamd.ask(message, signal) })),
      ])
      if (typeof spam === 'object') checked.add(1, { by: 'rspamd', said: spam.action })
      if (typeof virus === 'object') checked.add(1, { by: 'clamd', said: virus.found === undefined ? 'clean' : 'found' })
      return { ...(spam === undefined ? {} : { rspamd: spam }), ...(virus === undefined ? {} : { clamd: virus }) }
    }
    return {
      services: {},
      ...(rspamd || clamd ? {
        hooks: {
          async 'smtp.message'(message: IncomingMessage) {
            const seen = await look(message)
            const verdict = verdictOf(config, seen)
            log.info({ from: message.sender, remoteAddress: message.remoteAddress, seen, verdict: 'trace' in verdict ? (verdict.junk === undefined ? 'passed' : 'junk') : 'refused' }, 'incoming mail was shown to others')
            return verdict
          },
        },
      } : {}),
      async stop() {
        rspamd?.close()
      },
    }
  },
})
