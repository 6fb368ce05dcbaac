// Core's settings: every key, its default, its range and its sentence, here and nowhere else. Plugins bring their own.
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { z } from 'zod'
import { network, octets, seconds, secret, section } from './fields.js'

const count = (preset: number, min = 0): z.ZodDefault<z.ZodNumber> => z.number().int().min(min).default(preset)

const domainName = z.string().regex(/^(?=.{1,253}$)([\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)*[\p{L}\p{N}]([\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u, 'a domain name, for example example.org')
const mailboxName = (preset: string): z.ZodDefault<z.ZodString> => z.string().min(1).max(255).default(preset)

const log = section({
  level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info').describe('The least important lines that are written.'),
  format: z.enum(['auto', 'pretty', 'json']).default('auto').describe('auto: for people on a terminal, JSON lines otherwise.'),
}).describe('The log.')

const tls = section({
  certificate: z.string().default('').describe('PEM file with the certificate and its chain. Empty: a development certificate is made in the data folder.'),
  key: z.string().default('').describe('PEM file with the private key.'),
  minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('Oldest TLS version that is spoken (RFC 8997 forbids older ones for mail).'),
  clientCertificates: section({
    ca: z.string().default('').describe('PEM file with the authorities whose certificates clients may log in with (AUTH=EXTERNAL), at listeners that ask for them. Empty: none.'),
    crl: z.string().default('').describe('PEM file with what these authorities took back; read anew with the certificate. Empty: none.'),
  }).describe("Clients' certificates; `accounts.certificates` says whose they are."),
}).describe('The certificate that all listeners show.')

const database = section({
  driver: z.enum(['sqlite', 'postgresql']).default('sqlite').describe('sqlite: one file, nothing to install. postgresql: when one machine is no longer enough.'),
  file: z.string().default('restante.sqlite').describe('SQLite: the file, relative to the data folder.'),
  url: secret().default('').describe('PostgreSQL: postgresql://user:password@host/database, or file:/path of a file that holds it.'),
  readers: z.number().int().min(1).max(32).default(4).describe('Connections for reading, beside the one that writes.'),
  busy: seconds('10s').describe('How long to wait for a lock that another program holds on the database.'),
  cacheMiB: count(32, 1).describe('SQLite: page cache of each connection, in MiB.'),
  summaryCacheMiB: count(64, 0).describe('Envelopes, structures and header fields that stay in memory once clients have asked for them, in MiB: about 1 for 1,000 messages. 0: none.'),
}).describe('Where rows live.')

const blobs = section({
  driver: z.enum(['database', 'fs']).default('fs').describe('Where octets of large messages live: in the database, or as files in the data folder.'),
  inlineLimit: octets('64KiB').describe('Messages up to this size stay in the database row in any case: one commit, no second fsync.'),
  memoryLimit: octets('64KiB').describe('A message being received stays in memory up to this size, in a temporary file above.'),
}).describe('Where the octets of messages live.')

const limits = section({
  messageOctets: octets('50MiB').describe('Largest message, over any road. Announced as SIZE and APPENDLIMIT.'),
  returnedOctets: octets('1MiB').describe('Largest message that a report of failure brings back whole when its sender asked for that (RET=FULL, RFC 3461); of larger ones the header comes back.'),
  sessions: count(20_000, 1).describe('Connections at once, over all listeners together. Each listener has limits of its own.'),
  decision: seconds('5s').describe('How long a plugin may think about one decision (smtp.rcptTo, delivery.before) before it is passed over.'),
  start: seconds('30s').describe('How long one plugin may take to start.'),
  transcriptOctets: octets('64KiB').describe('The last octets of a session that its transcript keeps.'),
  transcriptFiles: count(1000, 1).describe('Transcript files that are kept; the oldest go first.'),
  scan: section({
    headerOctets: octets('256KiB').describe('Octets of one header block that are looked at; the rest is stored, not parsed.'),
    headerFields: count(1000, 10).describe('Header fields of one block that are parsed.'),
    depth: z.number().int().min(2).max(200).default(50).describe('Depth of the MIME tree.'),
    parts: count(1000, 1).describe('Parts of one message.'),
    addresses: count(1000, 1).describe('Addresses of one field that enter ENVELOPE.'),
    keptOctets: octets('32KiB').describe('Octets of header fields kept beside the message, for quick header downloads.'),
  }).describe('Bounds of the pass over a message. Beyond them the structure gets coarser; nothing is refused and no octet changes.'),
}).describe('Bounds that protect the gateway.')

/** Where an issuer of tokens is asked. Without TLS only on this machine: what it says decides who comes in. */
const issuerUrl = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && /^(localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname))
}, 'an https URL (http only on this machine)')
const asymmetric = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const

