// One question over HTTP or HTTPS: found by name, connected to only where the address guard lets us, answered within a time and a
// size. No redirects, no cookies, no connection kept.
import { lookup as systemLookup } from 'node:dns/promises'
import { request as clear } from 'node:http'
import { request as secure } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'

export interface AskHttpOptions {
  /** The address guard's word. */
  readonly permits: (address: string, port: number) => boolean
  /** Who is asked for the addresses of a name; absent: the system. */
  readonly addresses?: (name: string) => Promise<readonly string[]>
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
  readonly body?: string | Buffer
  readonly signal?: AbortSignal
}
/** What came, with status 2xx or otherwise. */
export interface HttpAnswered {
  readonly status: number
  /** Content-Type, as it was written; '' when there is none. */
  readonly type: string
  readonly body: Buffer
}

/** Throws an Error that says why nothing came. */
export async function askHttp(target: URL, options: AskHttpOptions, { method = 'GET', headers = {}, body, signal }: HttpQuestion = {}): Promise<HttpAnswered> {
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80))
  const host = target.hostname.replace(/^\[|\]$/g, '')
  // A literal address is not looked up, so it is asked for here.
  if (isIP(host) > 0 && !options.permits(host, port)) throw new Error(`${host}:${port} may not be connected to`)
  const limit = AbortSignal.timeout(options.timeoutMs)
  const over = signal ? AbortSignal.any([signal, limit]) : limit
  return await new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(limit.aborted ? new Error(`no answer within ${options.timeoutMs} ms`) : error)
    const question = (target.protocol === 'https:' ? secure : clear)(target, {
      method, agent: false, lookup: guarded(options, port), signal: over, maxHeaderSize: 16_384, minVersion: 'TLSv1.2',
      headers: { ...headers, ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }) },
      ...(options.ca ? { ca: [...options.ca] } : {}),
    }, (answer) => {
      const chunks: Buffer[] = []
      let octets = 0
      answer.on('data', (chunk: Buffer) => {
        octets += chunk.length
        if (octets > options.octets) answer.destroy(new Error(`the answer is larger than ${options.octets} octets`))
        else chunks.push(chunk)
      }).on('end', () => resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', body: Buffer.concat(chunks) })).on('error', failed).on('aborted', () => failed(new Error('the answer broke off')))
    })
    question.on('error', failed)
    question.end(body)
  })
}

/** A look-up without the addresses that may not be connected to: asked of the very address that is used. */
function guarded({ permits, addresses = ofSystem }: Pick<AskHttpOptions, 'permits' | 'addresses'>, port: number): LookupFunction {
  const permitted = async (name: string): Promise<{ address: string; family: number }[]> => {
    const some = (await addresses(name)).filter((address) => permits(address, port)).map((address) => ({ address, family: isIP(address) }))
    if (some.length === 0) throw Object.assign(new Error(`${name} has no address that may be connected to`), { code: 'EACCES' })
    return some
  }
  return (name, options, done) => {
    permitted(name).then((some) => { if (options.all) done(null, some); else done(null, some[0]!.address, some[0]!.family) }, (error: Error) => done(error, '', 0))
  }
}
const ofSystem = async (name: string): Promise<string[]> => (await systemLookup(name, { all: true })).map(({ address }) => address)
