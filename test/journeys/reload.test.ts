// SIGHUP: a renewed certificate and another log level hold from now on; open sessions stay; a broken file changes nothing.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dataFolder, listenKeys, start, until, Wire, type Ready, type Started } from './support/restante.js'

const folder = dataFolder()
const file = join(folder.path, 'restante.yaml')
let gateway: Started
let ready: Ready

const write = (more: Record<string, unknown> = {}): void => {
  const plugins: Record<string, any> = {}
  for (const key of listenKeys) {
    let at = plugins
    const steps = key.split('.')
    for (const step of steps.slice(0, -1)) at = at[step] ??= {}
    at[steps.at(-1)!] = '127.0.0.1:0'
  }
  writeFileSync(file, JSON.stringify({ data: join(folder.path, 'data'), domains: ['example.test'], tls: { certificate: join(folder.path, 'cert.pem'), key: join(folder.path, 'key.pem') }, log: { level: 'warn', format: 'json' }, plugins, ...more }))
}
const certificate = (name: string): void => {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(folder.path, 'key.pem'), '-out', join(folder.path, 'cert.pem'), '-days', '9', '-subj', `/CN=${name}`], { stdio: 'ignore' })
}
const shown = (listener: string): Promise<string> => new Promise((done, fail) => {
  const socket: TLSSocket = connectTls({ host: '127.0.0.1', port: Number(ready.listeners[listener].split(':').at(-1)), rejectUnauthorized: false }, () => {
    done(String(socket.getPeerCertificate().subject.CN))
    socket.destroy()
  }).on('error', fail)
})
const said = (what: RegExp) => until(() => what.test(gateway.out() + gateway.err()) || undefined, String(what))

beforeAll(async () => {
  certificate('before.test')
  write()
  gateway = start(['--json', '--config', file])
  ready = await gateway.ready()
})
afterAll(async () => {
  gateway.process.kill('SIGTERM')
  await gateway.exited
  folder.remove()
})

it('a renewed certificate is shown by every listener, STARTTLS included, and nobody is thrown out', async () => {
  const session = await Wire.to(ready.listeners.imap)
  await session.see(/OK/)
  expect(await shown('imaps')).toBe('before.test')
  certificate('after.test')
  write({ log: { level: 'info', format: 'json' } })
  gateway.process.kill('SIGHUP')
  await said(/configuration reloaded/)
  for (const listener of ['imaps', 'pop3s', 'submissions', 'msraps']) expect(await shown(listener)).toBe('after.test')
  const starttls = execFileSync('openssl', ['s_client', '-starttls', 'smtp', '-connect', ready.listeners.smtp], { input: 'QUIT\r\n', stdio: ['pipe', 'pipe', 'ignore'] }).toString()
  expect(starttls).toContain('CN = after.test')
  expect(await session.ask('a NOOP', /^a /)).toContain('a OK')
  session.destroy()
})
it('a file with a mistake changes nothing, and says where it is', async () => {
  const good = readFileSync(file, 'utf8')
  writeFileSync(file, good.replace('"domains"', '"domians"'))
  gateway.process.kill('SIGHUP')
  await said(/nothing was changed/)
  await said(/domians/)
  expect(await shown('imaps')).toBe('after.test')
  writeFileSync(file, good)
})
it('what needs a restart is named', async () => {
  write({ log: { level: 'info', format: 'json' }, limits: { sessions: 77 } })
  gateway.process.kill('SIGHUP')
  await said(/some settings need a restart/)
  await said(/"limits\.sessions"/)
})
