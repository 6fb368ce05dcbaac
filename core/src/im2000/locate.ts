// Finding services through DNS (im2000.md section C): SRV look-ups, a variation on RFC 2782, and what their failures mean.
// Nothing is kept between calls: each attempt looks up anew. Connecting is the caller's; so is the judgement of addresses.
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'

export type ServiceName = '_RNASP' | '_RNASP-SSL' | '_MSRAP' | '_MSRAP-SSL'
export interface SrvRecord { readonly name: string; readonly port: number; readonly priority: number; readonly weight: number }

/** The three questions that are asked. They throw what node:dns throws: an error with `code`. */
export interface Dns {
  srv(name: string): Promise<readonly SrvRecord[]>
  a(name: string): Promise<readonly string[]>
  aaaa(name: string): Promise<readonly string[]>
}

/** Where the protocol leads; `name` is the one to check certificates against: the domain asked for, never the target (B33). */
export interface Target { readonly address: string; readonly port: number; readonly name: string; readonly secure: boolean; readonly signal: AbortSignal }

/** C.1, C.2. `temporary`: try again later. `permanent`: the service is not offered. */
export type Located<T> = { readonly kind: 'connected'; readonly value: T; readonly secure: boolean } | NotLocated
export interface NotLocated {
  readonly kind: 'temporary' | 'permanent'
  readonly why: string
  /**
   * DNS was asked and names no such service: what is permanent, and names that exist without SRV records, as all names do below a
   * wildcard. Temporary all the same (C.1.5); but whoever has another road need not wait for it.
   */
  readonly unoffered?: true
}

export interface LocateLimits {
  /** Of one question, and of all its targets together (C.1.17). */
  readonly records: number
  readonly addressesPerRecord: number
  readonly attempts: number
  readonly attemptMs: number
  readonly overallMs: number
}
export const locateLimits: LocateLimits = { records: 16, addressesPerRecord: 8, attempts: 32, attemptMs: 10_000, overallMs: 90_000 }

export interface LocateParts<T> {
  readonly dns: Dns
  readonly random: Pick<Random, 'fraction'>
  readonly clock: Pick<Clock, 'now'>
  /** Rejects when no session can be had there: the next address is tried. */
  readonly connect: (target: Target) => Promise<T>
  /** Whether an address may be connected to at all (H7). Asked for each, after resolution. */
  readonly permits?: (address: string, port: number) => boolean
  readonly limits?: LocateLimits
}

/** Names that do not exist. c-ares says ENOTFOUND for NXDOMAIN and ENODATA for a name without such records. */
const isAbsent = (error: unknown): boolean => codeOf(error) === 'ENOTFOUND'
const isEmpty = (error: unknown): boolean => codeOf(error) === 'ENODATA'
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code

/** One service of one domain (C.1). */
export async function locate<T>(service: ServiceName, domain: string, parts: LocateParts<T>): Promise<Located<T>> {
  const limits = parts.limits ?? locateLimits
  const deadline = parts.clock.now() + limits.overallMs
  const secure = service.endsWith('-SSL')
  const question = `${service}._TCP.${domain}`
  let records: readonly SrvRecord[]
  try {
    records = await parts.dns.srv(question)
  } catch (error) {
    if (isAbsent(error)) return { kind: 'permanent', why: `${question} does not exist`, unoffered: true } // step 4
    if (isEmpty(error)) return { kind: 'temporary', why: `${question} has no SRV records`, unoffered: true } // step 5
    return { kind: 'temporary', why: `no answer for ${question}: ${String(codeOf(error) ?? error)}` } // step 3
  }
  if (records.length === 0) return { kind: 'temporary', why: `${question} has no SRV records`, unoffered: true }
  if (records.length === 1 && isRoot(records[0].name)) return { kind: 'permanent', why: `${question}: decidedly not offered`, unoffered: true } // step 15
  let attempts = 0
  let last = 'no target has an address'
  for (const record of inOrder(records, parts.random).slice(0, limits.records)) {
    for (const address of await addressesOf(record.name, parts.dns, limits.addressesPerRecord)) {
      if (parts.permits && !parts.permits(address, record.port)) {
        last = `${address} port ${record.port} is not connected to`
        continue
      }
      const left = deadline - parts.clock.now()
      if (attempts++ >= limits.attempts || left <= 0) return { kind: 'temporary', why: `gave up: ${last}` }
      try {
        const signal = AbortSignal.timeout(Math.min(limits.attemptMs, left))
        return { kind: 'connected', secure, value: await parts.connect({ address, port: record.port, name: domain, secure, signal }) } // step 11
      } catch (error) {
        last = error instanceof Error ? error.message : String(error)
      }
    }
  }
  return { kind: 'temporary', why: last } // step 12; an address that could not be looked up ends here too (step 13)
}

/**
 * TLS first, then clear (B34); permanent only when both are (C.2). `names`: the domains whose services are asked for; one that is
 * missing is not offered. `mayClear` is asked when TLS could not be had: with false the clear service is not looked for (H9).
 */
export async function locateEither<T>(service: 'RNASP' | 'MSRAP', names: { readonly ssl?: string; readonly clear?: string }, parts: LocateParts<T>, mayClear: () => boolean): Promise<Located<T>> {
  const ssl: Located<T> = names.ssl === undefined ? { kind: 'permanent', why: 'no TLS service is named', unoffered: true } : await locate(`_${service}-SSL`, names.ssl, parts)
  if (ssl.kind === 'connected') return ssl
  // Whether the clear service is there is not asked: it would not be used.
  if (!mayClear()) return { kind: 'temporary', why: `${ssl.why}; TLS is required` }
  if (names.clear === undefined) return ssl
  const plain = await locate(`_${service}`, names.clear, parts)
  if (plain.kind === 'connected') return plain
  return { kind: ssl.kind === 'permanent' && plain.kind === 'permanent' ? 'permanent' : 'temporary', why: `${ssl.why}; ${plain.why}`, ...(ssl.unoffered && plain.unoffered ? { unoffered: true } : {}) }
}

const isRoot = (name: string): boolean => name === '' || name === '.'

/** Steps 6 and 7: priorities ascending; within one, RFC 2782's weighted choice, record by record. */
export function inOrder(records: readonly SrvRecord[], random: Pick<Random, 'fraction'>): SrvRecord[] {
  const ordered: SrvRecord[] = []
  for (const priority of [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b)) {
    const group = records.filter((record) => record.priority === priority && !isRoot(record.name)).sort((a, b) => Math.sign(a.weight) - Math.sign(b.weight))
    while (group.length > 0) {
      const total = group.reduce((sum, record) => sum + record.weight, 0)
      const pick = Math.floor(random.fraction() * (total + 1)) // 0..total
      let sum = 0
      const found = group.findIndex((record) => (sum += record.weight) >= pick)
      ordered.push(...group.splice(found, 1))
    }
  }
  return ordered
}

/** Steps 8 and 9: those of IPv4 first, as the resolver gives them. A family that cannot be looked up has none. */
async function addressesOf(target: string, dns: Dns, most: number): Promise<string[]> {
  const [four, six] = await Promise.all([dns.a(target), dns.aaaa(target)].map((asked) => asked.catch((): readonly string[] => [])))
  return [...four, ...six].slice(0, most)
}