const issuer = z.strictObject({
  issuer: z.string().min(1).describe('Its name, as the claim `iss` of its tokens says it.'),
  audience: z.array(z.string().min(1)).default([]).describe('What tokens for us have in their claim `aud`, one of these. Needed with `keys`; with `introspection` empty means any.'),
  keys: z.string().optional().describe('Its public keys (a JWKS, RFC 7517): an https URL, or a file. For tokens that it signs.'),
  introspection: z.strictObject({
    url: issuerUrl.describe('Where it answers.'),
    clientId: z.string().min(1).describe('Who we are to it.'),
    clientSecret: secret().describe('Our password with it, or file:/path.'),
  }).optional().describe('Where it is asked about each token (RFC 7662), instead of `keys`.'),
  algorithms: z.array(z.enum(asymmetric)).min(1).default(['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']).describe('Signatures that are taken.'),
  account: z.string().min(1).default('email').describe("The claim that is the account's login name. An `email` that the issuer calls unverified does not count."),
  scope: z.string().default('').describe('Scopes that a token must have, and that clients are told to ask for; with blanks between.'),
  discovery: z.union([z.literal(''), issuerUrl]).default('').describe('Its OpenID configuration, told to clients whose token is refused (RFC 7628).'),
}).superRefine(({ keys, introspection, audience }, context) => {
  const wrong = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
  if ((keys === undefined) === (introspection === undefined)) wrong('keys', 'either this or introspection')
  else if (keys !== undefined && audience.length === 0) wrong('audience', 'at least one: else any token of this issuer would open the mailbox, for whatever it was given')
  if (keys?.includes('://') && !issuerUrl.safeParse(keys).success) wrong('keys', 'an https URL (http only on this machine), or a file')
})

const oauth = section({
  issuers: z.array(issuer).max(20).default([]).describe('Who gives tokens. None: OAUTHBEARER and XOAUTH2 are not offered.'),
  clockSkew: seconds('60s').describe('How far the clocks of an issuer and ours may be apart.'),
  keysAge: seconds('10min').describe('How long fetched keys are used before they are fetched again.'),
  answersAge: seconds('60s').describe('How long the answer about a token is remembered; one that was taken back is good for so long.'),
  timeout: seconds('5s').describe('How long an issuer may take to answer.'),
  allowNetworks: z.array(network).default([]).describe('Networks that issuers may be in although they are not of the public Internet: your own, or 127.0.0.0/8.'),
  ca: z.string().default('').describe("PEM file with certificate authorities that are trusted for issuers beside the usual ones; empty: none."),
}).describe('Login with tokens of an identity provider (OAuth 2.0: OAUTHBEARER of RFC 7628, XOAUTH2).')

const certificates = section({
  names: z.array(z.enum(['email', 'dns', 'commonName'])).min(1).default(['email']).describe('Where a certificate says whose it is: mail addresses or host names of its SubjectAltName, the common name of its subject. Looked at in this order.'),
  accounts: z.record(z.string(), z.string()).default({}).describe('What a certificate says to the login name that it stands for, where the two differ.'),
}).describe('Whose client certificates are (AUTH=EXTERNAL).')

const accounts = section({
  scramIterations: z.number().int().min(4096).max(10_000_000).default(10_000)
    .describe('Cost of new password hashes. RFC 7677 asks for at least 4096; 10000 costs a login about 5 ms here, and PLAIN is checked against the same keys.'),
  throttle: section({
    failuresPerAccount: count(10, 1).describe('Failed logins of one account from one address within the window before further ones are refused unheard.'),
    failuresPerAddress: count(100, 1).describe('Failed logins from one address within the window.'),
    window: seconds('10min').describe('How long a failed login is remembered.'),
    delay: seconds('1s').describe('How long the answer to a wrong password waits. The same for an unknown name.'),
  }).describe('Brakes on guessing.'),
  oauth,
  certificates,
  quotaOctets: octets(0).describe('Octets an account may hold, unless it has a figure of its own; 0: no limit.'),
  quotaMessages: count(0).describe('Messages an account may hold, unless it has a figure of its own; 0: no limit.'),
  catchAll: z.string().default('').describe('Account that gets the mail for unknown local parts; empty: such mail is refused.'),
}).describe('People and their passwords.')

