// Servers that misbehave, beyond those in relay.test.ts: at each stage, about TLS, about SIZE; messages with very many recipients or
// trace fields. Each ends in a right status within bounded time, and the gateway goes on.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, createSecureContext, TLSSocket } from 'node:tls'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDns } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { makeIssuer, serverKey, type ServerKey } from '../support/server-certificates.js'
import { until, type Act } from '../support/scripted-smtp.js'
import { startSink, type Sink } from '../support/smtp-sink.js'

const silent: Act = () => undefined
/** Goes on and on, a reply that never ends. */
const endless = (code: number): Act => (socket) => {
  const more = (): void => { if (!socket.destroyed) socket.write(`${code}-and more of it\r\n`.repeat(200), () => setImmediate(more)) }
  more()
}
const garbage: Act = (socket) => socket.write(Buffer.from([0, 255, 10, 13, 10, 200, 10]))
/** A line without an end. */
const oneLine: Act = (socket) => {
  const more = (): void => { if (!socket.destroyed) socket.write('x'.repeat(20_000), () => setImmediate(more)) }
  more()
}
const starttls = (key: () => ServerKey): Act => (socket) => {
  until('STARTTLS', (plain) => {
    plain.removeAllListeners('data')
    plain.write('220 go\r\n')
    const secure = new TLSSocket(plain, { isServer: true, secureContext: createSecureContext({ key: key().key, cert: key().cert }) })
    secure.on('error', () => undefined)
    until('NEVER', silent)(Object.assign(secure, { write: ((first) => (chunk: string | Buffer, ...more: unknown[]) => {
      // Behind TLS there is no greeting.
      if (first && String(chunk).startsWith('220')) { first = false; return true }
      return TLSSocket.prototype.write.call(secure, chunk as never, ...more as [])
    })(true) }) as unknown as Socket)
  }, ['STARTTLS'])(socket)
}

