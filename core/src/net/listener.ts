// A bound port: takes connections, finds out who is there, keeps to the limits, sees to TLS, hands them over.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { failure } from '../errors/codes.js'
import type { Clock } from '../base/clock.js'
import type { Log } from '../log/logger.js'
import type { Metrics } from '../metrics/registry.js'
import { joinAddress, plainAddress, splitAddress } from './addresses.js'
import { SocketConnection, type Ends } from './connection.js'
import type { Certificate, Listener, ListenOptions } from './contract.js'
import { createOpenSet } from './drain.js'
import { createLimits, type Refusal, type Total } from './limits.js'
import { readProxyHeader } from './proxy-protocol.js'
import type { Transcripts } from './transcript.js'

export interface ListenerParts {
  readonly certificate: Certificate | undefined
  readonly total: Total
  readonly trustedProxy: (address: string) => boolean
  readonly transcripts: Transcripts
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

/** How long a peer may take for its PROXY header, and for its TLS handshake. */
const proxyHeaderMs = 5000
const handshakeMs = 20_000
/** Connections that wait for `accept()`; more are dropped. */
const maxWaiting = 1000

export async function listen(options: ListenOptions, parts: ListenerParts): Promise<Listener> {
  const { name } = options
  const { transcripts, log, clock } = parts
  const where = splitAddress(options.address)
  if (!where) throw failure('LISTENER_FAILED', { name, address: options.address, why: "not an address; accepted: address:port, [::1]:port or :port" })
  if (options.tls === 'implicit' && !parts.certificate) throw failure('LISTENER_FAILED', { name, address: options.address, why: 'it needs a TLS certificate' })
  const asks = options.clientCertificates !== undefined && options.clientCertificates !== 'off' && options.tls !== 'off'
  if (asks && !parts.certificate?.askingContext) throw failure('LISTENER_FAILED', { name, address: options.address, why: 'it asks for client certificates, and tls.clientCertificates.ca names no authority for them' })
  const limits = createLimits(options.maxSessions, options.maxSessionsPerAddress, parts.total)
  const taken = parts.metrics.counter('restante_connections_total', 'Connections taken.')
  const refused = parts.metrics.counter('restante_connections_refused_total', 'Connections refused or broken off before a session began.')
  const sessions = parts.metrics.gauge('restante_sessions', 'Open sessions.')
  const labels = { service: name }
  const open = createOpenSet<SocketConnection>()
  let waiting: Socket[] | undefined = []
  let stopping = false

  async function receive(socket: Socket): Promise<void> {
    let ends: Ends = { service: name, remoteAddress: plainAddress(socket.remoteAddress), remotePort: socket.remotePort ?? 0, localAddress: plainAddress(socket.localAddress), localPort: socket.localPort ?? 0 }
    if (parts.trustedProxy(ends.remoteAddress)) {
      const header = await readProxyHeader(socket, proxyHeaderMs, clock)
      if (!header) return drop(socket, 'no-proxy-header')
      ends = { ...ends, ...header.from }
    }
    if (socket.destroyed) return
    const why = stopping ? 'shutting-down' : limits.admit(ends.remoteAddress)
    if (why) return refuse(socket, why)
    taken.add(1, labels)
    const connection = new SocketConnection(socket, ends, transcripts, log, {
      context: asks ? parts.certificate?.askingContext : parts.certificate?.context, handshakeMs, alpn: options.alpn, clientCertificate: asks ? options.clientCertificates : 'off',
    })
    open.add(connection)
    sessions.set(limits.open, labels)
    atEnd(socket, () => {
      limits.leave(ends.remoteAddress)
      sessions.set(limits.open, labels)
      open.remove(connection)
      void connection.transcript.close()
    })
    if (options.tls === 'implicit') {
      try {
        await connection.startTls()
      } catch (error) {
        refused.add(1, { service: name, why: 'tls' })
        log.debug({ service: name, peer: ends.remoteAddress, why: (error as Error).message }, 'no TLS session')
        return connection.destroy()
      }
      if (connection.socket.destroyed) return
    }
    try {
      options.onConnection(connection)
      if (stopping) connection.sayGoodbye()
    } catch (error) {
      connection.log.error({ err: error }, 'the connection could not be served')
      connection.destroy()
    }
  }

  function drop(socket: Socket, why: string): void {
    refused.add(1, { service: name, why })
    socket.destroy()
  }
  function refuse(socket: Socket, why: Refusal): void {
    refused.add(1, { service: name, why })
    // Before a TLS handshake there is no way to say it.
    const text = options.tls === 'implicit' ? undefined : options.refusal?.(why)
    log.debug({ service: name, peer: socket.remoteAddress, why }, 'connection refused')
    if (text === undefined) return void socket.destroy()
    socket.end(text)
    socket.resume()
    clock.after(2000, () => socket.destroy())
  }

  const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 120_000 }, (socket) => {
    socket.on('error', () => undefined) // 'close' follows; resets are everyday life
    if (!waiting) void receive(socket)
    else if (waiting.length < maxWaiting) waiting.push(socket)
    else drop(socket, 'too-early')
  })
  const address = await bind(server, where, options)
  // Running out of file descriptors must not end the process; it passes when sessions end.
  server.on('error', (error) => log.error({ err: error, service: name }, 'the listener has trouble'))

  return {
    address,
    get sessions() {
      return limits.open
    },
    accept() {
      const early = waiting ?? []
      waiting = undefined
      for (const socket of early) if (!socket.destroyed) void receive(socket)
    },
    async drain(deadline) {
      stopping = true
      server.close()
      for (const socket of waiting ?? []) socket.destroy()
      waiting = undefined
      await open.drain(deadline)
    },
  }
}

/** Libraries may remove all listeners of a socket that they were given (smtp-server does, for STARTTLS), so its end is noticed below the events. */
function atEnd(socket: Socket, ended: () => void): void {
  const destroy = socket._destroy
  socket._destroy = function (error, callback) {
    ended()
    destroy.call(this, error, callback)
  }
}

function bind(server: Server, { host, port }: { host: string | undefined; port: number }, { name, address }: ListenOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(failure('LISTENER_FAILED', { name, address, why: reasons[error.code ?? ''] ?? error.message }, error)))
    server.listen({ host, port, backlog: 1024 }, () => {
      server.removeAllListeners('error')
      const bound = server.address() as AddressInfo
      resolve(joinAddress(bound.address, bound.port))
    })
  })
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EACCES: 'this user may not bind it (ports below 1024 need a right of their own)',
  EADDRNOTAVAIL: 'this machine has no such address',
  ENOTFOUND: 'the host name is unknown',
}
