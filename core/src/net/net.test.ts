// Real sockets: binding, limits, TLS, PROXY headers, draining, transcripts.
import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../base/clock.js'
import { coreSchema } from '../config/schema.js'
import { silentLog } from '../log/logger.js'
import { createMetrics } from '../metrics/registry.js'
import type { Certificate, Connection, Listener, ListenOptions, Net } from './contract.js'
import { createNet } from './net.js'
import { loadCertificate } from './tls.js'

const dataFolder = mkdtempSync(join(tmpdir(), 'restante-'))
const certificateOf = (folder: string): Promise<Certificate> => loadCertificate({ certificate: '', key: '', minVersion: 'TLSv1.2', dataFolder: folder, hostname: 'gate.example', log: silentLog, clock: systemClock })
let certificate: Certificate
beforeAll(async () => { certificate = await certificateOf(dataFolder) })

const open: Listener[] = []
afterEach(async () => { for (const listener of open.splice(0)) await listener.drain(AbortSignal.abort()) })

const metrics = createMetrics()
function net(settings: Record<string, unknown> = {}): Net {
  return createNet({ settings: coreSchema.parse(settings), dataFolder, certificate, metrics, log: silentLog, clock: systemClock })
}
/** Says hello, then answers each line with itself; STARTTLS upgrades. */
async function echo(n: Net, more: Partial<ListenOptions> = {}): Promise<{ listener: Listener; connections: Connection[] }> {
  const connections: Connection[] = []
  const listener = await n.listen({
    name: 'echo', address: '127.0.0.1:0', tls: 'starttls', maxSessions: 10, maxSessionsPerAddress: 2, refusal: (why) => `BYE ${why}\r\n`, ...more,
    onConnection(connection) {
      connections.push(connection)
      const serve = (socket: Socket): void => {
        socket.on('data', (data: Buffer) => {
          const line = data.toString().split('\r\n')[0]!
          connection.transcript.client(line)
          if (line === 'STARTTLS') {
            socket.removeAllListeners('data').pause()
            socket.write('go\r\n')
            connection.startTls().then(serve, () => connection.destroy())
          } else if (line === 'TROUBLE') connection.transcript.trouble('asked for')
          else socket.write(`${line}\r\n`)
        })
      }
      connection.draining.addEventListener('abort', () => connection.socket.end('bye\r\n'))
      connection.socket.write(`hello ${connection.remoteAddress} ${connection.secure}\r\n`)
      serve(connection.socket)
    },
    ...more,
  })
  open.push(listener)
  return { listener, connections }
}
const port = (listener: Listener): number => Number(listener.address.split(':').at(-1))
/** Sends, and gives all that comes until the peer closes or has been quiet for a moment; a busy machine may be slow to begin. */
function talk(socket: Socket, send: string | Buffer = '', quietMs = 100): Promise<string> {
  return new Promise((resolve) => {
    let got = ''
    let timer = setTimeout(() => resolve(got), 1000)
    socket.on('data', (data) => {
      got += data.toString('latin1')
      clearTimeout(timer)
      timer = setTimeout(() => resolve(got), quietMs)
    }).on('close', () => resolve(got)).on('error', () => undefined)
    if (send.length) socket.write(send)
  })
}
const dial = (listener: Listener): Socket => connect(port(listener), '127.0.0.1')
const until = (what: () => boolean): Promise<void> => expect.poll(what, { timeout: 15_000, interval: 5 }).toBe(true)

describe('listening', () => {
  it('takes connections only after accept()', async () => {
    const { listener, connections } = await echo(net())
    const socket = dial(listener)
    expect(await talk(socket, 'early\r\n')).toBe('')
    expect(connections).toHaveLength(0)
    listener.accept()
    expect(await talk(socket)).toBe('hello 127.0.0.1 false\r\nearly\r\n')
    expect(listener.sessions).toBe(1)
    socket.destroy()
    await until(() => listener.sessions === 0)
    expect(listener.sessions).toBe(0)
  })
  it('names the listener and the address when it cannot bind', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((r) => other.once('listening', r))
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    await expect(echo(net(), { address })).rejects.toThrow(`echo cannot listen on ${address}: another program listens there`)
    await expect(echo(net(), { address: 'nonsense' })).rejects.toThrow('echo cannot listen on nonsense: not an address')
    await expect(echo(net(), { address: '192.0.2.77:0' })).rejects.toThrow('this machine has no such address')
    other.close()
  })
  it('notices the end of a connection whose listeners a library removed', async () => {
    const { listener } = await echo(net(), { onConnection: (c) => void c.socket.removeAllListeners().on('error', () => undefined) })
    listener.accept()
    const socket = dial(listener)
    await until(() => listener.sessions === 1)
    socket.resetAndDestroy()
    await until(() => listener.sessions === 0)
    expect(listener.sessions).toBe(0)
  })
  it('a face that throws costs one connection', async () => {
    const { listener } = await echo(net(), { onConnection: () => { throw new Error('x') } })
    listener.accept()
    expect(await talk(dial(listener))).toBe('')
    await until(() => listener.sessions === 0)
    expect(listener.sessions).toBe(0)
  })
})

