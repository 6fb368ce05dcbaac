// DKIM signatures and ARC seals of ours, verified by a program that is not ours: dkimpy (Debian's python3-dkim).
import { fileURLToPath } from 'node:url'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { startSink, type Sink } from '../support/smtp-sink.js'
import { message } from './support/messages.js'
import { run, user } from './support/programs.js'

describe('signatures', () => {
  const zone: DnsZone = { 'src.test': [{ type: 'TXT', text: 'v=spf1 ip4:127.0.0.1 -all' }] }
  const records: Record<string, string> = {}
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
  it('ARC: the seal on what was forwarded', async () => {
    await send('smtp', 'eve@src.test', user(1), message({ subject: 'forwarded', from: 'eve@src.test', eightBit: false }))
    await expect.poll(() => sink.taken.length).toBe(1)
    const { text } = sink.taken[0]
    expect(await verify(text)).toMatchObject({ dkim: [], arc: 'pass' })
    expect((await verify(text.replace('Subject: forwarded', 'Subject: forged'))).arc).not.toBe('pass')
  })
})
