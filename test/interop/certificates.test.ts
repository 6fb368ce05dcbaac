// Client certificates (AUTH=EXTERNAL) as curl and openssl use them; and what their authority took back.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeAuthority, type Authority, type ClientKey } from '../support/authority.js'
import { spawnGateway } from '../support/gateway.js'
import { attempt, certificateOf, portOf, user } from './support/programs.js'

let authority: Authority
let gateway: Awaited<ReturnType<typeof spawnGateway>>
let good: ClientKey
let takenBack: ClientKey
beforeAll(async () => {
  authority = await makeAuthority()
  ;[good, takenBack] = await Promise.all([authority.issue({ email: [user(1)] }), authority.issue({ email: [user(1)] })])
  const clients = { ca: authority.file, crl: authority.takeBack(takenBack) }
  gateway = await spawnGateway({ accounts: 1, set: [`tls.clientCertificates=${JSON.stringify(clients)}`, 'plugins.imap4.clientCertificates=asked', 'plugins.pop3.clientCertificates=asked'] })
})
afterAll(async () => {
  await gateway?.stop()
  authority?.remove()
})

describe.each(['imap', 'pop3'] as const)('curl by %s', (scheme) => {
  const ask = (client: ClientKey | undefined, address: string, ...more: string[]) => attempt('curl', [
    '-sS', '--max-time', '20', '--cacert', certificateOf(gateway), ...(client ? ['--cert', client.certFile, '--key', client.keyFile] : []), '--login-options', 'AUTH=EXTERNAL', '-u', `${user(1)}:`, ...more, address,
  ])
  it('with TLS and with STARTTLS', async () => {
    const [tls, starttls] = [`${scheme}s://127.0.0.1:${portOf(gateway, `${scheme}s`)}/`, `${scheme}://127.0.0.1:${portOf(gateway, scheme)}/`]
    for (const [address, more] of [[tls, []], [tls, ['--sasl-ir']], [starttls, ['--ssl-reqd']]] as const) {
      expect(await ask(good, address, ...more)).toMatchObject({ code: 0 })
      expect((await ask(undefined, address, ...more)).code).not.toBe(0)
      expect((await ask(takenBack, address, ...more)).code).not.toBe(0)
    }
  })
})

it('openssl s_client, in TLS 1.2 and 1.3', async () => {
  for (const version of ['-tls1_2', '-tls1_3']) {
    const line = `openssl s_client -quiet ${version} -connect 127.0.0.1:${portOf(gateway, 'imaps')} -CAfile ${certificateOf(gateway)} -cert ${good.certFile} -key ${good.keyFile}`
    const { stdout } = await attempt('sh', ['-c', `printf 'a AUTHENTICATE EXTERNAL =\\r\\nb LOGOUT\\r\\n' | ${line}`])
    expect(stdout.toString()).toMatch(/^a OK \[CAPABILITY .*\r\n\* BYE .*\r\nb OK/m)
  }
})
