// OAuth tokens as curl (IMAP and POP3) and imapflow use them, from a real issuer.
import { readFileSync } from 'node:fs'
import { ImapFlow } from 'imapflow'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { startIssuer, type TestIssuer } from '../support/issuer.js'
import { attempt, certificateOf, portOf, user, type Ran } from './support/programs.js'

let issuer: TestIssuer
let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => {
  issuer = await startIssuer()
  const oauth = { allowNetworks: ['127.0.0.0/8'], issuers: [{ issuer: issuer.url, audience: ['mail'], keys: `${issuer.url}/keys` }] }
  gateway = await spawnGateway({ accounts: 2, set: [`accounts.oauth=${JSON.stringify(oauth)}`] })
})
afterAll(async () => {
  await gateway?.stop()
  await issuer?.stop()
})

it.each(['imap', 'pop3'] as const)('curl by %s', async (scheme) => {
  const ask = async (mechanism: string, claims: object, ...args: string[]): Promise<Ran> => attempt('curl', [
    '-sS', '--max-time', '20', '--cacert', certificateOf(gateway), '--login-options', `AUTH=${mechanism}`, '-u', `${user(1)}:`, '--oauth2-bearer', await issuer.token({ ...claims }), ...args, `${scheme}s://127.0.0.1:${portOf(gateway, `${scheme}s`)}/`,
  ])
  for (const mechanism of ['OAUTHBEARER', 'XOAUTH2']) for (const args of [[], ['--sasl-ir']]) {
    const got = await ask(mechanism, {}, ...args)
    expect(got, `${mechanism} ${args.join(' ')}`).toMatchObject({ code: 0 })
    if (scheme === 'imap') expect(got.stdout.toString()).toContain('INBOX')
    expect((await ask(mechanism, { exp: 1 }, ...args)).code).toBe(67)
    expect((await ask(mechanism, { email: user(2) }, ...args)).code).toBe(67)
  }
})

it('imapflow', async () => {
  const client = (accessToken: string): ImapFlow => new ImapFlow({ host: '127.0.0.1', port: Number(portOf(gateway, 'imaps')), secure: true, logger: false, auth: { user: user(1), accessToken }, tls: { ca: readFileSync(certificateOf(gateway), 'utf8') } })
  const good = client(await issuer.token())
  await good.connect()
  expect((await good.list()).map(({ path }) => path)).toContain('INBOX')
  await good.logout()
  await expect(client(await issuer.token({ exp: 1 })).connect()).rejects.toMatchObject({ authenticationFailed: true, oauthError: { status: 'invalid_token' } })
})