const mailboxes = section({
  separator: z.enum(['/', '.', '\\', '|']).default('/').describe('Between the levels of a mailbox name.'),
  special: section({
    drafts: mailboxName('Drafts').describe('Unfinished messages.'),
    sent: mailboxName('Sent').describe('Copies of sent messages.'),
    junk: mailboxName('Junk').describe('Spam.'),
    trash: mailboxName('Trash').describe('Deleted messages.'),
    archive: mailboxName('Archive').describe('Kept messages.'),
  }).describe('Mailboxes that a new account starts with, and their names.'),
  languages: z.record(z.string(), z.enum(['en', 'da', 'de', 'es', 'fr', 'it', 'nl', 'pl', 'pt', 'sv'])).default({}).describe('Domains and accounts whose special mailboxes are called in another language when the account is made, for example {"example.de": "de"}; * is everybody. Mail programs find them by their use.'),
  sentTracking: z.boolean().default(false).describe('Whether each account has a mailbox that shows what it has sent for as long as recipients may fetch it; deleting a message there takes it back while a recipient has not read it.'),
  outbox: mailboxName('Outbox').describe('Name of that mailbox.'),
  maxPerAccount: count(10_000, 10).describe('Mailboxes of one account.'),
  maxKeywords: count(256, 1).describe('Different keywords in one mailbox.'),
  maxAnnotations: count(200, 1).describe('Annotations of one mailbox, private and shared ones each (RFC 5464).'),
  annotationOctets: count(65_536, 1024).describe('Octets of one annotation.'),
  textIndex: z.boolean().default(true).describe('Whether texts are indexed in the background, so that SEARCH need not read messages. It takes about twice the room of the texts.'),
  textIndexOctets: count(8_388_608, 65_536).describe('Octets of a message above which its text is not indexed, but read when it is searched.'),
  indexMemoryMiB: count(256, 8).describe('Memory for the indexes of open mailboxes, in MiB, about 40 octets a message; the least recently used leave first.'),
}).describe('Mailboxes.')

