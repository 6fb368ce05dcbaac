// Start and stop, as a process: what it prints, how it ends, and what it says when it cannot begin.
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite3 from 'sqlite3'
import { afterEach, describe, expect, it } from 'vitest'
import { configFile, dataFolder, restante, settings, start, until, Wire, type Started } from './support/restante.js'

const folders: { remove(): void }[] = []
const running: Started[] = []
afterEach(async () => {
  for (const gateway of running.splice(0)) {
    if (gateway.process.exitCode === null) gateway.process.kill('SIGKILL')
    await gateway.exited
  }
  for (const folder of folders.splice(0)) folder.remove()
})
const fresh = () => {
  const folder = dataFolder()
  folders.push(folder)
  return folder
}
const begin = (args: readonly string[], env?: Readonly<Record<string, string>>): Started => {
  const gateway = start(args, env)
  running.push(gateway)
  return gateway
}
const listenerNames = ['smtp', 'submission', 'submissions', 'lmtp', 'imap', 'imaps', 'pop3', 'pop3s', 'msoap', 'msoaps', 'msrap', 'msraps', 'rnasp', 'rnasps', 'rnaqp', 'rnaqps']

describe('start --ephemeral --json', () => {
  it('prints one line with the documented keys, and removes everything at the end', async () => {
    const gateway = begin(['--ephemeral', '--json', '--config', configFile, '--accounts', '3', '--domain', 'other.test', '--set', 'accounts.quotaMessages=7'])
    const ready = await gateway.ready()
    expect(Object.keys(ready)).toEqual(['ready', 'domain', 'account', 'password', 'listeners', 'data', 'pid'])
    expect(ready).toMatchObject({ ready: true, domain: 'other.test', account: 'user0001@other.test', pid: gateway.process.pid })
    expect(Object.keys(ready.listeners)).toEqual(expect.arrayContaining(listenerNames))
    for (const address of Object.values(ready.listeners)) expect(address).toMatch(/^127\.0\.0\.1:\d{4,5}$/)
    expect(ready.data.startsWith(tmpdir())).toBe(true)
    expect(statSync(ready.data).mode & 0o077).toBe(0)
    const session = await Wire.to(ready.listeners.imap)
    await session.see(/^\* OK/)
    expect(await session.ask(`a LOGIN user0003@other.test ${ready.password}`, /^a /)).toMatch(/a OK/)
    gateway.process.kill('SIGTERM')
    await session.see(/^\* BYE/)
    expect(await gateway.exited).toBe(0)
    expect(gateway.out().split('\n')).toEqual([JSON.stringify(ready), ''])
    expect(gateway.err()).toBe('')
    expect(existsSync(ready.data)).toBe(false)
  })

  it('leaves out the listeners that are switched off', async () => {
    const gateway = begin(['--ephemeral', '--json', '--config', configFile, '--set', 'plugins.pop3=false', '--set', 'plugins.smtp-ingress.lmtp.listen=off'])
    expect(Object.keys((await gateway.ready()).listeners).filter((name) => listenerNames.includes(name))).toEqual(listenerNames.filter((name) => !/pop3|lmtp/.test(name)))
  })
})

