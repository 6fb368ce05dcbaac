// README's promise to a newcomer, without a browser: a message sent with curl is read with curl, and `restante track` tells
// what became of it: notified, read, un-pinned, released.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dataFolder, restante, start, Wire, type Ready, type Started } from './support/restante.js'

const folder = dataFolder()
let gateway: Started
let ready: Ready
beforeAll(async () => {
  gateway = start(['--json', ...folder.set])
  ready = await gateway.ready()
})
afterAll(async () => {
  gateway?.process.kill('SIGTERM')
  await gateway?.exited
  folder.remove()
})

const message = 'From: Me <me@outside.example>\r\nTo: <postmaster@example.test>\r\nSubject: First\r\nMessage-ID: <first@newcomer.example>\r\nDate: Sun, 22 Nov 2026 10:27:45 +0000\r\n\r\nHello, Restante.\r\n'

const curl = (args: readonly string[], input = ''): Promise<string> => new Promise((done, refuse) => {
  const child = spawn('curl', ['-sS', '--max-time', '20', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => { out += chunk.toString('latin1') })
  child.stderr.on('data', (chunk: Buffer) => { err += chunk.toString() })
  child.once('error', refuse)
  child.once('close', (code) => { if (code === 0) done(out); else refuse(new Error(`curl ${args.join(' ')}: ${code}: ${err}`)) })
  child.stdin.end(input)
})
const inbox = (...args: string[]): Promise<string> => curl(['--ssl-reqd', '--cacert', join(ready.data, 'tls', 'development.crt'), '-u', `${ready.account}:${ready.password}`, ...args])

interface Tracked { messageId: string; protocol: string; originator: string; endedBy: string | null; recipients: { recipient: string; notification: string; read: string; pinned: boolean }[] }
const track = async (what = 'first@newcomer.example'): Promise<Tracked> => {
  const said = await restante(['track', what, '--json', ...folder.set])
  expect(said.code, said.stderr).toBe(0)
  const found = JSON.parse(said.stdout) as Tracked[]
  expect(found).toHaveLength(1)
  return found[0]
}

it('the first start makes an account and says its password, once', () => {
  expect(ready.account).toBe('postmaster@example.test')
  expect(ready.password).toMatch(/^[A-Za-z0-9]{20}$/)
})

it('a message goes in with curl, comes out with curl, and can be tracked to its end', async () => {
  await curl(['--url', `smtp://${ready.listeners.smtp}`, '--mail-from', 'me@outside.example', '--mail-rcpt', ready.account!, '-T', '-'], message)
  const first = await track()
  expect(first).toMatchObject({ messageId: 'first@newcomer.example', originator: 'me@outside.example', protocol: 'ESMTP', endedBy: null })
  expect(first.recipients).toEqual([{ recipient: ready.account, notification: 'silenced', read: 'unread', pinned: true }])

  // A look at the mailbox is no reading.
  expect(await inbox(`imap://${ready.listeners.imap}/INBOX?ALL`)).toBe('* SEARCH 1\r\n')
  expect((await track()).recipients[0]).toMatchObject({ read: 'unread', pinned: true })

  const got = await inbox(`imap://${ready.listeners.imap}/INBOX;UID=1`)
  expect(got.endsWith(message)).toBe(true)
  expect((await track()).recipients[0]).toMatchObject({ notification: 'silenced', read: 'readall', pinned: true })
  // The track id stands in the trace header.
  const token = /^Received: by \S+ with \S+\r\n\tid ([^;]+);/.exec(got)![1]
  expect((await track(token)).messageId).toBe('first@newcomer.example')

  await inbox('-X', 'STORE 1 +FLAGS (\\Deleted)', `imap://${ready.listeners.imap}/INBOX`)
  expect((await track()).recipients[0].pinned).toBe(true)
  await inbox('-X', 'EXPUNGE', `imap://${ready.listeners.imap}/INBOX`)
  const last = await track()
  expect(last.recipients[0]).toMatchObject({ read: 'readall', pinned: false })
  await expect.poll(async () => (await track()).endedBy, { timeout: 10_000 }).toBe('released')
  expect(await inbox(`imap://${ready.listeners.imap}/INBOX?ALL`)).toBe('* SEARCH\r\n')
}, 60_000)

it('for people, track says the same in words; and one clear line when there is nothing', async () => {
  const said = await restante(['track', '<first@newcomer.example>', ...folder.set])
  expect(said.stdout).toMatch(/^Submission {2}\S+ {2}<first@newcomer\.example>/)
  expect(said.stdout).toMatch(/RECIPIENT +NOTIFICATION +READ +PINNED\npostmaster@example\.test +silenced +readall +no\n$/)
  expect(await restante(['track', 'nothing@newcomer.example', ...folder.set])).toMatchObject({ code: 3, stdout: '', stderr: 'restante: No such message\n' })
})

it('what POP3 fetches and deletes was read, and is un-pinned', async () => {
  await curl(['--url', `smtp://${ready.listeners.smtp}`, '--mail-from', 'me@outside.example', '--mail-rcpt', ready.account!, '-T', '-'], message.replace('first@', 'second@'))
  expect((await inbox(`pop3://${ready.listeners.pop3}/1`)).endsWith(message.replace('first@', 'second@'))).toBe(true)
  const session = await Wire.to(ready.listeners.pop3)
  await session.see(/^\+OK/)
  for (const [command, answer] of [[`USER ${ready.account}`, /^\+OK/], [`PASS ${ready.password}`, /^\+OK/], ['RETR 1', /^\.$/], ['DELE 1', /^\+OK/]] as const) await session.ask(command, answer)
  expect((await track('second@newcomer.example')).recipients[0].pinned).toBe(true)
  await session.ask('QUIT', /^\+OK/)
  expect((await track('second@newcomer.example')).recipients).toEqual([{ recipient: ready.account, notification: 'silenced', read: 'readall', pinned: false }])
})
