// How mail programs find us by an address alone: Mozilla's autoconfig and Outlook's autodiscover, as an ordinary plugin. What DNS says
// (RFC 6186) is for the administration to publish; `docs/clients.md` lists the records.
import { z } from 'zod'
import { isOff, listenAddress, section } from './config/fields.js'
import type { Listener } from './net/contract.js'
import { httpConnections, type HttpAnswer, type HttpRequest } from './net/http.js'
import { definePlugin } from './plugin/contract.js'

const server = (what: string, port: number) => section({
  port: z.number().int().min(0).max(65_535).default(port).describe(`Port of ${what}, as clients reach it; 0: not offered.`),
  security: z.enum(['tls', 'starttls', 'none']).default('tls').describe('TLS from the first octet, after STARTTLS, or none.'),
}).describe(`${what} for mail programs.`)

const config = z.strictObject({
  listen: listenAddress('127.0.0.1:8025').describe('Address and port in clear; put a web server with the certificate of autoconfig.<domain> in front of it.'),
  listenTls: listenAddress('off').describe("The same with TLS and the gateway's certificate."),
  host: z.string().default('').describe("Name that mail programs connect to; empty: the gateway's host name."),
  name: z.string().default('Restante').describe('What the service is called.'),
  imap: server('IMAP', 993), pop3: server('POP3', 995), submission: server('submission', 465),
  maxSessions: z.number().int().min(1).default(200).describe('Connections at once.'),
  maxSessionsPerAddress: z.number().int().min(1).default(50).describe('Connections at once from one address.'),
})
type Config = z.output<typeof config>
type Service = 'imap' | 'pop3' | 'submission'

export default definePlugin({
  name: 'autoconfig', version: '0.1.0', api: '^1.0.0', config,
  requires: ['accounts', 'net', 'settings'], provides: [],
  setup({ config, services: { accounts, net, settings }, log }) {
    const host = config.host || settings.hostname
    const listeners = new Map<string, Listener>()
    /** Whether it is an address of a domain of ours; nobody is told which addresses there are. */
    const ours = async (address: string): Promise<boolean> => {
      if (address.length > 320 || !/^[^@\s<>]+@[^@\s<>]+$/.test(address)) return false
      return (await accounts.resolve(address).catch(() => ({ kind: 'foreign' }))).kind !== 'foreign'
    }
    const handle = async ({ method, path, query, body }: HttpRequest): Promise<HttpAnswer | undefined> => {
      switch (path.toLowerCase()) {
        case '/mail/config-v1.1.xml': case '/.well-known/autoconfig/mail/config-v1.1.xml': {
          if (method !== 'GET' && method !== 'HEAD') return { status: 405, headers: { Allow: 'GET, HEAD' } }
          // Some ask without an address, and put it into the answer themselves.
          const address = query.get('emailaddress') || `user@${settings.domains[0]}`
          return await ours(address) ? xml(mozilla(config, host, address)) : undefined
        }
        case '/autodiscover/autodiscover.xml': {
          if (method !== 'POST') return { status: 405, headers: { Allow: 'POST' } }
          const address = /<EMailAddress>\s*([^<\s]+)\s*<\/EMailAddress>/i.exec(body.toString())?.[1] ?? ''
          return xml(await ours(address) ? outlook(config, host, address) : unknownAddress)
        }
        default: return undefined
      }
    }
    const listen = async (name: string, address: string, tls: 'off' | 'implicit'): Promise<void> => {
      if (isOff(address)) return
      const { maxSessions, maxSessionsPerAddress } = config
      listeners.set(name, await net.listen({ name, address, tls, maxSessions, maxSessionsPerAddress, onConnection: httpConnections({ net, log, handle }) }))
    }
    return {
      services: {},
      async start() {
        await listen('autoconfig', config.listen, 'off')
        await listen('autoconfigs', config.listenTls, 'implicit')
      },
      async ready() { for (const listener of listeners.values()) listener.accept() },
      async stop(deadline) { await Promise.all([...listeners.values()].map((listener) => listener.drain(deadline))) },
      listeners: () => Object.fromEntries([...listeners].map(([name, { address }]) => [name, address])),
    }
  },
})

const xml = (body: string): HttpAnswer => ({ status: 200, type: 'text/xml; charset=utf-8', body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}` })
const escaped = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
const offered = (config: Config): readonly Service[] => (['imap', 'pop3', 'submission'] as const).filter((service) => config[service].port !== 0)

/** https://wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat */
function mozilla(config: Config, host: string, address: string): string {
  const domain = escaped(address.slice(address.lastIndexOf('@') + 1).toLowerCase())
  const socket = { tls: 'SSL', starttls: 'STARTTLS', none: 'plain' }
  const servers = offered(config).map((service) => {
    const [element, type] = service === 'submission' ? ['outgoingServer', 'smtp'] : ['incomingServer', service]
    const { port, security } = config[service]
    return `    <${element} type="${type}">
      <hostname>${escaped(host)}</hostname>
      <port>${port}</port>
      <socketType>${socket[security]}</socketType>
      <username>%EMAILADDRESS%</username>
      <authentication>${security === 'none' ? 'password-encrypted' : 'password-cleartext'}</authentication>
    </${element}>\n`
  })
  return `<clientConfig version="1.1">
  <emailProvider id="${domain}">
    <domain>${domain}</domain>
    <displayName>${escaped(config.name)}</displayName>
    <displayShortName>${escaped(config.name)}</displayShortName>
${servers.join('')}  </emailProvider>
</clientConfig>\n`
}

const schema = 'http://schemas.microsoft.com/exchange/autodiscover'

/** [MS-OXDSCLI]: the POX answer that Outlook understands for IMAP and POP3. */
function outlook(config: Config, host: string, address: string): string {
  const type: Readonly<Record<Service, string>> = { imap: 'IMAP', pop3: 'POP3', submission: 'SMTP' }
  const protocols = offered(config).map((service) => {
    const { port, security } = config[service]
    return `      <Protocol>
        <Type>${type[service]}</Type>
        <Server>${escaped(host)}</Server>
        <Port>${port}</Port>
        <LoginName>${escaped(address)}</LoginName>
        <SPA>off</SPA>
        <SSL>${security === 'tls' ? 'on' : 'off'}</SSL>
        <Encryption>${{ tls: 'SSL', starttls: 'TLS', none: 'None' }[security]}</Encryption>
        <AuthRequired>on</AuthRequired>
      </Protocol>\n`
  })
  return `<Autodiscover xmlns="${schema}/responseschema/2006">
  <Response xmlns="${schema}/outlook/responseschema/2006a">
    <User><DisplayName>${escaped(address)}</DisplayName></User>
    <Account>
      <AccountType>email</AccountType>
      <Action>settings</Action>
${protocols.join('')}    </Account>
  </Response>
</Autodiscover>\n`
}

const unknownAddress = `<Autodiscover xmlns="${schema}/responseschema/2006">
  <Response><Error Id="0"><ErrorCode>600</ErrorCode><Message>Invalid request</Message></Error></Response>
</Autodiscover>\n`