describe('stop', () => {
  it('SIGTERM says goodbye to open sessions of each protocol, finishes what is being sent, and exits 0', async () => {
    const folder = fresh()
    const gateway = begin(['--json', ...folder.set])
    const { listeners, account, password } = await gateway.ready()
    const [imap, pop3, smtp, sending] = await Promise.all([listeners.imap, listeners.pop3, listeners.smtp, listeners.lmtp].map((address) => Wire.to(address)))
    await imap.see(/^\* OK/)
    await imap.ask(`a LOGIN ${account} ${password}`, /^a OK/)
    await imap.ask('b SELECT INBOX', /^b OK/)
    await imap.ask('c IDLE', /^\+/)
    await pop3.see(/^\+OK/)
    await smtp.see(/^220/)
    await sending.see(/^220/)
    await sending.ask('LHLO me.example', /^250 /)
    await sending.ask('MAIL FROM:<a@outside.example>', /^250/)
    await sending.ask(`RCPT TO:<${account}>`, /^250/)
    await sending.ask('DATA', /^354/)
    sending.send('Message-ID: <drained@journey.example>\r\n\r\nHalf of it, ')
    gateway.process.kill('SIGTERM')
    await imap.see(/^\* BYE/)
    await smtp.see(/^421 /)
    await until(() => imap.closed && smtp.closed && pop3.closed, 'idle sessions are closed')
    expect(gateway.process.exitCode).toBeNull()
    await expect(Wire.to(listeners.imap)).rejects.toThrow('ECONNREFUSED')
    expect(await sending.ask('and the other half.\r\n.', /^250|^4|^5/)).toMatch(/^250 /)
    expect(await gateway.exited).toBe(0)
    // It is there.
    const tracked = await restante(['track', 'drained@journey.example', '--json', ...folder.set])
    expect(JSON.parse(tracked.stdout)).toMatchObject([{ recipients: [{ recipient: account, notification: 'silenced' }] }])
  })

  it('a session that does not end is cut off when the grace time is over', async () => {
    const folder = fresh()
    const gateway = begin(['--json', ...folder.set, '--set', 'shutdown.graceSeconds=1'])
    const { listeners, account } = await gateway.ready()
    const sending = await Wire.to(listeners.lmtp)
    for (const [line, answer] of [['LHLO me.example', /^250 /], ['MAIL FROM:<>', /^250/], [`RCPT TO:<${account}>`, /^250/], ['DATA', /^354/]] as const) await sending.ask(line, answer)
    const begun = performance.now()
    gateway.process.kill('SIGTERM')
    expect(await gateway.exited).toBe(0)
    // The grace time of a real gateway is 10 s; this one waited for its own.
    expect(performance.now() - begun).toBeLessThan(9000)
    expect(sending.closed).toBe(true)
  })

  it('a second SIGINT ends at once; what was accepted is there', async () => {
    const folder = fresh()
    const gateway = begin(['--json', ...folder.set, '--set', 'shutdown.graceSeconds=60'])
    const { listeners, account } = await gateway.ready()
    const sending = await Wire.to(listeners.lmtp)
    for (const [line, answer] of [['LHLO me.example', /^250 /], ['MAIL FROM:<>', /^250/], [`RCPT TO:<${account}>`, /^250/], ['DATA', /^354/], ['Message-ID: <kept@journey.example>\r\n\r\nHi\r\n.', /^250/]] as const) await sending.ask(line, answer)
    for (const [line, answer] of [['MAIL FROM:<>', /^250/], [`RCPT TO:<${account}>`, /^250/], ['DATA', /^354/]] as const) await sending.ask(line, answer)
    gateway.process.kill('SIGINT')
    await until(() => Wire.to(listeners.imap).then((wire) => { wire.destroy(); return false }, () => true), 'the listeners are closed')
    expect(gateway.process.exitCode).toBeNull()
    const begun = performance.now()
    gateway.process.kill('SIGINT')
    expect(await gateway.exited).toBe(130)
    // The grace time is a minute; this was not waited for.
    expect(performance.now() - begun).toBeLessThan(30_000)
    expect((await restante(['track', 'kept@journey.example', '--json', ...folder.set])).code).toBe(0)
  })
})

