// Golden POP3 transcripts, each played with whole lines and with one octet at a time. Every play has an account of its own
// with the same three messages. What a script cannot say (SCRAM, other settings, much mail) follows below.
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { playTranscript } from '../support/transcript.js'

type Gateway = Awaited<ReturnType<typeof startGateway>>
const folder = join(import.meta.dirname, 'pop3')
const scripts = readdirSync(folder).filter((name) => name.endsWith('.test-script')).sort()
// Scripts named whole-… are about what arrives in one piece.
const plays = scripts.flatMap((script) => (script.startsWith('whole-') ? [false] : [false, true]).map((octetByOctet) => ({ script, octetByOctet })))
const messages = [
  'From: ann@example.test\r\nSubject: one\r\n\r\nfirst line\r\n.\r\n.dots in front\r\nlast line\r\n',
  'From: jörg@example.test\r\nSubject: zwei\r\n\r\nGrüße\r\n\r\nand no line end at the last line',
  'From: ann@example.test\r\nSubject: three\r\nX-Note: no body',
]

let gateway: Gateway
beforeAll(async () => { gateway = await startGateway({ accounts: plays.length + 5, set: ['plugins.imap4=false', 'plugins.smtp-ingress=false'] }) })
afterAll(() => gateway?.stop())

async function fill(user: string, texts: readonly string[], of: Gateway = gateway): Promise<void> {
  const { host, accounts, mailboxes } = of.running.gateway
  const account = (await accounts.byName(user))!
  for (let i = 0; i < texts.length; i += 100) {
    const filings = await Promise.all(texts.slice(i, i + 100).map(async (text) => {
      const writer = host.service('spool')!.open()
      await writer.write(Buffer.from(text))
      return { spooled: await writer.seal(), flags: 0, keywords: [] }
    }))
    await mailboxes.append(account.id, 'INBOX', filings)
  }
}
function open(listener: string, of: Gateway = gateway): Promise<Socket> {
  const address = of.listeners[listener]
  const at = address.lastIndexOf(':')
  const [host, port] = [address.slice(0, at), Number(address.slice(at + 1))]
  return new Promise((resolve, reject) => {
    const socket: Socket = listener === 'pop3s' ? connectTls({ host, port, rejectUnauthorized: false }, () => resolve(socket)) : connect(port, host, () => resolve(socket))
    socket.once('error', reject)
  })
}
const userName = (n: number): string => `user${String(n).padStart(4, '0')}@${gateway.domain}`
const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('POP3 transcripts', () => {
  for (const [i, { script, octetByOctet }] of plays.entries()) {
    it(`${script}${octetByOctet ? ', octet by octet' : ''}`, async () => {
      const user = userName(i + 1)
      const { password } = gateway
      await fill(user, messages)
      await playTranscript(join(folder, script), {
        octetByOctet,
        variables: { USER: user, PASSWORD: password, PLAIN: base64(`\0${user}\0${password}`), OTHER: base64(`admin\0${user}\0${password}`), WRONG: base64(`\0${user}\0wrong`) },
        open: () => open(script.startsWith('tls-') ? 'pop3s' : 'pop3'),
      })
    })
  }
})

