// The parts of TLS between domains, put together: what hosts must show, and what is told of how it went.
import { readFileSync } from 'node:fs'
import { askHttp, failure, type Clock, type Database, type HttpAnswered, type HttpQuestion, type Log, type MessageStore } from '@restante/core'
import type { Config } from '../config.js'
import type { Host, MailDns, Routed } from '../route.js'
import { harden } from './harden.js'
import { MtaSts } from './mta-sts.js'
import { TlsResults, type TlsResult } from './results.js'
import { makeSecureDns } from './secure-dns.js'
import { sendTlsReports } from './tls-report.js'

/** Asks a host that a stranger names, on the one port that is for it. */
export type Https = (url: URL, question?: HttpQuestion) => Promise<HttpAnswered>

export interface TlsParts {
  readonly config: Config
  readonly database: Database
  readonly clock: Clock
  readonly log: Log
  readonly dns: MailDns
  readonly txt: (name: string) => Promise<readonly (readonly string[])[]>
  readonly hostname: string
  readonly store: Pick<MessageStore, 'submit'>
  readonly permits: (address: string, port: number) => boolean
  readonly dnsTimeoutMs: number
}

/** RFC 8461 3.2: policies are small; what hosts say to reports is smaller. */
const answerOctets = 64 * 1024
/** Reports that are owed are looked for this often. */
const lookMs = 3_600_000

export function makeTls({ config, database, clock, log, dns, txt, hostname, store, permits, dnsTimeoutMs }: TlsParts) {
  const { authorities: file, dane, mtaSts, tlsReports } = config
  let read: readonly string[] | undefined
  const authorities = (): readonly string[] | undefined => (file === undefined ? undefined : read ??= certificates(file))
  const addresses = async (name: string): Promise<string[]> => (await Promise.all([dns.a(name), dns.aaaa(name)].map((asked) => asked.catch((): readonly string[] => [])))).flat()
  const https: Https = (url, question) => askHttp(Object.assign(new URL(url), { port: String(mtaSts.port) }), { permits, addresses, octets: answerOctets, ca: authorities(), timeoutMs: mtaSts.timeout * 1000 }, question)
  const secureDns = dane.resolver === undefined ? undefined : makeSecureDns({ resolver: dane.resolver, timeoutMs: dnsTimeoutMs })
  const results = new TlsResults({ database, clock, log })
  const sts = new MtaSts({ database, clock, log, https, txt, most: mtaSts.policies, failed: (domain, result) => { if (tlsReports.send) results.add(domain, 'policy', result) } })
  const report = (): Promise<number> => sendTlsReports({ results, txt, https, store, clock, log, host: hostname, contact: tlsReports.contact ?? `postmaster@${hostname}` })
  let timer: { clear(): void } | undefined
  let running: Promise<unknown> = Promise.resolve()
  const later = (): void => {
    timer = clock.after(lookMs, () => {
      running = report().catch((error: unknown) => log.warn({ err: error }, 'reports on TLS could not be looked for')).finally(later)
    })
  }
  return {
    authorities,
    harden: (routed: Routed, domain: string): Promise<Routed> => harden(routed, domain, { secureDns, policyOf: mtaSts.use ? (name) => sts.policyOf(name) : undefined }),
    heard: (domain: string, host: Host, address: string, result: TlsResult): void => { if (tlsReports.send) results.add(domain, { host, address }, result) },
    /** Sends what is owed now. Answers how many domains got something. */
    report,
    start(): void {
      authorities() // a file that cannot be read is told of now
      if (tlsReports.send) later()
    },
    async stop(): Promise<void> {
      timer?.clear()
      await running
      timer?.clear()
      await results.flush()
    },
  }
}

function certificates(file: string): string[] {
  try {
    const found = readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
    if (found) return found
  } catch (error) {
    throw failure('CONFIG_INVALID', { report: `smtp-relay.authorities: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}` }, error)
  }
  throw failure('CONFIG_INVALID', { report: `smtp-relay.authorities: ${file} holds no certificate in PEM form` })
}