describe('the second start', () => {
  it('is quick and says no password', async () => {
    const folder = fresh()
    const first = begin(folder.set)
    await until(() => first.out().includes('Ctrl-C'), 'ready', 60)
    const password = /password +(\S{20})\n/.exec(first.out())![1]
    expect(first.out()).toContain('postmaster@example.test')
    for (const name of listenerNames) expect(first.out()).toMatch(new RegExp(`^ +${name} +127\\.0\\.0\\.1:\\d+$`, 'm'))
    expect(first.out()).toMatch(/incoming +IMAP, server 127\.0\.0\.1 port \d+, STARTTLS/)
    first.process.kill('SIGTERM')
    expect(await first.exited).toBe(0)

    const second = begin([...folder.set, '--set', 'log.level=trace'])
    await until(() => second.out().includes('Ctrl-C'), 'ready', 60)
    expect(Number(/ready \((\d+) ms\)/.exec(second.out())![1])).toBeLessThan(2000)
    expect(second.out()).not.toMatch(/shown only/)
    expect(second.out() + second.err()).not.toContain(password)
    second.process.kill('SIGTERM')
    expect(await second.exited).toBe(0)
    const third = begin(['--json', ...folder.set])
    expect(await third.ready()).toMatchObject({ account: null, password: null, domain: 'example.test' })
  })
})

