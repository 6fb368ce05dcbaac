// The way to the SMTP world, from submission to a server's answer, over real sockets and real DNS: delivered, refused, deferred,
// signed, reported; and servers that misbehave.
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { databases } from '../support/databases.js'
import { databaseSettings } from '../support/databases.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { until } from '../support/scripted-smtp.js'
import { startGateway } from '../support/gateway.js'
import { startSink, type Sink } from '../support/smtp-sink.js'

const zone: DnsZone = {}

for (const kind of databases) describe(kind, () => {
  let sink: Sink
  let smart: Sink
  /** What both have taken, and what the first says of recipients. */
  const taken: Sink['taken'] = []
  let answers: Sink['answers'] = {}
  let dns: Awaited<ReturnType<typeof startDns>>
  let gateway: Awaited<ReturnType<typeof startGateway>>
  const scripted: Server[] = []
  const core = () => gateway.running.gateway
  const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
  beforeAll(async () => {
    sink = await startSink({}, taken)
    answers = sink.answers
    smart = await startSink({ disabledCommands: ['STARTTLS'], authOptional: false }, taken)
    dns = await startDns(zone)
    Object.assign(zone, { 'far.test': [{ type: 'MX', preference: 10, exchange: 'mx.far.test' }], 'mx.far.test': [{ type: 'A', address: '127.0.0.1' }], 'null.test': [{ type: 'MX', preference: 0, exchange: '.' }] })
    gateway = await startGateway({ accounts: 2, set: [
      'plugins.pop3=false', `im2000.outbound.dnsServers=["${dns.address}"]`, 'im2000.outbound.allowNetworks=["127.0.0.0/8"]', 'im2000.outbound.dnsTimeout=1',
      `bridges.smtp-relay=${JSON.stringify({ port: sink.port, commandTimeout: 2, connectTimeout: 2, routes: [{ recipients: ['smart.test'], host: `127.0.0.1:${smart.port}`, tls: 'off', user: 'gate', password: 'secret' }, { recipients: ['secure.test'], host: `127.0.0.1:${sink.port}`, tls: 'verified' }] })}`,
      ...await databaseSettings(kind),
    ] })
  })
  afterEach(() => {
    taken.length = 0
    for (const name of Object.keys(answers)) delete answers[name]
  })
  afterAll(async () => {
    await gateway?.stop()
    for (const server of scripted) server.close()
    await Promise.all([sink.stop(), smart.stop(), dns.stop()])
  })

  const submit = async (to: readonly string[], text = `From: <${user(1)}>\r\nSubject: hello\r\n\r\nHi\r\n`, from = user(1), account: 'own' | null = 'own'): Promise<string> => {
    const id = account === 'own' ? (await core().accounts.byName(user(1)))!.id : null
    const draft = await core().store.open({ account: id, name: from, protocol: 'ESMTPSA' }, { recipients: to })
    await draft.writer.write(Buffer.from(text, 'latin1'))
    return (await draft.seal()).token
  }
  const status = async (token: string) => (await core().store.track(token))[0].recipients.map(({ notification, pinned }) => ({ notification, pinned }))
  const settled = async (token: string) => {
    await expect.poll(async () => (await status(token)).some((one) => one.notification === 'unprocessed'), { timeout: 15_000, interval: 20 }).toBe(false)
    await core().notifier.settled()
    await core().jobs.settled()
    return status(token)
  }
  /** Reports in the sender's INBOX, as text. */
  const reports = async (): Promise<string[]> => {
    const account = (await core().accounts.byName(user(1)))!.id
    const box = await core().mailboxes.open(account, 'INBOX', { readOnly: true })
    const texts: string[] = []
    try {
      for (const uid of box.view.uidsBetween(1 as never, 4_294_967_295 as never)) {
        const content = await core().contents.open(box.index.entry(uid)!.message)
        const parts: Buffer[] = []
        for await (const chunk of content.range(0, content.size)) parts.push(chunk)
        texts.push(Buffer.concat(parts).toString('latin1'))
      }
    } finally {
      box.close()
    }
    return texts
  }

  it('recipients of one message at one host share a transaction, under TLS; line ends are CRLF; the octets leave the store', async () => {
    const token = await submit(['bob@far.test', 'eve@far.test'], `From: ${user(1)}\r\nSubject: line ends\r\n\r\nbare\nend\r.\r\n`)
    expect(await settled(token)).toEqual([{ notification: 'silenced', pinned: false }, { notification: 'silenced', pinned: false }])
    expect(taken).toMatchObject([{ from: user(1), to: ['bob@far.test', 'eve@far.test'], secure: true }])
    expect(taken[0].text).toMatch(/^Received: [^]*\r\n\r\nbare\r\nend\r\n\.\r\n$/)
    await core().reaper.reap()
    expect((await core().store.track(token))[0].endedBy).toBe('released')
  })
  it('below a wildcard each name exists without SRV records: mail goes by SMTP all the same; while DNS has no answer it waits', async () => {
    for (const name of ['wild.test', 'mute.test']) zone[name] = [{ type: 'MX', preference: 10, exchange: 'mx.far.test' }]
    for (const service of ['_rnasp-ssl', '_rnasp']) {
      zone[`${service}._tcp.wild.test`] = []
      zone[`${service}._tcp.mute.test`] = service === '_rnasp' ? [] : 'SERVFAIL'
    }
    expect(await settled(await submit(['bob@wild.test']))).toEqual([{ notification: 'silenced', pinned: false }])
    const waits = await submit(['bob@mute.test'])
    expect(await settled(waits)).toEqual([{ notification: 'noserver', pinned: true }])
    await core().store.cancel(waits)
    expect(taken.map((one) => one.to)).toEqual([['bob@wild.test']])
  })
  it('several messages use one connection', async () => {
    const tokens = await Promise.all([1, 2, 3].map((n) => submit(['bob@far.test'], `Subject: ${n}\r\n\r\n`)))
    for (const token of tokens) await settled(token)
    expect(taken).toHaveLength(3)
    expect(new Set(taken.map((one) => one.session)).size).toBe(1)
  })
  it('a mixed envelope: each by its road, and reports, in the INBOX of the sender, about those that were refused', async () => {
    answers.nobody = [550, '5.1.1 no such user']
    const before = (await reports()).length
    const token = await submit(['bob@far.test', 'nobody@far.test', user(2), 'x@null.test'])
    expect(await settled(token)).toEqual([{ notification: 'silenced', pinned: false }, { notification: 'noservice', pinned: false }, { notification: 'silenced', pinned: true }, { notification: 'noservice', pinned: false }])
    expect(taken.map((one) => one.to)).toEqual([['bob@far.test']])
    const found = (await reports()).slice(before)
    // Two domains: one report where both were written down in one commit.
    expect([1, 2]).toContain(found.length)
    const text = found.join('\n')
    expect(text).toMatch(/Final-Recipient: rfc822; nobody@far\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\nRemote-MTA: dns; mx\.far\.test\r\nDiagnostic-Code: smtp; 550 5\.1\.1 no such user/)
    expect(text).toMatch(/Final-Recipient: rfc822; x@null\.test\r\nAction: failed\r\nStatus: 5\.1\.10/)
    expect(text).toContain('Subject: hello')
  })
  it('what is refused for now is tried again, and keeps its pin meanwhile; nothing is reported yet', async () => {
    answers.bob = [451, '4.2.0 later']
    const before = (await reports()).length
    const token = await submit(['bob@far.test'])
    expect(await settled(token)).toEqual([{ notification: 'noserver', pinned: true }])
    const row = await core().database.read.get<{ next_attempt: number; why: string }>("SELECT next_attempt, why FROM recipients WHERE outcome = 'relay' AND next_attempt IS NOT NULL")
    expect((row!.next_attempt - Date.now()) / 1000).toBeGreaterThan(240)
    expect(row!.why).toContain('4.2.0 later')
    delete answers.bob
    expect(await operate(core(), 'queue.list', { domain: 'Far.test' })).toMatchObject([{ token, sender: user(1), recipient: 'bob@far.test', outcome: 'relay', attempts: 1, why: expect.stringContaining('4.2.0 later') }])
    expect(await operate(core(), 'queue.list', { sender: 'nobody@example.test' })).toEqual([])
    expect(await operate(core(), 'queue.domains', {})).toMatchObject([{ domain: 'far.test', new: 0, deferred: 1, announced: 0, held: 0 }])
    expect(await operate(core(), 'queue.retry', { domain: 'elsewhere.test' })).toEqual({ recipients: 0 })
    expect(await operate(core(), 'queue.retry', { domain: 'far.test' })).toEqual({ recipients: 1 })
    await expect.poll(() => status(token), { timeout: 15_000 }).toEqual([{ notification: 'silenced', pinned: false }])
    expect((await reports()).length).toBe(before)
  })
  it('the null sender gets no report, nor does anybody elsewhere', async () => {
    const before = (await reports()).length
    for (const [from, account] of [['', 'own'], ['stranger@elsewhere.test', null]] as const) expect(await settled(await submit(['x@null.test'], 'Subject: s\r\n\r\n', from, account))).toEqual([{ notification: 'noservice', pinned: false }])
    expect((await reports()).length).toBe(before)
    expect(taken).toEqual([])
  })
  it('a host of the configuration is logged in to; a certificate that must stand and does not keeps the mail here', async () => {
    expect(await settled(await submit(['bob@smart.test']))).toEqual([{ notification: 'silenced', pinned: false }])
    expect(taken).toMatchObject([{ to: ['bob@smart.test'], user: 'gate', secure: false }])
    expect(await settled(await submit(['bob@secure.test']))).toEqual([{ notification: 'noserver', pinned: true }])
    expect(taken).toHaveLength(1)
  })
  it('mail of our people is signed with the keys of their domain, and another program finds the signatures good', async () => {
    const made = await operate(core(), 'smtp-relay.dkim.create', { domain: 'example.test' }) as { record: string; algorithm: string }[]
    expect(made.map((one) => one.algorithm)).toEqual(['rsa', 'ed25519'])
    const records = new Map(made.map(({ record }) => { const [, name, text] = /^(\S+)\. IN TXT (.*)$/.exec(record)!; return [name, [...text.matchAll(/"([^"]*)"/g)].map((part) => part[1]).join('')] }))
    await settled(await submit(['bob@far.test'], `From: Ann <${user(1)}>\r\nTo: bob@far.test\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nDate: Sun, 1 Mar 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\r\n${'line \r\n'.repeat(100)}8-bit \xe4 and bare\nend\r\n\r\n\r\n`))
    const resolver = async (name: string): Promise<string[][]> => { const text = records.get(name); if (text === undefined) throw Object.assign(new Error(name), { code: 'ENOTFOUND' }); return [[text]] }
    const { results } = await dkimVerify(Buffer.from(taken[0].text, 'latin1'), { resolver })
    expect(results.map((one) => [one.signingDomain, one.algo, one.status.result])).toEqual(expect.arrayContaining([['example.test', 'rsa-sha256', 'pass'], ['example.test', 'ed25519-sha256', 'pass']]))
    // Mail that only passes through is not signed in our name, nor what an account writes in another's, or in several.
    const forged: [string, 'own' | null][] = [[user(1), null], [user(2), 'own'], [`"${user(1)}" <eve@far.test>`, 'own'], [`${user(1)}, ${user(2)}`, 'own'], [`${user(1)}\r\nFrom: ${user(2)}`, 'own']]
    for (const [i, [author, account]] of forged.entries()) {
      await settled(await submit(['bob@far.test'], `From: ${author}\r\n\r\nforged`, 'stranger@elsewhere.test', account))
      expect(taken[i + 1].text, author).not.toContain('DKIM-Signature')
    }
    expect(await operate(core(), 'smtp-relay.dkim.show', {})).toMatchObject([{ signs: true }, { signs: true }])
    const newer = await operate(core(), 'smtp-relay.dkim.create', { domain: 'example.test', algorithm: 'rsa' }) as { selector: string; signs: boolean }[]
    expect(newer).toMatchObject([{ signs: false }])
    await operate(core(), 'smtp-relay.dkim.remove', { domain: 'example.test', selector: newer[0].selector })
    await expect(operate(core(), 'smtp-relay.dkim.create', { domain: 'elsewhere.test' })).rejects.toMatchObject({ code: 'NOT_LOCAL' })
  })
  it('route explains the decision', async () => {
    const explain = async (address: string): Promise<string> => ((await operate(core(), 'smtp-relay.route', { address, sender: '' })) as { result: string }).result
    expect(await explain(user(1))).toBe(`filed for ${user(1)}`)
    expect(await explain('nobody@example.test')).toBe('refused: nobody has this address')
    expect(await explain('bob@far.test')).toBe(`handed to mx.far.test port ${sink.port}; TLS opportunistic`)
    expect(await explain('bob@null.test')).toMatch(/^returned to the sender: 5\.1\.10/)
    expect(await explain('bob@smart.test')).toMatch(/logged in as gate$/)
    zone['_rnasp-ssl._tcp.broken.test'] = 'SERVFAIL'
    expect(await explain('bob@broken.test')).toMatch(/^tried again later: there may be an agent/)
  })

  it('who waits too long is told once; then the mail is given up, and that is told once', async () => {
    answers.bob = [451, '4.2.0 never']
    const own = await startGateway({ accounts: 1, set: ['plugins.pop3=false', 'plugins.imap4=false', `im2000.outbound.dnsServers=["${dns.address}"]`, `bridges.smtp-relay=${JSON.stringify({ retry: 0.2, retryLongest: 0.4, warnAfter: 0.5, giveUp: 2.5, routes: [{ host: `127.0.0.1:${sink.port}` }] })}`] })
    try {
      const { gateway: inner } = own.running
      const account = (await inner.accounts.byName(own.account))!.id
      const draft = await inner.store.open({ account, name: own.account, protocol: 'ESMTPSA' }, { recipients: ['bob@far.test'] })
      await draft.writer.write(Buffer.from('Subject: late\r\n\r\n'))
      const { token } = await draft.seal()
      await expect.poll(async () => (await inner.store.track(token))[0].recipients[0], { timeout: 20_000 }).toMatchObject({ notification: 'noservice', pinned: false })
      await inner.jobs.settled()
      const subjects: string[] = []
      const box = await inner.mailboxes.open(account, 'INBOX', { readOnly: true })
      const messages = box.view.uidsBetween(1 as never, 4_294_967_295 as never).map((uid) => box.index.entry(uid)!.message)
      box.close()
      for (const message of messages) {
        const content = await inner.contents.open(message)
        for await (const chunk of content.range(0, content.size)) subjects.push(/^Subject: (.*)/m.exec(chunk.toString('latin1'))![1].trim(), /^Status: (.*)/m.exec(chunk.toString('latin1'))![1].trim())
      }
      expect(subjects).toEqual(['Mail is late: late', '4.2.0', 'Undelivered mail: late', '4.4.7'])
    } finally {
      await own.stop()
    }
  })

  describe('servers that misbehave', () => {
    /** A server that runs a script for each connection. */
    const serve = async (script: (socket: Socket) => void): Promise<number> => {
      const server = createServer((socket) => { socket.on('error', () => undefined); script(socket) })
      scripted.push(server)
      await new Promise<void>((ready) => { server.listen(0, '127.0.0.1', ready) })
      return (server.address() as AddressInfo).port
    }
    it.each<[string, (socket: Socket) => void, 'noserver' | 'noservice']>([
      ['says nothing', () => undefined, 'noserver'],
      ['talks nonsense', (socket) => socket.write('SSH-2.0-OpenSSH\r\n'), 'noserver'],
      ['greets for ever', (socket) => { const more = (): void => { if (!socket.destroyed) socket.write('220-and more of it\r\n'.repeat(100), () => setImmediate(more)) }; more() }, 'noserver'],
      ['has no service', (socket) => socket.end('554 no service\r\n'), 'noserver'],
      ['hangs up at MAIL', until('MAIL', (socket) => socket.destroy()), 'noserver'],
      ['goes away with 421 at RCPT', until('RCPT', (socket) => socket.end('421 4.3.2 closing\r\n')), 'noserver'],
      ['hangs up at DATA', until('DATA', (socket) => socket.destroy()), 'noserver'],
      ['hangs up after the dot', until('.', (socket) => socket.destroy()), 'noserver'],
      ['is silent after the dot', until('.', () => undefined), 'noserver'],
      ['refuses after the dot', until('.', (socket) => socket.write('554 5.7.1 spam\r\n')), 'noservice'],
      ['refuses the sender', until('MAIL', (socket) => socket.write('550 5.7.1 not you\r\n')), 'noservice'],
    ])('%s', async (what, script, wanted) => {
      const domain = `${what.replace(/\W/g, '')}.test`.toLowerCase()
      const port = await serve(script)
      // A road of the running bridge cannot be added: SRV-less domains share the port of the settings, so a gateway of its own.
      const own = await startGateway({ accounts: 1, set: ['plugins.pop3=false', 'plugins.imap4=false', `im2000.outbound.dnsServers=["${dns.address}"]`, 'im2000.outbound.dnsTimeout=1', `bridges.smtp-relay=${JSON.stringify({ commandTimeout: 1, connectTimeout: 1, routes: [{ host: `127.0.0.1:${port}`, tls: 'off' }] })}`] })
      try {
        const { gateway: inner } = own.running
        const draft = await inner.store.open({ account: (await inner.accounts.byName(own.account))!.id, name: own.account, protocol: 'ESMTPSA' }, { recipients: [`bob@${domain}`] })
        await draft.writer.write(Buffer.from('Subject: x\r\n\r\n'))
        const { token } = await draft.seal()
        await expect.poll(async () => (await inner.store.track(token))[0].recipients[0].notification, { timeout: 15_000, interval: 20 }).toBe(wanted)
      } finally {
        await own.stop()
      }
    })
  })
})

it('T111 without the bridge nothing is sent by SMTP: a domain without an agent is noservice', async () => {
  const sink = await startSink()
  const dns = await startDns({ 'far.test': [{ type: 'MX', preference: 10, exchange: 'mx.far.test' }], 'mx.far.test': [{ type: 'A', address: '127.0.0.1' }] })
  const gateway = await startGateway({ accounts: 1, set: [`im2000.outbound.dnsServers=["${dns.address}"]`] })
  try {
    const { gateway: core } = gateway.running
    const draft = await core.store.open({ account: (await core.accounts.byName(gateway.account))!.id, name: gateway.account, protocol: 'MSOAP' }, { recipients: ['bob@far.test'] })
    await draft.writer.write(Buffer.from('Subject: x\r\n\r\n'))
    const { token } = await draft.seal()
    await expect.poll(async () => (await core.store.track(token))[0].recipients[0].notification).toBe('noservice')
    expect(dns.asked.filter((question) => question.startsWith('MX'))).toEqual([])
  } finally {
    await gateway.stop()
    await Promise.all([sink.stop(), dns.stop()])
  }
})
