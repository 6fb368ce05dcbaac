// Small requests to hosts that strangers name: their addresses are judged before anything is connected to, and everything is bounded.
import { request } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { MailDns } from '../route.js'

export interface HttpsParts {
  readonly dns: MailDns
  readonly permits: (address: string, port: number) => boolean
  readonly port: number
  /** Certificates of authorities, PEM; undefined: the system's. */
  readonly authorities: () => readonly string[] | undefined
  /** Milliseconds for all of it. */
  readonly timeoutMs: number
}
export interface Asked { readonly method?: 'GET' | 'POST'; readonly path: string; readonly headers?: Readonly<Record<string, string>>; readonly body?: Buffer; readonly most: number }
export type Https = (host: string, asked: Asked) => Promise<{ readonly status: number; readonly type: string; readonly body: Buffer }>

export const makeHttps = ({ dns, permits, port, authorities, timeoutMs }: HttpsParts): Https => async (host, { method = 'GET', path, headers = {}, body, most }) => {
  const found = (await Promise.all([dns.a(host), dns.aaaa(host)].map((asked) => asked.catch((): readonly string[] => [])))).flat()
  const address = found.find((one) => permits(one, port))
  if (address === undefined) throw new Error(found.length === 0 ? `${host} has no address` : `${host} has no address that is connected to`)
  const lookup = ((_name: string, options: { all?: boolean }, done: (error: null, address: unknown, family?: number) => void) => {
    const family = address.includes(':') ? 6 : 4
    if (options.all) done(null, [{ address, family }])
    else done(null, address, family)
  }) as LookupFunction
  return new Promise((done, refuse) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const trusted = authorities()
    const ca = trusted ? { ca: [...trusted] } : {}
    const asking = request({ host, port, path, method, lookup, servername: host, signal, agent: false, headers: { ...headers, ...(body ? { 'Content-Length': body.length } : {}) }, minVersion: 'TLSv1.2', ...ca }, (response) => {
      const chunks: Buffer[] = []
      let octets = 0
      response.on('data', (chunk: Buffer) => {
        octets += chunk.length
        if (octets > most) return void response.destroy(new Error(`${host} answers more than ${most} octets`))
        chunks.push(chunk)
      }).on('end', () => done({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', body: Buffer.concat(chunks) })).on('error', refuse)
    })
    asking.on('error', refuse)
    asking.end(body)
  })
}
