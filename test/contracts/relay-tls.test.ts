// TLS between domains: policies over HTTPS (MTA-STS), messages that require TLS or do not care (RFC 8689), reports (TLS-RPT).
import { createServer, type Server } from 'node:https'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { simpleParser } from 'mailparser'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { databases, databaseSettings } from '../support/databases.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { makeIssuer } from '../support/server-certificates.js'
import { startSink, type Sink } from '../support/smtp-sink.js'
import { held } from '../support/smtp-talk.js'

for (const kind of databases) describe(kind, () => {
  const folder = mkdtempSync(join(tmpdir(), 'restante-tls-'))
  const zone: DnsZone = {}
  let dns: Awaited<ReturnType<typeof startDns>>
  /** Its certificate is good for mx.far.test. */
  let good: Sink
  let web: Server
  let policy = ''
  const fetched: string[] = []
  const posted: Buffer[] = []
  let gateway: Awaited<ReturnType<typeof startGateway>>
  const core = () => gateway.running.gateway
  const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
  beforeAll(async () => {
    const issuer = await makeIssuer()
    writeFileSync(join(folder, 'ca.pem'), issuer.pem)
    const mail = await issuer.issue(['mx.far.test'])
    const host = await issuer.issue(['mta-sts.far.test', 'mta-sts.gone.test', 'mta-sts.lost.test', 'reports.far.test'])
    good = await startSink({ key: mail.key, cert: mail.cert, hideREQUIRETLS: false })
    web = createServer({ key: host.key, cert: host.cert }, (request, response) => {
      fetched.push(`${request.headers.host} ${request.url}`)
      const body: Buffer[] = []
      request.on('data', (chunk: Buffer) => body.push(chunk)).on('end', () => {
        if (request.method === 'POST') posted.push(Buffer.concat(body))
        if (request.method === 'POST' || policy !== '') response.writeHead(200, { 'Content-Type': 'text/plain' }).end(policy)
        else response.writeHead(404).end()
      })
    })
    await new Promise<void>((ready) => { web.listen(0, '127.0.0.1', ready) })
    dns = await startDns(zone)
    gateway = await startGateway({ accounts: 2, set: [
      'plugins.pop3=false', 'plugins.mailsort={}', `im2000.outbound.dnsServers=["${dns.address}"]`, 'im2000.outbound.allowNetworks=["127.0.0.0/8"]', 'im2000.outbound.dnsTimeout=1',
      `bridges.smtp-relay=${JSON.stringify({ port: good.port, commandTimeout: 2, connectTimeout: 2, reuse: 0.05, authorities: join(folder, 'ca.pem'), incoming: { check: false }, mtaSts: { port: (web.address() as AddressInfo).port }, tlsReports: { send: true, contact: 'tls@example.test' } })}`,
      ...await databaseSettings(kind),
    ] })
  })
  beforeEach(() => {
    good.taken.length = fetched.length = posted.length = 0
    policy = ''
    for (const name of Object.keys(zone)) delete zone[name]
    Object.assign(zone, {
      'far.test': [{ type: 'MX', preference: 10, exchange: 'mx.far.test' }], 'mx.far.test': [{ type: 'A', address: '127.0.0.1' }],
      // The same server by a name that its certificate does not have.
      'wrong.test': [{ type: 'MX', preference: 10, exchange: 'mx.wrong.test' }], 'mx.wrong.test': [{ type: 'A', address: '127.0.0.1' }],
      'mta-sts.far.test': [{ type: 'A', address: '127.0.0.1' }], 'mta-sts.gone.test': [{ type: 'A', address: '127.0.0.1' }], 'reports.far.test': [{ type: 'A', address: '127.0.0.1' }],
    } satisfies DnsZone)
  })
  afterAll(async () => {
    await gateway?.stop()
    await Promise.all([good.stop(), dns.stop(), new Promise((done) => { web.close(done) })])
    rmSync(folder, { recursive: true })
  })

  const submit = async (to: string, { requireTls = false, header = '' } = {}): Promise<{ notification: string; why: string | null }> => {
    const account = (await core().accounts.byName(user(1)))!.id
    const draft = await core().store.open({ account, name: user(1), protocol: 'ESMTPSA' }, { recipients: [to], requireTls })
    await draft.writer.write(Buffer.from(`From: <${user(1)}>\r\nSubject: hello\r\n${header}\r\nHi\r\n`))
    const { token } = await draft.seal()
    const read = async () => (await core().store.track(token))[0].recipients[0].notification
    await expect.poll(read, { timeout: 15_000, interval: 10 }).not.toBe('unprocessed')
    await core().notifier.settled()
    const row = await core().database.read.get<{ why: string | null }>('SELECT r.why FROM recipients r JOIN submissions s ON s.id = r.submission WHERE s.token = ?', [token])
    await core().store.cancel(token)
    return { notification: await read(), why: row!.why }
  }
  const sts = (id: string): void => { zone['_mta-sts.far.test'] = [{ type: 'TXT', text: `v=STSv1; id=${id};` }] }
  const forget = () => core().database.write((tx) => tx.run('DELETE FROM smtp_relay_policies'))

  describe('MTA-STS', () => {
    it('a domain whose policy asks for it gets mail only by hosts that it names and that prove themselves', async () => {
      sts('one')
      policy = 'version: STSv1\nmode: enforce\nmx: mx.far.test\nmax_age: 86400\n'
      expect(await submit('bob@far.test')).toMatchObject({ notification: 'silenced' })
      expect(good.taken).toMatchObject([{ secure: true }])
      expect(fetched).toEqual(['mta-sts.far.test:' + (web.address() as AddressInfo).port + ' /.well-known/mta-sts.txt'])
      // Another host appears in DNS: it is not the policy's.
      zone['far.test'] = [{ type: 'MX', preference: 10, exchange: 'mx.wrong.test' }]
      expect(await submit('bob@far.test')).toMatchObject({ notification: 'noserver', why: expect.stringContaining('MTA-STS') })
      // The policy is kept, although its record and its host are gone; and a gateway that is started anew knows it.
      delete zone['_mta-sts.far.test']
      policy = ''
      expect(await submit('bob@far.test')).toMatchObject({ notification: 'noserver' })
      expect(fetched).toHaveLength(1)
      expect(await core().database.read.get('SELECT id, mode, mx FROM smtp_relay_policies')).toEqual({ id: 'one', mode: 'enforce', mx: '["mx.far.test"]' })
    })
    it('a new name in DNS brings the new policy; one that cannot be fetched leaves the old one in force', async () => {
      sts('two')
      policy = 'version: STSv1\nmode: enforce\nmx: *.wrong.test\nmax_age: 86400\n'
      zone['far.test'] = [{ type: 'MX', preference: 10, exchange: 'mx.wrong.test' }]
      // Named now, but its certificate is another's.
      expect(await submit('bob@far.test')).toMatchObject({ notification: 'noserver', why: expect.stringMatching(/altnames|certificate/i) })
      sts('three')
      policy = ''
      expect(await submit('bob@far.test')).toMatchObject({ notification: 'noserver' })
      expect(await core().database.read.get('SELECT id FROM smtp_relay_policies')).toEqual({ id: 'two' })
      await forget()
      expect(await submit('bob@far.test')).toMatchObject({ notification: 'silenced' })
    })
    it('a policy that tests changes nothing but the reports', async () => {
      await forget()
      sts('four')
      zone['_mta-sts.gone.test'] = [{ type: 'TXT', text: 'v=STSv1; id=4' }]
      zone['gone.test'] = [{ type: 'MX', preference: 10, exchange: 'mx.wrong.test' }]
      policy = 'version: STSv1\r\nmode: testing\r\nmx: mx.wrong.test\r\nmax_age: 86400\r\n'
      expect(await submit('bob@gone.test')).toMatchObject({ notification: 'silenced' })
      expect((await operate(core(), 'smtp-relay.route', { address: 'bob@gone.test', sender: '' }) as { steps: string[] }).steps).toContain('MTA-STS of gone.test: testing, mx.wrong.test')
    })
    it.each([['no policy', 'hello'], ['a large one', `version: STSv1\nmode: enforce\nmx: nobody.test\nmax_age: 1\n${'x'.repeat(100_000)}`], ['a mode that nobody knows', 'version: STSv1\nmode: strict\nmx: x.test\nmax_age: 1\n']])('%s is none', async (what, text) => {
      await forget()
      zone['_mta-sts.gone.test'] = [{ type: 'TXT', text: `v=STSv1; id=${what.length}` }]
      zone['gone.test'] = [{ type: 'MX', preference: 10, exchange: 'mx.far.test' }]
      policy = text
      expect(await submit('bob@gone.test')).toMatchObject({ notification: 'silenced' })
    })
  })

  describe('REQUIRETLS', () => {
    it('goes on with the parameter, to a host that proves itself and that its domain names', async () => {
      await forget()
      sts('five')
      policy = 'version: STSv1\nmode: testing\nmx: mx.far.test\nmax_age: 86400\n'
      expect(await submit('bob@far.test', { requireTls: true })).toMatchObject({ notification: 'silenced' })
      expect(good.taken).toMatchObject([{ secure: true, requireTls: true }])
    })
    it('comes back when nobody vouches for the host, or the host promises nothing', async () => {
      await forget()
      expect(await submit('bob@wrong.test', { requireTls: true })).toMatchObject({ notification: 'noservice', why: expect.stringContaining('REQUIRETLS') })
      expect(good.taken).toEqual([])
    })
    it('is asked for at submission, under TLS only, and kept with the message', async () => {
      const send = (name: string) => {
        const [host, port] = gateway.listeners[name].split(':')
        return createTransport({ host, port: Number(port), secure: name === 'submissions', ignoreTLS: true, tls: { rejectUnauthorized: false }, auth: { user: user(1), pass: gateway.password } }).sendMail({ envelope: { from: user(1), to: 'bob@wrong.test', requireTLSExtensionEnabled: true } as never, requireTLSExtensionEnabled: true, raw: `From: ${user(1)}\r\nSubject: x\r\n\r\n` } as never)
      }
      await expect(send('submission')).rejects.toThrow(/TLS/)
      await send('submissions')
      expect(await core().database.read.get('SELECT require_tls FROM submissions WHERE protocol LIKE \'ESMTPSA%\' ORDER BY id DESC LIMIT 1')).toEqual({ require_tls: 1 })
    })
    it('is taken from outside too, under TLS, and what a rule sends on carries it: by servers that do likewise, else it comes back', async () => {
      await forget()
      sts('eight')
      policy = 'version: STSv1\nmode: enforce\nmx: mx.far.test\nmax_age: 86400\n'
      const [host, port] = gateway.listeners.smtp.split(':')
      const receive = (more: object, requireTls = true) => createTransport({ host, port: Number(port), tls: { rejectUnauthorized: false }, ...more }).sendMail({ envelope: { from: 'eve@src.test', to: user(2), requireTLSExtensionEnabled: requireTls } as never, requireTLSExtensionEnabled: requireTls, raw: `From: eve@src.test\r\nTo: ${user(2)}\r\nSubject: secret\r\nMessage-ID: <${Math.random()}@src.test>\r\n\r\nHi\r\n` } as never)
      await expect(receive({ ignoreTLS: true })).rejects.toThrow(/TLS/)
      await operate(core(), 'mailsort.save', { user: user(2), text: 'rule "on" { forward to "bob@far.test" }' })
      await receive({ requireTLS: true })
      await expect.poll(() => good.taken.length, { timeout: 15_000 }).toBe(1)
      expect(good.taken[0]).toMatchObject({ to: ['bob@far.test'], requireTls: true, secure: true })
      await receive({ requireTLS: true }, false)
      await expect.poll(() => good.taken.length, { timeout: 15_000 }).toBe(2)
      expect(good.taken[1]).toMatchObject({ requireTls: false })
      // A domain that nobody vouches for: who forwards hears of it.
      await operate(core(), 'mailsort.save', { user: user(2), text: 'rule "on" { if subject is "secret" forward to "bob@wrong.test" }' })
      await receive({ requireTLS: true })
      await expect.poll(async () => (await held(gateway, user(2), 'INBOX')).filter(({ text }) => /^Status: 5\.7\.30/m.test(text)).length, { timeout: 15_000 }).toBe(1)
      expect(good.taken).toHaveLength(2)
      await operate(core(), 'mailsort.save', { user: user(2), text: '' })
    })
    it('TLS-Required: No goes by policies that would keep it here', async () => {
      await forget()
      sts('six')
      policy = 'version: STSv1\nmode: enforce\nmx: other.far.test\nmax_age: 86400\n'
      expect(await submit('bob@far.test')).toMatchObject({ notification: 'noserver' })
      expect(await submit('bob@far.test', { header: 'TLS-Required: No\r\n' })).toMatchObject({ notification: 'silenced' })
    })
  })

  it('a policy that cannot be had is counted by what is wrong with it; the mail goes all the same', async () => {
    const counted = async (domain: string) => {
      await operate(core(), 'smtp-relay.tls.report', {}) // writes down what was counted so far
      return (await core().database.read.all("SELECT policy_type, result, sessions FROM smtp_relay_tls_results WHERE domain = ? AND policy_type = 'sts' AND result LIKE 'sts-%' ORDER BY result", [domain]))
    }
    const named = (domain: string, id: string): void => {
      zone[domain] = [{ type: 'MX', preference: 10, exchange: 'mx.far.test' }]
      zone[`_mta-sts.${domain}`] = [{ type: 'TXT', text: `v=STSv1; id=${id};` }]
      zone[`mta-sts.${domain}`] = [{ type: 'A', address: '127.0.0.1' }]
    }
    named('lost.test', 'one')
    expect(await submit('bob@lost.test')).toMatchObject({ notification: 'silenced' })
    named('lost.test', 'two')
    policy = 'version: STSv1\nmode: whatever\n'
    expect(await submit('bob@lost.test')).toMatchObject({ notification: 'silenced' })
    named('lame.test', 'one') // the certificate of its policy host is another's
    expect(await submit('bob@lame.test')).toMatchObject({ notification: 'silenced' })
    expect(await counted('lost.test')).toEqual([{ policy_type: 'sts', result: 'sts-policy-fetch-error', sessions: 1 }, { policy_type: 'sts', result: 'sts-policy-invalid', sessions: 1 }])
    expect(await counted('lame.test')).toEqual([{ policy_type: 'sts', result: 'sts-webpki-invalid', sessions: 1 }])
  })
  it('domains that ask are told each day how TLS went, by mail and over HTTPS', async () => {
    await forget()
    const yesterday = Math.floor(Date.now() / 86_400_000) - 1
    await operate(core(), 'smtp-relay.tls.report', {}) // writes down what was counted so far
    await core().database.write((tx) => tx.run('UPDATE smtp_relay_tls_results SET day = ?', [yesterday]))
    zone['_smtp._tls.far.test'] = [{ type: 'TXT', text: 'v=TLSRPTv1; rua=mailto:tls@wrong.test,https://reports.far.test/tls' }]
    await operate(core(), 'smtp-relay.dkim.create', { domain: 'example.test', algorithm: 'rsa' })
    expect(await operate(core(), 'smtp-relay.tls.report', {})).toEqual({ sent: 1 })
    await expect.poll(() => good.taken.length).toBe(1)
    expect(good.taken[0]).toMatchObject({ from: 'tls@example.test', text: expect.stringMatching(/^DKIM-Signature: [^]*d=example\.test/) })
    const parsed = await simpleParser(good.taken[0].text)
    expect(parsed.headers.get('content-type')).toMatchObject({ value: 'multipart/report', params: { 'report-type': 'tlsrpt' } })
    expect(parsed.subject).toContain('Report Domain: far.test Submitter: localhost')
    const json = JSON.parse(gunzipSync(parsed.attachments[0].content).toString())
    expect(JSON.parse(gunzipSync(posted[0]).toString())).toEqual(json)
    expect(json).toMatchObject({ 'organization-name': 'localhost', 'contact-info': 'tls@example.test' })
    const enforced = json.policies.find((one: any) => one.policy['policy-string'].includes('mx: *.wrong.test'))
    expect(enforced).toMatchObject({ policy: { 'policy-type': 'sts', 'policy-domain': 'far.test' }, 'failure-details': [{ 'result-type': 'certificate-host-mismatch', 'receiving-mx-hostname': 'mx.wrong.test' }] })
    expect(json.policies.find((one: any) => one.policy['policy-type'] === 'sts' && one.policy['policy-string'].length === 0)['failure-details']).toContainEqual({ 'result-type': 'sts-policy-fetch-error', 'failed-session-count': 1 })
    expect(json.policies.find((one: any) => one.policy['policy-string'].includes('mx: mx.far.test')).summary['total-successful-session-count']).toBeGreaterThan(0)
    expect(await operate(core(), 'smtp-relay.tls.report', {})).toEqual({ sent: 0 })
  })
})
