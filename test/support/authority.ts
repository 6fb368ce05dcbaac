// A certificate authority for tests: certificates for clients, and lists of those it took back.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

export interface ClientKey { readonly cert: string; readonly key: string; readonly certFile: string; readonly keyFile: string }
export interface Authority {
  /** PEM file of the authority itself. */
  readonly file: string
  /** A client's certificate with these names. */
  issue(names: { email?: readonly string[]; dns?: readonly string[]; commonName?: string }, days?: number): Promise<ClientKey>
  /** A PEM file that takes these back. Needs the program openssl. */
  takeBack(...clients: readonly ClientKey[]): string
  remove(): void
}

const day = 86_400_000

export async function makeAuthority(name = 'Test authority'): Promise<Authority> {
  const folder = mkdtempSync(join(tmpdir(), 'restante-authority-'))
  let count = 0
  const put = (text: string, end: string): string => {
    const file = join(folder, `${++count}.${end}`)
    writeFileSync(file, text)
    return file
  }
  const kind = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const
  const own = await generate([{ name: 'commonName', value: name }], {
    ...kind, extensions: [{ name: 'basicConstraints', cA: true, critical: true }, { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }],
  })
  const file = put(own.cert, 'crt')
  return {
    file,
    async issue({ email = [], dns = [], commonName = 'somebody' }, days = 10) {
      const altNames = [...email.map((value) => ({ type: 1 as const, value })), ...dns.map((value) => ({ type: 2 as const, value }))]
      const { cert, private: key } = await generate([{ name: 'commonName', value: commonName }], {
        ...kind, ca: { key: own.private, cert: own.cert }, notBeforeDate: new Date(Date.now() - 20 * day), notAfterDate: new Date(Date.now() + days * day),
        extensions: [{ name: 'basicConstraints', cA: false }, { name: 'keyUsage', digitalSignature: true }, { name: 'extKeyUsage', clientAuth: true }, ...(altNames.length > 0 ? [{ name: 'subjectAltName' as const, altNames }] : [])],
      })
      return { cert, key, certFile: put(cert, 'crt'), keyFile: put(key, 'key') }
    },
    takeBack(...clients) {
      const [ownKey, index, config, list] = [put(own.private, 'key'), join(folder, 'index.txt'), join(folder, 'ca.conf'), join(folder, `${++count}.crl`)]
      const asn1 = (at: number): string => new Date(at).toISOString().replace(/^..|[-:T]|\.\d+/g, '')
      writeFileSync(index, clients.map(({ cert }) => ['R', asn1(Date.now() + day), asn1(Date.now()), new X509Certificate(cert).serialNumber, 'unknown', '/CN=somebody'].join('\t')).join('\n') + '\n')
      writeFileSync(config, `[ca]\ndefault_ca=own\n[own]\ndatabase=${index}\ndefault_md=sha256\ndefault_crl_days=1\n`)
      execFileSync('openssl', ['ca', '-config', config, '-gencrl', '-keyfile', ownKey, '-cert', file, '-out', list], { stdio: 'pipe' })
      return list
    },
    remove: () => rmSync(folder, { recursive: true }),
  }
}
