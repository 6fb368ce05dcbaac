// The DNS records with which others find a gateway: which ones a domain should publish, and whether it does. Pure, but for the
// questions asked through `Names`.

/** What listens: port, or undefined when the service is switched off. */
export interface Offered {
  readonly hostname: string
  /** Domains that notifications name as the store's location; undefined: addresses, which need no record. */
  readonly store: { readonly clear: string | undefined; readonly tls: string | undefined }
  readonly ports: Readonly<Partial<Record<PortName, number>>>
}
export type PortName = 'rnasp' | 'rnasps' | 'msrap' | 'msraps' | 'smtp' | 'submission' | 'submissions' | 'imap' | 'imaps' | 'pop3' | 'pop3s'

export type Wanted =
  | { readonly type: 'SRV'; readonly name: string; readonly port: number; readonly target: string; readonly why: string }
  | { readonly type: 'MX'; readonly name: string; readonly preference: number; readonly target: string; readonly why: string }
  | { readonly type: 'ADDRESS'; readonly name: string; readonly why: string }

/** `published`: the record is there. `other`: something else is. `missing`: nothing is. `unknown`: nobody answered. */
export interface Checked { readonly state: 'published' | 'other' | 'missing' | 'unknown'; readonly found: string }

/** The questions. They throw what node:dns throws. */
export interface Names {
  srv(name: string): Promise<readonly { readonly name: string; readonly port: number; readonly priority: number; readonly weight: number }[]>
  mx(name: string): Promise<readonly { readonly exchange: string; readonly priority: number }[]>
  a(name: string): Promise<readonly string[]>
  aaaa(name: string): Promise<readonly string[]>
}

/** Mail programs look for these (RFC 6186, 8314). */
const clients: readonly (readonly [service: string, port: PortName])[] = [
  ['_imaps', 'imaps'], ['_imap', 'imap'], ['_pop3s', 'pop3s'], ['_pop3', 'pop3'], ['_submissions', 'submissions'], ['_submission', 'submission'],
]

/** Of these domains, in the order in which they are best published. A service that is switched off is said not to be offered (RFC 2782: the root as target). */
export function recordsOf(domains: readonly string[], { hostname, store, ports }: Offered): Wanted[] {
  const wanted: Wanted[] = [{ type: 'ADDRESS', name: hostname, why: 'all records below lead to this name: its A and AAAA records' }]
  const seen = new Set<string>()
  const service = (name: string, port: number | undefined, why: string, refusal: boolean): void => {
    if (seen.has(name) || (port === undefined && !refusal)) return
    seen.add(name)
    wanted.push({ type: 'SRV', name, port: port ?? 0, target: port === undefined ? '.' : hostname, why })
  }
  for (const domain of domains) {
    // Either name must exist, or the look-up of the other is for nothing (im2000.md C.2).
    service(`_rnasp-ssl._tcp.${domain}`, ports.rnasps, 'IM2000 stores announce mail here, with TLS', true)
    service(`_rnasp._tcp.${domain}`, ports.rnasp, 'IM2000 stores announce mail here', true)
  }
  if (store.tls !== undefined) service(`_msrap-ssl._tcp.${store.tls}`, ports.msraps, 'recipients read mail here, with TLS', true)
  if (store.clear !== undefined) service(`_msrap._tcp.${store.clear}`, ports.msrap, 'recipients read mail here', true)
  for (const domain of domains) {
    if (ports.smtp !== undefined) wanted.push({ type: 'MX', name: domain, preference: 10, target: hostname, why: 'mail by SMTP comes here' })
    for (const [name, port] of clients) service(`${name}._tcp.${domain}`, ports[port], 'mail programs set themselves up by this', false)
  }
  return wanted
}

/** As a zone file has it. */
export function zoneLine(wanted: Wanted): string {
  if (wanted.type === 'SRV') return `${wanted.name}. IN SRV 0 0 ${wanted.port} ${wanted.target === '.' ? '.' : `${wanted.target}.`}`
  if (wanted.type === 'MX') return `${wanted.name}. IN MX ${wanted.preference} ${wanted.target}.`
  return `; ${wanted.name}. needs an A or AAAA record`
}

export async function check(wanted: Wanted, names: Names): Promise<Checked> {
  const answers: { text: string; right: boolean }[] = []
  try {
    if (wanted.type === 'SRV') {
      for (const { name, port, priority, weight } of await names.srv(wanted.name)) {
        const root = name === '' || name === '.'
        answers.push({ text: `SRV ${priority} ${weight} ${port} ${root ? '.' : name}`, right: wanted.target === '.' ? root : same(name, wanted.target) && port === wanted.port })
      }
    } else if (wanted.type === 'MX') {
      for (const { exchange, priority } of await names.mx(wanted.name)) answers.push({ text: `MX ${priority} ${exchange || '.'}`, right: same(exchange, wanted.target) })
    } else {
      const found = await Promise.all([names.a(wanted.name), names.aaaa(wanted.name)].map((asked) => asked.catch((error: unknown) => {
        if (isAbsent(error)) return []
        throw error
      })))
      for (const address of found.flat()) answers.push({ text: address, right: true })
    }
  } catch (error) {
    if (!isAbsent(error)) return { state: 'unknown', found: String((error as { code?: unknown }).code ?? error) }
  }
  const found = answers.map((answer) => answer.text).join(', ')
  if (answers.some((answer) => answer.right)) return { state: 'published', found }
  return answers.length > 0 ? { state: 'other', found } : { state: 'missing', found: '' }
}

const isAbsent = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes((error as { code?: string }).code ?? '')
const same = (one: string, other: string): boolean => one.replace(/\.$/, '').toLowerCase() === other.toLowerCase()
