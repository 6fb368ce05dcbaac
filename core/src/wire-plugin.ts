// The four protocols of IM2000 on the wire, each with a TLS twin, as an ordinary plugin: core lives by its own contract.
// Settings and listeners; what is said on them is in store/, rna/ and im2000/.
import { z } from 'zod'
import { isOff, listenAddress, octets, seconds, section } from './config/fields.js'
import type { SessionLimits } from './im2000/session/server.js'
import { serve } from './im2000/session/server.js'
import type { Protocol, Service } from './im2000/session/transaction.js'
import type { Listener } from './net/contract.js'
import { definePlugin } from './plugin/contract.js'
import { makeRnaqp } from './rna/rnaqp.js'
import { makeRnasp } from './rna/rnasp.js'
import { makeMsoap } from './store/msoap.js'
import { makeMsrap } from './store/msrap.js'

/** Longest PDU that any setting may allow: what one session may make us hold. */
const largestPdu = 64 * 2 ** 20

/** What each protocol has. `least`: sessions below which the proposal would not have the bound (B25). */
const service = (what: string, port: number, least: number, pdu: string, idle: string) => ({
  listen: listenAddress(`127.0.0.1:${port}`).describe(`Where ${what} connect.`),
  listenTls: listenAddress(`127.0.0.1:${port + 10}`).describe('The same with TLS from the first octet.'),
  sessions: z.number().int().min(least).default(500).describe(`Sessions at once, on each of the two. Not below ${least} (B25).`),
  sessionsPerAddress: z.number().int().min(1).default(50).describe('Sessions at once from one address (peers on this machine are not counted by address).'),
  idle: seconds(idle).describe('Silence after which a session is ended (B39).'),
  pduOctets: octets(pdu).refine((value) => value >= 64 && value <= largestPdu, '64 octets to 64MiB').describe('Largest command (B38).'),
})
const password = {
  clearText: z.boolean().default(false).describe('Whether passwords are taken from other machines without TLS (B37). From this machine they are.'),
  failedLogins: z.number().int().min(1).default(3).describe('Failed authentications after which the session is ended (B36).'),
}

const config = z.strictObject({
  msoap: section({
    ...service("originators' programs", 2701, 2, '1MiB', '300s'), ...password,
    chunkOctets: octets('512KiB').describe('Largest chunk of a message (B38).'),
  }).describe('Message Store Originator Access Protocol: submit, track, cancel.'),
  msrap: section({
    ...service("recipients' programs", 2702, 5, '4KiB', '60s'),
    windowOctets: octets('512KiB').refine((value) => value >= 1, 'at least 1').describe('Most octets of a message in one answer (B38).'),
  }).describe('Message Store Recipient Access Protocol: retrieve, silence, un-pin, scan lists.'),
  rnasp: section(service('message stores', 2703, 2, '64KiB', '60s')).describe('Recipient Notification Agent Submission Protocol: notify.'),
  rnaqp: section({
    ...service("recipients' programs", 2704, 5, '4KiB', '300s'), ...password,
    answerOctets: octets('1MiB').refine((value) => value >= 4096, 'at least 4KiB').describe('Largest answer; what does not fit is in the next one (E.27).'),
  }).describe('Recipient Notification Agent Query Protocol: collect notifications.'),
  frame: seconds('60s').describe('Time for a command to arrive once it has begun, and for an answer to be taken (B39).'),
  malformed: z.number().int().min(1).default(3).describe('Unreadable commands, and commands out of place, after which a session is ended (B15).'),
})
type Config = z.output<typeof config>

export default definePlugin({
  name: 'im2000', version: '0.1.0', api: '^1.0.0',
  config,
  requires: ['accounts', 'authenticator', 'lists', 'messageStore', 'net', 'notificationAgent', 'retrieval', 'tracking'],
  provides: [],
  setup({ config, services: { accounts, authenticator, lists, messageStore, net, notificationAgent, retrieval, tracking } }) {
    const { msoap, msrap, rnaqp } = config
    const services: { readonly [N in 'msoap' | 'msrap' | 'rnasp' | 'rnaqp']: Service<any> } = {
      msoap: makeMsoap({ store: messageStore, tracking, accounts, authenticator, chunkOctets: msoap.chunkOctets, clearText: msoap.clearText, failures: msoap.failedLogins }),
      msrap: makeMsrap({ retrieval, lists, windowOctets: msrap.windowOctets }),
      rnasp: makeRnasp({ agent: notificationAgent }),
      rnaqp: makeRnaqp({ agent: notificationAgent, authenticator, clearText: rnaqp.clearText, failures: rnaqp.failedLogins, answerOctets: rnaqp.answerOctets }),
    }
    const listeners = new Map<string, Listener>()
    const listen = async (name: string, address: string, tls: 'off' | 'implicit', of: Service<Protocol>, settings: Config['rnasp']): Promise<void> => {
      if (isOff(address) || (tls === 'implicit' && !net.tlsAvailable)) return
      const limits: SessionLimits = { pduOctets: settings.pduOctets, idleMs: settings.idle * 1000, frameMs: config.frame * 1000, malformed: config.malformed }
      listeners.set(name, await net.listen({
        name, address, tls, maxSessions: settings.sessions, maxSessionsPerAddress: settings.sessionsPerAddress,
        onConnection: (connection) => void serve(connection, of, limits, net.idle),
      }))
    }
    return {
      services: {},
      async start() {
        for (const name of ['msoap', 'msrap', 'rnasp', 'rnaqp'] as const) {
          await listen(name, config[name].listen, 'off', services[name], config[name])
          await listen(`${name}s`, config[name].listenTls, 'implicit', services[name], config[name])
        }
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
