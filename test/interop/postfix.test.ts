// Debian's Postfix as the other side of SMTP, in both directions: what the relay hands it, and what it hands our MX; with and
// without TLS; refusals and delays on either side.
import { simpleParser } from 'mailparser'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDns } from '../support/dns-server.js'
import { spawnGateway } from '../support/gateway.js'
import { afterTrace, message, same, withLf } from './support/messages.js'
import { freePort } from '../support/ports.js'
import { isRoot, startPostfix, type Postfix } from './support/postfix.js'
import { arrived, certificateOf, portOf, run, until, user, workFolder } from './support/programs.js'

// It drops its rights itself, and needs them to do so.
describe.skipIf(!isRoot)('Postfix', () => {
  const folder = workFolder()
  let theirs: Postfix
  let gateway: Awaited<ReturnType<typeof spawnGateway>>
  let dns: Awaited<ReturnType<typeof startDns>>
  beforeAll(async () => {
    dns = await startDns({})
    const port = await freePort()
    gateway = await spawnGateway({ accounts: 4, set: [
      `bridges.smtp-relay=${JSON.stringify({ retry: 1, retryLongest: 2, incoming: { check: false }, routes: [{ recipients: ['far.test'], host: `127.0.0.1:${port}`, tls: 'required' }, { recipients: ['clear.test'], host: `127.0.0.1:${port}`, tls: 'off' }] })}`,
      `im2000.outbound.dnsServers=["${dns.address}"]`,
    ] })
    theirs = await startPostfix(folder.path, 'far.test', ['anna', 'ben', 'carl'], port, [
      `transport_maps = inline:{ example.test=smtp:[127.0.0.1]:${portOf(gateway, 'smtp')} }`, 'smtp_tls_security_level = encrypt', 'smtp_tls_loglevel = 1',
      'smtpd_recipient_restrictions = check_recipient_access inline:{{later@far.test = 450 4.2.0 not now}}, permit', `virtual_alias_domains = clear.test`, 'virtual_alias_maps = inline:{carl@clear.test=carl@far.test}',
    ])
  })
  afterAll(async () => {
    theirs?.stop()
    await gateway?.stop()
    await dns?.stop()
    folder.remove()
  })

  const submit = async (octets: Buffer, to: readonly string[]): Promise<void> => {
    const path = join(folder.path, `${Math.random().toString(36).slice(2)}.eml`)
    writeFileSync(path, octets)
    await run('curl', ['-sS', '--fail', '--cacert', certificateOf(gateway), `smtps://localhost:${portOf(gateway, 'submissions')}/client`, '--user', `${user(2)}:${gateway.password}`, '--mail-from', user(2), ...to.flatMap((one) => ['--mail-rcpt', one]), '--upload-file', path])
  }
  const mailOf = (name: string, subject: string): Promise<Buffer> => until(async () => theirs.mail(name).find((octets) => octets.includes(`Subject: ${subject}\n`)), `${subject} for ${name}; ${theirs.log().slice(-1000)}`)
  const hand = async (octets: Buffer, to: readonly string[]): Promise<void> => {
    const path = join(folder.path, `${Math.random().toString(36).slice(2)}.eml`)
    writeFileSync(path, octets)
    await run('curl', ['-sS', '--fail', `smtp://127.0.0.1:${theirs.port}/client`, '--mail-from', 'anna@far.test', ...to.flatMap((one) => ['--mail-rcpt', one]), '--upload-file', path])
  }

  it('takes what we relay with TLS, octet for octet, in one transaction for all recipients', async () => {
    const octets = message({ subject: 'relayed', from: user(2), to: 'anna@far.test', octets: 200_000 })
    await submit(octets, ['anna@far.test', 'ben@far.test', user(1)])
    const got = await mailOf('anna', 'relayed')
    expect(got.toString('latin1')).toMatch(/using TLSv1\.3 with cipher/)
    same(Buffer.from(got.toString('latin1').replace(/^[\s\S]*?\n(?=From: Sender)/, ''), 'latin1'), withLf(octets))
    await mailOf('ben', 'relayed')
    expect(theirs.log().match(/smtpd\[\d+\]: [0-9A-F]+: client=/g)).toHaveLength(1)
    same(afterTrace((await arrived(gateway, 1, 'relayed')).source), octets)
  })
  it('takes it in clear where that is said', async () => {
    await submit(message({ subject: 'clear', from: user(2), to: 'carl@clear.test' }), ['carl@clear.test'])
    expect((await mailOf('carl', 'clear')).toString('latin1')).not.toMatch(/using TLS/)
  })
  it('refuses an unknown recipient: the sender gets a report that others can read', async () => {
    await submit(message({ subject: 'no such user', from: user(2), to: 'nobody@far.test' }), ['nobody@far.test', 'anna@far.test'])
    await mailOf('anna', 'no such user')
    const report = await until(async () => {
      const { contents } = await import('./support/programs.js')
      return (await contents(gateway, 2)).find(({ source }) => source.includes('multipart/report'))?.source
    }, 'the report')
    const parsed = await simpleParser(report, { keepDeliveryStatus: true })
    expect(parsed.headers.get('auto-submitted')).toBe('auto-replied')
    const status = parsed.attachments.find((one) => one.contentType === 'message/delivery-status')!.content.toString()
    expect(status).toMatch(/Final-Recipient: rfc822; ?nobody@far\.test/i)
    expect(status).toMatch(/Action: failed/i)
    expect(status).toMatch(/Status: 5\.1\.1/)
    expect(status).not.toContain('anna@far.test')
    const { stdout } = await run('/usr/bin/python3', ['-B', fileURLToPath(new URL('python/report.py', import.meta.url))], { input: report })
    expect(JSON.parse(stdout.toString())).toMatchObject({
      type: 'multipart/report', report: 'delivery-status', parts: ['text/plain', 'message/delivery-status', expect.stringMatching(/^(?:message\/rfc822|text\/rfc822-headers|message\/rfc822-headers)$/)], defects: [],
      message: { 'reporting-mta': expect.stringMatching(/^dns; ?localhost$/) }, recipients: [{ 'final-recipient': expect.stringMatching(/^rfc822; ?nobody@far\.test$/), action: 'failed', status: '5.1.1' }], subject: 'no such user',
    })
  })
  it('defers: the recipient waits, and is tried again', async () => {
    await submit(message({ subject: 'deferred', from: user(2), to: 'later@far.test' }), ['later@far.test'])
    await until(async () => ((theirs.log().match(/450 4\.2\.0 <later@far\.test>/g) ?? []).length >= 2), 'two attempts')
  })
  it('hands our MX mail with TLS, large and in numbers, octet for octet', async () => {
    const large = message({ subject: 'incoming', from: 'anna@far.test', octets: 3_000_000 })
    await hand(large, [user(3)])
    const { source } = await arrived(gateway, 3, 'incoming')
    same(Buffer.from(source.toString('latin1').replace(/^[\s\S]*?\r\n(?=From: Sender)/, ''), 'latin1'), large)
    expect(source.toString('latin1')).toMatch(/^Received: by localhost with ESMTPS/)
    await Promise.all(Array.from({ length: 30 }, (_, i) => hand(message({ subject: `number ${i} end`, from: 'anna@far.test' }), [user(4)])))
    for (let i = 0; i < 30; i++) await arrived(gateway, 4, `number ${i} end`)
  })
  it('understands our refusal of an unknown recipient, and bounces by itself', async () => {
    await hand(message({ subject: 'unknown here', from: 'ben@far.test' }), ['nobody@example.test'])
    await until(async () => /to=<nobody@example\.test>.*dsn=5\.1\.1, status=bounced/.test(theirs.log()), 'the bounce')
  })
})
