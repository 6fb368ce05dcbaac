// A mail program that knows an address only: Mozilla's and Outlook's questions, and what strangers may not ask.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'

let gateway: Awaited<ReturnType<typeof startGateway>>
let at: string
beforeAll(async () => {
  gateway = await startGateway({ set: ['plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.autoconfig={"host":"mail.example.test","name":"Post & more","submission":{"port":587,"security":"starttls"}}'] })
  at = `http://${gateway.listeners.autoconfig}`
})
afterAll(() => gateway?.stop())

const ask = async (path: string, init?: RequestInit): Promise<{ status: number; type: string | null; body: string }> => {
  const answer = await fetch(at + path, init)
  return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() }
}
const outlook = (address: string): Promise<{ status: number; body: string }> => ask('/Autodiscover/Autodiscover.xml', { method: 'POST', headers: { 'Content-Type': 'text/xml' }, body: `<?xml version="1.0"?><Autodiscover><Request><EMailAddress>${address}</EMailAddress><AcceptableResponseSchema>x</AcceptableResponseSchema></Request></Autodiscover>` })

describe('autoconfiguration', () => {
  it('tells Thunderbird', async () => {
    for (const path of ['/mail/config-v1.1.xml', '/.well-known/autoconfig/mail/config-v1.1.xml', `/mail/config-v1.1.xml?emailaddress=${encodeURIComponent(gateway.account)}`]) {
      const { status, type, body } = await ask(path)
      expect([status, type]).toEqual([200, 'text/xml; charset=utf-8'])
      expect(body).toContain('<displayName>Post &#38; more</displayName>')
      expect(body).toMatch(/<incomingServer type="imap">\s*<hostname>mail\.example\.test<\/hostname>\s*<port>993<\/port>\s*<socketType>SSL<\/socketType>/)
      expect(body).toMatch(/<outgoingServer type="smtp">\s*<hostname>mail\.example\.test<\/hostname>\s*<port>587<\/port>\s*<socketType>STARTTLS<\/socketType>/)
    }
  })
  it('tells Outlook', async () => {
    const { status, body } = await outlook(gateway.account)
    expect(status).toBe(200)
    expect(body).toMatch(/<Type>IMAP<\/Type>\s*<Server>mail\.example\.test<\/Server>\s*<Port>993<\/Port>/)
    expect(body).toMatch(/<Type>SMTP<\/Type>[^]*<Encryption>TLS<\/Encryption>/)
  })
  it('does not tell which addresses there are, and nothing of other domains', async () => {
    expect((await outlook('nobody@example.test')).body).toBe((await outlook(gateway.account)).body.replaceAll(gateway.account, 'nobody@example.test'))
    expect((await outlook('anna@elsewhere.example')).body).toContain('<ErrorCode>600</ErrorCode>')
    expect((await outlook('"><x>')).body).toContain('<ErrorCode>600</ErrorCode>')
    for (const bad of ['?emailaddress=a%40elsewhere.example', '?emailaddress=%3Cx%3E%40example.test']) expect((await ask(`/mail/config-v1.1.xml${bad}`)).status).toBe(404)
  })
  it('refuses other methods and paths, and what is too large', async () => {
    expect((await ask('/')).status).toBe(404)
    expect((await ask('/../../etc/passwd')).status).toBe(404)
    expect((await ask('/mail/config-v1.1.xml', { method: 'DELETE' })).status).toBe(405)
    expect((await ask('/autodiscover/autodiscover.xml')).status).toBe(405)
    expect((await ask('/autodiscover/autodiscover.xml', { method: 'POST', body: 'x'.repeat(100_000) }).catch(() => ({ status: 413 }))).status).toBe(413)
    expect((await ask('/', { headers: { 'X-Long': 'x'.repeat(20_000) } }).catch(() => ({ status: 0 }))).status).not.toBe(200)
  })
  it('a client that says nothing sensible is cut off, and others are none the worse', async () => {
    const [host, port] = gateway.listeners.autoconfig.split(':')
    const socket = connect(Number(port), host).on('error', () => undefined)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.write('a1 LOGIN anna secret\r\n\r\n')
    await closed
    expect((await ask('/')).status).toBe(404)
  })
})
