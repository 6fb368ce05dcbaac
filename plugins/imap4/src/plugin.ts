// The IMAP4 facade as a plugin: two listeners, one face for all sessions.
import { definePlugin, isOff, type Connection, type Listener } from '@restante/core'
import { capabilities } from './capabilities.js'
import { config } from './config.js'
import { ImapConnection } from './connection.js'
import { AccountEvents } from './session/account-events.js'
import type { Face } from './session/session.js'

const refusals = {
  'too-many': '* BYE [UNAVAILABLE] Too many sessions; try again later\r\n',
  'too-many-from-address': '* BYE [UNAVAILABLE] Too many sessions from your address\r\n',
  'shutting-down': '* BYE [UNAVAILABLE] The gateway is shutting down\r\n',
}

export default definePlugin({
  name: 'imap4', version: '0.1.0', api: '^1.0.0', config,
  requires: ['authenticator', 'accounts', 'mailboxes', 'contents', 'spool', 'net', 'events', 'textIndex', 'settings'], provides: [],
  setup({ config, services, log, clock }) {
    const events = new AccountEvents(services.events)
    const face: Face = { config, services, log, clock, capabilities, events }
    const open = new Set<ImapConnection>()
    const listeners = new Map<string, Listener>()
    let stopping = false

    const onConnection = (connection: Connection): void => {
      const session = new ImapConnection(connection, face)
      open.add(session)
      void session.serve().finally(() => open.delete(session))
      if (stopping) session.goodbye()
    }
    const listen = async (name: string, address: string | null, tls: 'starttls' | 'implicit'): Promise<void> => {
      if (address === null || isOff(address)) return
      const { maxSessions, maxSessionsPerAddress, clientCertificates } = config
      listeners.set(name, await services.net.listen({ name, address, tls, alpn: 'imap', clientCertificates, maxSessions, maxSessionsPerAddress, onConnection, refusal: (why) => refusals[why] }))
    }
    return {
      services: {},
      async start() {
        await listen('imap', config.listen, 'starttls')
        await listen('imaps', config.listenTls, 'implicit')
      },
      async ready() { for (const listener of listeners.values()) listener.accept() },
      async stop(deadline) {
        stopping = true
        for (const session of open) session.goodbye()
        await Promise.all([...listeners.values()].map((listener) => listener.drain(deadline)))
        events.stop()
      },
      listeners: () => Object.fromEntries([...listeners].map(([name, { address }]) => [name, address])),
    }
  },
})
