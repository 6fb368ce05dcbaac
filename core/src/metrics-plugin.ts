// What the gateway counts, for Prometheus and the like, over HTTP (text exposition format 0.0.4), and whether it is well. An ordinary
// plugin: whoever does not enable it pays for nothing.
import { createHash, timingSafeEqual } from 'node:crypto'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { z } from 'zod'
import { isOff, listenAddress, secret } from './config/fields.js'
import type { Metrics } from './metrics/registry.js'
import type { Listener } from './net/contract.js'
import { httpConnections, type HttpAnswer, type HttpRequest } from './net/http.js'
import { definePlugin } from './plugin/contract.js'

const config = z.strictObject({
  listen: listenAddress('127.0.0.1:9464').describe('Address and port in clear.'),
  listenTls: listenAddress('off').describe("The same with TLS and the gateway's certificate."),
  token: secret().default('').describe('Whoever asks for /metrics must send it (Authorization: Bearer); empty: nobody need. May be file:/path.'),
  maxSessions: z.number().int().min(1).default(50).describe('Connections at once.'),
})

export default definePlugin({
  name: 'metrics', version: '0.1.0', api: '^1.0.0', config,
  requires: ['metrics', 'events', 'net'], provides: [],
  setup({ config, services: { metrics, events, net }, log }) {
    const listeners = new Map<string, Listener>()
    const told = metrics.counter('restante_events_total', 'What became of messages and mailboxes (RFC 5423), by event; messages count one each.')
    const forget = events.listen([], (event) => told.add('uids' in event ? event.uids.length : 1, { event: event.type }))
    const own = ownFigures(metrics)
    let well = false

    const handle = ({ method, path, headers }: HttpRequest): HttpAnswer | undefined => {
      if (path !== '/metrics' && path !== '/health') return undefined
      if (method !== 'GET' && method !== 'HEAD') return { status: 405, headers: { Allow: 'GET, HEAD' } }
      if (path === '/health') return { status: well ? 200 : 503, type: 'text/plain; charset=utf-8', body: well ? 'ok\n' : 'stopping\n' }
      if (config.token && !same(headers.authorization ?? '', `Bearer ${config.token}`)) return { status: 401, headers: { 'WWW-Authenticate': 'Bearer' } }
      return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: metrics.text() }
    }
    const listen = async (name: string, address: string, tls: 'off' | 'implicit'): Promise<void> => {
      if (isOff(address)) return
      listeners.set(name, await net.listen({ name, address, tls, maxSessions: config.maxSessions, maxSessionsPerAddress: config.maxSessions, onConnection: httpConnections({ net, log, handle, bodyOctets: 0 }) }))
    }
    return {
      services: {},
      async start() {
        await listen('metrics', config.listen, 'off')
        await listen('metrics-tls', config.listenTls, 'implicit')
      },
      async ready() {
        well = true
        for (const listener of listeners.values()) listener.accept()
      },
      async stop(deadline) {
        well = false
        forget()
        own.stop()
        await Promise.all([...listeners.values()].map((listener) => listener.drain(deadline)))
      },
      listeners: () => Object.fromEntries([...listeners].map(([name, { address }]) => [name, address])),
    }
  },
})

/** Of the process, by the names that dashboards know. */
function ownFigures(metrics: Metrics): { stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  metrics.counter('process_cpu_seconds_total', 'CPU time, user and system.', () => process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6)
  metrics.gauge('process_resident_memory_bytes', 'Memory that the process holds.', () => process.memoryUsage.rss())
  metrics.gauge('process_start_time_seconds', 'When it began, seconds since 1970.', () => performance.timeOrigin / 1000)
  metrics.gauge('nodejs_heap_size_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed)
  metrics.gauge('nodejs_eventloop_lag_p99_seconds', 'How late the event loop was since the last time this was read: 99 of 100 turns were less.', () => {
    const seconds = delay.percentile(99) / 1e9
    delay.reset()
    return seconds
  })
  return { stop: () => delay.disable() }
}

/** Compared in a time that says nothing. */
const same = (a: string, b: string): boolean => timingSafeEqual(digest(a), digest(b))
const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
