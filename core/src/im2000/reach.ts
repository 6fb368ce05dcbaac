// The way to another organisation's agent or store: found through DNS, asked with TLS first, connected to only where the
// address guard lets us (im2000.md B33, B34, C.2, H7, H9). Remembers nothing itself but asks a memory of who had TLS.
import { isFailure } from '../errors/codes.js'
import { connectRna, connectStore } from './client/wire-clients.js'
import { locateEither, type Dns, type Located, type LocateLimits, type LocateParts, type Target } from './locate.js'
import type { RnaClient, StoreClient } from './seams.js'
import type { Where } from './session/client.js'
import type { Notification, ServiceLocation } from './values.js'
import type { Clock } from '../base/clock.js'
import type { Random } from '../base/random.js'

/** Domains that were reached with TLS and are held to it (H9). Names are like 'RNASP example.org'. */
export interface TlsMemory {
  knows(name: string): Promise<boolean>
  remember(name: string): Promise<void>
}

export interface ReachOptions {
  readonly tls: 'preferred' | 'required'
  /** PEM certificates trusted beside the usual ones. */
  readonly ca: readonly string[] | undefined
  readonly answerMs: number
  readonly limits: LocateLimits
}
export interface ReachParts {
  readonly dns: Dns
  readonly random: Pick<Random, 'fraction'>
  readonly clock: Pick<Clock, 'now'>
  readonly permits: (address: string, port: number) => boolean
  readonly memory: TlsMemory
  readonly options: ReachOptions
}

export interface Reach {
  /** A session with the agent of a domain (C.2). Never throws for what a peer or DNS does. */
  rna(domain: string): Promise<Located<RnaClient>>
  /** A session with the store that a notification names. `permanent`: it names no place that could ever be connected to. */
  store(where: Pick<Notification, 'storeClear' | 'storeSsl'>): Promise<Located<StoreClient>>
}

export function makeReach({ dns, random, clock, permits, memory, options }: ReachParts): Reach {
  const whereOf = ({ address, port, name, secure, signal }: Target): Where => ({
    host: address, port, signal, connectMs: options.limits.attemptMs, answerMs: options.answerMs,
    ...(secure ? { tls: { servername: name, ...(options.ca ? { ca: [...options.ca] } : {}) } } : {}),
  })

  /** TLS first, then clear where that is allowed: not after a certificate that does not stand, nor where TLS once was (H9). */
  const either = async <T>(service: 'RNASP' | 'MSRAP', names: { readonly ssl?: string; readonly clear?: string }, connect: (where: Where) => Promise<T>): Promise<Located<T>> => {
    const memo = `${service} ${names.ssl ?? names.clear!}`
    let mustBeTls = options.tls === 'required' || await memory.knows(memo)
    const parts: LocateParts<T> = {
      dns, random, clock, permits, limits: options.limits,
      connect: async (target) => {
        try {
          return await connect(whereOf(target))
        } catch (error) {
          mustBeTls ||= isFailure(error, 'PEER_UNREACHABLE') && error.details.certificate === true
          throw error
        }
      },
    }
    const found = await locateEither(service, names, parts, () => !mustBeTls)
    if (found.kind === 'connected' && found.secure) await memory.remember(memo)
    return found
  }

  /** Addresses in the order given (C.2). What their certificates say cannot be checked by name: encrypted, but unverified (B33). */
  const literals = async <T>(location: ServiceLocation | undefined, secure: boolean, connect: (where: Where) => Promise<T>): Promise<Located<T>> => {
    if (!location || 'domain' in location) return { kind: 'permanent', why: 'not offered' }
    let last = 'no address that may be connected to'
    let tried = false
    for (const { address, port } of location.literals.slice(0, options.limits.attempts)) {
      if (!permits(address, port)) continue
      tried = true
      try {
        const where: Where = { host: address, port, connectMs: options.limits.attemptMs, answerMs: options.answerMs, ...(secure ? { tls: { rejectUnauthorized: false } } : {}) }
        return { kind: 'connected', secure, value: await connect(where) }
      } catch (error) {
        last = error instanceof Error ? error.message : String(error)
      }
    }
    return { kind: tried ? 'temporary' : 'permanent', why: last }
  }

  return {
    rna: (domain) => either('RNASP', { ssl: domain, clear: domain }, connectRna),
    async store({ storeClear, storeSsl }) {
      const [sslDomain, clearDomain] = [domainOf(storeSsl), domainOf(storeClear)]
      const bySsl = await literals(storeSsl, true, connectStore)
      if (bySsl.kind === 'connected') return bySsl
      const byName = sslDomain === undefined && clearDomain === undefined ? undefined : await either('MSRAP', { ...(sslDomain === undefined ? {} : { ssl: sslDomain }), ...(clearDomain === undefined ? {} : { clear: clearDomain }) }, connectStore)
      if (byName?.kind === 'connected') return byName
      // A literal of the clear service, where nothing says that there is TLS.
      const byClear = options.tls === 'required' || storeSsl !== undefined && bySsl.kind === 'temporary' ? undefined : await literals(storeClear, false, connectStore)
      if (byClear?.kind === 'connected') return byClear
      const all = [bySsl, byName, byClear].flatMap((one) => (one === undefined || one.why === 'not offered' ? [] : [one]))
      return { kind: all.some((one) => one.kind === 'temporary') ? 'temporary' : 'permanent', why: all.map((one) => one.why).join('; ') || 'no place is named' }
    },
  }
}

const domainOf = (location: ServiceLocation | undefined): string | undefined => (location && 'domain' in location ? location.domain : undefined)

declare module '../plugin/services.js' {
  interface Services { reach: Reach }
}