describe('servers that misbehave', () => {
  const folder = mkdtempSync(join(tmpdir(), 'restante-faults-'))
  const servers: Server[] = []
  let expired: ServerKey, wrong: ServerKey, stranger: ServerKey
  /** What it does, the TLS that the road asks for, and what becomes of the recipient. */
  const cases: readonly (readonly [what: string, act: Act, tls: string, wanted: 'noserver' | 'noservice' | 'silenced', why: RegExp | undefined])[] = ([
    ...(['EHLO', 'MAIL', 'RCPT', 'DATA'] as const).map((stage) => [`is silent at ${stage}`, until(stage, silent), 'off', 'noserver'] as const),
    ...(['EHLO', 'MAIL', 'RCPT', 'DATA', '.'] as const).map((stage) => [`answers ${stage === '.' ? 'the dot' : stage} for ever`, until(stage, endless(250)), 'off', 'noserver'] as const),
    ...(['EHLO', 'MAIL', 'RCPT', 'DATA', '.'] as const).map((stage) => [`answers ${stage === '.' ? 'the dot' : stage} with garbage`, until(stage, garbage), 'off', 'noserver'] as const),
    ['answers with a line that never ends', until('MAIL', oneLine), 'off', 'noserver'],
    ['says 421 at the dot', until('.', (socket) => socket.end('421 4.3.2 closing\r\n')), 'off', 'noserver'],
    ['is too full at the dot', until('.', (socket) => socket.write('452 4.3.1 full\r\n')), 'off', 'noserver'],
    ['takes less than the message has, and says so', until('NEVER', silent, ['SIZE 100']), 'off', 'noservice', /larger/],
    ['says it takes more than it does', until('MAIL', (socket) => socket.write('552 5.3.4 too large\r\n'), ['SIZE 999999999']), 'off', 'noservice'],
    ['offers STARTTLS and refuses it: in clear where that is allowed', until('STARTTLS', (socket) => socket.write('454 4.7.0 not now\r\n'), ['STARTTLS']), 'opportunistic', 'silenced'],
    ['offers STARTTLS and refuses it: not where TLS is asked for', until('STARTTLS', (socket) => socket.write('454 4.7.0 not now\r\n'), ['STARTTLS']), 'required', 'noserver'],
    ['offers STARTTLS and speaks something else', until('STARTTLS', (socket) => socket.write('220 go\r\nthis is no handshake\r\n'), ['STARTTLS']), 'required', 'noserver'],
    ['offers STARTTLS and is silent', until('STARTTLS', (socket) => socket.write('220 go\r\n'), ['STARTTLS']), 'required', 'noserver'],
    ['hides STARTTLS', until('STARTTLS', (socket) => socket.write('500 what?\r\n')), 'required', 'noserver'],
    ['has a certificate that has expired', starttls(() => expired), 'verified', 'noserver', /expired/],
    ['has a certificate for another name', starttls(() => wrong), 'verified', 'noserver', /altnames|not match/i],
    ['has a certificate that nobody known signed', starttls(() => stranger), 'verified', 'noserver', /self[- ]signed|unable to/i],
    ['has an expired certificate, and nobody asked', starttls(() => expired), 'opportunistic', 'silenced'],
  ] as const satisfies readonly (readonly [string, Act, string, 'noserver' | 'noservice' | 'silenced', RegExp?])[]).map(([what, act, tls, wanted, why]) => [what, act, tls, wanted, why] as const)
  const domainOf = (what: string): string => `${what.toLowerCase().replace(/\W+/g, '-').slice(0, 60).replace(/-$/, '')}.test`
  let sink: Sink
  let dns: Awaited<ReturnType<typeof startDns>>
  let gateway: Awaited<ReturnType<typeof startGateway>>
  const core = () => gateway.running.gateway
  beforeAll(async () => {
    const issuer = await makeIssuer()
    writeFileSync(join(folder, 'ca.pem'), issuer.pem)
    expired = await issuer.issue(['localhost'], -1)
    wrong = await issuer.issue(['elsewhere.test'])
    stranger = await serverKey(['localhost'])
    const routes = []
    for (const [what, act, tls] of cases) {
      const server = createServer((socket) => { socket.on('error', () => undefined); act(socket) })
      servers.push(server)
      await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready) })
      routes.push({ recipients: [domainOf(what)], host: `localhost:${(server.address() as AddressInfo).port}`, tls })
    }
    // Nobody speaks here before TLS.
    const mute = createTlsServer({ key: stranger.key, cert: stranger.cert })
    mute.on('tlsClientError', () => undefined)
    servers.push(mute)
    sink = await startSink({ maxClients: 100 })
    dns = await startDns({ localhost: [{ type: 'A', address: '127.0.0.1' }] })
    gateway = await startGateway({ accounts: 1, set: [
      'plugins.pop3=false', 'plugins.imap4=false', 'im2000.store.envelopeEntries=20000', `im2000.outbound.dnsServers=["${dns.address}"]`, 'im2000.outbound.dnsTimeout=1', 'im2000.notifier.domains=64',
      `bridges.smtp-relay=${JSON.stringify({ commandTimeout: 1, connectTimeout: 1, authorities: join(folder, 'ca.pem'), mtaSts: { use: false }, routes: [...routes, { host: `127.0.0.1:${sink.port}` }] })}`,
    ] })
  })
  afterAll(async () => {
    await gateway?.stop()
    for (const server of servers) server.close()
    await Promise.all([sink?.stop(), dns?.stop()])
    rmSync(folder, { recursive: true })
  })
  const submit = async (to: readonly string[], header = ''): Promise<string> => {
    const draft = await core().store.open({ account: (await core().accounts.byName(gateway.account))!.id, name: gateway.account, protocol: 'ESMTPSA' }, { recipients: to })
    await draft.writer.write(Buffer.from(`From: ${gateway.account}\r\nSubject: x\r\n${header}\r\nSome text of the message.\r\n`))
    return (await draft.seal()).token
  }
  const statuses = async (token: string) => (await core().store.track(token))[0].recipients.map(({ notification }) => notification)

  it.concurrent.for(cases)('%s', async ([what, , , wanted, why], { expect }) => {
    const token = await submit([`bob@${domainOf(what)}`])
    await expect.poll(async () => (await statuses(token))[0], { timeout: 20_000, interval: 20 }).toBe(wanted)
    if (why) expect((await core().database.read.get<{ why: string }>('SELECT r.why FROM recipients r JOIN submissions s ON s.id = r.submission WHERE s.token = ?', [token]))!.why).toMatch(why)
  })
  it('10,000 recipients at one host: a hundred to a transaction, each with its own fate', async () => {
    sink.answers.bob77 = [550, '5.1.1 nobody']
    const token = await submit(Array.from({ length: 10_000 }, (_, i) => `bob${i}@many.test`))
    await expect.poll(async () => (await statuses(token)).filter((one) => one === 'unprocessed').length, { timeout: 60_000, interval: 100 }).toBe(0)
    const found = await statuses(token)
    expect(found.filter((one) => one === 'silenced')).toHaveLength(9999)
    expect(found[77]).toBe('noservice')
    expect(new Set(sink.taken.flatMap((one) => one.to)).size).toBe(9999)
    expect(Math.max(...sink.taken.map((one) => one.to.length))).toBe(100)
  }, 90_000)
  it('10,000 Received fields: it goes in circles, and comes back', async () => {
    const token = await submit(['bob@many.test'], 'Received: from a by b; Sun, 1 Mar 2026 10:00:00 +0000\r\n'.repeat(10_000))
    await expect.poll(async () => (await statuses(token))[0], { timeout: 20_000 }).toBe('noservice')
  })
})