describe('limits', () => {
  it('refuse what is over the service, and say so', async () => {
    const { listener } = await echo(net(), { maxSessions: 1 })
    listener.accept()
    const first = dial(listener)
    expect(await talk(first)).toContain('hello')
    expect(await talk(dial(listener))).toBe('BYE too-many\r\n')
    first.destroy()
    await until(() => listener.sessions === 0)
    expect(await talk(dial(listener))).toContain('hello')
  })
  it('count what PROXY says, not the balancer; loopback peers are not counted by address', async () => {
    const { listener } = await echo(net({ proxyProtocol: { trusted: ['127.0.0.0/8'] } }))
    listener.accept()
    const from = (address: string): Promise<string> => talk(dial(listener), `PROXY TCP4 ${address} 192.0.2.1 1 2\r\nx\r\n`)
    expect(await from('192.0.2.9')).toBe('hello 192.0.2.9 false\r\nx\r\n')
    expect(await from('192.0.2.9')).toContain('hello')
    expect(await from('192.0.2.9')).toBe('BYE too-many-from-address\r\n')
    for (let i = 0; i < 3; i++) expect(await from('127.0.0.1')).toContain('hello')
  })
  it('hold over all listeners together', async () => {
    const n = net({ limits: { sessions: 1 } })
    const [a, b] = [await echo(n), await echo(n)]
    a.listener.accept()
    b.listener.accept()
    expect(await talk(dial(a.listener))).toContain('hello')
    expect(await talk(dial(b.listener))).toBe('BYE too-many\r\n')
  })
})

