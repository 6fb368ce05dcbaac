// A user on holiday: set on the command line, told over SMTP, remembered over a restart, and over when it is over.
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { dataFolder, restante, start, until, Wire, type Ready, type Started } from './support/restante.js'

// A process for each command: a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 })
const folder = dataFolder()
let gateway: Started
let ready: Ready
const run = async (): Promise<void> => {
  gateway = start(['--json', ...folder.set])
  ready = await gateway.ready()
}
const [anna, bert] = ['anna@example.test', 'bert@example.test']
beforeAll(async () => {
  await run()
  for (const name of [anna, bert]) expect(await restante(['user', 'add', name, ...folder.set], { input: 'secret123\n' })).toMatchObject({ code: 0 })
})
afterAll(async () => {
  gateway?.process.kill('SIGTERM')
  await gateway?.exited
  folder.remove()
})

async function send(from: string, to: string, subject: string, field = ''): Promise<void> {
  const wire = await Wire.to(ready.listeners.smtp)
  await wire.see(/^220 /)
  for (const [command, answer] of [['EHLO outside.example', /^250 /], [`MAIL FROM:<${from}>`, /^250 /], [`RCPT TO:<${to}>`, /^250 /], ['DATA', /^354 /], [`From: <${from}>\r\nTo: <${to}>\r\nSubject: ${subject}\r\n${field}\r\nHi\r\n.`, /^250 /]] as const) await wire.ask(command, answer)
  wire.destroy()
}
/** Waits in IDLE until the mailbox has so many messages, and answers their subjects. */
async function subjects(user: string, count: number): Promise<string[]> {
  const wire = await Wire.to(ready.listeners.imap)
  await wire.see(/^\* OK/)
  await wire.ask(`a LOGIN ${user} secret123`, /^a OK/)
  const opened = await wire.ask('b SELECT INBOX', /^b OK/)
  if (Number(/\* (\d+) EXISTS/.exec(opened)![1]) < count) {
    wire.send('c IDLE\r\n')
    await wire.see(new RegExp(`^\\* ${count} EXISTS`))
    await wire.ask('DONE', /^c OK/)
  }
  const said = await wire.ask('d FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]', /^d OK/)
  wire.destroy()
  return [...said.matchAll(/^Subject: (.*)\r$/gm)].map(([, subject]) => subject)
}

it('a holiday is set, shown, and told to whoever writes, once', async () => {
  const set = await restante(['vacation', 'set', anna, '--text-file', '-', '--subject', 'Away until January', '--until', '2099-01-06', ...folder.set], { input: 'I am in the mountains.\n' })
  expect(set).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Vacation {2}on\n[^]*Until {5}2099-01-07 00:00\nTells {5}everybody, once in 7 days\nSubject {3}Away until January\n\nI am in the mountains\.\n$/) })
  await send(bert, anna, 'Skiing?')
  expect(await subjects(bert, 1)).toEqual(['Away until January'])
  await send(bert, anna, 'Skiing??')
  await send(bert, anna, 'A list', 'List-Id: <ski.example>\r\n')
  expect(await subjects(anna, 3)).toEqual(['Skiing?', 'Skiing??', 'A list'])
})

it('is remembered over a restart', async () => {
  gateway.process.kill('SIGTERM')
  await gateway.exited
  await run()
  await send(bert, anna, 'Skiing???')
  expect(await subjects(anna, 4)).toHaveLength(4)
  // Whatever reply there would be is a job; when there is none left, none comes.
  await until(async () => (JSON.parse((await restante(['queue', '--json', ...folder.set])).stdout) as unknown[]).length === 0, 'an empty queue')
  expect(await subjects(bert, 1)).toEqual(['Away until January'])
})

it('is over when it is switched off', async () => {
  expect((await restante(['vacation', 'off', anna, ...folder.set])).stdout).toMatch(/^Vacation {2}off\n/)
  await restante(['vacation', 'set', bert, '--text', 'x', '--from', '2098-01-01', ...folder.set])
  expect((await restante(['vacation', 'show', bert, '--json', ...folder.set])).stdout).toMatch(/"on":true.*"active":false/)
  await send('postmaster@example.test', anna, 'back?')
  expect(await restante(['vacation', 'set', anna, '--days', '99', ...folder.set])).toMatchObject({ code: 4, stderr: expect.stringContaining('0 to 30') })
  expect(await restante(['vacation', 'show', 'nobody@example.test', ...folder.set])).toMatchObject({ code: 3 })
})
