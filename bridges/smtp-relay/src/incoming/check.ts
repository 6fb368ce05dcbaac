// What mail from outside can prove: SPF (RFC 7208), DKIM (RFC 6376), ARC (RFC 8617), DMARC (RFC 7489) and iprev (RFC 8601 2.7.3),
// told in fields that only we may write, and what is done about it.
import { Readable } from 'node:stream'
import { iprev, type IncomingMessage, type IncomingVerdict, type Iprev, type Log, type Origin, type OriginVerdict } from '@restante/core'
import { dmarc } from 'mailauth/lib/dmarc/index.js'
import { authenticate, type Authenticated } from 'mailauth/lib/mailauth.js'
import { spf } from 'mailauth/lib/spf/index.js'
import type { Config } from '../config.js'
import { readHead } from './head.js'
import { dispositionOf, strictest, voucherOf, type ArcLink, type Disposition } from './policy.js'
import { authenticationResults, receivedSpf, token } from './results.js'

export interface IncomingParts {
  readonly config: Config['incoming']
  readonly hostname: string
  readonly log: Log
  /** As node:dns has it: an answer, or an error with `code`. */
  readonly resolve: (name: string, type: string) => Promise<unknown>
  /** 0 to 1, for policies that hold for a part of the mail (RFC 7489 6.6.4). */
  readonly random: () => number
}

/** SPF alone, before there is a message. */
export function makeOrigin({ hostname, resolve }: Pick<IncomingParts, 'hostname' | 'resolve'>) {
  return async (origin: Origin): Promise<OriginVerdict> => ({ result: (await spf(who(origin, hostname, resolve))).status.result })
}
// The HELO name stands in for the null sender (RFC 7208 2.4).
const who = ({ remoteAddress, helo, sender }: Origin, hostname: string, resolve: IncomingParts['resolve']) => ({ ip: remoteAddress, helo, sender: sender === '' ? `postmaster@${helo}` : sender, mta: hostname, resolver: resolve })

export function makeIncoming({ config, hostname, log, resolve, random }: IncomingParts) {
  return async (message: IncomingMessage): Promise<IncomingVerdict> => {
    const { remoteAddress, helo, sender } = message
    const head = await readHead(message.octets(), config.signatures)
    const [back, proof] = await Promise.all([config.iprev ? iprev(remoteAddress, resolve) : undefined, authenticated(message, head.odd === undefined)])
    const results = [...(back ? [toldOfName(remoteAddress, back)] : []), ...(proof.spf ? [`spf=${token(proof.spf.status.result)} smtp.mailfrom=${token(proof.spf.domain ?? '')}`] : []), ...(head.odd ? [`dkim=policy reason="${head.odd}"`] : toldOfSignatures(proof))]
    const judged = await judge(head.authors, proof)
    results.push(...judged.results)
    log.info({ from: sender, remoteAddress, results, disposition: judged.disposition }, 'incoming mail was checked')
    if (judged.disposition === 'refuse') return { reject: 'The domain in From asks for mail that cannot prove where it is from to be refused (DMARC)' }
    const trace = authenticationResults(hostname, results) + (proof.spf ? receivedSpf({ result: proof.spf.status.result, remoteAddress, helo, sender, hostname }) : '')
    return { trace, ...(judged.disposition === 'junk' ? { junk: 'DMARC: the domain in From does not stand for it' } : {}) }
  }

  async function authenticated(message: IncomingMessage, signatures: boolean): Promise<Authenticated> {
    const origin = who(message, hostname, resolve)
    if (!signatures) return { spf: await spf(origin), dkim: { results: [] }, arc: false }
    return authenticate(Readable.from(message.octets(), { objectMode: false }), { ...origin, disableBimi: true, disableDmarc: true })
  }

  /** DMARC for each domain in From: the strictest policy of all holds (RFC 7489 6.6.1). */
  async function judge(authors: readonly string[] | undefined, { spf, dkim, arc }: Authenticated): Promise<{ results: string[]; disposition: Disposition }> {
    if (!authors) {
      const disposition = dispositionOf(config.dmarc, { result: 'permerror', policy: '', pct: 100 }, 0)
      return { results: [`dmarc=permerror (${['From names no domain, or too many', ...told(disposition)].join(', ')})`], disposition }
    }
    const voucher = voucherOf(chainOf(arc), config.trustedSealers)
    const results: string[] = []
    let disposition: Disposition = 'none'
    for (const author of authors) {
      const found = await dmarc({
        headerFrom: [`x@${author}`], resolver: resolve, spfDomains: spf && spf.status.result === 'pass' && spf.domain ? [spf.domain] : [],
        dkimDomains: dkim.results.filter((one) => one.status.result === 'pass').map((one) => ({ id: one.id, domain: one.signingDomain, aligned: one.status.aligned, underSized: one.status.underSized })),
      })
      if (!found) continue
      const policy = (found.policy ?? 'none').toLowerCase()
      const its = voucher ? 'none' : dispositionOf(config.dmarc, { result: found.status.result, policy, pct: found.pct ?? 100 }, random() * 100)
      disposition = strictest(disposition, its)
      const why = [`p=${token(policy)}`, ...told(its), ...(voucher && found.status.result === 'fail' ? [`arc=${token(voucher)}`] : [])]
      results.push(`dmarc=${token(found.status.result)} (${why.join(', ')}) header.from=${token(found.status.header?.from ?? author)}`)
    }
    return { results, disposition }
  }
}

const told = (disposition: Disposition): string[] => (disposition === 'none' ? [] : [`dis=${disposition}`])
const toldOfName = (address: string, { result, name }: Iprev): string => `iprev=${result} policy.iprev=${token(address)}${name ? ` (${token(name)})` : ''}`

/** Nothing, unless it holds. The library moves what the last link says to another place. */
function chainOf(arc: Authenticated['arc']): ArcLink[] {
  if (!arc || arc.status.result !== 'pass' || !arc.chain) return []
  const last = arc.chain.length - 1
  return arc.chain.map((link, i) => ({ sealer: link['arc-seal'].parsed?.d?.value, dmarc: i === last ? arc.authenticationResults?.dmarc?.result : link['arc-authentication-results'].parsed?.dmarc?.value }))
}

function toldOfSignatures({ dkim, arc }: Authenticated): string[] {
  const results = dkim.results.map(({ status, signingDomain, selector }) => `dkim=${token(status.result)}${signingDomain ? ` header.d=${token(signingDomain)} header.s=${token(selector ?? '')}` : ''}`)
  if (results.length === 0) results.push('dkim=none')
  if (arc && arc.status.result !== 'none') results.push(`arc=${token(arc.status.result)}${arc.chain ? ` (i=${arc.chain.length} d=${token(arc.chain.at(-1)?.['arc-seal'].parsed?.d?.value ?? '')})` : ''}`)
  return results
}
