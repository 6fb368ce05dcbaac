// What IM2000 asks of the faces for programs of the old world (im2000.md G), and of readers and servers at large: seen from outside.
import { connect, type Socket } from 'node:net'
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeReach } from '../../core/dist/im2000/reach.js'
import { startGateway } from '../support/gateway.js'
import { fakeDns, publish, type Zone } from '../support/names.js'

let gateway: Awaited<ReturnType<typeof startGateway>>
beforeAll(async () => { gateway = await startGateway({ accounts: 3 }) })
afterAll(() => gateway?.stop())
const name = (n: number): string => `user${String(n).padStart(4, '0')}@${gateway.domain}`

/** A session of lines: the answer to each line that is sent. */
class Lines {
  #buffer = ''
  #wake: () => void = () => undefined
  constructor(readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (text: string) => { this.#buffer += text; this.#wake() }).on('close', () => this.#wake()).on('error', () => undefined)
  }
  static async to(address: string): Promise<Lines> {
    const [host, port] = address.split(':')
    const lines = new Lines(connect(Number(port), host))
    await lines.until(/\r\n$/)
    return lines
  }
  async until(end: RegExp): Promise<string> {
    while (!end.test(this.#buffer)) await new Promise<void>((done) => { this.#wake = done })
    const text = this.#buffer
    this.#buffer = ''
    return text
  }
  ask(line: string, end = /^(\d{3} |\+|-|334).*\r\n$/m): Promise<string> {
    this.socket.write(`${line}\r\n`)
    return this.until(end)
  }
}
const plain = (user: string, password: string): string => Buffer.from(`\0${user}\0${password}`).toString('base64')
const submissions = async (): Promise<number> => (await gateway.running.gateway.database.read.get<{ n: number }>('SELECT count(*) AS n FROM submissions'))!.n

it('T109 T110 unknown credentials are refused at AUTH; several RCPT become one envelope, one submission', async () => {
  const session = await Lines.to(gateway.listeners.submission)
  await session.ask('EHLO client.example', /^250 .*\r\n$/m)
  expect(await session.ask(`AUTH PLAIN ${plain(name(1), 'wrong')}`)).toMatch(/^535 /)
  expect(await session.ask(`AUTH PLAIN ${plain('nobody@example.test', gateway.password)}`)).toMatch(/^535 /)
  expect(await session.ask(`AUTH PLAIN ${plain(name(1), gateway.password)}`)).toMatch(/^235 /)
  const before = await submissions()
  await session.ask(`MAIL FROM:<${name(1)}>`)
  for (const n of [1, 2, 3]) expect(await session.ask(`RCPT TO:<${name(n)}>`)).toMatch(/^250 /)
  await session.ask('DATA')
  expect(await session.ask(`From: ${name(1)}\r\nSubject: one\r\n\r\nx\r\n.`)).toMatch(/^250 /)
  expect(await submissions()).toBe(before + 1)
  session.socket.destroy()
})

it('T112 T113 DELE with QUIT un-pins, a session that is dropped does not; UIDL does not tell the identifier', async () => {
  const { gateway: core } = gateway.running
  const draft = await core.store.open({ account: null, name: '', protocol: 'ESMTP' }, { recipients: [name(2)] })
  await draft.writer.write(Buffer.from('Subject: pinned\r\n\r\nx\r\n'))
  const { token, recipients: [{ identifier }] } = await draft.seal()
  const pinned = async (): Promise<boolean> => (await core.store.track(token))[0].recipients[0].pinned
  const login = async (): Promise<Lines> => {
    const session = await Lines.to(gateway.listeners.pop3)
    expect(await session.ask(`AUTH PLAIN ${plain(name(2), gateway.password)}`)).toMatch(/^\+OK/)
    return session
  }
  const dropped = await login()
  const listing = await dropped.ask('UIDL', /\r\n\.\r\n$/)
  for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const) expect(listing.toLowerCase()).not.toContain(identifier.toString(form).toLowerCase())
  const count = Number(/^\+OK (\d+)/.exec(await dropped.ask('STAT'))![1])
  expect(await dropped.ask(`DELE ${count}`)).toMatch(/^\+OK/)
  const gone = new Promise<void>((done) => { dropped.socket.once('close', () => done()) })
  dropped.socket.end()
  await gone
  expect(await pinned()).toBe(true)
  let quitting: Lines | undefined
  await expect.poll(async () => { quitting = await login().catch(() => undefined); return quitting !== undefined }).toBe(true)
  await quitting!.ask(`DELE ${count}`)
  expect(await quitting!.ask('QUIT')).toMatch(/^\+OK/)
  expect(await pinned()).toBe(false)
})

it('T107 after a certificate that does not stand, the clear service is not used, although it is there', async () => {
  const zone: Zone = {}
  publish(zone, '_MSRAP', 'store.example', gateway.listeners.msrap)
  publish(zone, '_MSRAP-SSL', 'store.example', gateway.listeners.msraps)
  const reach = makeReach({
    dns: fakeDns(zone), random: { fraction: () => 0.5 }, clock: { now: () => Date.now() }, permits: () => true, memory: { knows: async () => false, remember: async () => undefined },
    options: { tls: 'preferred', ca: undefined, answerMs: 5000, limits: { records: 4, addressesPerRecord: 4, attempts: 4, attemptMs: 5000, overallMs: 20_000 } },
  })
  const store = { storeClear: { domain: 'store.example' }, storeSsl: { domain: 'store.example' } }
  expect(await reach.store(store)).toMatchObject({ kind: 'temporary' })
  // Without the TLS service the clear one is taken.
  delete zone['_msrap-ssl._tcp.store.example']
  const found = await reach.store(store)
  expect(found).toMatchObject({ kind: 'connected', secure: false })
  if (found.kind === 'connected') found.value.close()
})

const program = fileURLToPath(new URL('../../scripts/restante.mjs', import.meta.url))
/** A clone may lie where no other user may look. */
const hidden = process.getuid?.() === 0 && spawnSync(process.execPath, ['-e', 'require("fs").accessSync(process.argv[1])', program], { cwd: '/', uid: 65_534, gid: 65_534 }).status !== 0

it.skipIf(hidden)('T115 every server runs as an ordinary user, on ports above 1023', async () => {
  const home = mkdtempSync(join(tmpdir(), 'restante-nobody-'))
  const nobody = 65_534
  const root = process.getuid?.() === 0
  if (root) chownSync(home, nobody, nobody)
  const child = spawn(process.execPath, [program, 'start', '--json', '--ephemeral', '--config', fileURLToPath(new URL('../../config/restante.yaml', import.meta.url))], { cwd: '/', env: { ...process.env, TMPDIR: home, HOME: home }, stdio: ['ignore', 'pipe', 'pipe'], ...(root ? { uid: nobody, gid: nobody } : {}) })
  let errors = ''
  child.stderr.on('data', (text: Buffer) => { errors += text.toString() })
  const exited = new Promise<void>((done) => { child.once('exit', () => done()) })
  try {
    const line = await Promise.race([new Promise<string>((done) => { createInterface({ input: child.stdout }).once('line', done) }), exited.then(() => { throw new Error(errors) })])
    const { listeners } = JSON.parse(line) as { listeners: Record<string, string> }
    expect(Object.keys(listeners)).toEqual(expect.arrayContaining(['msoap', 'msoaps', 'msrap', 'msraps', 'rnasp', 'rnasps', 'rnaqp', 'rnaqps', 'imap', 'pop3', 'smtp', 'submission']))
    for (const address of Object.values(listeners)) expect(Number(address.split(':').at(-1))).toBeGreaterThan(1023)
  } finally {
    child.kill('SIGTERM')
    await exited
    rmSync(home, { recursive: true, force: true })
  }
})
