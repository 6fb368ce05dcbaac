// AUTH=EXTERNAL: who a client certificate lets in, and who it does not.
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway, type TestGateway } from '../support/gateway.js'
import { makeAuthority, type Authority, type ClientKey } from '../support/authority.js'

const [anna, bert] = ['user0001@example.test', 'user0002@example.test']
let authority: Authority
let other: Authority
let gateway: TestGateway
const settings = (): string[] => [
  `tls.clientCertificates=${JSON.stringify({ ca: authority.file })}`, `accounts.certificates=${JSON.stringify({ names: ['email', 'commonName'], accounts: { 'printer.example.test': bert, 'Anna Example': anna } })}`, 'plugins.imap4.clientCertificates=asked', 'plugins.pop3.clientCertificates=asked',
]
beforeAll(async () => {
  [authority, other] = await Promise.all([makeAuthority(), makeAuthority('Another')])
  gateway = await startGateway({ accounts: 3, set: settings() })
})
afterAll(async () => {
  await gateway?.stop()
  authority?.remove()
  other?.remove()
})

/** A TLS session that can be asked. */
async function session(at: string, client?: ClientKey, options: ConnectionOptions = {}) {
  const [host, port] = at.split(':')
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...(client ? { cert: client.cert, key: client.key } : {}), ...options })
  let text = ''
  let over: Error | true | undefined
  let wake = (): void => undefined
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    wake()
  }).on('error', (error) => {
    over ??= error
    wake()
  }).on('close', () => {
    over ??= true
    wake()
  })
  const until = async (wanted: RegExp): Promise<string> => {
    for (;;) {
      const found = wanted.exec(text)
      if (found) {
        const all = text.slice(0, found.index + found[0].length)
        text = text.slice(all.length)
        return all
      }
      if (over) throw new Error(`closed instead of ${String(wanted)}`)
      await new Promise<void>((resolve) => { wake = resolve })
    }
  }
  return { socket: socket as TLSSocket, until, ask: async (line: string, wanted: RegExp) => { socket.write(`${line}\r\n`); return until(wanted) } }
}
const b64 = (text: string): string => (text === '' ? '=' : Buffer.from(text).toString('base64'))
/** Logs in over IMAPS; gives the tagged answer. */
async function login(client: ClientKey | undefined, as = '', at = gateway): Promise<string> {
  const own = await session(at.listeners.imaps, client)
  try {
    await own.until(/^\* OK.*\r\n/m)
    return await own.ask(`a AUTHENTICATE EXTERNAL ${b64(as)}`, /^a .*\r\n/m)
  } finally {
    own.socket.destroy()
  }
}
const good = /^a OK \[CAPABILITY/
const bad = /^a NO \[AUTHENTICATIONFAILED\]/
const absent = /^a NO There is no mechanism EXTERNAL/

describe('over IMAP', () => {
  it('is offered to those who showed a certificate that stands, in both orders of responses', async () => {
    const client = await authority.issue({ email: [anna] })
    const own = await session(gateway.listeners.imaps, client)
    expect(await own.until(/^\* OK.*\r\n/m)).toContain(' AUTH=EXTERNAL ')
    expect(await own.ask('a AUTHENTICATE EXTERNAL', /^\+ .*\r\n/m)).toBe('+ \r\n')
    expect(await own.ask('', /^a .*\r\n/m)).toMatch(good)
    expect(await own.ask('b GETQUOTAROOT INBOX', /^b .*\r\n/m)).toMatch(/b OK/)
    own.socket.destroy()
    const without = await session(gateway.listeners.imaps)
    expect(await without.until(/^\* OK.*\r\n/m)).not.toContain('EXTERNAL')
    without.socket.destroy()
    expect(await login(undefined)).toMatch(absent)
  })
  it('goes by address, by common name, by the table; the client may choose among its own', async () => {
    expect(await login(await authority.issue({ email: [anna.toUpperCase()] }))).toMatch(good)
    expect(await login(await authority.issue({ commonName: bert }))).toMatch(good)
    expect(await login(await authority.issue({ commonName: 'Anna Example' }), anna)).toMatch(good)
    const both = await authority.issue({ email: ['nobody@example.test', anna], commonName: bert })
    for (const as of ['', anna, bert, bert.toUpperCase()]) expect(await login(both, as), as).toMatch(good)
    for (const as of ['nobody@example.test', 'user0003@example.test']) expect(await login(both, as), as).toMatch(bad)
  })
  it('lets nobody else in: unknown names, host names, other authorities, old certificates, made-up ones', async () => {
    expect(await login(await authority.issue({ email: ['nobody@example.test'], commonName: 'x' }))).toMatch(bad)
    expect(await login(await authority.issue({ dns: ['printer.example.test'], commonName: 'x' }))).toMatch(bad)
    expect(await login(await authority.issue({ email: [`${anna}, email:${bert}`, `x@y.example\0${anna}`], commonName: 'x' }))).toMatch(bad)
    expect(await login(await other.issue({ email: [anna] }))).toMatch(absent)
    expect(await login(await authority.issue({ email: [anna] }, -1))).toMatch(absent)
    const impostor = await makeAuthority()
    try {
      expect(await login(await impostor.issue({ email: [anna] }))).toMatch(absent)
    } finally {
      impostor.remove()
    }
    expect(await login(await authority.issue({ email: [anna] }), 'a\0b')).toMatch(/^a BAD/)
  })
  it('resumes TLS sessions, and then still knows the client', async () => {
    const client = await authority.issue({ email: [anna] })
    const first = await session(gateway.listeners.imaps, client, { maxVersion: 'TLSv1.2' })
    const ticket = new Promise<Buffer>((resolve) => first.socket.once('session', resolve))
    await first.until(/^\* OK.*\r\n/m)
    const kept = await ticket
    first.socket.destroy()
    const again = await session(gateway.listeners.imaps, client, { maxVersion: 'TLSv1.2', session: kept })
    expect(await again.until(/^\* OK.*\r\n/m)).toContain(' AUTH=EXTERNAL ')
    expect(again.socket.isSessionReused()).toBe(true)
    again.socket.destroy()
  })
})

it('over POP3, with and without an initial response', async () => {
  const client = await authority.issue({ email: [bert] })
  for (const [line, then] of [['AUTH EXTERNAL =', ''], [`AUTH EXTERNAL ${b64(bert)}`, ''], ['AUTH EXTERNAL', b64(bert)]]) {
    const own = await session(gateway.listeners.pop3s, client)
    await own.until(/^\+OK.*\r\n/m)
    expect(await own.ask('CAPA', /^\.\r\n/m)).toMatch(/^SASL EXTERNAL SCRAM/m)
    if (then) await own.ask(line, /^\+ \r\n/m)
    expect(await own.ask(then || line, /^[+-].*\r\n/m), line).toMatch(/^\+OK/)
    own.socket.destroy()
  }
  const own = await session(gateway.listeners.pop3s, client)
  expect(await own.ask(`AUTH EXTERNAL ${b64(anna)}`, /^-ERR.*\r\n/m)).toMatch(/-ERR \[AUTH\]/)
  own.socket.destroy()
})

it('required: without a certificate that stands there is no session', async () => {
  const at = await startGateway({ set: [...settings(), 'plugins.imap4.clientCertificates=required'] })
  try {
    expect(await login(await authority.issue({ email: [anna] }), '', at)).toMatch(good)
    for (const client of [undefined, await other.issue({ email: [anna] })]) await expect(login(client, '', at)).rejects.toThrow(/closed/)
  } finally {
    await at.stop()
  }
})

it('settings that cannot be meant are refused', async () => {
  await expect(startGateway({ set: ['plugins.imap4.clientCertificates=asked'] })).rejects.toThrow(/tls\.clientCertificates\.ca names no authority/)
  await expect(startGateway({ set: ['tls.clientCertificates={"ca":"/nowhere.pem"}'] })).rejects.toThrow(/tls\.clientCertificates\.ca: \/nowhere\.pem cannot be read/)
  await expect(startGateway({ set: [`tls.clientCertificates={"ca":"${(await authority.issue({})).keyFile}"}`] })).rejects.toThrow(/tls\.clientCertificates: .* cannot be used/)
})
