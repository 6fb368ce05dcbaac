// Settings of the SMTP listeners.
import { listenAddress, longestWindow, section, seconds } from '@restante/core'
import { z } from 'zod'
import { guardConfig } from './guards/config.js'

const shared = (sessions: number, perAddress: number, idle: string) => ({
  sessions: z.number().int().min(1).default(sessions).describe('Sessions at once.'),
  sessionsPerAddress: z.number().int().min(1).default(perAddress).describe('Sessions at once from one address (peers on this machine are not counted by address).'),
  idle: seconds(idle).describe('Silence after which a session is closed. RFC 5321 4.5.3.2 asks for at least 5 minutes.'),
  recipients: z.number().int().min(100).max(100_000).default(1000).describe('Recipients of one message; RFC 5321 4.5.3.1.8 asks for at least 100. Not more than im2000.store.envelopeEntries.'),
  bareLineEnds: z.enum(['refuse', 'normalise']).default('refuse').describe('Messages with bare CR or LF: refuse them, or turn these into CRLF. Either way they never end a message (SMTP smuggling).'),
  nul: z.enum(['refuse', 'strip', 'accept']).default('refuse').describe('Messages with NUL octets, which RFC 5322 forbids.'),
})

export const config = z.strictObject({
  mx: section({
    listen: listenAddress('127.0.0.1:2525').describe('Where other servers bring mail for local addresses. In production :25.'),
    ...shared(1000, 50, '5min'),
    dsn: z.boolean().default(false).describe('Whether strangers may ask for reports of success (RFC 3461). Without it their own server tells them that it has passed the mail on; with it, reports go to whatever sender they name.'),
    receivedFrom: z.boolean().default(true).describe('Whether a Received line names the host that a message came from (RFC 5321 4.4).'),
    ...guardConfig,
  }).describe('MX: mail from outside, for local addresses only; never a relay.'),
  submission: section({
    listen: listenAddress('127.0.0.1:2587').describe('Where mail programs bring mail to be sent; TLS by STARTTLS. In production :587.'),
    listenTls: listenAddress('127.0.0.1:2465').describe('The same with TLS from the first octet. In production :465.'),
    ...shared(1000, 50, '10min'),
    clearTextLogin: z.enum(['never', 'loopback', 'always']).default('loopback').describe('Where a login without TLS is taken: nowhere, from this machine, everywhere.'),
    clientCertificates: z.enum(['off', 'asked', 'required']).default('off').describe('Whether clients of listenTls are asked for a certificate when TLS begins (AUTH EXTERNAL); required: there is no TLS without one. Needs tls.clientCertificates.ca.'),
    failedLogins: z.number().int().min(1).default(3).describe('Failed logins after which the connection is closed.'),
    sender: z.enum(['own', 'any']).default('own').describe('own: MAIL FROM must be an address of the account.'),
    rates: section({
      messagesPerHour: z.number().int().min(0).default(0).describe('Messages in an hour. 0: no limit.'),
      messagesPerDay: z.number().int().min(0).default(0).describe('Messages in 24 hours. 0: no limit.'),
      recipientsPerHour: z.number().int().min(0).default(0).describe('Recipients in an hour. 0: no limit.'),
      recipientsPerDay: z.number().int().min(0).default(0).describe('Recipients in 24 hours. 0: no limit.'),
    }).describe('How much one account may send; above, the rest is asked to wait. Counted over restarts.'),
    rewrite: z.array(z.strictObject({
      from: z.string().regex(/^(\*|[^\s@*]+)@[^\s@*]+$/, 'an address, or *@domain').describe('An address, or *@domain for all of a domain.'),
      to: z.string().regex(/^(\*|[^\s@*]+)@[^\s@*]+$/, 'an address, or *@domain').describe('What stands instead; * is the same local part.'),
    })).default([]).describe('Sender addresses that are written otherwise, in the envelope and in From and Sender, before anything is checked. The first that fits; a whole address before its domain.'),
    hold: seconds(0).refine((value) => value <= longestWindow, `at most ${longestWindow / 60}min`).describe('Time in which senders can take a message back before anybody sees it (undo send), at most an hour. 0: it goes at once.'),
    copyInSent: z.enum(['off', 'missing', 'always']).default('off').describe('A copy of what is submitted in the sender\'s own \\Sent mailbox: missing: when the mail program has filed none by itself after copyDelay; always: at once, for programs that are told to make none.'),
    copyDelay: seconds('60s').describe('How long the mail program has time to file its own copy.'),
    headerFrom: z.enum(['own', 'any']).default('own').describe('own: each address in the From field must be one of the account\'s.'),
  }).describe('Submission: mail from our own people, after login (RFC 6409).'),
  lmtp: section({
    listen: listenAddress('127.0.0.1:2424').describe('Where a mail server beside this one delivers (RFC 2033). Keep it on this machine or a trusted network: there is no login.'),
    ...shared(1000, 1000, '5min'),
    receivedFrom: z.boolean().default(false).describe('Whether a Received line is added; the server before us has added its own.'),
  }).describe('LMTP: final delivery, one reply per recipient.'),
})

export type Config = z.output<typeof config>
