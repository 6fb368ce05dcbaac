// Real rspamd and real ClamAV behind the plugin spam-check: refused, put off, to Junk, marked; what is too large, slow or gone.
import { randomBytes } from 'node:crypto'
import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { freePort } from '../support/ports.js'
import { held, receive } from '../support/smtp-talk.js'
import { eicar, startClamd, startRspamd, type Checker } from './support/checkers.js'
import { attempt, portOf, user, workFolder } from './support/programs.js'

type InProcess = Awaited<ReturnType<typeof startGateway>>
const work = workFolder()
let rspamd: Checker
let clamd: Checker
let gateway: InProcess
const start = (config: object): Promise<InProcess> => startGateway({ accounts: 2, set: ['plugins.pop3=false', 'plugins.im2000=false', `plugins.spam-check=${JSON.stringify(config)}`] })
beforeAll(async () => {
  [rspamd, clamd] = await Promise.all([startRspamd(`${work.path}/rspamd`), startClamd(`${work.path}/clamd`)])
  gateway = await start({ rspamd: { url: `http://127.0.0.1:${rspamd.port}` }, clamd: { address: `127.0.0.1:${clamd.port}` } })
})
afterAll(async () => {
  await gateway?.stop()
  await Promise.all([rspamd?.stop(), clamd?.stop()])
  work.remove()
})

const message = (subject: string, body = 'Hi\r\n'): string => `From: <eve@far.test>\r\nTo: <${user(1)}>\r\nSubject: ${subject}\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <${subject}@far.test>\r\n\r\n${body}`
const send = (raw: string, at = gateway): Promise<string> => receive(at, { to: [user(1), user(2)], raw })
const newest = async (mailbox: string, at = gateway): Promise<string> => (await held(at, user(1), mailbox)).at(-1)!.text
const header = (text: string): string => text.slice(0, text.indexOf('\r\n\r\n')).replace(/\r\n[ \t]+/g, ' ')

it('good mail passes, marked, with what the envelope said; its octets are untouched', async () => {
  const raw = message('good', `${'line\r\n'.repeat(50_000)}end\r\n`)
  expect(await send(raw)).toMatch(/^250/)
  const text = await newest('INBOX')
  expect(header(text)).toMatch(/X-Spam-Status: No, score=0\.10 required=15\.00 action="no action" tests=ENVELOPE_SEEN\r\nX-Virus-Status: Clean\r\n/)
  expect(text.endsWith(raw)).toBe(true)
})
it("rspamd's spam goes to Junk, with its reasons", async () => {
  expect(await send(message('junk'))).toMatch(/^250/)
  expect(header(await newest('Junk'))).toMatch(/X-Spam-Status: Yes, score=7\.60 required=15\.00 action="add header" tests=JUNK_SUBJECT,ENVELOPE_SEEN\r\n/)
  expect(header(await newest('Junk'))).toContain('X-Spam-Reason: rspamd: 7.60 of 15.00')
})
it('what it rejects is refused in the session, what it puts off is put off, in its own words', async () => {
  expect(await send(message('gtube', 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n'))).toBe('550 5.7.1 Gtube pattern')
  expect(await send(message('later'))).toBe('451 4.7.1 come again tomorrow')
})
it('a virus is refused, in whatever part it is', async () => {
  expect(await send(message('virus', `${eicar}\r\n`))).toBe('550 5.7.1 The message contains Own.Test.Eicar.UNOFFICIAL')
  const attached = `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(eicar).toString('base64')}\r\n--b--\r\n`
  expect(await send(message('attached').replace('\r\n\r\nHi\r\n', `\r\nMIME-Version: 1.0\r\n${attached}`))).toMatch(/^550 5\.7\.1 The message contains Own/)
})
it('as an administrator tries it: swaks, with its own GTUBE', async () => {
  const swaks = await attempt('swaks', ['--server', `127.0.0.1:${portOf(gateway, 'smtp')}`, '--from', 'eve@far.test', '--to', user(1), '--body', 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X'])
  expect(swaks.stdout.toString()).toContain('550 5.7.1 Gtube pattern')
})
it('what is larger than ClamAV takes is not checked, and says so', async () => {
  expect(await send(message('large', `${randomBytes(900_000).toString('base64').match(/.{76}/g)!.join('\r\n')}\r\n`))).toMatch(/^250/)
  expect(header(await newest('INBOX'))).toMatch(/X-Virus-Status: Unknown \(no answer\)/)
})
it('other answers by configuration; larger messages than configured are shown to nobody', async () => {
  const mild = await start({ rspamd: { url: `http://127.0.0.1:${rspamd.port}`, reject: 'junk', softReject: 'header', addHeader: 'header' }, clamd: { address: `127.0.0.1:${clamd.port}`, found: 'junk' }, largest: 20_000 })
  try {
    expect(await send(message('gtube', 'XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n'), mild)).toMatch(/^250/)
    expect(await send(message('virus', `${eicar}\r\n`), mild)).toMatch(/^250/)
    expect((await held(mild, user(1), 'Junk')).map(({ text }) => /^X-Spam-Reason: (.*)\r$/m.exec(text)![1])).toEqual(['rspamd: 15.00 of 15.00', 'ClamAV found Own.Test.Eicar.UNOFFICIAL'])
    for (const subject of ['later', 'junk']) expect(await send(message(subject), mild)).toMatch(/^250/)
    expect(header(await newest('INBOX', mild))).toContain('action="add header"')
    expect(await send(message('large', `${'x'.repeat(70)}\r\n`.repeat(400)), mild)).toMatch(/^250/)
    expect(header(await newest('INBOX', mild))).toMatch(/X-Spam-Status: No, not checked \(too large\)\r\nX-Virus-Status: Unknown \(too large\)/)
  } finally {
    await mild.stop()
  }
})
it('who is gone or silent lets mail pass, or keeps it out, as configured', async () => {
  const silent = createServer((socket) => { socket.on('error', () => undefined).resume() })
  await new Promise<void>((ready) => { silent.listen(0, '127.0.0.1', ready) })
  const there = (silent.address() as AddressInfo).port
  const gone = await freePort()
  try {
    for (const [url, address] of [[`http://127.0.0.1:${gone}`, `127.0.0.1:${gone}`], [`http://127.0.0.1:${there}`, `127.0.0.1:${there}`], ['', `${work.path}/none.sock`]]) {
      for (const failure of ['open', 'closed']) {
        const one = await start({ rspamd: { url, timeout: 0.5, failure }, clamd: { address, timeout: 0.5, failure, connections: 1 } })
        try {
          // Two at once and one connection: who waits for it must not wait longer than the others.
          const [first, second] = await Promise.all([send(message('a'), one), send(message('b'), one)])
          expect([first.slice(0, 9), second.slice(0, 9)]).toEqual(failure === 'open' ? ['250 2.0.0', '250 2.0.0'] : ['451 4.7.1', '451 4.7.1'])
          if (failure === 'open') expect(header(await newest('INBOX', one))).toContain('X-Virus-Status: Unknown (no answer)')
        } finally {
          await one.stop()
        }
      }
    }
  } finally {
    silent.close()
  }
})
