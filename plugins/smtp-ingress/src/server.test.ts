// The whole plugin on real sockets, with a store and accounts of the test's own.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { mkdtempSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import {
  createHooks, createMetrics, createNet, defaultSettings, failure, loadCertificate, silentLog, systemClock,
  type Account, type Accounts, type Authenticator, type Draft, type Envelope, type HookRuntime, type MessageStore, type Originator, type Resolution, type Verdict,
} from '@restante/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import plugin from './plugin.js'

const account = (name: string): Account => ({ id: 7 as Account['id'], name, displayName: '', enabled: true, quotaOctets: 0, quotaMessages: 0 })
const accounts: Accounts = {
  async resolve(address): Promise<Resolution> {
    const [local = '', domain = ''] = address.toLowerCase().split('@')
    if (domain !== 'example.test') return { kind: 'foreign' }
    return /^(ann|bob|full|postmaster|u\d+)$/.test(local) ? { kind: 'account', account: account(`${local}@${domain}`), address } : { kind: 'unknown' }
  },
  owns: async (who, address) => address.toLowerCase() === who.name,
  async checkQuota(who, octets) {
    if (who.name.startsWith('full') || octets > 900_000) throw failure('OVER_QUOTA', { account: who.name })
  },
} as Partial<Accounts> as Accounts
const salt = Buffer.from('salt'), rounds = 4096, key = pbkdf2Sync('secret', salt, rounds, 32, 'sha256')
const hmac = (k: Buffer, text: string): Buffer => createHmac('sha256', k).update(text).digest()
const authenticator: Authenticator = {
  async password(name, password) {
    if (name === 'slow') throw failure('AUTHENTICATION_THROTTLED')
    if (name !== 'ann@example.test' || password !== 'secret') throw failure('AUTHENTICATION_FAILED')
    return account(name)
  },
  scram() {
    let bare = '', first = ''
    return {
      async first(message) {
        bare = message.slice(3)
        return (first = `r=${/r=(.*)/.exec(message)![1]}XYZ,s=${salt.toString('base64')},i=${rounds}`)
      },
      async final(message) {
        const [, without, proof] = /^(.*),p=(.*)$/.exec(message)!
        const auth = `${bare},${first},${without}`
        const clientKey = hmac(key, 'Client Key'), signature = hmac(createHash('sha256').update(clientKey).digest(), auth)
        if (!Buffer.from(proof!, 'base64').equals(Buffer.from(clientKey.map((o, i) => o ^ signature[i]!)))) throw failure('AUTHENTICATION_FAILED')
        return { message: `v=${hmac(hmac(key, 'Server Key'), auth).toString('base64')}`, account: account('ann@example.test') }
      },
    }
  },
} as Partial<Authenticator> as Authenticator

interface Stored { originator: Originator; envelope: Envelope; trace: string; octets: string }
const stored: Stored[] = []
let discarded = 0
/** Lets a test hold the commit, or fail it. */
let sealing: () => Promise<void> = async () => undefined
let opening: () => void = () => undefined
const messageStore = {
  async open(originator: Originator, envelope: Envelope, options: { trace?: string }): Promise<Draft> {
    opening()
    const octets: Buffer[] = []
    let size = 0
    const draft = {
      writer: { get size() { return size }, write(chunk: Buffer) { octets.push(chunk); size += chunk.length; return size > 200_000 ? new Promise((r) => setImmediate(r)) : undefined } },
      async seal() {
        await sealing()
        stored.push({ originator, envelope, trace: options.trace ?? '', octets: Buffer.concat(octets).toString('latin1') })
        return { token: `T${stored.length}` }
      },
      async sealEach() { return { submission: await draft.seal(), refused: new Map() } },
      async discard() { discarded++ },
    }
    return draft as unknown as Draft
  },
} as Partial<MessageStore> as MessageStore