describe('TLS', () => {
  it('makes a development certificate once, with a key nobody else can read', async () => {
    expect(certificate).toMatchObject({ development: true, names: expect.arrayContaining(['localhost', 'gate.example', '127.0.0.1']) })
    expect(statSync(join(dataFolder, 'tls/development.key')).mode & 0o777).toBe(0o600)
    expect((await certificateOf(dataFolder)).fingerprint).toBe(certificate.fingerprint)
  })
  it('says what is wrong with a configured pair', async () => {
    const file = (name: string): string => join(dataFolder, 'tls', name)
    const load = (certificate: string, key: string) => loadCertificate({ certificate, key, minVersion: 'TLSv1.3', dataFolder, hostname: 'x', log: silentLog, clock: systemClock })
    await expect(load('/nowhere', file('development.key'))).rejects.toThrow('tls.certificate: /nowhere cannot be read: ENOENT')
    await expect(load(file('development.key'), file('development.key'))).rejects.toThrow(/are no usable pair/)
    await expect(load(file('development.crt'), '')).rejects.toThrow('tls.key: is empty')
    expect(await load(file('development.crt'), file('development.key'))).toMatchObject({ development: false })
  })
  it('implicit, from the first octet; behind a PROXY header too', async () => {
    const { listener, connections } = await echo(net({ proxyProtocol: { trusted: ['127.0.0.1'] } }), { tls: 'implicit' })
    listener.accept()
    const raw = dial(listener)
    raw.write('PROXY TCP6 2001:db8::1 2001:db8::2 9 10\r\n')
    const socket = tlsConnect({ socket: raw, servername: 'gate.example', ca: readFileSync(certificate.file) })
    expect(await talk(socket, 'x\r\n')).toBe('hello 2001:db8::1 true\r\nx\r\n')
    expect(socket.authorized).toBe(true)
    expect(connections[0]!.secure).toBe(true)
    socket.destroy()
    await until(() => listener.sessions === 0)
    expect(listener.sessions).toBe(0)
  })
  it('STARTTLS in place', async () => {
    const { listener, connections } = await echo(net())
    listener.accept()
    const raw = dial(listener)
    expect(await talk(raw, 'STARTTLS\r\n')).toBe('hello 127.0.0.1 false\r\ngo\r\n')
    raw.removeAllListeners('data')
    const socket = tlsConnect({ socket: raw, rejectUnauthorized: false })
    expect(await talk(socket, 'y\r\n')).toBe('y\r\n')
    expect(connections[0]!.secure).toBe(true)
    expect(socket.getProtocol()).toBe('TLSv1.3')
  })
  it('a client that wants another protocol is refused (ALPACA); one that names none is not', async () => {
    const { listener } = await echo(net(), { tls: 'implicit', alpn: 'pop3' })
    listener.accept()
    const offering = (...ALPNProtocols: string[]): Promise<string> => new Promise((resolve) => {
      const socket = tlsConnect({ port: port(listener), host: '127.0.0.1', rejectUnauthorized: false, ...(ALPNProtocols.length ? { ALPNProtocols } : {}) }, () => { resolve(String(socket.alpnProtocol)); socket.destroy() })
      socket.once('error', () => resolve('refused'))
    })
    expect([await offering('http/1.1', 'h2'), await offering('pop3'), await offering()]).toEqual(['refused', 'pop3', 'false'])
  })
  it('what is no TLS ends that connection only; so does an old version', async () => {
    const { listener } = await echo(net(), { tls: 'implicit' })
    listener.accept()
    expect(await talk(dial(listener), 'EHLO x\r\n')).not.toContain('hello')
    const old = tlsConnect({ port: port(listener), host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
    expect(await new Promise((resolve) => old.once('error', () => resolve('refused')).once('secureConnect', () => resolve('taken')))).toBe('refused')
    await until(() => listener.sessions === 0)
    expect(listener.sessions).toBe(0)
  })
})

describe('PROXY headers from trusted peers', () => {
  it.each([['none', 'EHLO x\r\n'], ['broken', 'PROXY TCP4 a b c d\r\n'], ['too long', `PROXY ${'x'.repeat(200)}\r\n`]])('%s: closed', async (_, send) => {
    const { listener, connections } = await echo(net({ proxyProtocol: { trusted: ['127.0.0.1'] } }))
    listener.accept()
    expect(await talk(dial(listener), send)).toBe('')
    expect(connections).toHaveLength(0)
  })
  it('are not believed from others', async () => {
    const { listener } = await echo(net({ proxyProtocol: { trusted: ['10.0.0.0/8'] } }))
    listener.accept()
    expect(await talk(dial(listener), 'PROXY TCP4 192.0.2.9 192.0.2.1 1 2\r\n')).toBe('hello 127.0.0.1 false\r\nPROXY TCP4 192.0.2.9 192.0.2.1 1 2\r\n')
  })
})

describe('draining', () => {
  it('says goodbye, takes no more, and waits', async () => {
    const { listener } = await echo(net())
    listener.accept()
    const socket = dial(listener)
    expect(await talk(socket)).toContain('hello')
    const rest = talk(socket, '', 500)
    await listener.drain(AbortSignal.timeout(5000))
    expect(await rest).toBe('bye\r\n')
    expect(listener.sessions).toBe(0)
    expect(await talk(dial(listener))).toBe('')
  })
  it('cuts those that do not leave by the deadline', async () => {
    const { listener } = await echo(net(), { onConnection: (c) => void c.socket.write('stubborn\r\n') })
    listener.accept()
    const socket = dial(listener)
    await talk(socket)
    const began = Date.now()
    await listener.drain(AbortSignal.timeout(50))
    expect(Date.now() - began).toBeLessThan(2000)
    await until(() => listener.sessions === 0)
    expect(listener.sessions).toBe(0)
  })
})

describe('transcripts', () => {
  it('are kept when something went wrong, with passwords masked', async () => {
    const { listener } = await echo(net({ transcripts: 'on-error' }))
    listener.accept()
    const [good, bad] = [dial(listener), dial(listener)]
    await talk(good, 'NOOP\r\n')
    await talk(bad, 'a1 LOGIN ann hunter2\r\n')
    await talk(bad, 'TROUBLE\r\n')
    good.destroy()
    bad.destroy()
    const folder = join(dataFolder, 'transcripts')
    const files = (): string[] => { try { return readdirSync(folder) } catch { return [] } }
    const text = (): string => files().map((name) => readFileSync(join(folder, name), 'utf8')).join('')
    await until(() => text().includes('asked for'))
    expect(files()).toHaveLength(1)
    expect(text()).toMatch(/^echo session \w+ with 127.0.0.1, begun .*\n +\d\.\d+ C: a1 LOGIN \*\*\*\n +\d\.\d+ C: TROUBLE\n +\d\.\d+ !! asked for\n$/)
  })
})
