// Whether an address has a name that leads back to it (iprev, RFC 8601 2.7.3). By DNS alone: what this machine's files say of
// names is no proof.
import { isIP } from 'node:net'

/** `permerror`: there is no name. */
export interface Iprev { readonly result: 'pass' | 'fail' | 'temperror' | 'permerror'; readonly name?: string }

/** Names of one address that are looked at; strangers write them. */
const mostNames = 5

/** @param resolve as node:dns has it: an answer, or an error with `code` */
export async function iprev(address: string, resolve: (name: string, type: string) => Promise<unknown>): Promise<Iprev> {
  const pointer = pointerOf(address)
  if (pointer === undefined) return { result: 'permerror' }
  let names: readonly string[]
  try {
    names = await resolve(pointer, 'PTR') as readonly string[]
  } catch (error) {
    return { result: isAbsent(error) ? 'permerror' : 'temperror' }
  }
  if (names.length === 0) return { result: 'permerror' }
  let doubtful = false
  for (const name of names.slice(0, mostNames)) {
    try {
      const found = await resolve(name, address.includes(':') ? 'AAAA' : 'A') as readonly string[]
      if (found.some((one) => canonical(one) === canonical(address))) return { result: 'pass', name }
    } catch (error) {
      doubtful ||= !isAbsent(error)
    }
  }
  return { result: doubtful ? 'temperror' : 'fail', name: names[0] }
}

/** Where an address's names stand (RFC 1035 3.5, RFC 3596 2.5). */
function pointerOf(address: string): string | undefined {
  const labels = reversed(address)
  return labels && `${labels}.${address.includes(':') ? 'ip6' : 'in-addr'}.arpa`
}

/** An address as DNS lists it, last part first: '1.2.0.192', or the nibbles of IPv6. undefined: it is none. */
export function reversed(address: string): string | undefined {
  switch (isIP(address)) {
    case 4: return address.split('.').reverse().join('.')
    case 6: {
      const [head, tail] = canonical(address).split('::').map((half) => half.split(':').filter(Boolean))
      const groups = tail ? [...head, ...Array<string>(8 - head.length - tail.length).fill('0'), ...tail] : head
      return [...groups.map((group) => group.padStart(4, '0')).join('')].reverse().join('.')
    }
    default: return undefined
  }
}

const isAbsent = (error: unknown): boolean => ['ENOTFOUND', 'ENODATA'].includes((error as { code?: string }).code ?? '')
/** IPv6 addresses are written in many ways. */
const canonical = (address: string): string => (address.includes(':') && URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address)
