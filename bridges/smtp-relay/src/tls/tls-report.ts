// Daily reports to domains that ask how TLS went (RFC 8460): by mail through our own store, or over HTTPS.
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { formatDate, type Clock, type Log, type MessageStore } from '@restante/core'
import { dayOf, type Sessions, type TlsResults } from './results.js'
import type { Https } from './tls.js'

export interface TlsReportsParts {
  readonly results: TlsResults
  readonly txt: (name: string) => Promise<readonly (readonly string[])[]>
  readonly https: Https
  readonly store: Pick<MessageStore, 'submit'>
  readonly clock: Clock
  readonly log: Log
  readonly host: string
  readonly contact: string
}

const dayMs = 86_400_000
const atOnce = 100
/** Reports that cannot be handed over are forgotten after so many days. */
const patienceDays = 3
/** Places that one domain may name. */
const mostPlaces = 4

/** Sends what is owed for days that are over. Throws what the database throws. */
export async function sendTlsReports(parts: TlsReportsParts): Promise<number> {
  const { results, clock, log } = parts
  let sent = 0
  await results.flush()
  for (const { domain, day } of await results.owed(atOnce)) {
    try {
      const places = await placesOf(domain, parts)
      if (places.length > 0) {
        await send(domain, day, places, await results.of(domain, day), parts)
        sent++
      }
      await results.forget(domain, day)
    } catch (error) {
      log.info({ domain, why: (error as Error).message }, 'a report on TLS could not be sent')
      if (dayOf(clock.now()) - day > patienceDays) await results.forget(domain, day)
    }
  }
  return sent
}

/** RFC 8460 3. */
async function placesOf(domain: string, { txt }: TlsReportsParts): Promise<string[]> {
  const records = await txt(`_smtp._tls.${domain}`).catch((error: { code?: string }) => {
    if (error.code === 'ENOTFOUND' || error.code === 'ENODATA') return []
    throw error
  })
  const found = records.map((parts) => parts.join('')).filter((text) => /^v=TLSRPTv1\s*;/.test(text))
  if (found.length !== 1) return []
  return (/;\s*rua\s*=\s*([^;]+)/.exec(found[0])?.[1] ?? '').split(',').map((one) => one.trim()).filter((one) => /^(?:mailto:[^\s@<>?]+@[^\s@<>?]+$|https:\/\/)/.test(one)).slice(0, mostPlaces)
}

async function send(domain: string, day: number, places: readonly string[], sessions: readonly Sessions[], parts: TlsReportsParts): Promise<void> {
  const { host, contact, clock, https, store } = parts
  const id = `${day}.${domain}@${host}`
  const octets = gzipSync(JSON.stringify(tlsReport(sessions, { domain, day, host, contact, id })))
  for (const place of places) {
    if (place.startsWith('mailto:')) await store.submit({ account: null, name: contact, protocol: 'TLSRPT' }, { recipients: [decodeURIComponent(place.slice(7))] }, letter(octets, { domain, day, host, contact, id, at: clock.now() }))
    else {
      const { status } = await https(new URL(place), { method: 'POST', headers: { 'Content-Type': 'application/tlsrpt+gzip' }, body: octets })
      if (status < 200 || status > 299) throw new Error(`${place} answers ${status}`)
    }
  }
}

interface About { readonly domain: string; readonly day: number; readonly host: string; readonly contact: string; readonly id: string }

/** RFC 8460 4.4. */
export function tlsReport(sessions: readonly Sessions[], { domain, day, host, contact, id }: About) {
  const policies = new Map<string, Sessions[]>()
  for (const one of sessions) {
    const key = JSON.stringify([one.policyType, one.policy])
    policies.set(key, [...policies.get(key) ?? [], one])
  }
  const total = (some: readonly Sessions[]): number => some.reduce((sum, one) => sum + one.sessions, 0)
  return {
    'organization-name': host, 'contact-info': contact, 'report-id': id,
    'date-range': { 'start-datetime': new Date(day * dayMs).toISOString().replace('.000', ''), 'end-datetime': new Date((day + 1) * dayMs - 1000).toISOString().replace('.000', '') },
    policies: [...policies.values()].map((some) => ({
      policy: { 'policy-type': some[0].policyType, 'policy-string': some[0].policy.string, 'policy-domain': domain, 'mx-host': some[0].policy.mx },
      summary: { 'total-successful-session-count': total(some.filter((one) => one.result === '')), 'total-failure-session-count': total(some.filter((one) => one.result !== '')) },
      'failure-details': some.filter((one) => one.result !== '').map((one) => ({ 'result-type': one.result, ...(one.mx === '' ? {} : { 'receiving-mx-hostname': one.mx, 'receiving-ip': one.address }), 'failed-session-count': one.sessions })),
    })),
  }
}

/** RFC 8460 5.3. It may go without TLS: it is about trouble with TLS (RFC 8689 5). */
async function* letter(octets: Buffer, { domain, day, host, contact, id, at }: About & { readonly at: number }): AsyncGenerator<Buffer> {
  const boundary = `=_${randomBytes(12).toString('hex')}`
  const name = `${host}!${domain}!${day * dayMs / 1000}!${(day + 1) * dayMs / 1000 - 1}.json.gz`
  yield Buffer.from([
    `From: <${contact}>`, `Subject: Report Domain: ${domain}\r\n Submitter: ${host}\r\n Report-ID: <${id}>`, `TLS-Report-Domain: ${domain}`, `TLS-Report-Submitter: ${host}`, 'TLS-Required: No', 'Auto-Submitted: auto-generated',
    `Date: ${formatDate(at)}`, `Message-ID: <tls.${id}>`, 'MIME-Version: 1.0', `Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="${boundary}"`, '',
    `--${boundary}`, 'Content-Type: text/plain; charset=us-ascii', '', `This is an aggregate report on TLS in SMTP sessions with ${domain} (RFC 8460).`, '',
    `--${boundary}`, 'Content-Type: application/tlsrpt+gzip', 'Content-Transfer-Encoding: base64', `Content-Disposition: attachment; filename="${name}"`, '',
    ...(octets.toString('base64').match(/.{1,76}/g) ?? []), '', `--${boundary}--`, '',
  ].join('\r\n'))
}
