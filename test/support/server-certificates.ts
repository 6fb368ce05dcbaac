// Certificates for servers of tests, from an authority of our own or from themselves.
import { X509Certificate } from 'node:crypto'
import { generate } from 'selfsigned'

export interface ServerKey { readonly cert: string; readonly key: string; readonly certificate: X509Certificate }
const day = 86_400_000
const kind = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const

export interface Issuer { readonly pem: string; readonly certificate: X509Certificate; issue(names: readonly string[], days?: number): Promise<ServerKey> }

export async function makeIssuer(name = 'Test issuer'): Promise<Issuer> {
  const own = await generate([{ name: 'commonName', value: name }], { ...kind, extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }] })
  return { pem: own.cert, certificate: new X509Certificate(own.cert), issue: (names, days) => serverKey(names, days, { key: own.private, cert: own.cert }) }
}

/** @param days of validity left; negative: it has expired @param ca absent: self-signed */
export async function serverKey(names: readonly string[], days = 10, ca?: { key: string; cert: string }): Promise<ServerKey> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: names[0] }], {
    ...kind, ...(ca ? { ca } : {}), notBeforeDate: new Date(Date.now() - 20 * day), notAfterDate: new Date(Date.now() + days * day),
    extensions: [{ name: 'basicConstraints', cA: false }, { name: 'keyUsage', digitalSignature: true }, { name: 'extKeyUsage', serverAuth: true }, { name: 'subjectAltName', altNames: names.map((value) => ({ type: 2 as const, value })) }],
  })
  return { cert: ca ? `${cert}\n${ca.cert}` : cert, key, certificate: new X509Certificate(cert) }
}
