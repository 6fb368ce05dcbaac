// How TLS went with the hosts of each domain, counted by day, for the reports that domains ask for (RFC 8460).
import type { Clock, Database, Log } from '@restante/core'
import type { Host } from '../route.js'

/** RFC 8460 4.3; '' is success. */
export type TlsResult = '' | 'starttls-not-supported' | 'certificate-host-mismatch' | 'certificate-not-trusted' | 'certificate-expired' | 'validation-failure' | StsFailure
/** The policy itself could not be had (RFC 8460 4.3.2.2). */
export type StsFailure = 'sts-policy-fetch-error' | 'sts-policy-invalid' | 'sts-webpki-invalid'

const byCode: readonly (readonly [RegExp, TlsResult])[] = [
  [/ALTNAME_INVALID/, 'certificate-host-mismatch'], [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, 'certificate-expired'], [/SELF_SIGNED|UNABLE_TO|UNTRUSTED|CERT_/, 'certificate-not-trusted'],
]

/** Of a conversation that was opened, or of the trouble that there was instead. */
export function resultOf(seen: { readonly secure?: boolean; readonly doubt?: string; readonly code?: string; readonly originalCode?: string; readonly command?: string; readonly response?: string; readonly message?: string }): TlsResult {
  if (seen.secure === false || (seen.command === 'STARTTLS' && seen.response !== undefined)) return 'starttls-not-supported'
  const text = seen.doubt ?? (seen.code === undefined ? '' : `${seen.originalCode ?? ''} ${seen.code} ${seen.message ?? ''}`)
  return text === '' ? '' : byCode.find(([sign]) => sign.test(text))?.[1] ?? 'validation-failure'
}

export const isCertificateTrouble = (error: unknown): boolean => byCode.some(([sign]) => sign.test(String((error as { code?: unknown }).code)))

/** One line of a report. */
export interface Sessions {
  readonly domain: string
  readonly policyType: 'tlsa' | 'sts' | 'no-policy-found'
  /** Policies as the domain wrote them, and the hosts they name (RFC 8460 4.4). */
  readonly policy: { readonly string: readonly string[]; readonly mx: readonly string[] }
  readonly mx: string
  readonly address: string
  readonly result: TlsResult
  readonly sessions: number
}

const dayMs = 86_400_000
export const dayOf = (at: number): number => Math.floor(at / dayMs)
/** Counted in memory for so long. */
const gatherMs = 10_000
/** Different lines in memory; beyond, nothing new is counted until they are written. */
const mostLines = 10_000

export class TlsResults {
  #lines = new Map<string, Sessions & { day: number }>()
  #timer: { clear(): void } | undefined
  constructor(private readonly parts: { readonly database: Database; readonly clock: Clock; readonly log: Log }) {}

  /** @param where the session was with; 'policy': there was none, the policy could not be had */
  add(domain: string, where: { readonly host: Host; readonly address: string } | 'policy', result: TlsResult): void {
    const { clock, log } = this.parts
    const day = dayOf(clock.now())
    const line = { domain, ...policyOf(where === 'policy' ? undefined : where.host), ...(where === 'policy' || result === '' ? { mx: '', address: '' } : { mx: where.host.name, address: where.address }), result }
    const key = JSON.stringify([day, line])
    const known = this.#lines.get(key)
    if (!known && this.#lines.size >= mostLines) return
    this.#lines.set(key, { ...line, day, sessions: (known?.sessions ?? 0) + 1 })
    this.#timer ??= clock.after(gatherMs, () => { this.flush().catch((error: unknown) => log.warn({ err: error }, 'results of TLS could not be written')) })
  }

  async flush(): Promise<void> {
    this.#timer?.clear()
    this.#timer = undefined
    const lines = [...this.#lines.values()]
    this.#lines = new Map()
    if (lines.length === 0) return
    await this.parts.database.write((tx) => tx.run(
      `INSERT INTO smtp_relay_tls_results (day, domain, policy_type, policy, mx, address, result, sessions)
       SELECT r.day, r.domain, r.policy_type, r.policy, r.mx, r.address, r.result, r.sessions FROM ${tx.dialect.rows({ day: 'int', domain: 'text', policy_type: 'text', policy: 'text', mx: 'text', address: 'text', result: 'text', sessions: 'int' })} AS r WHERE 1 = 1
       ON CONFLICT (day, domain, policy_type, policy, mx, address, result) DO UPDATE SET sessions = smtp_relay_tls_results.sessions + excluded.sessions`,
      [tx.dialect.rowsValue(lines.map((line) => [line.day, line.domain, line.policyType, JSON.stringify(line.policy), line.mx, line.address, line.result, line.sessions]))]))
  }

  /** Domains with results of days that are over; at most so many. */
  async owed(most: number): Promise<readonly { readonly domain: string; readonly day: number }[]> {
    return this.parts.database.read.all('SELECT DISTINCT domain, day FROM smtp_relay_tls_results WHERE day < ? ORDER BY day, domain LIMIT ?', [dayOf(this.parts.clock.now()), most])
  }

  async of(domain: string, day: number): Promise<Sessions[]> {
    const rows = await this.parts.database.read.all('SELECT domain, policy_type, policy, mx, address, result, sessions FROM smtp_relay_tls_results WHERE domain = ? AND day = ? ORDER BY policy_type, policy, result LIMIT 10000', [domain, day])
    return rows.map((row) => ({ domain: row.domain, policyType: row.policy_type, policy: JSON.parse(row.policy), mx: row.mx, address: row.address, result: row.result, sessions: row.sessions }))
  }

  async forget(domain: string, day: number): Promise<void> {
    await this.parts.database.write((tx) => tx.run('DELETE FROM smtp_relay_tls_results WHERE domain = ? AND day = ?', [domain, day]))
  }
}

function policyOf(host: Host | undefined): Pick<Sessions, 'policyType' | 'policy'> {
  if (!host) return { policyType: 'sts', policy: { string: [], mx: [] } }
  const { tlsa, policy, name } = host
  if (tlsa) return { policyType: 'tlsa', policy: { string: tlsa.map((one) => `${one.usage} ${one.selector} ${one.matchingType} ${one.certificate.toString('hex').toUpperCase()}`), mx: [name] } }
  if (policy) return { policyType: 'sts', policy: { string: ['version: STSv1', `mode: ${policy.mode}`, ...policy.mx.map((mx) => `mx: ${mx}`)], mx: policy.mx } }
  return { policyType: 'no-policy-found', policy: { string: [], mx: [] } }
}
