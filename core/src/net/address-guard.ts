// Which addresses and ports may be connected to on a stranger's word (im2000.md H7): a notification or a DNS answer names
// them, so they could name our own machines. Only global unicast passes, asked with the very address that is connected to. Pure.
import { BlockList, isIP, isIPv4 } from 'node:net'
import { networks } from './addresses.js'

export interface AddressGuardOptions {
  /** Networks that pass although they are not global ('10.1.0.0/16', '::1'). Unusable ones throw TypeError. */
  readonly allow?: readonly string[]
  /** Ports of other services, whatever the address. Port 0 is always one of them. */
  readonly denyPorts?: readonly number[]
}
export interface AddressGuard {
  /** Whether a connection may be made there. What is no address is not permitted. */
  permits(address: string, port: number): boolean
}

/** IANA's special-purpose IPv4 blocks that are not global, multicast, and metadata services that hide outside of them. */
const ipv4Refused: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8], // this network, unspecified
  ['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], // private
  ['100.64.0.0', 10], // carrier-grade NAT, some clouds' metadata
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, most clouds' metadata
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], ['198.51.100.0', 24], ['203.0.113.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['198.18.0.0', 15], // benchmarks
  ['168.63.129.16', 32], // Azure's metadata
  ['224.0.0.0', 4], ['240.0.0.0', 4], // multicast, reserved, broadcast
]
/** Holes in 2000::/3, the only part of IPv6 that is global unicast. */
const ipv6Refused: readonly (readonly [network: string, bits: number])[] = [
  ['2001::', 23], // protocol assignments; Teredo is unwrapped before
  ['2001:db8::', 32], ['3fff::', 20], // documentation
  ['2002::', 16], // 6to4 is unwrapped before
]

const blockList = (family: 'ipv4' | 'ipv6', entries: readonly (readonly [string, number])[]): BlockList => {
  const list = new BlockList()
  for (const [network, bits] of entries) list.addSubnet(network, bits, family)
  return list
}
const refused4 = blockList('ipv4', ipv4Refused)
const refused6 = blockList('ipv6', ipv6Refused)
const global6 = blockList('ipv6', [['2000::', 3]])

/** IPv6 forms that carry an IPv4 address: how to know them, and where it stands. */
const wrappings: readonly { readonly prefix: string; readonly bits: number; readonly unwrap: (octets: Uint8Array) => Uint8Array }[] = [
  { prefix: '::ffff:0:0', bits: 96, unwrap: (octets) => octets.subarray(12) }, // v4-mapped
  { prefix: '::ffff:0:0:0', bits: 96, unwrap: (octets) => octets.subarray(12) }, // v4-translated (SIIT)
  { prefix: '64:ff9b::', bits: 96, unwrap: (octets) => octets.subarray(12) }, // NAT64
  { prefix: '2002::', bits: 16, unwrap: (octets) => octets.subarray(2, 6) }, // 6to4
  { prefix: '2001::', bits: 32, unwrap: (octets) => octets.subarray(12).map((octet) => octet ^ 0xff) }, // Teredo
]
const octetsOf = (address: string): Buffer => {
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::').map((half) => (half === '' ? [] : half.split(':')))
  const groups = tail === undefined ? head : [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
const known = wrappings.map(({ prefix, bits, unwrap }) => ({ prefix: octetsOf(prefix).subarray(0, bits / 8), unwrap }))

/** The IPv4 address inside an IPv6 one, if it is such a form. */
function unwrapped(address: string): string | undefined {
  const octets = octetsOf(address)
  const form = known.find(({ prefix }) => octets.subarray(0, prefix.length).equals(prefix))
  return form && [...form.unwrap(octets)].join('.')
}

function isGlobal(address: string): boolean {
  if (isIPv4(address)) return !refused4.check(address, 'ipv4')
  const inner = unwrapped(address)
  if (inner !== undefined) return isGlobal(inner)
  return global6.check(address, 'ipv6') && !refused6.check(address, 'ipv6')
}

/** A guard for these settings (`im2000.outbound`). */
export function makeAddressGuard({ allow = [], denyPorts = [] }: AddressGuardOptions = {}): AddressGuard {
  const allowed = networks(allow)
  const denied = new Set([0, ...denyPorts])
  return {
    permits(written, port) {
      if (!Number.isInteger(port) || port < 0 || port > 65_535 || denied.has(port)) return false
      if (isIP(written) === 0) return false
      const address = written.replace(/%.*/, '')
      if (allowed(address) || isGlobal(address)) return true
      const inner = isIPv4(address) ? undefined : unwrapped(address)
      return inner !== undefined && allowed(inner)
    },
  }
}
