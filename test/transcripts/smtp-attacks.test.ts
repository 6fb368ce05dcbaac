// Known attacks on mail servers (named as they were published) against our SMTP listeners, with all checks on. Others: SMTP
// smuggling in smtp/mx-smuggling.test-script, STARTTLS injection in smtp/mx-starttls.test-script, ALPACA in core/src/net/net.test.ts,
// records of 64 KiB in bridges/smtp-relay/src/incoming, ten thousand recipients in test/contracts/submission.test.ts.
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDns } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { held, receive, talk } from '../support/smtp-talk.js'

let dns: Awaited<ReturnType<typeof startDns>>
let gateway: Awaited<ReturnType<typeof startGateway>>
const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
beforeAll(async () => {
  dns = await startDns({ 'far.test': [{ type: 'TXT', text: 'v=spf1 ip4:127.0.0.1 -all' }] })
  gateway = await startGateway({ accounts: 2, set: ['plugins.pop3=false', `im2000.outbound.dnsServers=["${dns.address}"]`, 'bridges.smtp-relay={"incoming":{"dmarc":"junk"}}', 'plugins.smtp-ingress.submission.failedLogins=10'] })
})
afterAll(async () => {
  await gateway?.stop()
  await dns?.stop()
})

/** Sends a message; how long another session waits for its answers meanwhile, at most. */
async function sends(raw: string): Promise<{ answer: string; delay: number; memory: number }> {
  const before = process.memoryUsage().rss
  let delay = 0
  let done = false
  const watch = (async () => {
    while (!done) {
      const begun = performance.now()
      await talk(gateway, ['EHLO watch'])
      delay = Math.max(delay, performance.now() - begun)
    }
  })()
  const answer = await receive(gateway, { to: [user(1)], raw })
  done = true
  await watch
  return { answer, delay, memory: process.memoryUsage().rss - before }
}
const from = 'From: <eve@far.test>\r\n'
/** Nobody else may wait longer than this for a reply. */
const patience = 2000

describe('headers', () => {
  it.each<[string, string, RegExp]>([
    ['a line of 1 MiB', `${from}X-Long: ${'x'.repeat(1024 * 1024)}\r\n\r\nHi\r\n`, /^554 5\.6\.0/],
    ['a line of nearly 1 MiB', `${from}X-Long: ${'x'.repeat(1024 * 1000)}\r\n\r\nHi\r\n`, /^250/],
    ['folded 200,000 times', `${from}X-Fold: x${'\r\n y'.repeat(200_000)}\r\n\r\nHi\r\n`, /^250/],
    ['10,000 Received fields', `${'Received: from a.test by b.test with SMTP id 1; Sun, 22 Nov 2026 10:00:00 +0000\r\n'.repeat(10_000)}${from}\r\nHi\r\n`, /^250/],
    ['CVE-2024-23184: many address headers', `${from}${'To: a@b.test\r\nCc: c@d.test\r\n'.repeat(15_000)}\r\nHi\r\n`, /^250/],
    ['CVE-2024-23184: many addresses in one field', `${from}To: ${'a@b.test,\r\n '.repeat(60_000)}c@d.test\r\n\r\nHi\r\n`, /^250/],
    ['CVE-2024-23185: a header of 5 MiB', `${from}${`X: ${'y'.repeat(990)}\r\n`.repeat(5000)}\r\nHi\r\n`, /^554 5\.6\.0/],
    ['CVE-2026-27859: RFC 2231 parameters', `${from}Content-Type: text/plain${Array.from({ length: 20_000 }, (_, n) => `;\r\n name*${n}*=%41`).join('')}\r\n\r\nHi\r\n`, /^250/],
    ['CVE-2026-27857: nested parentheses', `From: ${'('.repeat(100_000)}eve@far.test${')'.repeat(100_000)}\r\nTo: ${'('.repeat(200_000)}\r\n\r\nHi\r\n`, /^250/],
    ['semicolons and colons in From', `From: ${'a;'.repeat(50_000)}${'b:'.repeat(50_000)}\r\n\r\nHi\r\n`, /^250/],
    ['1,000 DKIM signatures', `${'DKIM-Signature: v=1; a=rsa-sha256; d=far.test; s=s; h=from; bh=x; b=y\r\n'.repeat(1000)}${from}\r\nHi\r\n`, /^250/],
    ['MIME nested 5,000 deep', `${from}Content-Type: multipart/mixed; boundary=b0\r\n\r\n${Array.from({ length: 5000 }, (_, n) => `--b${n}\r\nContent-Type: multipart/mixed; boundary=b${n + 1}\r\n\r\n`).join('')}`, /^250/],
  ])('%s: answered in time, nobody else waits, memory is bounded', async (_, raw, wanted) => {
    const { answer, delay, memory } = await sends(raw)
    expect(answer).toMatch(wanted)
    expect(delay).toBeLessThan(patience)
    expect(memory).toBeLessThan(400 * 1024 * 1024)
    if (!answer.startsWith('250')) return
    const boxes = [...await held(gateway, user(1), 'INBOX'), ...await held(gateway, user(1), 'Junk')]
    expect(boxes.some(({ text }) => text.endsWith(raw))).toBe(true)
  })
})

describe('CVE-2025-59028: bad base64 in AUTH', () => {
  it.each(['PLAIN', 'LOGIN', 'SCRAM-SHA-256'])('%s', async (mechanism) => {
    for (const bad of ['!!!!', 'A', '\\xff\\xfe', `${'A'.repeat(9000)}`, '====']) {
      const replies = await talk(gateway, ['EHLO me', `AUTH ${mechanism} ${bad}`, '*', 'NOOP'], 'submission')
      expect(replies[2]).toMatch(/^(?:5\d\d|334)/)
      expect(replies.slice(3).some((reply) => /^(?:250|500|501)/.test(reply))).toBe(true)
    }
  })
})

it('a flood of empty and tiny chunks costs no memory (BDAT)', async () => {
  const before = process.memoryUsage().rss
  const replies = await talk(gateway, ['EHLO me', 'MAIL FROM:<eve@far.test>', `RCPT TO:<${user(2)}>`, ...Array.from({ length: 2000 }, () => 'BDAT 0'), 'BDAT 0 LAST'])
  expect(replies.at(-2)).toMatch(/^250/)
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
  expect((await talk(gateway, ['EHLO me', 'MAIL FROM:<>', `RCPT TO:<${user(2)}>`, 'BDAT 999999999999'])).at(-1)).toMatch(/^421/)
})

describe('cross-protocol requests', () => {
  it('HTTP, as a browser sends it (ALPACA without TLS)', async () => {
    for (const listener of ['smtp', 'submission', 'lmtp']) {
      const [host, port] = gateway.listeners[listener].split(':')
      const said = await new Promise<string>((done) => {
        let text = ''
        const socket = connect(Number(port), host, () => socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<${user(1)}>\r\n`))
        socket.on('data', (chunk) => { text += chunk.toString() }).on('close', () => done(text)).on('error', () => undefined)
      })
      expect(said).toMatch(/^220 [^\n]*\n421 [^\n]*\n$/)
    }
  })
  it('TLS with another protocol in ALPN (ALPACA)', async () => {
    const [host, port] = gateway.listeners.submissions.split(':')
    const failed = await new Promise<boolean>((done) => {
      const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, () => { socket.destroy(); done(false) }).on('error', () => done(true))
    })
    expect(failed).toBe(true)
  })
})