/** Where a service of ours is, as others are told: a domain that they look up, or addresses. */
const literal = z.string().refine((text) => {
  const [, six, four, port] = /^(?:\[([^\]%]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  return isIP(six ?? four ?? '') === (six ? 6 : 4) && Number(port) >= 1 && Number(port) <= 65_535
}, 'address:port, for example 192.0.2.5:2702 or [2001:db8::5]:2702')
const location = z.union([z.literal(''), domainName, z.array(literal).max(16)]).default('')

const store = section({
  location: section({
    clear: location.describe('Without TLS: a domain whose SRV record _MSRAP._TCP leads here, or addresses with ports. Empty: the hostname. []: not offered, TLS only.'),
    tls: location.describe('With TLS: a domain whose SRV record _MSRAP-SSL._TCP leads here, or addresses with ports. Empty: the hostname. []: not offered.'),
  }).describe('What notifications tell recipients about where our messages are read.'),
  minimumLifetime: seconds(3600).describe('Shortest lifetime that an envelope may ask for (D12).'),
  lifetime: seconds(0).describe('Lifetime of messages whose envelope names none, mail from SMTP included; 0: kept as long as a recipient holds it.'),
  maximumAge: seconds('365d').describe('Age at which a message goes that unreachable recipients never un-pinned (D51).'),
  listRetention: seconds(0).describe('How long messages on lists are kept when they have no lifetime; 0: for ever (D50).'),
  tombstones: seconds('30d').describe('How long a deleted message can still be tracked (D54).'),
  envelopeEntries: z.number().int().min(1).max(100_000).default(1000).describe('Recipients and lists of one envelope (Q24).'),
}).describe('The IM2000 message store. Numbers like D12 refer to the rules in docs/specifications.md.')

const policyRule = z.strictObject({
  submitter: z.array(network).optional().describe('Networks that the notifying side connects from.'),
  store: z.array(z.string()).optional().describe('Domains of the message store, with all below them.'),
  literal: z.enum(['any', 'private']).optional().describe('The store is named by an address instead of a domain; or by a private one.'),
  sender: z.string().optional().describe('Name of the sender at its store; * stands for any characters.'),
  sizeAbove: z.number().int().min(0).optional().describe('The announced size is above this many octets.'),
  sizeMissing: z.literal(true).optional().describe('No size is announced.'),
  clear: z.literal(true).optional().describe('The notifying side does not use TLS.'),
  action: z.enum(['refuse', 'reject', 'discard', 'accept']).describe('refuse: close the connection; reject: answer with an error; discard: answer well, keep nothing; accept: no later rule applies.'),
})

const rna = section({
  bound: count(100_000, 1).describe('Notifications held for all mailboxes together (E.12).'),
  perMailbox: count(5000, 1).describe('Notifications held for one mailbox (E.15).'),
  unknownMailbox: z.enum(['silent', 'nouser']).default('silent').describe('For an unknown mailbox: answer as for a known one, or say so (E.10).'),
  replacement: z.enum(['off', 'oldest-of-store', 'oldest-of-mailbox']).default('off').describe('What makes room at a bound (E.14). off: the new one is refused.'),
  remember: seconds('30d').describe('How long a (store, identifier) pair is remembered, so that a repeat is not filed twice.'),
  policy: z.array(policyRule).default([]).describe('Rules for all mailboxes, first match wins (E.19).'),
}).describe('The recipient notification agent. Numbers like E.12 refer to the rules in docs/specifications.md.')

/** Ports of services that understand lines of text, or keep secrets, or answer to anybody inside (H7). */
const otherServices = [
  7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 79, 109, 110, 111, 113, 119, 123, 135, 137, 139, 143, 161, 179, 389, 445, 465, 512, 513, 514, 515,
  540, 548, 554, 563, 587, 636, 873, 989, 990, 993, 995, 1433, 1521, 1723, 2049, 2375, 2376, 3306, 3389, 4190, 5060, 5061, 5432, 5900, 6000, 6379, 6667, 6697, 9200, 9300, 11211, 27017,
]
const port = z.number().int().min(0).max(65_535)
const server = z.string().refine((text) => {
  const [, six, four] = /^(?:\[([^\]%]+)\]|([^:]+))(?::\d{1,5})?$/.exec(text) ?? []
  return isIP(text) > 0 || isIP(six ?? four ?? '') === (six ? 6 : 4)
}, 'an address, perhaps with a port, for example 192.0.2.53 or [::1]:5353')

const outbound = section({
  allowNetworks: z.array(network).default([]).describe('Networks that may be connected to although they are not of the public Internet: loopback, private, link-local and the like are refused otherwise (H7).'),
  denyPorts: z.array(port).default(otherServices).describe('Ports that are never connected to, because other services live there (H7). Port 0 is always one of them.'),
  tls: z.enum(['preferred', 'required']).default('preferred').describe('preferred: TLS is asked for first, and required from domains that were once reached with it. required: no connection without TLS (H9).'),
  ca: z.string().default('').describe('PEM file with certificate authorities that are trusted beside the usual ones; empty: none.'),
  tlsMemory: seconds('90d').describe('How long a domain that was reached with TLS is held to it (H9).'),
  dnsServers: z.array(server).default([]).describe("DNS servers to ask, with ports if need be. None: the system's."),
  dnsTimeout: seconds('5s').describe('Time for a DNS server to answer; then the next is asked.'),
  connectTimeout: seconds('10s').describe('Time for one address to accept a connection (C.1.17).'),
  locateTimeout: seconds('90s').describe('Time for all addresses of one service together (C.1.17).'),
  answerTimeout: seconds('60s').describe('Time for a peer to answer one command (B39).'),
  records: z.number().int().min(1).max(100).default(16).describe('SRV records of one service that are tried (C.1.17).'),
  addressesPerRecord: z.number().int().min(1).max(100).default(8).describe('Addresses of one SRV record that are tried (C.1.17).'),
  attempts: z.number().int().min(1).max(1000).default(32).describe('Connections that are tried for one service (C.1.17).'),
}).describe('Connections to other stores and agents. Numbers like H7 refer to the rules in docs/specifications.md.')

const notifier = section({
  repeatDays: z.array(z.number().int().min(1).max(365)).min(1).max(20).default([1, 2, 4, 7]).describe('Days between repeats of an accepted notification that is not yet silenced; the last one goes on (D34, D35).'),
  retry: seconds('5min').describe('Wait after the first failure to reach an agent; it doubles each time (D36).'),
  retryLongest: seconds('24h').describe('Longest wait between attempts (D36).'),
  refusals: count(7, 1).describe('Attempts, one a day, to tell an agent that refuses (D38).'),
  domains: count(50, 1).describe('Domains whose agents are told at once.'),
  sessionsPerAgent: z.number().int().min(1).max(20).default(2).describe('Sessions with one agent at once (H18).'),
  digest: z.boolean().default(true).describe("Whether notifications carry the message's SHA-256, beyond the proposal (H5): a gateway with several recipients then fetches the octets once."),
}).describe('Telling the agents of recipients elsewhere.')

const retrieval = section({
  collect: z.enum(['gateway', 'native']).default('gateway').describe('gateway: mail from other stores is collected and filed for IMAP and POP3. native: the agent keeps notifications for IM2000 readers. An account may say otherwise.'),
  eagerUpTo: octets('1MiB').describe('Messages up to this size are fetched from their store as soon as they are announced; larger ones when they are first needed. An account may say otherwise.'),
  keepAfterRead: z.boolean().default(true).describe('Whether a message that was read stays readable after its store has deleted it. An account may say otherwise.'),
  cacheOctets: octets('10GiB').describe('Octets of unread mail from other stores that are kept here although they could be fetched again; the first fetched leave first.'),
  stores: count(50, 1).describe('Stores that are spoken to at once.'),
  sessionsPerStore: z.number().int().min(1).max(20).default(2).describe('Sessions with one store at once (H8).'),
  headerOctets: octets('256KiB').refine((value) => value >= 4096, 'at least 4KiB').describe('Longest header that is fetched of a message that is left at its store.'),
  fetchTimeout: seconds('5min').describe('Time for the octets of one message to come, whatever its size.'),
  minimumRate: octets('1KiB').describe('Octets a second below which a store is given up as too slow, after the first ten seconds.'),
  retry: seconds('1min').describe('Wait after a store could not be reached; it doubles each time (F18).'),
  retryLongest: seconds('24h').describe('Longest wait before a store is tried again (H8).'),
  giveUp: seconds('30d').describe('How long a store that never answers is tried before what it announced, or is owed, is dropped.'),
}).describe('Mail that lies at other stores.')

export const coreSchema = z.strictObject({
  data: z.string().min(1).default('./data').describe('Folder for everything that must be kept, relative to where the program is started.'),
  hostname: z.string().default('').describe('Name of this machine in greetings and trace headers; empty: as the system calls it.').transform((name) => name || hostname()),
  domains: z.array(domainName).min(1).default(['example.test']).describe('Domains whose mail is delivered here. More can be added with `restante domain add`.'),
  log, tls, database, blobs, limits, accounts, mailboxes,
  im2000: section({ store, notifier, rna, outbound }).describe('The two sides of Internet Mail 2000, and the way to others.'),
  retrieval,
  transcripts: z.enum(['off', 'on-error', 'all']).default('off').describe('Whether the lines of each session are kept in files (passwords and message text masked): never, when something went wrong in it, always.'),
  proxyProtocol: section({
    trusted: z.array(network).default([]).describe('Load balancers whose connections begin with a PROXY header (version 1 or 2). Connections from them without one are closed.'),
  }).describe('PROXY protocol.'),
  shutdown: section({
    graceSeconds: seconds(10).describe('How long sessions may go on after the signal to stop.'),
  }).describe('Stopping.'),
  plugins: z.record(z.string(), z.unknown()).default({}).describe('Faces and policies: name, package or ./path to settings. {} or nothing: enabled with defaults; false or absent: disabled.'),
  bridges: z.record(z.string(), z.unknown()).default({}).describe('Ways to other mail systems, written like plugins.'),
})

/** Core's settings, checked, with defaults. The sections of plugins are not in it; the loader hands them out. */
export type Settings = Omit<z.output<typeof coreSchema>, 'plugins' | 'bridges'>

/** What an empty file means, with some sections written otherwise. */
export function defaultSettings(written: z.input<typeof coreSchema> = {}): Settings {
  return coreSchema.parse(written)
}

declare module '../plugin/services.js' {
  interface Services { settings: Settings }
}
