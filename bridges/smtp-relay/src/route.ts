// Where mail for a domain goes: a road of the configuration, or what its MX records say (RFC 5321 5.1, RFC 7505).
import type { Config, TlsPolicy } from './config.js'
import type { StsPolicy } from './tls/mta-sts.js'
import type { Tlsa } from './tls/tlsa.js'

/** The questions. They throw what node:dns throws. */
export interface MailDns {
  mx(name: string): Promise<readonly { readonly exchange: string; readonly priority: number }[]>
  a(name: string): Promise<readonly string[]>
  aaaa(name: string): Promise<readonly string[]>
}

/** One host to try: its name for TLS, its addresses in order. */
export interface Host {
  readonly name: string
  readonly port: number
  readonly addresses: readonly string[]
  /** What it must show, where that is more than the road's. */
  readonly tls?: TlsPolicy
  /** Its certificate must be one of these (DANE). */
  readonly tlsa?: readonly Tlsa[]
  /** Names that its certificate may be for, for records that name an authority. */
  readonly names?: readonly string[]
  /** That it is a host of the domain is proven: by DNSSEC or by the domain's policy. */
  readonly vouched?: boolean
  readonly policy?: StsPolicy
}
export interface Road {
  readonly hosts: readonly Host[]
  readonly tls: TlsPolicy
  readonly login: { readonly user: string; readonly password: string } | undefined
  /** Its hosts are the configuration's. */
  readonly named?: boolean
  /** Conversations with one host at once, messages a minute to one domain, addresses to connect from; absent: as configured for all. */
  readonly connections?: number
  readonly rate?: number
  readonly source?: readonly string[]
  /** Only by servers that go on with TLS (RFC 8689). */
  readonly requireTls?: boolean
}
/** `temporary`: DNS has no answer just now. `permanent`: there is nowhere to go. */
export type Routed = { readonly road: Road; readonly steps: readonly string[] } | { readonly kind: 'temporary' | 'permanent'; readonly status: string; readonly why: string; readonly steps: readonly string[] }

export interface RouteParts {
  readonly config: Pick<Config, 'routes' | 'tls' | 'port'>
  readonly dns: MailDns
  /** Our own names: mail that leads back to us goes in circles. */
  readonly own: ReadonlySet<string>
  readonly permits: (address: string, port: number) => boolean
  /** In [0, 1). */
  readonly random: () => number
}

/** Addresses tried of one host, and hosts of one domain. */
const most = { addresses: 8, hosts: 16 }

export async function routeOf(domain: string, sender: string, parts: RouteParts): Promise<Routed> {
  const { config } = parts
  const steps: string[] = []
  const taken = config.routes.find((route) => fits(route.recipients, domain) && fits(route.senders, domainOf(sender)))
  if (taken) steps.push(`the road with ${[taken.recipients && `recipients ${taken.recipients.join(' ')}`, taken.senders && `senders ${taken.senders.join(' ')}`].filter(Boolean).join(' and ') || 'no condition'} is taken`)
  const tls = taken?.tls ?? config.tls
  const login = taken?.user === undefined ? undefined : { user: taken.user, password: taken.password ?? '' }
  const found = taken?.host === undefined ? await exchangers(domain, parts, steps) : await named(taken.host, parts, steps)
  return Array.isArray(found) ? { road: { hosts: found, tls, login, named: taken?.host !== undefined, ...limitsOf(taken) }, steps } : { ...found as Exclude<typeof found, Host[]>, steps }
}

const limitsOf = (taken: Config['routes'][number] | undefined): Pick<Road, 'connections' | 'rate' | 'source'> => (taken === undefined ? {} : {
  ...(taken.connections === undefined ? {} : { connections: taken.connections }), ...(taken.rate === undefined ? {} : { rate: taken.rate }), ...(taken.source === undefined ? {} : { source: taken.source }),
})

type Nowhere = { kind: 'temporary' | 'permanent'; status: string; why: string }

