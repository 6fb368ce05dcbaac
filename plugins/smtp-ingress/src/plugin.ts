// SMTP ingress: MX, submission and LMTP listeners that hand mail to the message store. Where mail goes from there is the
// store's business.
import { definePlugin, isOff, makeNameResolver, systemRandom, type Connection, type Listener, type ListenOptions } from '@restante/core'
import { config } from './config.js'
import { createBlockLists } from './guards/block-lists.js'
import { Greylist, greylistMigration } from './guards/greylist.js'
import { createGuard } from './guards/guard.js'
import { AccountRates, ratesMigration } from './submission/rates.js'
import { createRewrite } from './submission/rewrite.js'
import { createPolicy, type ListenerKind } from './policy.js'
import { createEngine } from './server.js'

export default definePlugin({
  name: 'smtp-ingress', version: '0.1.0', api: '^1.0.0',
  config, migrations: [greylistMigration, ratesMigration],
  requires: ['accounts', 'authenticator', 'hooks', 'messageStore', 'metrics', 'net', 'notifier', 'settings', 'spool'],
  provides: [],
  setup({ config, clock, database, log, services: { accounts, authenticator, hooks, messageStore, metrics, net, notifier, settings, spool } }) {
    const { submission } = config
    const policy = createPolicy({ accounts, hooks, notifier, domains: settings.domains, ownSender: submission.sender === 'own', ownFrom: submission.headerFrom === 'own' })

    const { dnsServers, dnsTimeout } = settings.im2000.outbound
    const { resolve } = makeNameResolver({ servers: dnsServers, timeoutMs: dnsTimeout * 1000 })
    const { mx } = config
    const greylist = mx.greylist.enabled ? new Greylist({
      config: mx.greylist, database, clock, log,
      vouched: async (remoteAddress, helo, sender) => hooks.given('smtp.origin') && (await hooks.ask('smtp.origin', { remoteAddress, helo, sender }))?.result === 'pass',
    }) : undefined
    const guard = createGuard({
      config: mx, resolve, metrics, clock, ours: new Set([settings.hostname, ...settings.domains].map((name) => name.toLowerCase())),
      blockLists: createBlockLists({ lists: mx.blockLists, timeMs: mx.blockListTime * 1000, resolve, clock, log }),
      greylist: greylist && ((address, helo, sender, recipient) => greylist.wait(address, helo, sender, recipient)),
    })

    const ours = { rates: new AccountRates({ rates: submission.rates, database, clock }), rewrite: createRewrite(submission.rewrite), wishes: { ...(submission.hold > 0 ? { hold: submission.hold } : {}), ...(submission.copyInSent === 'off' ? {} : { sentCopy: { missing: submission.copyInSent === 'missing', after: submission.copyInSent === 'missing' ? submission.copyDelay : 0 } }) } }
    const messages = metrics.counter('restante_smtp_messages_total', 'Messages that SMTP and LMTP peers sent to the end.')

    function options(name: string, kind: ListenerKind, address: string, implicitTls: boolean): ListenOptions {
      const own = config[kind]
      const engine = createEngine({
        kind, host: settings.hostname, implicitTls, secureContext: net.secureContext,
        idleMs: own.idle * 1000, recipients: Math.min(own.recipients, settings.im2000.store.envelopeEntries),
        dsn: !('dsn' in own) || own.dsn, clearTextLogin: submission.clearTextLogin, failedLogins: submission.failedLogins, authenticator,
        transaction: {
          store: messageStore, spool, hooks, policy, guard: kind === 'mx' ? guard : undefined, host: settings.hostname, limit: settings.limits.messageOctets,
          submission: ours,
          bytes: { bareLineEnds: own.bareLineEnds, nul: own.nul },
          receivedFrom: 'receivedFrom' in own && own.receivedFrom,
          count: (result) => messages.add(1, { listener: kind, result }),
          now: () => clock.now(),
          unique: () => systemRandom.octets(12).toString('hex'),
        },
      })
      net.onRenewed((context) => engine.renew(context))
      return {
        name, address, tls: implicitTls ? 'implicit' : net.tlsAvailable ? 'starttls' : 'off',
        ...(kind === 'lmtp' ? {} : { alpn: 'smtp' }), ...(implicitTls ? { clientCertificates: submission.clientCertificates } : {}), maxSessions: own.sessions, maxSessionsPerAddress: own.sessionsPerAddress,
        refusal: (why) => `421 4.7.0 ${settings.hostname} ${why === 'shutting-down' ? 'is shutting down' : 'has too many connections'}; come back later\r\n`,
        onConnection: (connection: Connection) => engine.serve(connection),
      }
    }

    const wanted = [
      options('smtp', 'mx', config.mx.listen, false),
      options('submission', 'submission', submission.listen, false),
      options('submissions', 'submission', submission.listenTls, true),
      options('lmtp', 'lmtp', config.lmtp.listen, false),
    ].filter(({ address }) => !isOff(address))
    const bound = new Map<string, Listener>()
    return {
      services: {},
      async start() {
        await greylist?.start()
        for (const one of wanted) bound.set(one.name, await net.listen(one))
      },
      async ready() {
        for (const listener of bound.values()) listener.accept()
      },
      async stop(deadline) {
        await Promise.all([...bound.values()].map((listener) => listener.drain(deadline)))
        greylist?.stop()
      },
      listeners: () => Object.fromEntries([...bound].map(([name, { address }]) => [name, address])),
    }
  },
})
