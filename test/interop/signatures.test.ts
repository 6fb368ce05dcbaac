// DKIM signatures and ARC seals of ours, verified by programs that are not ours: dkimpy (Debian's python3-dkim) and OpenDKIM; and a
// signature of OpenDKIM's, as we see it.
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { startSink, type Sink } from '../support/smtp-sink.js'
import { message } from './support/messages.js'
import { arrived, run, user, workFolder } from './support/programs.js'

describe('signatures', () => {
  const zone: DnsZone = { 'src.test': [{ type: 'TXT', text: 'v=spf1 ip4:127.0.0.1 -all' }] }
  const records: Record<string, string> = {}
  const folder = workFolder()
  let sink: Sink
  let dns: Awaited<ReturnType<typeof startDns>>
  let gateway: Awaited<ReturnType<typeof startGateway>>
  beforeAll(async () => {
    sink = await startSink()
    dns = await startDns(zone)
    gateway = await startGateway({ accounts: 2, set: ['plugins.pop3=false', 'plugins.mailsort={}', `im2000.outbound.dnsServers=["${dns.address}"]`, `bridges.smtp-relay=${JSON.stringify({ routes: [{ host: `127.0.0.1:${sink.port}` }] })}`] })
    for (const { record } of await operate(gateway.running.gateway, 'smtp-relay.dkim.create', { domain: 'example.test' }) as { record: string }[]) {
      const [, name, text] = /^(\S+)\. IN TXT (.*)$/.exec(record)!
      records[name] = [...text.matchAll(/"([^"]*)"/g)].map((part) => part[1]).join('')
      zone[name] = [{ type: 'TXT', text: records[name] }]
    }
    await operate(gateway.running.gateway, 'mailsort.save', { user: user(1), text: 'rule "on" { forward to "bob@far.test" }' })
  })
  beforeEach(() => { sink.taken.length = 0 })
  afterAll(async () => {
    await gateway?.stop()
    await Promise.all([sink.stop(), dns.stop()])
    folder.remove()
  })
  const verify = async (text: string) => {
    // Not whatever python3 comes first: the package is the system's.
    const { stdout } = await run('/usr/bin/python3', ['-B', fileURLToPath(new URL('python/signatures.py', import.meta.url))], { input: JSON.stringify({ message: Buffer.from(text, 'latin1').toString('base64'), records }) })
    return JSON.parse(stdout.toString()) as { dkim: boolean[]; arc: string; why: string }
  }
  const send = (listener: string, from: string, to: string, raw: Buffer): Promise<unknown> => {
    const [host, port] = gateway.listeners[listener].split(':')
    return createTransport({ host, port: Number(port), ignoreTLS: true, ...(listener === 'submission' ? { auth: { user: from, pass: gateway.password } } : {}) }).sendMail({ envelope: { from, to }, raw })
  }

  it('DKIM, RSA and Ed25519: good as sent, bad when changed', async () => {
    await send('submission', user(2), 'bob@far.test', message({ subject: 'signed', from: user(2), to: 'bob@far.test', octets: 20_000 }))
    await expect.poll(() => sink.taken.length).toBe(1)
    const { text } = sink.taken[0]
    expect(await verify(text)).toMatchObject({ dkim: [true, true] })
    expect(await verify(text.replace('Subject: signed', 'Subject: forged'))).toMatchObject({ dkim: [false, false] })
    expect(await verify(text.replace('..dots', '..Dots'))).toMatchObject({ dkim: [false, false] })
  })
  /** What OpenDKIM would put above a message: a signature, or its verdicts. */
  const openDkim = async (settings: readonly string[], text: string): Promise<string> => {
    const [conf, path] = [join(folder.path, 'opendkim.conf'), join(folder.path, 'opendkim.eml')]
    writeFileSync(conf, ['Syslog no', 'Socket inet:0@127.0.0.1', ...settings, ''].join('\n'))
    writeFileSync(path, text, 'latin1')
    const { stdout } = await run('/usr/sbin/opendkim', ['-x', conf, '-vv', '-t', path])
    return /hvalue='([^']*)'/.exec(stdout.toString())?.[1] ?? ''
  }
  it('OpenDKIM finds them good too, and bad when changed', async () => {
    await send('submission', user(2), 'bob@far.test', message({ subject: 'signed', from: user(2), to: 'bob@far.test', octets: 20_000 }))
    await expect.poll(() => sink.taken.length).toBe(1)
    const { text } = sink.taken[0]
    writeFileSync(join(folder.path, 'dns'), Object.entries(records).map(([name, record]) => `${name} ${record}\n`).join(''))
    const verdicts = async (what: string): Promise<string[]> => [...(await openDkim(['Mode v', `TestDNSData file:${join(folder.path, 'dns')}`], what)).matchAll(/dkim=(\S+).*header\.a=(\S+)/g)].map(([, result, algorithm]) => `${algorithm} ${result}`).sort()
    expect(await verdicts(text)).toEqual(['ed25519-sha256 pass', 'rsa-sha256 pass'])
    expect(await verdicts(text.replace('Subject: signed', 'Subject: forged'))).toEqual(['ed25519-sha256 fail', 'rsa-sha256 fail'])
  })
  it.each(['relaxed/relaxed', 'simple/simple', 'relaxed/simple'])('what OpenDKIM signed (%s) we find good, and bad when changed', async (form) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    writeFileSync(join(folder.path, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    zone['open._domainkey.src.test'] = [{ type: 'TXT', text: `v=DKIM1; k=rsa; p=${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}` }]
    const subject = `by OpenDKIM ${form}`
    const text = message({ subject, from: 'eve@src.test', to: user(2), octets: 20_000 }).toString('latin1')
    const signature = await openDkim(['Mode s', 'Domain src.test', 'Selector open', `KeyFile ${join(folder.path, 'key.pem')}`, 'RequireSafeKeys no', `Canonicalization ${form}`], text)
    const signed = `DKIM-Signature: ${signature.replace(/\r?\n/g, '\r\n')}\r\n${text}`
    await send('smtp', 'eve@src.test', user(2), Buffer.from(signed, 'latin1'))
    expect((await arrived(gateway, 2, subject)).source.toString('latin1')).toMatch(/^Authentication-Results: [^]*dkim=pass header\.d=src\.test header\.s=open/m)
    await send('smtp', 'eve@src.test', user(2), Buffer.from(signed.replace(`Subject: ${subject}`, `Subject: changed ${form}`), 'latin1'))
    expect((await arrived(gateway, 2, `changed ${form}`)).source.toString('latin1')).toMatch(/^Authentication-Results: [^]*dkim=(?:fail|neutral) header\.d=src\.test/m)
  })
  it('ARC: the seal on what was forwarded', async () => {
    await send('smtp', 'eve@src.test', user(1), message({ subject: 'forwarded', from: 'eve@src.test', eightBit: false }))
    await expect.poll(() => sink.taken.length).toBe(1)
    const { text } = sink.taken[0]
    expect(await verify(text)).toMatchObject({ dkim: [], arc: 'pass' })
    expect((await verify(text.replace('Subject: forwarded', 'Subject: forged'))).arc).not.toBe('pass')
  })
})
