// The POP3 facade as a plugin: two listeners, one face for all sessions.
import { definePlugin, isOff, type Listener } from '@restante/core'
import { config } from './config.js'
import { Session, type Face } from './connection.js'
import { Locks } from './maildrop.js'

export default definePlugin({
  name: 'pop3', version: '0.1.0', api: '^1.0.0',
  config,
  requires: ['authenticator', 'contents', 'mailboxes', 'net', 'settings'],
  provides: [],
  setup({ config, clock, services: { authenticator, contents, mailboxes, net, settings } }) {
    const face: Face = { config, authenticator, contents, mailboxes, net, hostname: settings.hostname, locks: new Locks(), lastLogins: new Map(), now: () => clock.now() }
    const listeners = new Map<string, Listener>()
    const listen = async (name: string, address: string, tls: 'starttls' | 'implicit'): Promise<void> => {
      if (isOff(address)) return
      listeners.set(name, await net.listen({
        name, address, tls: tls === 'starttls' && !net.tlsAvailable ? 'off' : tls,
        alpn: 'pop3', clientCertificates: config.clientCertificates, maxSessions: config.sessions, maxSessionsPerAddress: config.sessionsPerAddress,
        refusal: (why) => `-ERR [SYS/TEMP] ${why === 'shutting-down' ? 'The gateway is shutting down' : 'Too many sessions; try again later'}\r\n`,
        onConnection: (connection) => void new Session(connection, face).serve(),
      }))
    }
    return {
      services: {},
      async start() {
        await listen('pop3', config.listen, 'starttls')
        await listen('pop3s', config.listenTls, 'implicit')
      },
      async ready() {
        for (const listener of listeners.values()) listener.accept()
      },
      async stop(deadline) {
        await Promise.all([...listeners.values()].map((listener) => listener.drain(deadline)))
      },
      listeners: () => Object.fromEntries([...listeners].map(([name, { address }]) => [name, address])),
    }
  },
})
