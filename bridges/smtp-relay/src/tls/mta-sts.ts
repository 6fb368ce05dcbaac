// Policies of domains that publish them over HTTPS (RFC 8461): fetched when their name in DNS changes, kept in the database until
// their time is over, so that neither a restart nor somebody on the way makes us forget one.
import { domainToASCII } from 'node:url'
import { parsePolicy, resolvePolicy } from 'mailauth/lib/mta-sts.js'
import type { Clock, Database, Log } from '@restante/core'
import { isCertificateTrouble, type StsFailure } from './results.js'
import type { Https } from './tls.js'

export interface StsPolicy { readonly mode: 'enforce' | 'testing' | 'none'; readonly mx: readonly string[] }
interface Kept extends StsPolicy { readonly id: string; readonly expiresAt: number }

export interface MtaStsParts {
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly https: Https
  readonly txt: (name: string) => Promise<readonly (readonly string[])[]>
  /** Told of each policy that could not be had: for reports on TLS (RFC 8460). */
  readonly failed?: (domain: string, result: StsFailure) => void
  /** Policies kept. */
  readonly most: number
}

/** After a fetch that failed (RFC 8461 3.3), unless the domain names another policy. */
const restMs = 300_000
const refreshMs = 86_400_000
const mostResting = 10_000

export class MtaSts {
  /** When a policy that is kept is fetched again, and one that could not be fetched (by domain and id). */
  readonly #fresh = new Map<string, number>()
  readonly #failed = new Map<string, number>()
  readonly #fetching = new Map<string, Promise<Kept | undefined>>()
  constructor(private readonly parts: MtaStsParts) {}

  /** What a domain asks for; undefined: nothing. */
  async policyOf(domain: string): Promise<StsPolicy | undefined> {
    const [kept, id] = await Promise.all([this.#kept(domain), resolvePolicy(domain, { resolver: (name: string) => this.parts.txt(name) }).catch(() => undefined)])
    // Who takes the record out of DNS is bound by the policy all the same, until its time is over.
    if (!id) return kept
    if (kept?.id === id) {
      // Once a day, long before its time is over: whoever keeps us from it on the last day must not win (RFC 8461 10.2).
      if (!this.#rests(this.#fresh, domain)) {
        this.#rest(this.#fresh, domain, restMs)
        void this.#fetch(domain, id)
      }
      return kept
    }
    if (this.#rests(this.#failed, `${domain} ${id}`)) return kept
    const running = this.#fetching.get(domain) ?? this.#fetch(domain, id).finally(() => this.#fetching.delete(domain))
    this.#fetching.set(domain, running)
    return await running ?? kept
  }

  async #kept(domain: string): Promise<Kept | undefined> {
    const row = await this.parts.database.read.get<{ id: string; mode: StsPolicy['mode']; mx: string; expires_at: number }>('SELECT id, mode, mx, expires_at FROM smtp_relay_policies WHERE domain = ? AND expires_at > ?', [domain, this.parts.clock.now()])
    return row && { id: row.id, mode: row.mode, mx: JSON.parse(row.mx) as string[], expiresAt: row.expires_at }
  }

  async #fetch(domain: string, id: string): Promise<Kept | undefined> {
    const { clock, database, log, most } = this.parts
    try {
      const { mode, mx = [], maxAge } = await this.#published(domain)
      const kept: Kept = { id, mode, mx, expiresAt: clock.now() + maxAge * 1000 }
      await database.write(async (tx) => {
        await tx.run('INSERT INTO smtp_relay_policies (domain, id, mode, mx, expires_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (domain) DO UPDATE SET id = excluded.id, mode = excluded.mode, mx = excluded.mx, expires_at = excluded.expires_at',
          [domain, id, mode, JSON.stringify(mx), kept.expiresAt])
        await tx.run('DELETE FROM smtp_relay_policies WHERE expires_at <= ?', [clock.now()])
        await tx.run('DELETE FROM smtp_relay_policies WHERE domain IN (SELECT domain FROM smtp_relay_policies ORDER BY expires_at DESC LIMIT 1000 OFFSET ?)', [most])
      })
      this.#rest(this.#fresh, domain, refreshMs)
      return kept
    } catch (error) {
      log.info({ domain, why: (error as Error).message }, 'an MTA-STS policy could not be fetched')
      this.#rest(this.#failed, `${domain} ${id}`, restMs)
      return undefined
    }
  }

  /** As its host has it just now (RFC 8461 3.3). Throws, with what a report says of it. */
  async #published(domain: string): Promise<ReturnType<typeof parsePolicy>> {
    let result: StsFailure = 'sts-policy-fetch-error'
    try {
      const url = new URL(`https://mta-sts.${domain}/.well-known/mta-sts.txt`)
      if (url.hostname !== domainToASCII(`mta-sts.${domain}`)) throw new Error('the domain is no name of a host')
      const { status, type, body } = await this.parts.https(url)
      // No redirects.
      if (status !== 200) throw new Error(`the policy host answers ${status}`)
      result = 'sts-policy-invalid'
      if (!/^text\/plain\b/i.test(type)) throw new Error(`the policy host answers ${type}`)
      return parsePolicy(body.toString('utf8'))
    } catch (error) {
      this.parts.failed?.(domain, isCertificateTrouble(error) ? 'sts-webpki-invalid' : result)
      throw error
    }
  }

  #rest(until: Map<string, number>, key: string, ms: number): void {
    if (until.size >= mostResting) until.clear()
    until.set(key, this.parts.clock.now() + ms)
  }

  #rests(until: ReadonlyMap<string, number>, key: string): boolean {
    return (until.get(key) ?? 0) > this.parts.clock.now()
  }
}

/** RFC 8461 4.1: a star stands for one label, the first. */
export const isNamed = ({ mx }: StsPolicy, host: string): boolean => mx.some((pattern) => (pattern.startsWith('*.') ? host.toLowerCase().replace(/^[^.]+/, '*') === pattern.toLowerCase() : host.toLowerCase() === pattern.toLowerCase()))
