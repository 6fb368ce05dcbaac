// Settings of the relay to the SMTP world.
import { seconds, secret, section } from '@restante/core'
import { z } from 'zod'

const tls = z.enum(['off', 'opportunistic', 'required', 'verified'])
const hostAndPort = z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+)(:\d{1,5})?$/, 'a host, perhaps with a port, for example smtp.example.net:587')
const network = z.string().regex(/^[0-9A-Fa-f:.]+(\/\d{1,3})?$/, 'an address or network, for example 10.0.0.0/8')

const rate = z.number().int().min(1).max(1_000_000)
const sources = z.array(z.union([z.ipv4(), z.ipv6()]))

const route = z.strictObject({
  recipients: z.array(z.string()).optional().describe('Recipient domains that take this road; *.example.org also takes all below example.org, * takes all.'),
  senders: z.array(z.string()).optional().describe('Sender domains that take this road, likewise; * also takes the null sender.'),
  host: hostAndPort.optional().describe('The host to hand mail to; absent: as the MX records say, with the other settings of this road.'),
  tls: tls.optional().describe('As `tls`, for this road.'),
  user: z.string().optional().describe('Name to log in with; then TLS is needed (or tls: off).'),
  connections: z.number().int().min(1).max(100).optional().describe('As `connections`, for this road.'),
  rate: rate.optional().describe('As `rate`, for this road.'),
  source: sources.optional().describe('As `source`, for this road.'),
  password: secret().optional().describe('Password to log in with: written down, or file:/path of a file that holds it.'),
})

export const config = z.strictObject({
  routes: z.array(route).default([]).describe('Roads that differ from what the MX records say; the first that fits is taken. A condition that is absent fits always.'),
  tls: tls.default('opportunistic').describe('opportunistic: STARTTLS where it is offered, whatever the certificate (RFC 7435). required: no mail without TLS. verified: and the certificate must be good for the host. off: never.'),
  port: z.number().int().min(1).max(65_535).default(25).describe('Port of mail exchangers.'),
  allowNetworks: z.array(network).default([]).describe('Networks in which mail exchangers may be although they are not of the public Internet. Hosts named in routes may be anywhere.'),
  authorities: z.string().optional().describe('PEM file of the authorities whose certificates are good for mail servers and policies; absent: those of Node.js.'),
  dane: section({
    resolver: hostAndPort.optional().describe('A DNS resolver that validates (DNSSEC), and the way to it safe: on this machine, for example 127.0.0.1. With it TLSA records of mail exchangers decide about their certificates (RFC 7672). Absent: no DANE.'),
  }).describe('DANE: certificates that DNS vouches for.'),
  mtaSts: section({
    use: z.boolean().default(true).describe('Whether policies are asked for and kept to (RFC 8461).'),
    port: z.number().int().min(1).max(65_535).default(443).describe('Port of policy hosts and of places that take TLS reports.'),
    timeout: seconds('30s').describe('Time for fetching a policy.'),
    policies: z.number().int().min(1).max(1_000_000).default(10_000).describe('Policies that are kept.'),
  }).describe('MTA-STS: domains that ask for TLS over HTTPS.'),
  tlsReports: section({
    send: z.boolean().default(false).describe('Whether sessions are counted, and domains that ask for it get a report each day (RFC 8460).'),
    contact: z.email().optional().describe('Sender of the reports; absent: postmaster at hostname.'),
  }).describe('Reports to others on how TLS went with them.'),
  srs: z.boolean().default(true).describe('Whether forwarded mail goes out with an address of ours in place of its sender, from which returned mail finds back (SRS); without it the one who forwards is the sender.'),
  arc: z.boolean().default(true).describe('Whether forwarded mail is sealed with what was found when it came (ARC, RFC 8617), where the domain has an RSA key.'),
  connections: z.number().int().min(1).max(100).default(4).describe('Connections to one host at once.'),
  rate: rate.optional().describe('Messages a minute to one domain; the others wait. Absent: as many as there are.'),
  source: sources.default([]).describe('Addresses of this machine to connect from, one for each family or several to choose from; a domain always gets the same. Empty: as the system chooses.'),
  perTransaction: z.number().int().min(1).max(1000).default(100).describe('Recipients of one message in one transaction (RFC 5321 4.5.3.1.8).'),
  reuse: seconds('10s').describe('How long an idle connection is kept for the next message.'),
  connectTimeout: seconds('30s').describe('Time for a connection and for the greeting.'),
  commandTimeout: seconds('5min').describe('Silence of a server that ends the conversation (RFC 5321 4.5.3.2).'),
  retry: seconds('5min').describe('Wait after the first temporary failure; it doubles each time.'),
  retryLongest: seconds('4h').describe('Longest wait between attempts.'),
  giveUp: seconds('5d').describe('Age at which a message that could not be handed over is returned.'),
  warnAfter: seconds('4h').describe('Age at which the sender is told that a message is late; 0: never.'),
  incoming: section({
    check: z.boolean().default(true).describe('Whether mail from outside is checked (SPF, DKIM, ARC, DMARC) and marked with Authentication-Results and Received-SPF.'),
    dmarc: z.enum(['none', 'junk', 'refuse']).default('none').describe('What follows when a message fails and the domain in From asks for quarantine or refusal (DMARC). none: it is marked only. junk: it goes to Junk. refuse: as the domain says, to Junk or refused in the session.'),
    trustedSealers: z.array(z.string().min(1)).default([]).describe('Domains of mailing lists and forwarders whose word counts (ARC): what they saw pass is not judged by DMARC again.'),
    iprev: z.boolean().default(true).describe('Whether the reverse name of the address that mail comes from is looked up and marked.'),
    signatures: z.number().int().min(1).max(100).default(10).describe('Signatures (DKIM, ARC) of one message that are checked; more are a sign of trouble, and none is.'),
  }).describe('Mail that comes to the MX listener.'),
  hops: z.number().int().min(5).max(1000).default(50).describe('Received fields beyond which a message is taken to go in circles.'),
})
export type Config = z.output<typeof config>
export type TlsPolicy = z.output<typeof tls>
