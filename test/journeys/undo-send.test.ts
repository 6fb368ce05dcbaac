// Undo send as people meet it: curl submits, the gateway is killed within the window, and after the restart the message can
// still be taken back, or goes on time.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ImapFlow } from 'imapflow'
import { afterAll, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { freePorts } from '../support/ports.js'

const program = fileURLToPath(new URL('../../scripts/restante.mjs', import.meta.url))
const config = fileURLToPath(new URL('../../config/restante.yaml', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'restante-undo-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const [submission, imap, msoap] = await freePorts(3)
const set = [
  `data=${join(folder, 'data')}`, 'plugins.pop3=false', 'plugins.smtp-ingress.mx.listen=off', 'plugins.smtp-ingress.lmtp.listen=off', `plugins.smtp-ingress.submission.listen=127.0.0.1:${submission}`, 'plugins.smtp-ingress.submission.listenTls=off',
  `plugins.imap4.listen=127.0.0.1:${imap}`, 'plugins.imap4.listenTls=off', `plugins.im2000.msoap.listen=127.0.0.1:${msoap}`, ...['msoap.listenTls', 'msrap.listen', 'msrap.listenTls', 'rnasp.listen', 'rnasp.listenTls', 'rnaqp.listen', 'rnaqp.listenTls'].map((key) => `plugins.im2000.${key}=off`),
]
const restante = (args: readonly string[], input = ''): { status: number | null; out: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args, '--config', config, ...set.flatMap((setting) => ['--set', setting])], { input })
  return { status, out: stdout.toString() + stderr.toString() }
}
const start = (hold: string) => spawnGateway({ args: [], set: [...set, `plugins.smtp-ingress.submission.hold=${hold}`] })
/** Answers the track id. */
function send(subject: string): string {
  const file = join(folder, 'message')
  writeFileSync(file, `From: ann@example.test\r\nTo: bob@example.test\r\nSubject: ${subject}\r\n\r\nHello\r\n`)
  const { status, stderr } = spawnSync('curl', ['-sSv', '--max-time', '20', '--url', `smtp://127.0.0.1:${submission}/me`, '-u', 'ann@example.test:secret', '--mail-from', 'ann@example.test', '--mail-rcpt', 'bob@example.test', '-T', file])
  expect(status, stderr.toString()).toBe(0)
  return /250 2\.0\.0 Accepted, id ([0-9a-f]{32}); held for/.exec(stderr.toString())![1]
}
async function inbox(): Promise<string[]> {
  const client = new ImapFlow({ host: '127.0.0.1', port: imap, secure: false, doSTARTTLS: false, auth: { user: 'bob@example.test', pass: 'secret' }, logger: false })
  await client.connect()
  const { exists } = await client.mailboxOpen('INBOX')
  const found: string[] = []
  if (exists > 0) for await (const { envelope } of client.fetch('1:*', { envelope: true })) found.push(envelope!.subject!)
  await client.logout()
  return found
}

it('survives kill -9; is taken back by whoever sent it, and otherwise goes', async () => {
  const made = restante(['user', 'import', '-', '--json'], 'address,password\nann@example.test,secret\nbob@example.test,secret\n')
  expect(made.out).toContain('"created":2')
  let gateway = await start('1h')
  const [regretted, disowned, kept] = ['regretted', 'disowned', 'kept'].map(send)
  gateway.process.kill('SIGKILL')
  await gateway.exited
  gateway = await start('1h')
  expect(await inbox()).toEqual([])
  expect(restante(['track', regretted]).out).toMatch(/Held {8}by its sender's window until \d{4}-/)
  const list = restante(['queue', 'list']).out
  expect(list.match(/ window /g)).toHaveLength(3)
  expect(restante(['queue', 'show', /^ *(\d+)/m.exec(list.split('\n').slice(1).join('\n'))![1]]).out).toMatch(/held by its sender's window until \d{4}-/)
  expect(restante(['cancel', regretted, '--yes'])).toEqual({ status: 0, out: 'Cancelled 1 submission(s)\n' })
  // Ann herself, with her password, from anywhere.
  const password = join(folder, 'password')
  writeFileSync(password, 'secret\n')
  expect(restante(['cancel', disowned, '--yes', '--store', `127.0.0.1:${msoap}`, '--account', 'ann@example.test', '--password-file', password])).toEqual({ status: 0, out: 'Cancelled\n' })
  expect(restante(['queue', 'release', '--message', kept]).out).toBe('1 recipient(s) were released\n')
  await expect.poll(inbox).toEqual(['kept'])
  expect(restante(['cancel', regretted, '--yes']).out).toContain('Nothing left to cancel')
  await gateway.stop()

  // On time, although the gateway was killed meanwhile.
  gateway = await start('3s')
  const sentAt = Date.now()
  send('short')
  gateway.process.kill('SIGKILL')
  await gateway.exited
  gateway = await start('3s')
  await expect.poll(inbox).toEqual(['kept', 'short'])
  expect(Date.now() - sentAt).toBeGreaterThanOrEqual(2900)
  await gateway.stop()
}, 120_000)
