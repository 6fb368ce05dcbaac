// What mail from outside can prove: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), told in an Authentication-Results field
// (RFC 8601) that only we may write.
import { authenticate } from 'mailauth/lib/mailauth.js'
import { Readable } from 'node:stream'
import type { IncomingMessage, IncomingVerdict, Log } from '@restante/core'
import type { Config } from './config.js'

export interface IncomingParts {
  readonly config: Config['incoming']
  readonly hostname: string
  readonly log: Log
  /** As node:dns has it: an answer, or an error with `code`. */
  readonly resolve: (name: string, type: string) => Promise<unknown>
}

const mostHeader = 256 * 1024

export function makeIncoming({ config, hostname, log, resolve }: IncomingParts) {
  return async ({ remoteAddress, helo, sender, octets }: IncomingMessage): Promise<IncomingVerdict> => {
    const { count, whole } = await signatures(octets())
    if (!whole || count > config.signatures) return { trace: field(hostname, [`dkim=policy reason="${whole ? `${count} signatures` : 'a very large header'}"`]) }
    const { spf, dkim, dmarc } = await authenticate(Readable.from(octets(), { objectMode: false }), {
      // The HELO name stands in for the null sender (RFC 7208 2.4).
      ip: remoteAddress, helo, sender: sender === '' ? `postmaster@${helo}` : sender, mta: hostname, resolver: resolve, disableBimi: true, disableArc: true,
    })
    const results = [
      ...(spf ? [`spf=${token(spf.status.result)} smtp.mailfrom=${token(spf.domain ?? '')}`] : []),
      ...(dkim.results.length === 0 ? ['dkim=none'] : dkim.results.map((one) => (one.signingDomain ? `dkim=${token(one.status.result)} header.d=${token(one.signingDomain)} header.s=${token(one.selector ?? '')}` : `dkim=${token(one.status.result)}`))),
      ...(dmarc ? [`dmarc=${token(dmarc.status.result)} (p=${token(dmarc.policy ?? 'none')}) header.from=${token(dmarc.status.header?.from ?? dmarc.domain ?? '')}`] : []),
    ]
    log.info({ from: sender, remoteAddress, results }, 'incoming mail was checked')
    if (config.dmarc === 'refuse' && dmarc && dmarc.status.result === 'fail' && dmarc.policy === 'reject') return { reject: `The domain in From asks for mail that cannot prove where it is from to be refused (DMARC)` }
    return { trace: field(hostname, results) }
  }
}

const field = (host: string, results: readonly string[]): string => `Authentication-Results: ${[host, ...results].join(';\r\n\t')}\r\n`

/** Strangers wrote it: what could be taken for other syntax goes. */
const token = (text: string): string => text.replace(/[^A-Za-z0-9._@+=-]/g, '').slice(0, 255) || 'none'

/** How many there are; not whole: the header is larger than anybody's. */
async function signatures(octets: AsyncIterable<Buffer>): Promise<{ readonly count: number; readonly whole: boolean }> {
  let head = ''
  for await (const chunk of octets) {
    head += chunk.toString('latin1')
    if (head.length > mostHeader || head.includes('\r\n\r\n')) break
  }
  const end = head.indexOf('\r\n\r\n')
  return { count: (head.slice(0, end < 0 ? undefined : end).match(/^dkim-signature[ \t]*:/gim) ?? []).length, whole: end >= 0 ? end <= mostHeader : head.length <= mostHeader }
}
