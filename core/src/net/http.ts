// A small HTTP server for plugins that answer questions: whole requests in, whole answers out, everything bounded. It sits on our
// own listeners, so that sessions are counted, drained and wrapped in TLS like all others.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Log } from '../log/logger.js'
import type { Connection, Net } from './contract.js'

export interface HttpRequest {
  readonly method: string
  /** Without the query; as it was sent. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<IncomingMessage['headers']>
  readonly body: Buffer
  readonly remoteAddress: string
}
export interface HttpAnswer {
  readonly status: number
  /** Content-Type. */
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}
export interface HttpOptions {
  readonly net: Pick<Net, 'idle'>
  readonly log: Log
  /** Answers a request; undefined: 404. What it throws is logged and answered with 500. */
  handle(request: HttpRequest): Promise<HttpAnswer | undefined> | HttpAnswer | undefined
  /** Octets of a request's body. */
  readonly bodyOctets?: number
  /** Milliseconds without an octet after which a connection ends. */
  readonly idleMs?: number
}

/** Requests of one connection, and octets of a request's header. */
const limits = { requests: 100, headerOctets: 8192, headers: 50 }

/** What to do with connections: for `net.listen({ onConnection })`. */
export function httpConnections({ net, log, handle, bodyOctets = 16_384, idleMs = 10_000 }: HttpOptions): (connection: Connection) => void {
  const addresses = new WeakMap<object, string>()
  const server = createServer({ maxHeaderSize: limits.headerOctets, insecureHTTPParser: false }, (request, response) => {
    void respond(request, response).catch((error: unknown) => {
      log.error({ err: error, path: request.url }, 'a request failed')
      if (response.headersSent) response.destroy()
      else send(response, { status: 500 })
    })
  })
  server.maxHeadersCount = limits.headers
  server.maxRequestsPerSocket = limits.requests
  server.on('clientError', (_, socket) => socket.destroy())

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await read(request, bodyOctets)
    if (!body) return send(response, { status: 413, headers: { Connection: 'close' } })
    const target = /^\/[^\s#]*$/.test(request.url ?? '') ? request.url as string : undefined
    const [path, query = ''] = (target ?? '').split(/\?(.*)/s)
    const answer = target !== undefined ? await handle({ method: request.method ?? 'GET', path, query: new URLSearchParams(query), headers: request.headers, body, remoteAddress: addresses.get(request.socket) ?? '' }) : undefined
    send(response, answer ?? { status: 404 }, request.method === 'HEAD')
  }
  return (connection) => {
    const { socket } = connection
    addresses.set(socket, connection.remoteAddress)
    const timer = net.idle.watch(idleMs, () => connection.destroy())
    socket.on('data', () => timer.touch()).once('close', () => timer.stop())
    connection.draining.addEventListener('abort', () => connection.destroy(), { once: true })
    server.emit('connection', socket)
  }
}

/** The body, or undefined when it is too long. */
async function read(request: IncomingMessage, most: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let octets = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    octets += chunk.length
    if (octets > most) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function send(response: ServerResponse, { status, type, headers, body = '' }: HttpAnswer, headOnly = false): void {
  const octets = Buffer.from(body)
  response.writeHead(status, { ...(type ? { 'Content-Type': type } : {}), 'Content-Length': octets.length, 'X-Content-Type-Options': 'nosniff', ...headers })
  response.end(headOnly ? undefined : octets)
}
