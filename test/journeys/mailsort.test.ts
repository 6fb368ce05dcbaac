// The manual's example, as an administrator and a user live it: a text file, swaks-like mail over a socket, folders over IMAP.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { dataFolder, restante, start, Wire, type Ready, type Started } from './support/restante.js'

// A process for each command: a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 })
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
const user = 'postmaster@example.test'
const file = (text: string): string => {
  const path = join(folder.path, 'filter.txt')
  writeFileSync(path, text)
  return path
}
const command = (...args: string[]) => restante(['mailsort', ...args, ...folder.set])

async function send(subject: string, from = 'John Doe <john@outside.example>'): Promise<string> {
  const wire = await Wire.to(ready.listeners.smtp)
  await wire.see(/^220 /)
  await wire.ask('EHLO outside.example', /^250 /)
  await wire.ask('MAIL FROM:<john@outside.example>', /^250 /)
  await wire.ask(`RCPT TO:<${user}>`, /^250 /)
  await wire.ask('DATA', /^354 /)
  const answer = await wire.ask(`From: ${from}\r\nTo: ${user}\r\nSubject: ${subject}\r\nMessage-ID: <${subject.replace(/\W/g, '')}@outside.example>\r\n\r\nHello\r\n.`, /^[25]\d\d /)
  wire.destroy()
  return answer.trim()
}
async function status(mailbox: string): Promise<string> {
  const wire = await Wire.to(ready.listeners.imap)
  await wire.see(/^\* OK/)
  await wire.ask(`a LOGIN ${user} ${ready.password}`, /^a OK/)
  const said = await wire.ask(`b STATUS ${mailbox} (MESSAGES UNSEEN)`, /^b /)
  wire.destroy()
  return said.split('\r\n')[0]
}

it('checks a file before anything else, without a gateway or with one', async () => {
  const broken = await command('check', file('rule "John" {\n    if from containz "John Doe"\n    move to "enr"\n}\n'))
  expect(broken).toMatchObject({ code: 4, stderr: 'restante: Not a usable filter file: line 2, column 13: found "containz", expected address, name, user, domain, in, contains, is, begins with, ends with, matches regex, matches or exists\n' })
  expect(await command('edit', user, '--file', file('rule "John" {'))).toMatchObject({ code: 4 })
  expect((await command('list', user)).stdout).toBe('No rules\n')
})

it("the manual's example, by text file: From contains \"John Doe\" goes to enr", async () => {
  const text = '# As in the manual\nrule "John" { if from contains "John Doe" move to "enr" }\n'
  expect(await command('edit', user, '--file', file(text))).toMatchObject({ code: 0, stdout: `Saved 1 rules of ${user}\n` })
  expect((await command('list', user, '--text')).stdout).toBe(text)
  expect((await command('format', file(text))).stdout).toBe('# As in the manual\nrule "John" {\n    if from contains "John Doe"\n    move to "enr"\n}\n')
  expect((await command('list', user)).stdout).toBe('N  RULE  ON   IF                        THEN\n1  John  yes  from contains "John Doe"  move to "enr"\n')
  expect(await send('for enr')).toMatch(/^250 /)
  expect(await send('for inbox', 'Jane <jane@outside.example>')).toMatch(/^250 /)
  expect(await status('enr')).toBe('* STATUS "enr" (MESSAGES 1 UNSEEN 1)')
  expect(await status('INBOX')).toBe('* STATUS "INBOX" (MESSAGES 1 UNSEEN 1)')
})

it('test says why; the first piece of mail that is refused is refused in the session', async () => {
  await command('edit', user, '--file', file('rule "No" { if subject contains "buy" reject "Not\n today" }'))
  const said = await restante(['mailsort', 'test', user, ...folder.set], { input: 'Subject: Buy now\r\n\r\nx\r\n' })
  expect(said.stdout).toBe('rule "No" applies\n    yes  subject contains "buy"   [Buy now]\n\nreject: Not\n today\n')
  expect(await send('Buy now')).toBe('550 5.7.1 Not today')
  expect(await status('INBOX')).toBe('* STATUS "INBOX" (MESSAGES 1 UNSEEN 1)')
})

it('apply says first, and does it only when told to', async () => {
  await command('edit', user, '--file', file('rule "Jane" { if from contains "jane" move to "Jane" mark read }'))
  expect(await command('apply', user)).toMatchObject({ code: 4, stderr: expect.stringContaining('1  move to Jane') })
  expect((await command('apply', user, '--dry-run')).stdout).toBe('1 messages, rules apply to 1\n  1  set \\Seen\n  1  move to Jane\n')
  expect(await status('INBOX')).toBe('* STATUS "INBOX" (MESSAGES 1 UNSEEN 1)')
  expect(await command('apply', user, '--yes')).toMatchObject({ code: 0 })
  expect(await status('Jane')).toBe('* STATUS "Jane" (MESSAGES 1 UNSEEN 0)')
  expect(await status('INBOX')).toBe('* STATUS "INBOX" (MESSAGES 0 UNSEEN 0)')
})

it('works without a running gateway too, and $EDITOR is asked', async () => {
  gateway.process.kill('SIGTERM')
  await gateway.exited
  const editor = join(folder.path, 'editor.sh')
  writeFileSync(editor, '#!/bin/sh\nsed -i s/Jane/June/g "$1"\n', { mode: 0o755 })
  const edited = await restante(['mailsort', 'edit', user, ...folder.set], { env: { EDITOR: editor, VISUAL: '' } })
  expect(edited, edited.stderr).toMatchObject({ code: 0, stdout: `Saved 1 rules of ${user}\n` })
  expect((await command('list', user, '--json')).stdout).toContain('"name":"June"')
  const off = await restante(['mailsort', 'list', user, ...folder.set, '--set', 'plugins.mailsort=false'])
  expect(off).toMatchObject({ code: 2, stderr: expect.stringContaining("unknown command 'mailsort'") })
  rmSync(editor)
})