async function exchangers(domain: string, { config, dns, own, permits, random }: RouteParts, steps: string[]): Promise<Host[] | Nowhere> {
  const asked = await ask(dns.mx(domain))
  if (asked === 'unknown') return nowhere(steps, 'temporary', '4.4.3', `no answer for the MX records of ${domain}`)
  const records = asked.filter((record) => record.exchange !== '' || asked.length === 1)
  if (records.length === 1 && (records[0].exchange === '' || records[0].exchange === '.')) return nowhere(steps, 'permanent', '5.1.10', `${domain} takes no mail (null MX, RFC 7505)`)
  steps.push(records.length > 0 ? `MX of ${domain}: ${records.map(({ priority, exchange }) => `${priority} ${exchange}`).join(', ')}` : `${domain} has no MX records: its own address is taken (RFC 5321 5.1)`)
  // Equal preferences in random order (RFC 5321 5.1).
  const sorted = records.length === 0 ? [{ exchange: domain, priority: 0 }] : records.map((record) => ({ record, order: random() })).sort((a, b) => a.record.priority - b.record.priority || a.order - b.order).map(({ record }) => record)
  const self = sorted.find(({ exchange }) => own.has(exchange.toLowerCase().replace(/\.$/, '')))
  const before = self ? sorted.filter(({ priority }) => priority < self.priority) : sorted
  if (before.length === 0) return nowhere(steps, 'permanent', '5.4.6', `mail for ${domain} leads back to ${self!.exchange}, which is this host`)
  const hosts: Host[] = []
  let unknown = false
  for (const { exchange } of before.slice(0, most.hosts)) {
    const addresses = await addressesOf(exchange, dns)
    if (addresses === 'unknown') {
      unknown = true
      steps.push(`no answer for the addresses of ${exchange}`)
      continue
    }
    const usable = addresses.filter((address) => permits(address, config.port))
    steps.push(`${exchange}: ${addresses.length === 0 ? 'no address' : addresses.map((address) => (usable.includes(address) ? address : `${address} (not connected to)`)).join(', ')}`)
    if (usable.length > 0) hosts.push({ name: exchange.replace(/\.$/, ''), port: config.port, addresses: usable.slice(0, most.addresses) })
  }
  if (hosts.length > 0) return hosts
  if (unknown) return nowhere(steps, 'temporary', '4.4.3', `no answer for the hosts of ${domain}`)
  return records.length === 0 ? nowhere(steps, 'permanent', '5.1.2', `${domain} has neither MX records nor an address`) : nowhere(steps, 'permanent', '5.4.4', `no mail exchanger of ${domain} has an address that can be used`)
}

/** A host of the configuration: the administrator may name any. */
async function named(written: string, { dns }: RouteParts, steps: string[]): Promise<Host[] | Nowhere> {
  const [, six, name, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(written)!
  const host = six ?? name
  const literal = six !== undefined || /^[\d.]+$/.test(host)
  const addresses = literal ? [host] : await addressesOf(host, dns)
  if (addresses === 'unknown' || addresses.length === 0) return nowhere(steps, 'temporary', '4.4.3', `${host} has no address just now`)
  steps.push(`${host}: ${addresses.join(', ')}`)
  return [{ name: host, port: Number(port ?? 25), addresses: addresses.slice(0, most.addresses) }]
}

function nowhere(steps: string[], kind: Nowhere['kind'], status: string, why: string): Nowhere {
  steps.push(why)
  return { kind, status, why }
}

/** IPv6 first, as the issue of RFC 8305 goes; a family that cannot be asked for counts only when the other has nothing. */
async function addressesOf(name: string, dns: MailDns): Promise<string[] | 'unknown'> {
  const [six, four] = await Promise.all([ask(dns.aaaa(name)), ask(dns.a(name))])
  const known = [six, four].flatMap((found) => (found === 'unknown' ? [] : found))
  return known.length === 0 && (six === 'unknown' || four === 'unknown') ? 'unknown' : known
}

async function ask<T>(asked: Promise<readonly T[]>): Promise<readonly T[] | 'unknown'> {
  try {
    return await asked
  } catch (error) {
    return ['ENOTFOUND', 'ENODATA'].includes((error as { code?: string }).code ?? '') ? [] : 'unknown'
  }
}

const domainOf = (address: string): string => address.slice(address.lastIndexOf('@') + 1).toLowerCase()

function fits(patterns: readonly string[] | undefined, domain: string): boolean {
  return patterns === undefined || patterns.some((pattern) => {
    const wanted = pattern.toLowerCase()
    return wanted === '*' || wanted === domain.toLowerCase() || (wanted.startsWith('*.') && (domain.toLowerCase() === wanted.slice(2) || domain.toLowerCase().endsWith(wanted.slice(1))))
  })
}
