// A session without a socket or a database, for tests of what the connection does: login, literals, limits, IDLE.
import { Duplex } from 'node:stream'
import type { Account, Connection, Services } from '@restante/core'
import { createIdleWheel, silentLog, systemClock, type Clock } from '@restante/core'
import { capabilities } from '../capabilities.js'
import { config } from '../config.js'
import { AccountEvents } from '../session/account-events.js'
import { ImapConnection } from '../connection.js'

type Fakes = { readonly [K in 'authenticator' | 'accounts' | 'mailboxes' | 'contents' | 'spool' | 'net']?: Partial<Services[K]> }

export interface TestSession {
  /** Sends octets, and waits until nothing more comes. Returns what came, line by line. */
  say(octets: string | Buffer): Promise<string[]>
  readonly closed: boolean
  readonly server: ImapConnection
  readonly logged: unknown[]
  /** Stops reading, as a client that has gone to lunch. */
  lunch(): void
}

export interface TestOptions {
  readonly services?: Fakes
  readonly config?: Record<string, unknown>
  readonly clock?: Clock
  readonly secure?: boolean
  readonly loopback?: boolean
}

/** Starts a session. The greeting is the first thing that `say('')` returns. */
export function startSession(options: TestOptions = {}): TestSession {
  let received = ''
  let closed = false
  let hungry = true
  let waiting: (() => void) | undefined
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      received += chunk.toString('latin1')
      if (hungry) done()
      else waiting = done
    },
    final(done) { done() },
    highWaterMark: 16_384,
    decodeStrings: true,
  })
  socket.on('close', () => { closed = true })
  socket.on('finish', () => { closed = true })
  const logged: unknown[] = []
  const log = { ...silentLog, error: (...what: unknown[]) => { logged.push(what) }, info: () => undefined, debug: () => undefined, child: () => log } as unknown as Connection['log']
  const connection = {
    id: 'test', log, socket, secure: options.secure ?? false, remoteAddress: '192.0.2.1', remotePort: 1, localAddress: '192.0.2.2', localPort: 143, loopback: options.loopback ?? true,
    transcript: { client: () => undefined, server: () => undefined, trouble: () => undefined },
    channelBinding: undefined, draining: new AbortController().signal, startTls: async () => { throw new Error('no TLS here') }, destroy: () => { socket.destroy() },
  } as unknown as Connection
  const clock = options.clock ?? systemClock
  const account = { id: 1, name: 'anna@example.test' } as Account
  const services = {
    authenticator: { password: async () => account, bearerMechanisms: [], ...options.services?.authenticator },
    accounts: { checkQuota: async () => undefined, ...options.services?.accounts },
    mailboxes: { namespaces: () => ({ separator: '/', personal: [''], others: [], shared: [] }), list: async () => [], statuses: async () => new Map(), ...options.services?.mailboxes },
    contents: { ...options.services?.contents },
    spool: { ...options.services?.spool },
    settings: { mailboxes: { maxPerAccount: 10_000 } },
    textIndex: { find: async () => new Map() },
    net: { tlsAvailable: true, idle: createIdleWheel(clock), ...options.services?.net },
  } as unknown as Services
  const server = new ImapConnection(connection, { config: config.parse(options.config ?? {}), services, log, clock, capabilities, events: new AccountEvents({ listen: () => () => undefined, tell: () => undefined, heard: () => false }) })
  void server.serve()
  return {
    server, logged,
    get closed() { return closed },
    async say(octets) {
      if (octets.length > 0) socket.push(Buffer.from(octets as string, 'latin1'))
      let before: number
      do {
        before = received.length
        for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
      } while (received.length !== before)
      const lines = received.split('\r\n')
      received = lines.pop() ?? ''
      return lines
    },
    lunch() {
      hungry = false
      void waiting
    },
  }
}