const folder = mkdtempSync(join(tmpdir(), 'restante-'))
let ports: Record<string, number>
let stop: (deadline: AbortSignal) => Promise<void>
let verdict: ((recipient: string) => Verdict | undefined) | undefined
async function run(config: Record<string, unknown> = {}, limit = 1_000_000): Promise<{ ports: Record<string, number>; stop(deadline: AbortSignal): Promise<void> }> {
  const settings = defaultSettings({ hostname: 'gate.example', limits: { messageOctets: limit } })
  const metrics = createMetrics()
  const certificate = await loadCertificate({ certificate: '', key: '', minVersion: 'TLSv1.2', dataFolder: folder, hostname: 'gate.example', log: silentLog, clock: systemClock })
  const net = createNet({ settings, dataFolder: folder, certificate, metrics, log: silentLog, clock: systemClock })
  const hooks: HookRuntime = Object.assign(createHooks({ log: silentLog, clock: systemClock }), { given: (hook: string) => hook === 'smtp.rcptTo' && verdict !== undefined, ask: async (_: string, q: { recipient: string }) => verdict!(q.recipient) as never })
  const section = (own: object = {}) => ({ listen: '127.0.0.1:0', ...own })
  const parsed = plugin.config.parse({ mx: section(config.mx as object), submission: section({ listenTls: '127.0.0.1:0', ...(config.submission as object) }), lmtp: section(config.lmtp as object) })
  const running = plugin.setup({ config: parsed, log: silentLog, clock: systemClock, database: {} as never, container: {} as never, services: { accounts, authenticator, hooks, messageStore, metrics, net, notifier: { reaches: (domain) => domain.includes('.'), relayThrough: () => undefined }, settings, spool: {} as never } })
  await running.start!()
  await running.ready!()
  return { ports: Object.fromEntries(Object.entries(running.listeners!()).map(([name, address]) => [name, Number(address.split(':').at(-1))])), stop: (deadline) => running.stop!(deadline) }
}
beforeAll(async () => ({ ports, stop } = await run()))
afterAll(() => stop(AbortSignal.abort()))
beforeEach(() => {
  stored.length = 0
  discarded = 0
  sealing = async () => undefined
  opening = () => undefined
  verdict = undefined
})

