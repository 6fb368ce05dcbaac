// Notifications and locations as the rest of the program speaks of them, and as they stand on the wire. Pure.
import { isIPv4, isIPv6 } from 'node:net'
import type { Static } from './der/types.js'
import { Malformed } from './der/reader.js'
import type { ipAddress, MailBox, WireLocation, WireNotification } from './pdu/common.js'

/** Where a store can be reached: addresses, or a domain to look up. */
export type ServiceLocation = { readonly literals: readonly { readonly address: string; readonly port: number }[] } | { readonly domain: string }
/** The four data of a notification, and the optional size (im2000.md E.5). */
export interface Notification {
  readonly storeClear: ServiceLocation
  readonly storeSsl?: ServiceLocation
  /** `local@domain`. */
  readonly recipient: string
  /** 16 octets. */
  readonly identifier: Buffer
  readonly sender: string
  readonly size?: number
  /** SHA-256 of the stored octets, 32 octets (H5): Restante's own addition. */
  readonly digest?: Buffer
}

type WireAddress = Static<typeof ipAddress>

export const addressToText = ({ kind, value }: WireAddress): string =>
  (kind === 'version4' ? value.join('.') : new URL(`http://[${value.toString('hex').replace(/(.{4})(?!$)/g, '$1:')}]`).hostname.slice(1, -1))

/** A zone ('%eth0') means nothing to others. Throws RangeError for what is no address. */
export function addressToWire(written: string): WireAddress {
  const text = written.replace(/%.*/, '')
  if (isIPv4(text)) return { kind: 'version4', value: Buffer.from(text.split('.').map(Number)) }
  if (!isIPv6(text)) throw new RangeError(`${text} is no address`)
  const [head, tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::').map((half) => (half === '' ? [] : half.split(':')))
  const groups = tail === undefined ? head : [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail]
  return { kind: 'version6', value: Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex') }
}

export const domainToWire = (domain: string): readonly string[] => domain.replace(/\.$/, '').split('.')
/** A label that is empty or holds a dot would make another name of it. Such a name leads nowhere. */
export const domainToText = (labels: readonly string[]): string | undefined => (labels.length > 0 && labels.every((label) => label !== '' && !/[.@]/.test(label)) ? labels.join('.') : undefined)

/** An address that names nobody stays one: '@'. */
export function mailBoxToText({ localpart, domain }: MailBox): string {
  const name = domainToText(domain)
  return name === undefined || localpart === '' ? '@' : `${localpart}@${name}`
}
export function mailBoxToWire(address: string): MailBox {
  const at = address.lastIndexOf('@')
  return { localpart: address.slice(0, at), domain: domainToWire(address.slice(at + 1)) }
}

export function locationToText(location: WireLocation): ServiceLocation {
  if (location.kind === 'literals') return { literals: location.value.map(({ address, port }) => ({ address: addressToText(address), port })) }
  const domain = domainToText(location.value)
  if (domain === undefined) throw new Malformed('a store whose domain cannot be one')
  return { domain }
}
export const locationToWire = (location: ServiceLocation): WireLocation => ('domain' in location
  ? { kind: 'domain', value: domainToWire(location.domain) }
  : { kind: 'literals', value: location.literals.map(({ address, port }) => ({ address: addressToWire(address), port })) })

/** Throws Malformed. A size that no file can have is read as the largest that a number holds. */
export const notificationToText = ({ storeclear, storessl, recipient, identifier, sender, size, digest }: WireNotification): Notification => ({
  storeClear: locationToText(storeclear),
  ...(storessl === undefined ? {} : { storeSsl: locationToText(storessl) }),
  recipient: mailBoxToText(recipient),
  identifier,
  sender,
  ...(size === undefined ? {} : { size: toNumber(size) }),
  ...(digest === undefined ? {} : { digest }),
})
export const notificationToWire = ({ storeClear, storeSsl, recipient, identifier, sender, size, digest }: Notification): WireNotification => ({
  storeclear: locationToWire(storeClear),
  ...(storeSsl === undefined ? {} : { storessl: locationToWire(storeSsl) }),
  recipient: mailBoxToWire(recipient),
  identifier,
  sender,
  ...(size === undefined ? {} : { size: BigInt(size) }),
  ...(digest === undefined ? {} : { digest }),
})

/** For places that count in numbers: beyond 2^53-1 the largest of them. */
export const toNumber = (value: bigint): number => (value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(value))
