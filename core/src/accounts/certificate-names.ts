// Whose is a client certificate? What it says of its owner, in the order of the configuration, as login names. Pure.
import type { X509Certificate } from 'node:crypto'

export interface CertificateNames {
  readonly names: readonly ('email' | 'dns' | 'commonName')[]
  /** What a certificate says → login name. */
  readonly accounts: Readonly<Record<string, string>>
}

/** Login names in lower case, without doubles. The certificate must have been checked. */
export function namesIn(certificate: X509Certificate, { names, accounts }: CertificateNames): string[] {
  const said = names.flatMap((kind) => (kind === 'commonName' ? commonNames(certificate) : alternativeNames(certificate, kind === 'email' ? 'email' : 'DNS')))
  const known = new Map(Object.entries(accounts).map(([name, account]) => [name.toLowerCase(), account.toLowerCase()]))
  return [...new Set(said.map((name) => known.get(name.toLowerCase()) ?? name.toLowerCase()))]
}

/** Node writes `email:a@b, DNS:c`, and puts what could be mistaken for more into quotes as JSON does. */
function alternativeNames({ subjectAltName = '' }: X509Certificate, kind: string): string[] {
  return [...subjectAltName.matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)].flatMap(([, type, text]) => (type !== kind ? [] : [text!.startsWith('"') ? (JSON.parse(text!) as string) : text!]))
}

function commonNames(certificate: X509Certificate): string[] {
  const { CN } = certificate.toLegacyObject().subject as { CN?: string | string[] }
  return CN === undefined ? [] : [CN].flat()
}
