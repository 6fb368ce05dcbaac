// Debian's Exim as the other side of SMTP, in both directions, with and without TLS: octets, refusals, delays, and reports that it
// writes because our people asked for them (RFC 3461).
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { simpleParser } from 'mailparser'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDns } from '../support/dns-server.js'
import { spawnGateway } from '../support/gateway.js'
import { freePorts } from '../support/ports.js'
import { startExim, type Exim } from './support/exim.js'
import { message, same, withLf } from './support/messages.js'
import { isRoot } from './support/postfix.js'
import { arrived, certificateOf, contents, portOf, run, until, user, workFolder } from './support/programs.js'

// It drops its rights itself, and needs them to do so.
describe.skipIf(!isRoot).each([['with TLS', 'far.test', true], ['in clear', 'clear.test', false]] as const)('Exim, %s', (_, domain, tls) => {
  const folder = workFolder()
  let theirs: Exim
  let gateway: Awaited<ReturnType<typeof spawnGateway>>
  let dns: Awaited<ReturnType<typeof startDns>>
  beforeAll(async () => {
    dns = await startDns({})
    const [port] = await freePorts(1)
    gateway = await spawnGateway({ accounts: 4, set: [
      `bridges.smtp-relay=${JSON.stringify({ retry: 1, retryLongest: 2, incoming: { check: false }, routes: [{ host: `127.0.0.1:${port}`, tls: tls ? 'required' : 'off' }] })}`, `im2000.outbound.dnsServers=["${dns.address}"]`,
    ] })
    theirs = await startExim(folder.path, domain, ['anna', 'ben'], port, `127.0.0.1:${portOf(gateway, 'smtp')}`, tls)
  })
  afterAll(async () => {
    await theirs?.stop()
    await gateway?.stop()
    await dns?.stop()
    folder.remove()
  })

  const upload = async (octets: Buffer, to: readonly string[], from: string, ...args: string[]): Promise<void> => {
    const path = join(folder.path, `${Math.random().toString(36).slice(2)}.eml`)
    writeFileSync(path, octets)
    await run('curl', ['-sS', '--fail', ...args, '--mail-from', from, ...to.flatMap((one) => ['--mail-rcpt', one]), '--upload-file', path])
  }
  const submit = (octets: Buffer, to: readonly string[]): Promise<void> => upload(octets, to, user(2), '--cacert', certificateOf(gateway), `smtps://localhost:${portOf(gateway, 'submissions')}/client`, '--user', `${user(2)}:${gateway.password}`)
  const hand = (octets: Buffer, to: readonly string[]): Promise<void> => upload(octets, to, `anna@${domain}`, `smtp://127.0.0.1:${theirs.port}/client`)
  const mailOf = (name: string, subject: string): Promise<Buffer> => until(async () => theirs.mail(name).find((octets) => octets.includes(`Subject: ${subject}\n`)), `${subject} for ${name}; ${theirs.log().slice(-1500)}`)
  const reports = (): Promise<Buffer[]> => contents(gateway, 2).then((held) => held.filter(({ source }) => source.includes('multipart/report')).map(({ source }) => source))

  it('takes what we relay, octet for octet, in one transaction', async () => {
    const octets = message({ subject: 'relayed', from: user(2), to: `anna@${domain}`, octets: 200_000 })
    await submit(octets, [`anna@${domain}`, `ben@${domain}`])
    const got = await mailOf('anna', 'relayed')
    expect(/ X=TLS1\.[23]/.test(theirs.log())).toBe(tls)
    same(Buffer.from(got.toString('latin1').replace(/^[\s\S]*?\n(?=From: Sender)/, ''), 'latin1'), withLf(octets))
    await mailOf('ben', 'relayed')
    expect(theirs.log().match(/ <= /g)).toHaveLength(1)
  })
  it('refuses an unknown recipient: the sender gets our report; a delay is tried again', async () => {
    await submit(message({ subject: 'refused', from: user(2) }), [`nobody@${domain}`, `later@${domain}`, `anna@${domain}`])
    await mailOf('anna', 'refused')
    const [report] = await until(async () => { const found = await reports(); return found.length > 0 ? found : undefined }, 'the report')
    const status = (await simpleParser(report, { keepDeliveryStatus: true })).attachments.find((one) => one.contentType === 'message/delivery-status')!.content.toString()
    expect(status).toMatch(new RegExp(`Final-Recipient: rfc822; ?nobody@${domain}`))
    expect(status).toMatch(/Action: failed/)
    await until(async () => (theirs.log().match(/later@[^ ]+>: not now/g) ?? []).length >= 2, 'two attempts')
  })
  it('reports by itself what our people asked to be told of', async () => {
    const before = (await reports()).length
    await createTransport({ host: 'localhost', port: Number(portOf(gateway, 'submissions')), secure: true, tls: { rejectUnauthorized: false }, auth: { user: user(2), pass: gateway.password } })
      .sendMail({ envelope: { from: user(2), to: `ben@${domain}` }, dsn: { id: 'ours-1', return: 'headers', notify: ['success'], recipient: `ben@${domain}` }, raw: message({ subject: 'told', from: user(2) }) } as never)
    const found = await until(async () => { const all = await reports(); return all.length > before ? all : undefined }, `the report; ${theirs.log().slice(-1500)}`)
    const text = found.map((one) => one.toString('latin1')).find((one) => one.includes('ours-1'))!
    expect(text).toMatch(new RegExp(`Reporting-MTA: dns; ?mx\\.${domain}`))
    expect(text).toMatch(/Action: (?:delivered|relayed)/i)
    expect(found).toHaveLength(before + 1)
  })
  it('hands our MX mail, large and in numbers, octet for octet', async () => {
    const large = message({ subject: 'incoming', from: `anna@${domain}`, octets: 3_000_000 })
    await hand(large, [user(3)])
    const { source } = await arrived(gateway, 3, 'incoming')
    same(Buffer.from(source.toString('latin1').replace(/^[\s\S]*?\r\n(?=From: Sender)/, ''), 'latin1'), large)
    expect(source.toString('latin1')).toMatch(tls ? /^Received: by localhost with ESMTPS/ : /^Received: by localhost with ESMTP\r/)
    await Promise.all(Array.from({ length: 20 }, (_, i) => hand(message({ subject: `number ${i} end`, from: `anna@${domain}` }), [user(4)])))
    for (let i = 0; i < 20; i++) await arrived(gateway, 4, `number ${i} end`)
  })
  it('understands our refusal of an unknown recipient', async () => {
    await hand(message({ subject: 'unknown here', from: `ben@${domain}` }), ['nobody@example.test'])
    await until(async () => /\*\* nobody@example\.test.*550/.test(theirs.log()), 'the bounce')
  })
})
