// One question over HTTP or HTTPS to a server of the configuration: found by name, connected to only where the address guard
// lets us, answered within a time and a size. No redirects, no cookies, no connection kept.
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import { request as clear } from 'node:http'
import { request as secure } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'

export interface AskHttpOptions {
  /** The address guard's word. */
  readonly permits: (address: string, port: number) => boolean
  /** Milliseconds for all of it. */
  readonly timeoutMs: number
  /** Octets of the answer's body. */
  readonly octets: number
  /** PEM certificates that are trusted; the usual ones when absent. */
  readonly ca?: readonly string[] | undefined
}
export interface HttpQuestion {
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal?: AbortSignal
}

/** Asks, and gives what came with status 2xx or otherwise. Throws an Error that says why nothing came. */
export async function askHttp(target: URL, options: AskHttpOptions, { method = 'GET', headers = {}, body, signal }: HttpQuestion = {}): Promise<{ readonly status: number; readonly body: string }> {
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80))
  const host = target.hostname.replace(/^\[|\]$/g, '')
  // A literal address is not looked up, so it is asked for here.
  if (isIP(host) > 0 && !options.permits(host, port)) throw new Error(`${host}:${port} may not be connected to`)
  const limit = AbortSignal.timeout(options.timeoutMs)
  const over = signal ? AbortSignal.any([signal, limit]) : limit
  return await new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(limit.aborted ? new Error(`no answer within ${options.timeoutMs} ms`) : error)
    const question = (target.protocol === 'https:' ? secure : clear)(target, {
      method, agent: false, lookup: guarded(options.permits, port), signal: over, maxHeaderSize: 16_384,
      headers: { Accept: 'application/json', ...headers, ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }) },
      ...(options.ca ? { ca: [...options.ca] } : {}),
    }, (answer) => {
      const chunks: Buffer[] = []
      let octets = 0
      answer.on('data', (chunk: Buffer) => {
        octets += chunk.length
        if (octets > options.octets) answer.destroy(new Error(`the answer is larger than ${options.octets} octets`))
        else chunks.push(chunk)
      }).on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') })).on('error', failed).on('aborted', () => failed(new Error('the answer broke off')))
    })
    question.on('error', failed)
    question.end(body)
  })
}

/** The system's look-up, without the addresses that may not be connected to: asked of the very address that is used. */
function guarded(permits: (address: string, port: number) => boolean, port: number): LookupFunction {
  return (hostname, options, done) => {
    systemLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) return done(error, '', 0)
      const permitted = addresses.filter(({ address }) => permits(address, port))
      const [first] = permitted
      if (!first) return done(Object.assign(new Error(`${hostname} has no address that may be connected to`), { code: 'EACCES' }), '', 0)
      if (options.all) done(null, permitted)
      else done(null, first.address, first.family)
    })
  }
}
