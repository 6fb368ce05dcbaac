// Settings of the POP3 facade.
import { listenAddress, seconds } from '@restante/core'
import { z } from 'zod'

export const config = z.strictObject({
  listen: listenAddress('127.0.0.1:2110').describe('Where mail programs connect; TLS by STLS. In production :110.'),
  listenTls: listenAddress('127.0.0.1:2995').describe('The same with TLS from the first octet. In production :995.'),
  sessions: z.number().int().min(1).default(2000).describe('Sessions at once.'),
  sessionsPerAddress: z.number().int().min(1).default(50).describe('Sessions at once from one address (peers on this machine are not counted by address).'),
  clientCertificates: z.enum(['off', 'asked', 'required']).default('off').describe('Whether clients are asked for a certificate when TLS begins (AUTH EXTERNAL); required: there is no TLS without one. Needs tls.clientCertificates.ca.'),
  idle: seconds('30min').refine((s) => s >= 600, 'at least 10min: RFC 1939 (3) allows no less').describe('Silence after which a session is closed, without deleting anything. RFC 1939 asks for at least 10 minutes.'),
  idleBeforeLogin: seconds('2min').describe('The same before login.'),
  clearTextLogin: z.enum(['never', 'loopback', 'always']).default('loopback').describe('Where a password is taken without TLS: nowhere, from this machine, everywhere. SCRAM-SHA-256 is taken everywhere.'),
  failedLogins: z.number().int().min(1).default(3).describe('Failed logins after which the connection is closed.'),
  loginDelay: seconds(0).describe('Shortest time between two logins of one account (LOGIN-DELAY, RFC 2449).'),
  apop: z.boolean().default(false).describe('Whether APOP is offered. It works only for accounts that have opted into a stored secret.'),
  markSeen: z.boolean().default(false).describe('Whether messages that were retrieved are marked as seen when the session ends with QUIT.'),
  utf8Headers: z.enum(['send', 'refuse']).default('send').describe('Messages with 8-bit header fields, for clients that did not say UTF8: send them as they are, or refuse with [UTF8] (RFC 6856 5).'),
})

export type Config = z.output<typeof config>
