// Mail addresses as keys: split, checked, folded to the form under which they are stored. Pure.
import { domainToASCII } from 'node:url'
import { failure } from '../errors/codes.js'

export interface Address { readonly localPart: string; readonly domain: string }

/** Octets of a local part, of a domain and of one label (RFC 5321 4.5.3.1; im2000.md E.30). */
const limits = { localPart: 64, domain: 255, label: 63 }

/**
 * Splits `local@domain`. The domain comes in ASCII lower case (IDNA), the local part in NFC lower case without its quotes:
 * local parts of ours compare without case, as every user expects. Throws ADDRESS_INVALID.
 */
export function parseAddress(text: string): Address {
  const at = text.lastIndexOf('@')
  const refuse = (): never => { throw failure('ADDRESS_INVALID', { address: text.slice(0, 320) }) }
  if (at < 1 || at === text.length - 1) refuse()
  let localPart = text.slice(0, at)
  if (localPart.startsWith('"') && localPart.endsWith('"') && localPart.length > 2) localPart = localPart.slice(1, -1).replace(/\\(.)/g, '$1')
  localPart = localPart.normalize('NFC').toLowerCase()
  const domain = foldDomain(text.slice(at + 1))
  if (domain === undefined || localPart === '*' || /[\u0000-\u001f\u007f]/.test(localPart) || Buffer.byteLength(localPart) > limits.localPart) refuse()
  return { localPart, domain: domain! }
}

const folded = new Map<string, string | undefined>()
/** Spellings of domains remembered: nearly all mail names the same few. */
const foldedAtMost = 1000

/** A domain in ASCII lower case, or undefined when it cannot be one (address literals included: im2000.md C.2). */
export function foldDomain(text: string): string | undefined {
  if (folded.has(text)) return folded.get(text)
  if (folded.size >= foldedAtMost) folded.clear()
  const domain = fold(text)
  if (text.length <= limits.domain) folded.set(text, domain)
  return domain
}

/** ASCII that no domain has. URLs give some of it a meaning: 'example.org/x' would be example.org. */
const foreign = /[\u0000-,/:-@[-^`{-\u007f]/

function fold(text: string): string | undefined {
  if (foreign.test(text)) return undefined
  const domain = domainToASCII(text.replace(/\.$/, ''))
  if (domain === '' || domain.length > limits.domain) return undefined
  const labels = domain.split('.')
  if (labels.some((label) => !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(label) || label.length > limits.label)) return undefined
  return /^\d+$/.test(labels.at(-1)!) ? undefined : domain
}

export const formatAddress = ({ localPart, domain }: Address): string => `${localPart}@${domain}`