/** A client that sends a line (or octets) and waits for so many whole replies. */
class Client {
  #text = ''
  #wake: () => void = () => undefined
  closed = false
  constructor(public socket: Socket) { this.#listen() }
  static async to(name: string, more = ports): Promise<Client> {
    const client = name === 'submissions' ? new Client(tlsConnect({ port: more[name], host: '127.0.0.1', rejectUnauthorized: false })) : new Client(connect(more[name]!, '127.0.0.1'))
    await client.get()
    return client
  }
  #listen(): void {
    this.socket.on('data', (data) => { this.#text += data.toString('latin1'); this.#wake() }).on('close', () => { this.closed = true; this.#wake() }).on('error', () => undefined)
  }
  /** The next so many replies, joined with ' / '. */
  async get(count = 1): Promise<string> {
    const replies: string[] = []
    while (replies.length < count) {
      const found = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(this.#text)
      if (found) {
        this.#text = this.#text.slice(found[0].length)
        replies.push(found[0].trimEnd())
      } else if (this.closed) break
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    return replies.join(' / ')
  }
  send(octets: string | Buffer): void { this.socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets) }
  async say(line: string, replies = 1): Promise<string> {
    this.send(`${line}\r\n`)
    return await this.get(replies)
  }
  async quiet(): Promise<string> {
    await new Promise((r) => setTimeout(r, 50))
    return this.#text
  }
  async startTls(): Promise<void> {
    this.socket.removeAllListeners()
    const tls = tlsConnect({ socket: this.socket, rejectUnauthorized: false })
    await new Promise<void>((resolve, reject) => tls.once('secureConnect', resolve).once('error', reject))
    this.socket = tls
    this.#listen()
  }
}
const plain = Buffer.from('\0ann@example.test\0secret').toString('base64')
async function ready(name: string, more = ports): Promise<Client> {
  const client = await Client.to(name, more)
  await client.say(name === 'lmtp' ? 'LHLO me.example' : 'EHLO me.example')
  if (name.startsWith('submission')) await client.say(`AUTH PLAIN ${plain}`)
  return client
}
async function send(client: Client, data: string, to = ['ann@example.test'], from = 'ann@example.test'): Promise<string> {
  client.send(`MAIL FROM:<${from}>\r\n${to.map((one) => `RCPT TO:<${one}>\r\n`).join('')}DATA\r\n`)
  expect(await client.get(2 + to.length)).toMatch(/354 /)
  client.send(data)
  return await client.get()
}

describe('MX', () => {
  it('greets and says what it can', async () => {
    const client = await Client.to('smtp')
    expect(await client.say('EHLO me.example')).toBe(['250-gate.example', '250-PIPELINING', '250-CHUNKING', '250-BINARYMIME', '250-8BITMIME', '250-SMTPUTF8', '250-ENHANCEDSTATUSCODES', '250-STARTTLS', '250 SIZE 1000000'].join('\r\n'))
    expect(await client.say('AUTH PLAIN x')).toMatch(/^500 /)
    expect(await client.say('WIZ')).toMatch(/^500 /)
    expect(await client.say('QUIT')).toBe('221 2.0.0 Bye')
  })
  it('hands one submission to the store, with trace lines, and says 250 only after the commit', async () => {
    let commit!: () => void
    sealing = () => new Promise((resolve) => (commit = resolve))
    const client = await ready('smtp')
    client.send('MAIL FROM:<out@side.example> BODY=8BITMIME RET=HDRS ENVID=x SIZE=30\r\nRCPT TO:<ann@example.test> NOTIFY=NEVER ORCPT=rfc822;ann@example.test\r\nRCPT TO:<Bob@example.test>\r\nDATA\r\n')
    expect(await client.get(4)).toMatch(/^250 2.1.0 Accepted \/ 250 2.1.5 Accepted \/ 250 2.1.5 Accepted \/ 354 /)
    client.send('Subject: x\r\n\r\n..dot\r\n\xe9\r\n.\r\n')
    expect(await client.quiet()).toBe('')
    commit()
    expect(await client.get()).toBe('250 2.0.0 Accepted, id T1')
    expect(stored).toEqual([{
      originator: { account: null, name: 'out@side.example', protocol: 'ESMTP' }, envelope: { recipients: ['ann@example.test', 'Bob@example.test'] },
      trace: expect.stringMatching(/^Return-Path: <out@side\.example>\r\nReceived: from me\.example \(\[127\.0\.0\.1\]\)\r\n\tby gate\.example with ESMTP id \w+;\r\n\t\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r\n$/),
      octets: 'Subject: x\r\n\r\n.dot\r\n\xe9\r\n',
    }])
  })
  it.each([
    ['an unknown user', 'RCPT TO:<nobody@example.test>', '550 5.1.1 No such user here'],
    ['a foreign domain', 'RCPT TO:<x@elsewhere.example>', '550 5.7.1 Not a domain of ours; mail is not relayed'],
    ['a full mailbox', 'RCPT TO:<full@example.test>', '452 4.2.2 The mailbox is over its quota'],
    ['nonsense', 'RCPT TO:<a b@c>', /^501 /],
    ['postmaster without a domain', 'RCPT TO:<Postmaster>', '250 2.1.5 Accepted'],
    ['a route', 'RCPT TO:<@relay.example:ann@example.test>', '250 2.1.5 Accepted'],
  ])('answers %s at once', async (_, line, answer) => {
    const client = await ready('smtp')
    expect(await client.say('MAIL FROM:<>')).toBe('250 2.1.0 Accepted')
    expect(await client.say(line)).toEqual(typeof answer === 'string' ? answer : expect.stringMatching(answer))
  })
  it('keeps the order of commands', async () => {
    const client = await Client.to('smtp')
    expect(await client.say('MAIL FROM:<a@b.example>')).toMatch(/^503 /)
    await client.say('HELO me')
    expect(await client.say('RCPT TO:<ann@example.test>')).toMatch(/^503 /)
    expect(await client.say('DATA')).toMatch(/^503 /)
    await client.say('MAIL FROM:<a@b.example>')
    expect(await client.say('MAIL FROM:<a@b.example>')).toMatch(/^503 /)
    expect(await client.say('DATA')).toBe('503 5.5.1 RCPT first')
    expect(await client.say('RSET')).toMatch(/^250 /)
    expect(await client.say('RCPT TO:<ann@example.test>')).toMatch(/^503 /)
  })
  it('counts recipients', async () => {
    const few = await run({ mx: { recipients: 100 } })
    const client = await ready('smtp', few.ports)
    await client.say('MAIL FROM:<>')
    client.send(Array.from({ length: 101 }, (_, i) => `RCPT TO:<u${i}@example.test>\r\n`).join(''))
    const replies = (await client.get(101)).split(' / ')
    expect(replies.filter((text) => text === '250 2.1.5 Accepted')).toHaveLength(100)
    expect(replies.at(-1)).toBe('452 4.5.3 Too many recipients; send the rest in another transaction')
    await few.stop(AbortSignal.abort())
  })
  it('takes a thousand recipients in one go, and quickly', async () => {
    const client = await ready('smtp')
    expect(await send(client, 'x: y\r\n\r\n.\r\n', Array.from({ length: 1000 }, (_, i) => `u${i}@example.test`))).toBe('250 2.0.0 Accepted, id T1')
    expect(stored[0]!.envelope.recipients).toHaveLength(1000)
  })
  it('asks the hook', async () => {
    verdict = (recipient) => (recipient.startsWith('ann') ? { verdict: 'reject', text: 'Not today' } : recipient.startsWith('bob') ? { verdict: 'tempfail', text: 'Later' } : undefined)
    const client = await ready('smtp')
    await client.say('MAIL FROM:<>')
    expect(await client.say('RCPT TO:<ann@example.test>')).toBe('550 5.7.1 Not today')
    expect(await client.say('RCPT TO:<bob@example.test>')).toBe('451 4.7.1 Later')
    expect(await client.say('RCPT TO:<u1@example.test>')).toBe('250 2.1.5 Accepted')
  })
})

describe('size', () => {
  it('is judged at MAIL FROM', async () => {
    const client = await ready('smtp')
    expect(await client.say('MAIL FROM:<a@b.example> SIZE=1000001')).toMatch(/^552 5\.3\.4 /)
    expect(await client.say('MAIL FROM:<a@b.example> SIZE=950000')).toMatch(/^250 /)
    expect(await client.say('RCPT TO:<ann@example.test>')).toMatch(/^452 4\.2\.2/)
  })
  it('is judged while the message comes, and the session goes on', async () => {
    const client = await ready('smtp')
    expect(await send(client, `${'x'.repeat(998)}\r\n`.repeat(1001) + '.\r\n')).toBe('552 5.3.4 The message is larger than 1000000 octets')
    expect(discarded).toBe(1)
    expect(await send(client, 'small\r\n.\r\n')).toBe('250 2.0.0 Accepted, id T1')
  })
  it('has an end even for those without', async () => {
    const client = await ready('smtp')
    client.send('MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n')
    await client.get(3)
    for (let i = 0; i < 40 && !client.closed; i++) {
      client.send(Buffer.alloc(100_000, 'x'))
      await new Promise((r) => setTimeout(r, 2))
    }
    expect(await client.get()).toBe('421 4.3.4 The message has no end')
  })
})

describe('SMTP smuggling', () => {
  const inner = 'MAIL FROM:<evil@x.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nsmuggled\r\n'
  it.each(['\n.\n', '\n.\r\n', '\r.\r', '\r\n.\n', '\r\n.\r', '\r.\r\n', '\n\n.\r\n'])('%j does not end a message, and is refused', async (end) => {
    for (const chunked of [false, true]) {
      const client = await ready('smtp')
      client.send('MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n')
      await client.get(3)
      const data = `first${end}${inner}.\r\n`
      if (chunked) for (const octet of Buffer.from(data)) { client.send(Buffer.of(octet)); await new Promise(setImmediate) }
      else client.send(data)
      expect(await client.get()).toBe('554 5.6.0 The message has bare CR or LF; lines must end in CRLF')
      expect(stored).toEqual([])
      expect(await client.say('NOOP')).toBe('250 2.0.0 OK')
    }
  })
  it('normalised by policy it is one message', async () => {
    const lenient = await run({ mx: { bareLineEnds: 'normalise', nul: 'strip' } })
    const client = await ready('smtp', lenient.ports)
    expect(await send(client, `fi\0rst\n.\r\n${inner}.\r\n`)).toBe('250 2.0.0 Accepted, id T1')
    expect(stored.map(({ octets }) => octets)).toEqual([`first\r\n.\r\n${inner}`])
    await lenient.stop(AbortSignal.abort())
  })
  it('NUL is refused', async () => {
    expect(await send(await ready('smtp'), 'a\0b\r\n.\r\n')).toBe('554 5.6.0 The message contains NUL')
  })
})

describe('octets', () => {
  it('come through one at a time as in one piece, dots and pipelined commands included', async () => {
    const script = 'MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n'
    const data = '.\x2edot first\r\n..\r\nline\r\n...\r\n\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n'
    for (const size of [1, 2, 3, 5, 1000]) {
      const client = await ready('smtp')
      client.send(script)
      await client.get(3)
      for (let i = 0; i < data.length; i += size) { client.send(data.slice(i, i + size)); await new Promise(setImmediate) }
      expect(await client.get(3)).toMatch(/^250 2\.0\.0 Accepted, id T\d \/ 250 2\.1\.0 Accepted \/ 250 2\.0\.0 Flushed$/)
      expect(stored.at(-1)!.octets).toBe('.dot first\r\n.\r\nline\r\n..\r\n\r\n')
    }
  })
  it('a large message flows, and an empty one is one', async () => {
    const client = await ready('smtp')
    const body = `${'.'.repeat(50)}${'x'.repeat(900)}\r\n`.repeat(900)
    expect(await send(client, `${body.replace(/^\./gm, '..')}.\r\n`)).toMatch(/^250/)
    expect(stored[0]!.octets).toBe(body)
    expect(await send(client, '.\r\n')).toMatch(/^250/)
    expect(stored[1]!.octets).toBe('')
  })
  it('a peer that leaves in the middle leaves nothing', async () => {
    const client = await ready('smtp')
    client.send('MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n')
    await client.get(3)
    client.send('half')
    await client.quiet()
    client.socket.destroy()
    await expect.poll(() => discarded).toBe(1)
    expect(stored).toEqual([])
  })
  it('what the store refuses is said in SMTP', async () => {
    const client = await ready('smtp')
    for (const [error, answer] of [[failure('NO_ROOM'), '452 4.3.1 There is no room at the moment; try again later'], [new Error('bug'), '451 4.3.0 Temporary trouble; try again later'], [failure('ENVELOPE_REFUSED'), '550 5.7.1 A recipient is not acceptable']] as const) {
      sealing = async () => { throw error }
      expect(await send(client, 'x\r\n.\r\n')).toBe(answer)
    }
    opening = () => { throw failure('DATABASE_FAILED') }
    client.send('MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n')
    expect(await client.get(3)).toMatch(/451 4\.3\.0 Temporary trouble; try again later$/)
    opening = () => undefined
    sealing = async () => undefined
    expect(await send(client, 'x\r\n.\r\n')).toMatch(/^250 /)
  })
})

describe('submission', () => {
  it('wants a login', async () => {
    const client = await Client.to('submission')
    expect(await client.say('EHLO me')).toContain('AUTH PLAIN LOGIN SCRAM-SHA-256')
    expect(await client.say('MAIL FROM:<ann@example.test>')).toBe('530 5.7.0 Log in first')
    expect(await client.say(`AUTH PLAIN ${Buffer.from('\0ann@example.test\0wrong').toString('base64')}`)).toBe('535 5.7.8 Authentication failed')
    expect(await client.say(`AUTH PLAIN ${Buffer.from('\0slow\0x').toString('base64')}`)).toBe('454 4.7.0 Too many failed logins; try again later')
    expect(await client.say(`AUTH PLAIN ${Buffer.from('bob\0ann@example.test\0secret').toString('base64')}`)).toBe('421 4.7.0 Too many failed logins')
  })
  it('LOGIN, over TLS from the first octet', async () => {
    const client = await Client.to('submissions')
    expect(await client.say('EHLO me')).not.toContain('STARTTLS')
    expect(await client.say('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6')
    expect(await client.say(Buffer.from('ann@example.test').toString('base64'))).toBe('334 UGFzc3dvcmQ6')
    expect(await client.say(Buffer.from('secret').toString('base64'))).toMatch(/^235 /)
    expect(await send(client, 'Date: x\r\nMessage-ID: y\r\n\r\n.\r\n')).toMatch(/^250 /)
    expect(stored[0]!.originator).toEqual({ account: 7, name: 'ann@example.test', protocol: 'ESMTPSA' })
  })
  it.each([true, false])('SCRAM-SHA-256 (initial response: %s)', async (initial) => {
    const client = await Client.to('submission')
    await client.say('EHLO me')
    const bare = `n=ann@example.test,r=${randomBytes(8).toString('hex')}`
    const one = Buffer.from(`n,,${bare}`).toString('base64')
    if (!initial) expect(await client.say('AUTH SCRAM-SHA-256')).toBe('334')
    const first = Buffer.from((await client.say(initial ? `AUTH SCRAM-SHA-256 ${one}` : one)).slice(4), 'base64').toString()
    const without = `c=biws,${/r=[^,]+/.exec(first)![0]}`
    const clientKey = hmac(key, 'Client Key'), signature = hmac(createHash('sha256').update(clientKey).digest(), `${bare},${first},${without}`)
    const proof = Buffer.from(clientKey.map((o, i) => o ^ signature[i]!)).toString('base64')
    expect(Buffer.from((await client.say(Buffer.from(`${without},p=${proof}`).toString('base64'))).slice(4), 'base64').toString()).toMatch(/^v=/)
    expect(await client.say('')).toBe('235 2.7.0 Authentication successful')
    expect(await client.say('MAIL FROM:<ann@example.test>')).toMatch(/^250/)
  })
  it('a wrong SCRAM proof, and a cancelled one', async () => {
    const client = await Client.to('submission')
    await client.say('EHLO me')
    await client.say(`AUTH SCRAM-SHA-256 ${Buffer.from('n,,n=ann,r=x').toString('base64')}`)
    expect(await client.say(Buffer.from('c=biws,r=xXYZ,p=AAAA').toString('base64'))).toMatch(/^535 5\.7\.8 /)
    await client.say('AUTH SCRAM-SHA-256')
    expect(await client.say('*')).toBe('501 5.7.0 Authentication cancelled')
    expect(await client.say('NOOP')).toMatch(/^250/)
  })
  it('STARTTLS forgets what was said, and hears nothing that came in clear behind it', async () => {
    const strict = await run({ submission: { clearTextLogin: 'never' } })
    const client = await Client.to('submission', strict.ports)
    expect(await client.say('EHLO me')).not.toContain('AUTH')
    expect(await client.say(`AUTH PLAIN ${plain}`)).toBe('538 5.7.11 Start TLS first: passwords do not travel in clear')
    client.send('STARTTLS\r\nEHLO evil\r\nNOOP\r\n')
    expect(await client.get()).toMatch(/^220 /)
    await client.startTls().then(async () => {
      expect(await client.quiet()).toBe('')
      expect(await client.say('MAIL FROM:<>')).toMatch(/^503 /)
      expect(await client.say('EHLO me')).toContain('AUTH PLAIN')
      expect(await client.say(`AUTH PLAIN ${plain}`)).toMatch(/^235 /)
    }, () => undefined) // or the handshake fails, for what came in clear is no TLS: as good
    await strict.stop(AbortSignal.abort())
  })
  it('the sender must be the account\'s own; so must From', async () => {
    const client = await ready('submission')
    expect(await client.say('MAIL FROM:<bob@example.test>')).toBe('550 5.7.1 <bob@example.test> does not belong to this account')
    expect(await client.say('MAIL FROM:<ann@example.test>')).toMatch(/^250/)
    expect(await client.say('RCPT TO:<x@elsewhere.example>')).toMatch(/^250/)
    expect(await client.say('RCPT TO:<x@localhost>')).toBe('550 5.1.2 That domain cannot be one')
    await client.say('RSET')
    expect(await send(client, 'From: Boss <boss@example.test>\r\n\r\nx\r\n.\r\n')).toBe('550 5.7.1 The From address <boss@example.test> does not belong to this account')
    expect(await send(client, 'From: "boss@example.test" <Ann@example.test>\r\n\r\nx\r\n.\r\n')).toMatch(/^250/)
    const lax = await run({ submission: { sender: 'any', headerFrom: 'any' } })
    expect(await send(await ready('submission', lax.ports), 'From: <boss@example.test>\r\n\r\nx\r\n.\r\n', ['bob@example.test'], 'whoever@x.example')).toMatch(/^250/)
    await lax.stop(AbortSignal.abort())
  })
  it('mends the header: Date, Message-ID, Bcc', async () => {
    expect(await send(await ready('submission'), 'From: ann@example.test\r\nBcc: bob@example.test,\r\n\tu1@example.test\r\nSubject: x\r\n\r\nBcc: no\r\n.\r\n')).toMatch(/^250/)
    expect(stored[0]!.octets).toMatch(/^From: ann@example\.test\r\nSubject: x\r\nDate: .* \+0000\r\nMessage-ID: <[0-9a-f]{24}@example\.test>\r\n\r\nBcc: no\r\n$/)
    expect(stored[0]!.trace).toBe('')
  })
})

describe('LMTP', () => {
  it('answers each recipient, twice-named ones twice; one submission', async () => {
    const client = await Client.to('lmtp')
    expect(await client.say('EHLO me')).toMatch(/^500 /)
    expect(await client.say('LHLO me')).toContain('PIPELINING')
    client.send('MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.test>\r\nRCPT TO:<nobody@example.test>\r\nRCPT TO:<bob@example.test>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n')
    expect(await client.get(6)).toContain('550 5.1.1 ')
    client.send('x: y\r\n\r\n.\r\n')
    expect(await client.get(3)).toBe(Array(3).fill('250 2.0.0 Accepted, id T1').join(' / '))
    expect(await client.quiet()).toBe('')
    expect(stored.map(({ envelope, originator, trace }) => [envelope.recipients, originator.protocol, trace])).toEqual([[['ann@example.test', 'bob@example.test'], 'LMTP', 'Return-Path: <a@b.example>\r\n']])
    expect(await client.say('NOOP')).toMatch(/^250/)
  })
  it('fails for each, too', async () => {
    sealing = async () => { throw failure('NO_ROOM') }
    const client = await ready('lmtp')
    client.send('MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n')
    await client.get(4)
    client.send('.\r\n')
    expect(await client.get(2)).toBe('452 4.3.1 There is no room at the moment; try again later / 452 4.3.1 There is no room at the moment; try again later')
  })
})

describe('bad input', () => {
  it('over-long lines, unknown commands, HTTP', async () => {
    expect(await (await ready('smtp')).say(`NOOP ${'x'.repeat(20_000)}`)).toMatch(/^421 /)
    const client = await ready('smtp')
    expect(await client.say('FOO')).toMatch(/^500 5\.5\.2 /)
    expect(await (await Client.to('smtp')).say('POST / HTTP/1.1')).toMatch(/^421 /)
    expect(await client.say('EHLO a\x07b')).toMatch(/^501 /)
    expect(await client.say('MAIL FROM:<a@b.example> SIZE=99999999999999999999999')).toMatch(/^501 /)
  })
})

describe('stopping', () => {
  it('lets a message that is on its way come in, then says goodbye', async () => {
    const own = await run()
    const [idle, busy] = [await ready('smtp', own.ports), await ready('smtp', own.ports)]
    busy.send('MAIL FROM:<>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\n')
    await busy.get(3)
    const stopped = own.stop(AbortSignal.timeout(5000))
    expect(await idle.get()).toMatch(/^421 4\.3\.2 /)
    busy.send('late\r\n.\r\n')
    expect(await busy.get(2)).toMatch(/^250 2\.0\.0 Accepted, id T1 \/ 421 4\.3\.2 /)
    await stopped
    expect(stored).toHaveLength(1)
  })
})