/** Sends a line; gives the lines of the answer. */
class Client {
  #text = ''
  #wake: () => void = () => undefined
  closed = false
  constructor(readonly socket: Socket) {
    socket.on('data', (data) => { this.#text += data.toString('latin1'); this.#wake() }).on('close', () => { this.closed = true; this.#wake() }).on('error', () => undefined)
  }
  async until(end: RegExp): Promise<string> {
    while (!end.test(this.#text) && !this.closed) await new Promise<void>((resolve) => (this.#wake = resolve))
    const text = this.#text
    this.#text = ''
    return text
  }
  async say(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`)
    return (await this.until(/\r\n$/)).trimEnd()
  }
  async multi(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`)
    return await this.until(/(^-ERR.*|\r\n\.)\r\n$/s)
  }
}
async function client(of: Gateway = gateway): Promise<Client> {
  const made = new Client(await open('pop3', of))
  await made.until(/\r\n$/)
  return made
}
async function loggedIn(user: string, of: Gateway = gateway): Promise<Client> {
  const made = await client(of)
  expect(await made.say(`AUTH PLAIN ${base64(`\0${user}\0${of.password}`)}`)).toMatch(/^\+OK/)
  return made
}
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

describe('SCRAM-SHA-256', () => {
  it.each([[true, 'right'], [false, 'right'], [true, 'wrong']])('initial response %s, password %s', async (initial, which) => {
    const user = userName(plays.length + 1)
    const session = await client()
    const password = which === 'right' ? gateway.password : 'wrong'
    const bare = `n=${user},r=abcdef`
    if (!initial) expect(await session.say('AUTH SCRAM-SHA-256')).toBe('+')
    const answer = await session.say(initial ? `AUTH SCRAM-SHA-256 ${base64(`n,,${bare}`)}` : base64(`n,,${bare}`))
    const first = Buffer.from(answer.slice(2), 'base64').toString()
    const [, nonce, salt, rounds] = /^r=(.*),s=(.*),i=(\d+)$/.exec(first)!
    const key = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(rounds), 32, 'sha256')
    const without = `c=biws,r=${nonce}`
    const auth = `${bare},${first},${without}`
    const clientKey = hmac(key, 'Client Key'), signature = hmac(createHash('sha256').update(clientKey).digest(), auth)
    const final = await session.say(base64(`${without},p=${Buffer.from(clientKey.map((octet, i) => octet ^ signature[i])).toString('base64')}`))
    if (which === 'wrong') return expect(final).toBe('-ERR [AUTH] Authentication failed')
    expect(Buffer.from(final.slice(2), 'base64').toString()).toBe(`v=${hmac(hmac(key, 'Server Key'), auth).toString('base64')}`)
    expect(await session.say('')).toBe('+OK 0 messages, 0 octets')
    expect(await session.say('QUIT')).toMatch(/^\+OK/)
  })
})

describe('much mail', () => {
  it('one after the other, pipelined, out of order, large ones, and deleted by another session', async () => {
    const user = userName(plays.length + 2)
    const large = `Subject: large\r\n\r\n${`.${'x'.repeat(70)}\r\n`.repeat(20_000)}`
    const texts = Array.from({ length: 300 }, (_, i) => (i === 150 ? large : `Subject: ${i + 1}\r\n\r\n${'y'.repeat(i * 10)}\r\n`))
    await fill(user, texts)
    const session = await loggedIn(user)
    const wanted = (n: number): string => `+OK ${texts[n - 1].length} octets\r\n${texts[n - 1].replace(/^\./gm, '..')}.\r\n`
    for (const n of [1, 2, 3, 10, 11, 12, 11, 151, 152, 300, 299, 1]) expect(await session.multi(`RETR ${n}`)).toBe(wanted(n))
    session.socket.write(Array.from({ length: 300 }, (_, i) => `RETR ${i + 1}\r\n`).join(''))
    expect(await session.until(/Subject: 300\r\n\r\ny+\r\n\.\r\n$/)).toBe(Array.from({ length: 300 }, (_, i) => wanted(i + 1)).join(''))
    // Somebody expunges over IMAP: numbers stay, what was there at login is still readable.
    const { accounts, mailboxes } = gateway.running.gateway
    const other = await mailboxes.open((await accounts.byName(user))!.id, 'INBOX', { readOnly: false })
    const uids = other.view.slice(5 as never, 8 as never)
    await other.changeFlags(uids, { mode: 'add', flags: 8, keywords: [] })
    await other.expunge(uids)
    other.close()
    expect(await session.say('STAT')).toMatch(/^\+OK 300 /)
    expect(await session.multi('RETR 6')).toBe(wanted(6))
    for (const n of [4, 5, 300]) expect(await session.say(`DELE ${n}`)).toMatch(/^\+OK/)
    expect(await session.say('QUIT')).toMatch(/^\+OK Goodbye; deleted: 3$/)
    const again = await loggedIn(user)
    expect(await again.say('STAT')).toMatch(/^\+OK 294 /)
    again.socket.destroy()
  })
  it('a client that does not read does not fill memory', async () => {
    const user = userName(plays.length + 3)
    await fill(user, [`Subject: large\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(100_000)}`])
    const session = await loggedIn(user)
    session.socket.pause()
    const before = process.memoryUsage().arrayBuffers
    session.socket.write('RETR 1\r\n'.repeat(200))
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20)
    session.socket.destroy()
  })
})

describe('settings', () => {
  it('seen marks, login delay, APOP greeting, UTF8 refusal', async () => {
    const own = await startGateway({ accounts: 2, set: ['plugins.imap4=false', 'plugins.smtp-ingress=false', 'plugins.pop3.markSeen=true', 'plugins.pop3.loginDelay=60', 'plugins.pop3.apop=true', 'plugins.pop3.utf8Headers=refuse'] })
    try {
      await fill(own.account, messages, own)
      const session = new Client(await open('pop3', own))
      const [, timestamp] = /^\+OK Restante POP3 ready (<\S+@\S+>)\r\n$/.exec(await session.until(/\r\n$/))!
      // APOP works only for those who opted in.
      const digest = (secret: string): string => createHash('md5').update(timestamp + secret).digest('hex')
      expect(await session.say(`APOP ${own.account} ${digest(own.password)}`)).toBe('-ERR [AUTH] Authentication failed')
      await own.running.gateway.accounts.setApopSecret(own.account, 'tanstaaf')
      expect(await session.say(`APOP ${own.account} ${digest('tanstaaf')}`)).toBe('+OK 3 messages, 223 octets')
      expect(await session.multi('RETR 2')).toBe('-ERR [UTF8] The message has UTF-8 header fields; say UTF8 first\r\n')
      expect(await session.multi('RETR 1')).toMatch(/^\+OK/)
      await session.say('QUIT')
      const status = await own.running.gateway.mailboxes.status((await own.running.gateway.accounts.byName(own.account))!.id, 'INBOX')
      expect(status.unseen).toBe(2)
      const soon = new Client(await open('pop3', own))
      await soon.until(/\r\n$/)
      expect(await soon.say(`AUTH PLAIN ${base64(`\0${own.account}\0${own.password}`)}`)).toBe('-ERR [LOGIN-DELAY] Wait 60 seconds between logins')
      soon.socket.destroy()
    } finally {
      await own.stop()
    }
  })
  it('silence ends a session, and deletes nothing; its transcript is kept, without passwords', async () => {
    const own = await startGateway({ set: ['plugins.imap4=false', 'plugins.smtp-ingress=false', 'plugins.pop3.idleBeforeLogin=0.6', 'transcripts=all'] })
    try {
      const silent = await client(own)
      expect(await silent.until(/never/)).toBe('-ERR Nothing heard for too long\r\n')
      await fill(own.account, messages, own)
      const session = await loggedIn(own.account, own)
      await session.say('DELE 1')
      session.socket.destroy()
      const again = await loggedIn(own.account, own)
      expect(await again.say('STAT')).toBe('+OK 3 223')
      await again.say('QUIT')
      const transcripts = join(own.data, 'transcripts')
      await expect.poll(() => readdirSync(transcripts).length).toBe(3)
      const texts = readdirSync(transcripts).map((name) => readFileSync(join(transcripts, name), 'utf8'))
      expect(texts.join('')).toContain('C: AUTH PLAIN ***')
      expect(texts.join('')).not.toContain(base64(`\0${own.account}\0${own.password}`))
    } finally {
      await own.stop()
    }
  })
  it('sessions are told when the gateway stops, and nothing is deleted', async () => {
    const own = await startGateway({ set: ['plugins.imap4=false', 'plugins.smtp-ingress=false'] })
    const session = await loggedIn(own.account, own)
    const last = session.until(/never/)
    await own.stop()
    expect(await last).toBe('-ERR [SYS/TEMP] The gateway is shutting down\r\n')
  })
})
