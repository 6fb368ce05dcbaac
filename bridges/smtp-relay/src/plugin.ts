// The bridge from the message store to the SMTP world, for recipients whose domain has no IM2000 agent.
import { definePlugin, failure, isFailure, makeAddressGuard, makeNameResolver, systemRandom } from '@restante/core'
import { commands } from './commands.js'
import { config } from './config.js'
import { Connections } from './connections.js'
import { makeIncoming, makeOrigin } from './incoming/check.js'
import { boundedTxt } from './incoming/records.js'
import { algorithms, Keys, recordOf, type Key } from './keys.js'
import { migrations } from './migrations.js'
import { makeMeasures } from './measures.js'
import { Pace } from './pace.js'
import { makePrepare } from './prepare.js'
import { makeRelay } from './relay.js'
import { routeOf, type Routed } from './route.js'
import { makeSeal } from './seal.js'
import { makeSrs } from './srs.js'
import { makeTls } from './tls/tls.js'

export default definePlugin({
  name: 'smtp-relay', version: '0.1.0', api: '^1.0.0',
  config, migrations, commands,
  requires: ['accounts', 'contents', 'messageStore', 'metrics', 'notifier', 'queue', 'reach', 'settings'],
  provides: [],
  setup({ config, clock, database, log, services: { accounts, contents, messageStore, metrics, notifier, queue, reach, settings } }) {
    const { hostname, im2000: { outbound } } = settings
    const dns = makeNameResolver({ servers: outbound.dnsServers, timeoutMs: outbound.dnsTimeout * 1000 })
    const { resolve } = dns
    const bounded = boundedTxt(resolve)
    const guard = makeAddressGuard({ allow: [...outbound.allowNetworks, ...config.allowNetworks] })
    const random = (): number => systemRandom.fraction()
    const route = (domain: string, sender: string): Promise<Routed> => routeOf(domain, sender, { config, dns, own: new Set([hostname.toLowerCase()]), permits: (address, port) => guard.permits(address, port), random })
    const keys = new Keys({ database, now: () => clock.now() })
    const tls = makeTls({
      config, database, clock, log, dns, hostname, store: messageStore, permits: (address, port) => guard.permits(address, port), txt: dns.txt, dnsTimeoutMs: outbound.dnsTimeout * 1000,
    })
    const connections = new Connections({ config, name: hostname, clock, log, heard: tls.heard, authorities: tls.authorities })
    const seal = config.arc ? makeSeal({ hostname, resolve, now: () => clock.now(), log }) : undefined
    const prepare = makePrepare({ config, contact: config.tlsReports.contact ?? `postmaster@${hostname}`, accounts, keys, seal, clock, log })
    const srs = makeSrs({ database, accounts, enabled: config.srs, now: () => clock.now() })
    const measures = makeMeasures({ metrics, queue, clock, log })
    const pace = new Pace(clock)
    notifier.relayThrough(makeRelay({ config, hostname, clock, log, random, contents, prepare, envelopeSender: srs.sender, connections, route, harden: tls.harden, pace, count: measures.count }))
    const shown = async (key: Key) => {
      const { name, text } = recordOf(key)
      const parts = text.match(/.{1,255}/g)!
      return { domain: key.domain, selector: key.selector, algorithm: key.algorithm, record: `${name}. IN TXT ${parts.map((part) => `"${part}"`).join(' ')}`, signs: (await keys.signing(key.domain)).some((one) => one.selector === key.selector) }
    }
    return {
      services: {},
      hooks: {
        'smtp.unknown': srs.unknown,
        ...(config.incoming.check ? { 'smtp.message': makeIncoming({ config: config.incoming, hostname, log, random, resolve: bounded }), 'smtp.origin': makeOrigin({ hostname, resolve: bounded }) } : {}),
      },
      operations: {
        async 'smtp-relay.route'({ address, sender }: { address: string; sender: string }) {
          const at = address.lastIndexOf('@')
          const domain = address.slice(at + 1).toLowerCase()
          if (at < 1 || domain === '') throw failure('ADDRESS_INVALID', { address })
          const resolved = await accounts.resolve(address).catch((error: unknown) => {
            if (isFailure(error, 'ADDRESS_INVALID')) return { kind: 'unknown' } as const
            throw error
          })
          if (resolved.kind === 'account') return { steps: [`${domain} is ours`], result: `filed for ${resolved.account.name}` }
          if (resolved.kind === 'unknown') return { steps: [`${domain} is ours`], result: 'refused: nobody has this address' }
          const agent = await reach.rna(domain)
          if (agent.kind === 'connected') {
            agent.value.close()
            return { steps: [`${domain} has an IM2000 agent, reached ${agent.secure ? 'with' : 'without'} TLS`], result: 'announced to the agent; the message stays here until it is read' }
          }
          const steps = [`IM2000: ${agent.why}`]
          if (agent.kind === 'temporary' && !agent.unoffered) return { steps, result: 'tried again later: there may be an agent, and SMTP is only for domains without one' }
          const found = await tls.harden(await route(domain, sender), domain)
          steps.push('no agent: by SMTP', ...found.steps)
          if (!('road' in found)) return { steps, result: found.kind === 'permanent' ? `returned to the sender: ${found.status} ${found.why}` : `tried again later: ${found.why}` }
          const { hosts, tls: policy, login } = found.road
          const proof = (host: (typeof hosts)[number]): string => (host.tlsa ? ' (DANE)' : host.tls && host.tls !== policy ? ` (TLS ${host.tls})` : '')
          return { steps, result: `handed to ${hosts.map((host) => `${host.name} port ${host.port}${proof(host)}`).join(', then ')}; TLS ${policy}${login ? `; logged in as ${login.user}` : ''}` }
        },
        /** What the days that are over owe to domains that ask how TLS went with them. */
        'smtp-relay.tls.report': async () => ({ sent: await tls.report() }),
        async 'smtp-relay.dkim.create'({ domain, algorithm }: { domain: string; algorithm?: string }) {
          const wanted = algorithms.filter((one) => algorithm === undefined || one === algorithm)
          if (wanted.length === 0) throw failure('NOT_PERMITTED', { what: `the algorithm ${algorithm}; accepted: ${algorithms.join(', ')}` })
          if (!(await accounts.isLocal(domain))) throw failure('NOT_LOCAL', { address: domain })
          const made = []
          for (const one of wanted) made.push(await shown(await keys.create(domain, one)))
          return made
        },
        'smtp-relay.dkim.show': async ({ domain }: { domain?: string }) => Promise.all((await keys.all()).filter((key) => domain === undefined || key.domain === domain.toLowerCase()).map(shown)),
        async 'smtp-relay.dkim.remove'({ domain, selector }: { domain: string; selector: string }) {
          await keys.remove(domain, selector)
          return { domain, selector }
        },
      },
      async start() {
        tls.start()
        measures.start()
      },
      async stop() {
        connections.close()
        await Promise.all([tls.stop(), measures.stop()])
      },
    }
  },
})