describe('what cannot begin says why, in one line', () => {
  const oneLine = (text: string): string => {
    expect(text.trimEnd().split('\n')).toHaveLength(1)
    return text
  }

  it('a data folder in use: folder and process, exit code 5; the first gateway does not notice', async () => {
    const folder = fresh()
    const gateway = begin(['--json', ...folder.set])
    const { listeners, pid } = await gateway.ready()
    const second = await restante(['start', ...folder.set])
    expect(second).toMatchObject({ code: 5, stdout: '' })
    expect(oneLine(second.stderr)).toBe(`restante: The data folder ${folder.path} is in use by another gateway (process ${pid})\n`)
    const json = await restante(['start', '--json', ...folder.set])
    expect(json.code).toBe(5)
    expect(JSON.parse(json.stderr)).toMatchObject({ error: { code: 'DATA_FOLDER_LOCKED' } })
    const session = await Wire.to(listeners.imap)
    await session.see(/^\* OK/)
    expect((await restante(['user', 'list', ...folder.set])).code).toBe(0)
  })

  it('a folder that a killed gateway left behind is no obstacle', async () => {
    const folder = fresh()
    const gateway = begin(['--json', ...folder.set])
    await gateway.ready()
    gateway.process.kill('SIGKILL')
    await gateway.exited
    const next = begin(['--json', ...folder.set])
    expect(await next.ready()).toMatchObject({ ready: true, password: null })
  })

  it('a port in use: listener and address', async () => {
    const folder = fresh()
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => { other.once('listening', done) })
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const said = await restante(['start', '--json', ...folder.set, '--set', 'log.level=fatal', '--set', `plugins.imap4.listenTls=${address}`])
    other.close()
    expect(said).toMatchObject({ code: 4, stdout: '' })
    expect(JSON.parse(said.stderr)).toEqual({ error: { code: 'LISTENER_FAILED', message: `imaps cannot listen on ${address}: another program listens there` } })
    // Nothing is left behind that holds the folder.
    expect((await restante(['user', 'list', ...folder.set])).code).toBe(0)
  })

  it('a configuration that is missing, unreadable or broken: exit code 2, with file and line', async () => {
    const folder = fresh()
    const file = join(folder.path, 'restante.yaml')
    expect(await restante(['start', '--config', file])).toMatchObject({ code: 2, stdout: '', stderr: `restante: ${file}: there is no such file\n` })
    mkdirSync(file)
    const unreadable = await restante(['start', '--config', file])
    expect(unreadable).toMatchObject({ code: 2, stdout: '' })
    expect(unreadable.stderr).toMatch(/restante\.yaml.*cannot be read: it is a folder/)

    const broken = join(folder.path, 'broken.yaml')
    writeFileSync(broken, 'domains: [example.test]\nplugins:\n  imap4:\n    listn: ":143"\n  pop3: {\n')
    const syntax = await restante(['start', '--config', broken])
    expect(syntax).toMatchObject({ code: 2, stdout: '' })
    expect(syntax.stderr).toMatch(/broken\.yaml:[56]/)
    writeFileSync(broken, 'domains: [example.test]\nshutdwn: {}\nplugins:\n  imap4:\n    listn: ":143"\n    maxLine: 12\n')
    for (const command of ['start', 'check', 'doctor']) {
      const wrong = await restante([command, '--config', broken, ...(command === 'doctor' ? ['--json'] : [])])
      expect(wrong, command).toMatchObject({ code: 2, stdout: '' })
      // All of them in one report.
      for (const [line, key] of [[2, 'shutdwn'], [5, 'listn'], [6, 'maxLine']] as const) expect(wrong.stderr).toMatch(new RegExp(`broken\\.yaml:${line}\\b.*${key}`))
      expect(wrong.stderr).toContain('shutdown')
    }
    const setting = await restante(['start', '--config', configFile, '--set', `data=${folder.path}`, '--set', 'limits.sessions=many'])
    expect(setting).toMatchObject({ code: 2, stdout: '' })
    expect(setting.stderr).toContain('limits.sessions')
    const environment = await restante(['start', '--config', configFile, '--set', `data=${folder.path}`], { env: { RESTANTE_LIMITS__SESSIONS: 'many' } })
    expect(environment).toMatchObject({ code: 2, stdout: '' })
    expect(environment.stderr).toContain('RESTANTE_LIMITS__SESSIONS')
  })

  it.skipIf(process.getuid?.() === 0)('a configuration that this user may not read', async () => {
    const folder = fresh()
    const file = join(folder.path, 'secret.yaml')
    writeFileSync(file, 'domains: [example.test]\n', { mode: 0o000 })
    expect(await restante(['check', '--config', file])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('this user may not read it') })
  })

  it('a database of a newer version', async () => {
    const folder = fresh()
    expect((await restante(['init', ...folder.set])).code).toBe(0)
    await execute(join(folder.path, 'restante.sqlite'), "INSERT INTO migrations (name, applied_at) VALUES ('store/9999-from-the-future', 0)")
    const said = await restante(['start', ...folder.set])
    expect(said).toMatchObject({ code: 4, stdout: '' })
    expect(oneLine(said.stderr)).toBe('restante: The database was written by a newer Restante (it knows store/9999-from-the-future); upgrade this program\n')
  })

  it('a database that is none', async () => {
    const folder = fresh()
    mkdirSync(folder.path, { recursive: true })
    writeFileSync(join(folder.path, 'restante.sqlite'), 'This is not a database. '.repeat(100))
    const said = await restante(['start', ...folder.set])
    expect(said).toMatchObject({ code: 5, stdout: '' })
    expect(oneLine(said.stderr)).toMatch(/^restante: The database cannot be used: .*not a database/)
  })

  it('a data folder that cannot be made', async () => {
    const folder = fresh()
    writeFileSync(join(folder.path, 'file'), '')
    const said = await restante(['start', ...settings(join(folder.path, 'file', 'data'))])
    expect(said.stdout).toBe('')
    expect(said.code).toBeGreaterThan(0)
    expect(oneLine(said.stderr)).toContain(join(folder.path, 'file', 'data'))
  })

  it('a certificate that cannot be used', async () => {
    const folder = fresh()
    const said = await restante(['start', ...folder.set, '--set', `tls.certificate=${folder.path}/none.crt`, '--set', `tls.key=${folder.path}/none.key`])
    expect(said).toMatchObject({ code: 2, stdout: '' })
    expect(oneLine(said.stderr)).toMatch(/tls\.certificate: .*none\.crt cannot be read: ENOENT/)
  })

  it('an option or a command that does not exist', async () => {
    expect(await restante(['start', '--emphemeral'])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--ephemeral') })
    expect(await restante(['strat'])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('start') })
    expect(await restante(['start', '--ephemeral', '--accounts', 'many', '--json', '--config', configFile])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--accounts') })
  })
})

function execute(file: string, sql: string): Promise<void> {
  return new Promise((done, refuse) => {
    const database = new sqlite3.Database(file)
    database.exec(sql, (error) => database.close(() => { if (error) refuse(error); else done() }))
  })
}
