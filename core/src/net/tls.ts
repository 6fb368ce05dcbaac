// The certificate: the configured one, or a development certificate made in the data folder on first start.
import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Clock } from '../base/clock.js'
import { failure, isFailure } from '../errors/codes.js'
import type { Log } from '../log/logger.js'
import type { Certificate } from './contract.js'

export interface TlsOptions {
  /** PEM files; both empty for the development certificate. */
  readonly certificate: string
  readonly key: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** PEM files of the authorities whose client certificates are believed, and of what they took back; empty for none. */
  readonly clientCertificates?: { readonly ca: string; readonly crl: string }
  readonly dataFolder: string
  readonly hostname: string
  readonly log: Log
  readonly clock: Clock
}

const year = 365 * 86_400_000

/** @throws CONFIG_INVALID when the configured files cannot be used */
export async function loadCertificate(options: TlsOptions): Promise<Certificate> {
  if (options.certificate === '' && options.key === '') return await developmentCertificate(options)
  const { certificate, key } = options
  if (certificate === '' || key === '') throw failure('CONFIG_INVALID', { report: `tls.${certificate === '' ? 'certificate' : 'key'}: is empty; accepted: a PEM file, as the other of the pair is given` })
  return await read(certificate, key, options, false)
}

async function developmentCertificate(options: TlsOptions): Promise<Certificate> {
  const { dataFolder, hostname, log, clock } = options
  const certificateFile = join(dataFolder, 'tls', 'development.crt')
  const keyFile = join(dataFolder, 'tls', 'development.key')
  const known = await read(certificateFile, keyFile, options, true).catch((error: unknown) => {
    if (options.clientCertificates && isClients(error)) throw error
    return undefined
  })
  if (known && known.notAfter.getTime() > clock.now() + 7 * 86_400_000) return known
  // Loaded only when needed: it takes longer to load than everything else here.
  const { generate } = await import('selfsigned')
  const dnsNames = [...new Set(['localhost', hostname])].filter((name) => /^[A-Za-z0-9.-]+$/.test(name))
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'Restante development certificate' }], {
    keyType: 'ec', curve: 'P-256', algorithm: 'sha256',
    notBeforeDate: new Date(clock.now() - 86_400_000), notAfterDate: new Date(clock.now() + 5 * year),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [...dnsNames.map((value) => ({ type: 2 as const, value })), { type: 7, ip: '127.0.0.1' }, { type: 7, ip: '::1' }] },
    ],
  })
  await put(keyFile, key, 0o600)
  await put(certificateFile, cert, 0o644)
  log.info({ file: certificateFile }, 'made a development certificate; mail clients will ask whether to trust it')
  return await read(certificateFile, keyFile, options, true)
}

async function put(file: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(`${file}.new`, text, { mode })
  await chmod(`${file}.new`, mode)
  await rename(`${file}.new`, file)
}

async function read(certificateFile: string, keyFile: string, { minVersion, clientCertificates: clients }: TlsOptions, development: boolean): Promise<Certificate> {
  // One after the other, so that the same mistake always gets the same answer.
  const cert = await pem('certificate', certificateFile)
  const key = await pem('key', keyFile)
  const own = { cert, key, minVersion, honorCipherOrder: true }
  try {
    const parsed = new X509Certificate(cert)
    // maxVersion is left to OpenSSL; renegotiation and compression are off in Node.
    const context = createSecureContext(own)
    const names = (parsed.subjectAltName ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, '')).filter(Boolean)
    const askingContext = clients && clients.ca !== '' ? await askingFor(clients, own) : undefined
    return { context, ...(askingContext ? { askingContext } : {}), fingerprint: parsed.fingerprint256, names, notAfter: new Date(parsed.validTo), development, file: certificateFile }
  } catch (error) {
    if (isClients(error)) throw error
    throw failure('CONFIG_INVALID', { report: `tls: ${certificateFile} and ${keyFile} are no usable pair: ${(error as Error).message}` }, error)
  }
}

/** A context that knows whose client certificates to believe. Sessions are resumed only where the client was asked, too. */
async function askingFor({ ca, crl }: { ca: string; crl: string }, own: SecureContextOptions): Promise<SecureContext> {
  const authorities = await pem('clientCertificates.ca', ca)
  const takenBack = crl === '' ? {} : { crl: await pem('clientCertificates.crl', crl) }
  try {
    new X509Certificate(authorities)
    return createSecureContext({ ...own, ca: authorities, ...takenBack, sessionIdContext: 'restante clients' })
  } catch (error) {
    throw failure('CONFIG_INVALID', { report: `tls.clientCertificates: ${ca}${crl && ` or ${crl}`} cannot be used: ${(error as Error).message}` }, error)
  }
}
const isClients = (error: unknown): boolean => isFailure(error, 'CONFIG_INVALID') && String(error.details.report).startsWith('tls.clientCertificates')

async function pem(what: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw failure('CONFIG_INVALID', { report: `tls.${what}: ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}` }, error)
  }
}
