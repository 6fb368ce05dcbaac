// Reports that senders ask for (RFC 3461): asked for in SMTP, passed on to servers that report themselves, answered here else.
import { createTransport } from 'nodemailer'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { databases, databaseSettings } from '../support/databases.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { startSink, type Sink } from '../support/smtp-sink.js'

for (const kind of databases) describe(kind, () => {
  /** A server that reports, and one that does not. */
  let reporting: Sink
  let silent: Sink
  let dns: Awaited<ReturnType<typeof startDns>>
  let gateway: Awaited<ReturnType<typeof startGateway>>
  const core = () => gateway.running.gateway
  const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
  beforeAll(async () => {
    const zone: DnsZone = {}
    dns = await startDns(zone)
    reporting = await startSink({ hideDSN: false })
    silent = await startSink()
    gateway = await startGateway({ accounts: 2, set: [
      'plugins.pop3=false', `im2000.outbound.dnsServers=["${dns.address}"]`, 'plugins.smtp-ingress={"mx":{"dsn":true}}', 'limits.returnedOctets=20000',
      `bridges.smtp-relay=${JSON.stringify({ warnAfter: 0.001, incoming: { check: false }, routes: [{ recipients: ['dsn.test'], host: `127.0.0.1:${reporting.port}` }, { host: `127.0.0.1:${silent.port}` }] })}`,
      ...await databaseSettings(kind),
    ] })
  })
  afterEach(() => {
    for (const sink of [reporting, silent]) {
      sink.taken.length = 0
      for (const name of Object.keys(sink.answers)) delete sink.answers[name]
    }
  })
  afterAll(async () => {
    await gateway?.stop()
    await Promise.all([reporting.stop(), silent.stop(), dns.stop()])
  })

  /** Speaks SMTP itself: each recipient with its own parameters. */
  const submit = async (to: Readonly<Record<string, string>>, parameters = '', text = `From: ${user(1)}\r\nSubject: hello\r\n\r\nbody of it\r\n`, listener = 'submission', from = user(1)): Promise<void> => {
    const [host, port] = gateway.listeners[listener].split(':')
    const socket = connect(Number(port), host)
    const lines = [
      'EHLO client.test', ...(listener === 'submission' ? [`AUTH PLAIN ${Buffer.from(`\0${user(1)}\0${gateway.password}`).toString('base64')}`] : []),
      `MAIL FROM:<${from}>${parameters}`, ...Object.entries(to).map(([address, more]) => `RCPT TO:<${address}>${more}`), 'DATA', `${text}.`, 'QUIT',
    ]
    let seen = ''
    await new Promise<void>((done, refuse) => {
      socket.on('data', (chunk) => {
        seen += chunk.toString('latin1')
        if (!/(?:^|\n)\d{3} [^\n]*\n$/.test(seen)) return
        const code = /(?:^|\n)(\d{3}) [^\n]*\n$/.exec(seen)![1]
        seen = ''
        if (!/^[23]/.test(code)) refuse(new Error(`${code} ${lines[0]}`))
        if (lines.length > 0) socket.write(`${lines.shift()}\r\n`)
      }).on('close', () => done()).on('error', refuse)
    })
    await core().notifier.settled()
  }
  let known = 0
  /** What came to the sender since it was last asked. */
  const reports = async (): Promise<string[]> => {
    await core().jobs.settled()
    const account = (await core().accounts.byName(user(1)))!.id
    const box = await core().mailboxes.open(account, 'INBOX', { readOnly: true })
    const texts: string[] = []
    try {
      for (const uid of box.view.uidsBetween(known + 1 as never, 4_294_967_295 as never)) {
        const parts: Buffer[] = []
        const content = await core().contents.open(box.index.entry(uid)!.message)
        for await (const chunk of content.range(0, content.size)) parts.push(chunk)
        texts.push(Buffer.concat(parts).toString('latin1'))
        known = uid
      }
    } finally {
      box.close()
    }
    return texts
  }
  const arrived = (sink: Sink) => expect.poll(() => sink.taken.length, { interval: 10 }).toBeGreaterThan(0)
  const waitsFor = async (count: number): Promise<string[]> => {
    const found: string[] = []
    await expect.poll(async () => { found.push(...await reports()); return found.length }, { interval: 20 }).toBe(count)
    return found
  }

  it('are passed on, each recipient with its own wishes in one transaction, to a server that reports; then we do not', async () => {
    await submit({ 'a@dsn.test': ' NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@else.test', 'b@dsn.test': ' NOTIFY=NEVER', 'c@dsn.test': '' }, ' RET=HDRS ENVID=QQ+20314')
    await arrived(reporting)
    expect(reporting.taken).toMatchObject([{ to: ['a@dsn.test', 'b@dsn.test', 'c@dsn.test'], dsn: { ret: 'HDRS', envid: 'QQ 314' } }])
    expect(reporting.taken[0].wishes).toEqual({ 'a@dsn.test': { notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;a+b@else.test' }, 'b@dsn.test': { notify: ['NEVER'] }, 'c@dsn.test': undefined })
    expect(await reports()).toEqual([])
  })
  it('of success: relayed, by a server that does not report; delivered, to a mailbox here; one report each, for those who asked', async () => {
    await submit({ 'a@mute.test': ' NOTIFY=SUCCESS ORCPT=rfc822;x@y.test', 'b@mute.test': ' NOTIFY=SUCCESS', 'c@mute.test': '', [user(2)]: ' NOTIFY=SUCCESS,DELAY' }, ' ENVID=1')
    await arrived(silent)
    const found = await waitsFor(2)
    const [delivered] = found.filter((text) => text.includes('Mail was delivered'))
    const [relayed] = found.filter((text) => text.includes('Mail was passed on'))
    expect(delivered).toMatch(new RegExp(`Original-Envelope-Id: 1\r\n[^]*Final-Recipient: rfc822; ${user(2)}\r\nAction: delivered\r\nStatus: 2\\.`))
    expect(relayed).toMatch(/Original-Recipient: rfc822; x@y\.test\r\nFinal-Recipient: rfc822; a@mute\.test\r\nAction: relayed\r\nStatus: 2\.0\.0\r\nRemote-MTA: dns; 127\.0\.0\.1\r\n[^]*Final-Recipient: rfc822; b@mute\.test/)
    expect(relayed).not.toContain('c@mute.test')
    expect(await core().jobs.list()).toEqual([])
  })
  it('of failure: not with NEVER, nor for those who want to hear of success only; whole or the header, as RET says', async () => {
    for (const name of ['never', 'good', 'bad', 'plain']) silent.answers[name] = [550, '5.1.1 nobody']
    await submit({ 'never@mute.test': ' NOTIFY=NEVER', 'good@mute.test': ' NOTIFY=SUCCESS', 'bad@mute.test': ' NOTIFY=FAILURE', 'plain@mute.test': '' }, ' RET=FULL ENVID=whole')
    const [full] = await waitsFor(1)
    expect([...full.matchAll(/Final-Recipient: rfc822; (\S+)/g)].map(([, one]) => one)).toEqual(['bad@mute.test', 'plain@mute.test'])
    expect(full).toMatch(/Original-Envelope-Id: whole\r\n[^]*Content-Type: message\/rfc822\r\n\r\nReceived: [^]*\r\n\r\nbody of it\r\n\r\n--/)
    await submit({ 'bad@mute.test': '' }, ' RET=HDRS')
    const [headers] = await waitsFor(1)
    expect(headers).toContain('Content-Type: text/rfc822-headers')
    expect(headers).not.toContain('body of it')
    await submit({ 'bad@mute.test': '' }, ' RET=FULL', `Subject: too large\r\n\r\n${'body of it\r\n'.repeat(3000)}`.replace(/^/, `From: ${user(1)}\r\n`))
    expect((await waitsFor(1))[0]).not.toContain('body of it')
  })
  it('of delay: to those who did not say otherwise', async () => {
    for (const name of ['never', 'failure', 'delay', 'plain']) silent.answers[name] = [450, '4.2.0 later']
    await submit({ 'never@mute.test': ' NOTIFY=NEVER', 'failure@mute.test': ' NOTIFY=FAILURE', 'delay@mute.test': ' NOTIFY=DELAY', 'plain@mute.test': '' })
    const [late] = await waitsFor(1)
    expect([...late.matchAll(/Final-Recipient: rfc822; (\S+)\r\nAction: delayed/g)].map(([, one]) => one)).toEqual(['delay@mute.test', 'plain@mute.test'])
  })
  it('to a stranger: of success where the MX offers it, as mail from the null sender; never to the null sender, never of trouble', async () => {
    await submit({ [user(2)]: ' NOTIFY=SUCCESS' }, ' ENVID=far', 'Subject: in\r\n\r\nx\r\n', 'smtp', 'eve@mute.test')
    await arrived(silent)
    expect(silent.taken).toMatchObject([{ from: '', to: ['eve@mute.test'], text: expect.stringMatching(/Original-Envelope-Id: far[^]*Action: delivered/) }])
    await submit({ [user(2)]: ' NOTIFY=SUCCESS' }, '', 'Subject: in\r\n\r\nx\r\n', 'smtp', '')
    await core().jobs.settled()
    await core().notifier.settled()
    expect(silent.taken).toHaveLength(1)
  })
  it('of a job that is done twice there is one', async () => {
    await submit({ [user(2)]: ' NOTIFY=SUCCESS' })
    await waitsFor(1)
    const row = await core().database.read.get<{ id: number; submission: number }>('SELECT max(id) AS id, max(submission) AS submission FROM recipients WHERE notify IS NOT NULL')
    await core().database.write((tx) => core().jobs.add(tx, [{ kind: 'report', payload: { kind: 'delivered', submission: row!.submission, about: [{ id: row!.id, status: '2.1.5', why: 'again' }] } }]))
    expect(await reports()).toEqual([])
  })
})

it('the MX offers no reports to strangers by itself; submission and LMTP do', async () => {
  const gateway = await startGateway({ accounts: 1 })
  const offers = async (listener: string): Promise<boolean> => {
    const [host, port] = gateway.listeners[listener].split(':')
    const socket = connect(Number(port), host)
    let seen = ''
    await new Promise<void>((done) => { socket.on('data', (chunk) => { seen += chunk; if (/^220 [^\n]*\n$/.test(seen)) socket.write(`${listener === 'lmtp' ? 'LHLO' : 'EHLO'} x.test\r\nQUIT\r\n`) }).on('close', () => done()) })
    return /^250.DSN\r$/m.test(seen)
  }
  try {
    expect([await offers('smtp'), await offers('submission'), await offers('lmtp')]).toEqual([false, true, true])
    const [host, port] = gateway.listeners.smtp.split(':')
    // A client that asks all the same is not refused for it.
    await createTransport({ host, port: Number(port), ignoreTLS: true }).sendMail({ envelope: { from: 'eve@far.test', to: gateway.account, dsn: { notify: 'SUCCESS', id: '1' } } as never, raw: 'Subject: x\r\n\r\n' })
  } finally {
    await gateway.stop()
  }
})
