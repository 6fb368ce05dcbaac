// Mail that a rule sends on: its sender in the envelope is an address of ours from which returned mail finds back (SRS), and what was
// found when it came is sealed (ARC).
import { authenticate } from 'mailauth/lib/mailauth.js'
import { connect } from 'node:net'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { databases, databaseSettings } from '../support/databases.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { startSink, type Sink } from '../support/smtp-sink.js'

for (const kind of databases) describe(kind, () => {
  const zone: DnsZone = { 'src.test': [{ type: 'TXT', text: 'v=spf1 ip4:127.0.0.1 -all' }] }
  let sink: Sink
  let dns: Awaited<ReturnType<typeof startDns>>
  let gateway: Awaited<ReturnType<typeof startGateway>>
  const core = () => gateway.running.gateway
  const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
  beforeAll(async () => {
    sink = await startSink()
    dns = await startDns(zone)
    gateway = await startGateway({ accounts: 2, set: [
      'plugins.pop3=false', 'plugins.mailsort={}', `im2000.outbound.dnsServers=["${dns.address}"]`, 'im2000.outbound.dnsTimeout=1',
      `bridges.smtp-relay=${JSON.stringify({ routes: [{ host: `127.0.0.1:${sink.port}` }] })}`, ...await databaseSettings(kind),
    ] })
    await operate(core(), 'mailsort.save', { user: user(1), text: 'rule "on" { forward to "bob@far.test" }' })
    const made = await operate(core(), 'smtp-relay.dkim.create', { domain: 'example.test' }) as { record: string }[]
    for (const { record } of made) {
      const [, name, text] = /^(\S+)\. IN TXT (.*)$/.exec(record)!
      zone[name] = [{ type: 'TXT', text: [...text.matchAll(/"([^"]*)"/g)].map((part) => part[1]).join('') }]
    }
  })
  beforeEach(() => { sink.taken.length = 0 })
  afterAll(async () => {
    await gateway?.stop()
    await Promise.all([sink.stop(), dns.stop()])
  })
  const receive = (from: string, to: string, raw = `From: <${from}>\r\nTo: <${to}>\r\nSubject: on\r\nDate: Sun, 1 Mar 2026 10:00:00 +0000\r\nMessage-ID: <${Math.random()}@src.test>\r\n\r\nHi\r\n`): Promise<string> => {
    const [host, port] = gateway.listeners.smtp.split(':')
    return createTransport({ host, port: Number(port), ignoreTLS: true }).sendMail({ envelope: { from: from === '' ? false as never : from, to }, raw }).then(({ response }) => response.slice(0, 3), (error: { response: string }) => error.response.slice(0, 9))
  }
  const arrived = async (count = 1) => { await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(count) }

  it('goes out with an address of ours; what is returned to it finds back to the true sender', async () => {
    expect(await receive('eve@src.test', user(1))).toBe('250')
    await arrived()
    const [{ from, to }] = sink.taken
    expect(to).toEqual(['bob@far.test'])
    expect(from).toMatch(/^SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=src\.test=eve@example\.test$/)
    // A mail server in between has made it lower case.
    expect(await receive('', from.toLowerCase(), 'Subject: returned\r\n\r\nno such user\r\n')).toBe('250')
    await arrived(2)
    expect(sink.taken[1]).toMatchObject({ from: '', to: ['eve@src.test'], text: expect.stringContaining('Subject: returned') })
  })
  it('takes nothing but returned mail, and no address that was not made here', async () => {
    expect(await receive('eve@src.test', user(1))).toBe('250')
    await arrived()
    const { from } = sink.taken[0]
    expect(await receive('eve@src.test', from)).toBe('550 5.7.1')
    expect(await receive('', from.replace('=eve@', '=victim@'))).toBe('550 5.7.1')
    expect(await receive('', 'SRS0@example.test')).toMatch(/^550 5\.1\.1/)
    expect(sink.taken).toHaveLength(1)
  })
  it('finds back also where a catch-all gathers what is nobody\'s', async () => {
    expect(await receive('eve@src.test', user(1))).toBe('250')
    await arrived()
    const { from } = sink.taken[0]
    const filed = async (): Promise<number> => Number((await core().database.read.get("SELECT COUNT(*) AS n FROM entries"))!.n)
    await core().accounts.addAddress(user(2), '*@example.test')
    try {
      const before = await filed()
      expect(await receive('', from, 'Subject: returned\r\n\r\nno such user\r\n')).toBe('250')
      await arrived(2)
      expect(sink.taken[1]).toMatchObject({ from: '', to: ['eve@src.test'] })
      expect(await receive('', from.replace('=eve@', '=victim@'))).toBe('550 5.7.1')
      expect(await filed()).toBe(before)
      expect(await receive('eve@src.test', 'anything@example.test')).toBe('250')
      expect(await filed()).toBe(before + 1)
    } finally {
      await core().accounts.removeAddress('*@example.test')
    }
  })
  it('of our own people it goes out in their name; of the null sender in nobody\'s', async () => {
    for (const sender of [user(2), '']) {
      const draft = await core().store.open({ account: null, name: sender, protocol: 'ESMTP' }, { recipients: [user(1)] })
      await draft.writer.write(Buffer.from(`From: ${user(2)}\r\nMessage-ID: <${Math.random()}@x>\r\nSubject: own\r\n\r\n`))
      await draft.seal()
    }
    await arrived(2)
    expect(sink.taken.map((one) => one.from).sort()).toEqual(['', user(2)])
  })
  it('is sealed: another program believes the chain, and reads in it what we found; a second seal stands on the first', async () => {
    expect(await receive('eve@src.test', user(1))).toBe('250')
    await arrived()
    const resolver = async (name: string, type: string): Promise<unknown> => {
      const { Resolver } = await import('node:dns/promises')
      const own = new Resolver({ timeout: 500, tries: 1 })
      own.setServers([dns.address])
      return own.resolve(name, type)
    }
    const check = async (text: string) => (await authenticate(Buffer.from(text, 'latin1'), { ip: '192.0.2.1', helo: 'x', sender: 'x@y.test', mta: 'far.test', resolver, disableBimi: true })) as any
    const once = sink.taken[0].text
    expect(once).toMatch(/^ARC-Seal: i=1; [^]*ARC-Authentication-Results: i=1; localhost;\s+[^]*spf=pass/)
    expect((await check(once)).arc).toMatchObject({ status: { result: 'pass' }, i: 1, authenticationResults: { mta: 'localhost', spf: { result: 'pass' } } })
    // It comes round once more, from somebody else.
    expect(await receive('list@src.test', user(1), once.replace(/^Delivered-To:.*\r\n/m, ''))).toBe('250')
    await arrived(2)
    const twice = sink.taken[1].text
    expect((await check(twice)).arc).toMatchObject({ status: { result: 'pass' }, i: 2 })
    // Changed on the way, it is worth nothing.
    expect((await check(twice.replace('\r\n\r\nHi', '\r\n\r\nHo'))).arc.status.result).toBe('fail')
  })
  it('a stranger cannot read the address as a way through: nothing is relayed to whom he names', async () => {
    const [host, port] = gateway.listeners.smtp.split(':')
    const socket = connect(Number(port), host)
    let seen = ''
    const lines = ['HELO x', 'MAIL FROM:<>', 'RCPT TO:<SRS0=AAAAAAAA=AA=victim.test=bob@example.test>', 'RCPT TO:<SRS1=AAAAAAAA=victim.test==x=y=z=bob@example.test>', 'QUIT']
    await new Promise<void>((done) => { socket.on('data', (chunk) => { seen += chunk; if (seen.endsWith('\n') && lines.length > 0) socket.write(`${lines.shift()}\r\n`) }).on('close', () => done()) })
    expect(seen.match(/^550 5\.7\.1 /gm)).toHaveLength(2)
  })
})
