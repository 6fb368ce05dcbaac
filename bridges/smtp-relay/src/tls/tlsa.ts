// TLSA records (RFC 6698, 7671, 7672): whether the certificates that a server shows are those that DNS names. Pure.
import { createHash, createPublicKey, X509Certificate } from 'node:crypto'

export interface Tlsa { readonly usage: number; readonly selector: number; readonly matchingType: number; readonly certificate: Buffer }

/** Usages 0 and 1 mean nothing to mail (RFC 7672 3.1.3); what is unknown is passed over. */
export const isUsable = ({ usage, selector, matchingType, certificate }: Tlsa): boolean =>
  (usage === 2 || usage === 3) && (selector === 0 || selector === 1) && matchingType <= 2 && certificate.length > 0 && (matchingType === 0 || certificate.length === (matchingType === 1 ? 32 : 64))

/** Why the certificates are none that the records name; undefined: they are. @param chain as the server shows it, its own first @param names any of which must be the server's, for usage 2 @param now milliseconds UTC */
export function whyNot(records: readonly Tlsa[], chain: readonly X509Certificate[], names: readonly string[], now: number): string | undefined {
  const [own] = chain
  if (!own) return 'the server shows no certificate'
  // The record vouches for this very key: neither its name nor its dates matter (RFC 7672 3.1.1).
  if (records.some((record) => record.usage === 3 && fits(record, own))) return undefined
  const anchors = records.filter((record) => record.usage === 2)
  if (anchors.length === 0) return 'the certificate is not the one of the TLSA records'
  if (!names.some((name) => own.checkHost(name) !== undefined)) return `the certificate is not for ${names.join(' or ')}`
  return leadsTo(anchors, chain, now) ? undefined : 'no certificate of the chain is one of the TLSA records'
}

/** Usage 2: from the server's certificate upwards, each signed by the next, to one that a record names. */
function leadsTo(anchors: readonly Tlsa[], chain: readonly X509Certificate[], now: number): boolean {
  for (const [i, certificate] of chain.entries()) {
    if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) return false
    if (i > 0 && anchors.some((record) => fits(record, certificate))) return true
    // The anchor itself need not be shown when its record holds it whole.
    if (anchors.some((record) => signedByRecord(certificate, record))) return true
    const issuer = chain[i + 1]
    if (!issuer?.ca || !certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey)) return false
  }
  return false
}

function signedByRecord(certificate: X509Certificate, { selector, matchingType, certificate: data }: Tlsa): boolean {
  if (matchingType !== 0) return false
  try {
    return certificate.verify(selector === 0 ? new X509Certificate(data).publicKey : createPublicKey({ key: data, format: 'der', type: 'spki' }))
  } catch {
    return false
  }
}

function fits({ selector, matchingType, certificate: wanted }: Tlsa, certificate: X509Certificate): boolean {
  const data = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: 'spki', format: 'der' })
  return (matchingType === 0 ? data : createHash(matchingType === 1 ? 'sha256' : 'sha512').update(data).digest()).equals(wanted)
}
