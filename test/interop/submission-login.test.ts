// Submission with OAuth tokens and client certificates, as curl and nodemailer send with them.
import { readFileSync } from 'node:fs'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeAuthority, type Authority, type ClientKey } from '../support/authority.js'
import { spawnGateway } from '../support/gateway.js'
import { startIssuer, type TestIssuer } from '../support/issuer.js'
import { arrived, attempt, certificateOf, portOf, user, type Ran } from './support/programs.js'

let authority: Authority
let issuer: TestIssuer
let gateway: Awaited<ReturnType<typeof spawnGateway>>
let good: ClientKey
let takenBack: ClientKey
beforeAll(async () => {
  ;[authority, issuer] = await Promise.all([makeAuthority(), startIssuer()])
  ;[good, takenBack] = await Promise.all([authority.issue({ email: [user(1)] }), authority.issue({ email: [user(1)] })])
  const oauth = { allowNetworks: ['127.0.0.0/8'], issuers: [{ issuer: issuer.url, audience: ['mail'], keys: `${issuer.url}/keys` }] }
  gateway = await spawnGateway({ accounts: 2, set: [`accounts.oauth=${JSON.stringify(oauth)}`, `tls.clientCertificates=${JSON.stringify({ ca: authority.file, crl: authority.takeBack(takenBack) })}`, 'plugins.smtp-ingress.submission.clientCertificates=asked'] })
})
afterAll(async () => {
  await gateway?.stop()
  await issuer?.stop()
  authority?.remove()
})

const send = (subject: string, mechanism: string, ...more: string[]): Promise<Ran> => attempt('curl', [
  '-sS', '--max-time', '20', '--cacert', certificateOf(gateway), '--login-options', `AUTH=${mechanism}`, '-u', `${user(1)}:`, '--mail-from', user(1), '--mail-rcpt', user(2), '-T', '-', ...more, `smtps://127.0.0.1:${portOf(gateway, 'submissions')}/me.example`,
], { input: `From: <${user(1)}>\r\nSubject: ${subject}\r\n\r\nHi\r\n` })

describe.each(['OAUTHBEARER', 'XOAUTH2'])('%s', (mechanism) => {
  it.each([[[]], [['--sasl-ir']]])('curl %s', async (args) => {
    const subject = `${mechanism}${args.length}`
    expect(await send(subject, mechanism, '--oauth2-bearer', await issuer.token({}), ...args)).toMatchObject({ code: 0 })
    await arrived(gateway, 2, subject)
    expect((await send('no', mechanism, '--oauth2-bearer', await issuer.token({ exp: 1 }), ...args)).code).toBe(67)
    expect((await send('no', mechanism, '--oauth2-bearer', await issuer.token({ email: user(2) }), ...args)).code).toBe(67)
  })
})
it('nodemailer with a token', async () => {
  const transport = (accessToken: string) => createTransport({ host: '127.0.0.1', port: Number(portOf(gateway, 'submissions')), secure: true, auth: { type: 'OAuth2', user: user(1), accessToken }, tls: { ca: readFileSync(certificateOf(gateway), 'utf8') } })
  await transport(await issuer.token({})).sendMail({ from: user(1), to: user(2), subject: 'by nodemailer', text: 'Hi' })
  await arrived(gateway, 2, 'by nodemailer')
  await expect(transport(await issuer.token({ exp: 1 })).sendMail({ from: user(1), to: user(2), text: 'Hi' })).rejects.toMatchObject({ code: 'EAUTH' })
})
it.each([[[]], [['--sasl-ir']]])('a certificate, with curl %s', async (args) => {
  const by = (client: ClientKey): string[] => ['--cert', client.certFile, '--key', client.keyFile]
  expect(await send(`external${args.length}`, 'EXTERNAL', ...by(good), ...args)).toMatchObject({ code: 0 })
  await arrived(gateway, 2, `external${args.length}`)
  expect((await send('no', 'EXTERNAL', ...by(takenBack), ...args)).code).not.toBe(0)
  expect((await send('no', 'EXTERNAL', ...args)).code).not.toBe(0)
})
