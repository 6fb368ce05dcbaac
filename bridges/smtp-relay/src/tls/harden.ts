// What the hosts of a road must show, beyond what the configuration says of it: TLSA records (DANE, RFC 7672), policies over HTTPS
// (MTA-STS, RFC 8461). DANE goes before MTA-STS (RFC 8461 2); hosts of the configuration are the administrator's own business.
import type { Host, Road, Routed } from '../route.js'
import { isNamed, type StsPolicy } from './mta-sts.js'
import type { SecureDns } from './secure-dns.js'
import { isUsable, type Tlsa } from './tlsa.js'

export interface HardenParts {
  /** undefined: nobody is believed about DNSSEC. */
  readonly secureDns: SecureDns | undefined
  readonly policyOf: ((domain: string) => Promise<StsPolicy | undefined>) | undefined
}

export async function harden(routed: Routed, domain: string, { secureDns, policyOf }: HardenParts): Promise<Routed> {
  if (!('road' in routed) || routed.road.named || routed.road.tls === 'off') return routed
  const { road } = routed
  const steps = [...routed.steps]
  const defer = (why: string): Routed => ({ kind: 'temporary', status: '4.7.5', why, steps: [...steps, why] })
  let hosts: readonly Host[] = road.hosts
  if (secureDns) {
    const mx = await secureDns(domain, 'MX')
    if (mx.kind === 'failed') return defer(`the MX records of ${domain} cannot be believed (${mx.why})`)
    // Without a signed way to the names of the hosts, their records would prove nothing (RFC 7672 2.2.1).
    if (mx.secure) {
      const found = await Promise.all(hosts.map((host) => withRecords({ ...host, vouched: true, names: [host.name, domain] }, secureDns, steps)))
      hosts = found.filter((host) => host !== undefined)
      if (hosts.length === 0) return defer(`the TLSA records of the hosts of ${domain} cannot be had`)
    }
  }
  const policy = hosts.every((host) => host.tlsa) ? undefined : await policyOf?.(domain)
  if (policy && policy.mode !== 'none') {
    steps.push(`MTA-STS of ${domain}: ${policy.mode}, ${policy.mx.join(' ')}`)
    hosts = hosts.flatMap((host) => {
      if (host.tlsa) return [host]
      const named = isNamed(policy, host.name)
      if (policy.mode === 'testing') return [{ ...host, vouched: host.vouched || named, policy }]
      if (!named) steps.push(`${host.name} is not a host of the policy`)
      return named ? [{ ...host, vouched: true, policy, tls: 'verified' as const }] : []
    })
    if (hosts.length === 0) return defer(`no mail exchanger of ${domain} is one of its MTA-STS policy`)
  }
  return { road: { ...road, hosts }, steps }
}

/** undefined: the host must be passed over, for its records may be there and cannot be had (RFC 7672 2.1.2). */
async function withRecords(host: Host, dns: SecureDns, steps: string[]): Promise<Host | undefined> {
  const address = await first([() => dns(host.name, 'A'), () => dns(host.name, 'AAAA')])
  // Unsigned: servers that choke on questions for TLSA are found there (RFC 7672 2.1.2), and no record would count.
  if (address.kind !== 'failed' && !address.secure) return host
  const bases = address.kind === 'answer' && address.name !== host.name.toLowerCase() ? [address.name, host.name] : [host.name]
  const asked = address.kind === 'failed' ? address : await first(bases.map((name) => () => dns(`_${host.port}._tcp.${name}`, 'TLSA')))
  if (asked.kind === 'failed') {
    steps.push(`${host.name} is passed over: ${asked.why}`)
    return undefined
  }
  if (asked.kind === 'none' || !asked.secure) return host
  const tlsa = (asked.data as Tlsa[]).filter(isUsable)
  steps.push(`${host.name} has ${tlsa.length} usable TLSA record(s)`)
  // Records of which none is usable ask for TLS all the same (RFC 7672 2.2).
  return tlsa.length > 0 ? { ...host, tlsa } : { ...host, tls: host.tls === 'verified' ? 'verified' : 'required' }
}

/** The first that has anything; else the first that failed, else the last. */
async function first(asks: readonly (() => ReturnType<SecureDns>)[]): ReturnType<SecureDns> {
  let last = await asks[0]()
  for (const ask of asks.slice(1)) {
    if (last.kind !== 'none') return last
    last = await ask()
  }
  return last
}

/** For a message that may go by TLS only, all the way (RFC 8689 4.2.1): hosts whose names can be believed, each proving itself. */
export const strictly = (road: Road): Road => ({ ...road, requireTls: true, hosts: road.hosts.flatMap((host) => (road.named || host.vouched ? [{ ...host, tls: 'verified' as const }] : [])) })
