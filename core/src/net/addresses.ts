// Addresses as people write them and as sockets report them. Pure.
import { BlockList, isIP } from 'node:net'

/** 'address:port', '[::1]:143', ':143' → host (undefined: all) and port. */
export function splitAddress(address: string): { host: string | undefined; port: number } | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address)
  if (!parts || Number(parts[3]) > 65_535) return undefined
  return { host: parts[1] ?? (parts[2] || undefined), port: Number(parts[3]) }
}

export function joinAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** '::ffff:192.0.2.1' is 192.0.2.1 to everyone but the socket. */
export function plainAddress(address: string | undefined): string {
  if (!address) return ''
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/** Whom a limit counts as one: an IPv4 address, or an IPv6 /64, which one customer usually has to himself. */
export function countedAs(address: string): string {
  if (!address.includes(':')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter(Boolean)
  if (tail !== undefined) groups.push(...Array<string>(Math.max(0, 8 - groups.length - tail.split(':').filter(Boolean).length)).fill('0'))
  return `${groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

/** Whether an address is in one of these networks ('10.0.0.0/8', '::1'). Unusable networks throw. */
export function networks(list: readonly string[]): (address: string) => boolean {
  const block = new BlockList()
  for (const entry of list) {
    const [address = '', bits] = entry.split('/')
    const family = isIP(address)
    if (!family) throw new TypeError(`${entry} is no network`)
    block.addSubnet(address, Number(bits ?? (family === 4 ? 32 : 128)), family === 4 ? 'ipv4' : 'ipv6')
  }
  return (address) => list.length > 0 && isIP(address) > 0 && block.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6')
}
