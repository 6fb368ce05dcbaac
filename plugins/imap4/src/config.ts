// The settings of the IMAP4 facade. Defaults live here only.
import { listenAddress, octets, seconds } from '@restante/core'
import { z } from 'zod'

const atLeast = <T extends z.ZodType<number>>(type: T, least: number): T => type.refine((value) => value >= least, `at least ${least}`)

export const config = z.strictObject({
  listen: listenAddress('127.0.0.1:2143').nullable().describe("Address and port for connections that begin in clear and may use STARTTLS; 'off' or null for none."),
  listenTls: listenAddress('127.0.0.1:2993').nullable().describe("Address and port for connections with TLS from the first octet; 'off' or null for none."),
  clientCertificates: z.enum(['off', 'asked', 'required']).default('off').describe('Whether clients are asked for a certificate when TLS begins (AUTH=EXTERNAL); required: there is no TLS without one. Needs tls.clientCertificates.ca.'),
  plaintextLogin: z.enum(['loopback', 'never', 'always']).default('loopback').describe('Who may send a password without TLS: peers on this machine, nobody, or everybody. SCRAM is always allowed.'),
  maxSessions: z.number().int().min(1).default(10_000).describe('Sessions at once, per listener.'),
  maxSessionsPerAddress: z.number().int().min(1).default(1000).describe('Sessions at once from one address, per listener; a whole office or many phones may share one.'),
  autologout: atLeast(seconds('30min'), 1800).describe('Seconds of silence before logout; RFC 3501 asks for at least 1800.'),
  loginTimeout: atLeast(seconds('60s'), 5).describe('Seconds that a connection has to log in.'),
  stallTimeout: atLeast(seconds('5min'), 10).describe('Seconds that a client may leave a reply unread before it is cut off.'),
  idleKeepalive: atLeast(seconds('2min'), 10).describe('Seconds between signs of life in IDLE, so that address translators on the way keep the connection.'),
  idleDebounce: z.number().int().min(0).max(1000).default(100).describe('Milliseconds that a burst of changes is gathered in IDLE at most; a single change is told at once.'),
  maxLine: atLeast(octets('64 KiB'), 8000).describe('Octets of a command without its literals. RFC 2683 asks for at least 8000; some clients send long message sets.'),
  maxLineBeforeLogin: atLeast(octets('8 KiB'), 1000).describe('The same before login.'),
  maxLiteral: atLeast(octets('64 KiB'), 4096).describe('Octets of all literals of a command together, messages of APPEND not counted (they go to disk).'),
  maxLiterals: z.number().int().min(10).default(100).describe('Literals of a command, messages of APPEND not counted.'),
  literals: z.enum(['LITERAL+', 'LITERAL-']).default('LITERAL+').describe('Which literals may come without being asked for (RFC 7888): any, or those up to 4096 octets. Messages above wait for our go-ahead then.'),
  appendLimit: atLeast(octets('50 MiB'), 65536).describe('Octets of a message that APPEND takes.'),
  maxAppends: z.number().int().min(1).default(1000).describe('Messages of one APPEND command (RFC 3502).'),
  messageLimit: z.number().int().min(0).default(0).describe('Messages that one FETCH, SEARCH, STORE, COPY, MOVE, APPEND or UID EXPUNGE may be about (MESSAGELIMIT, RFC 9738); 0: any. Clients that do not know it see only the last ones of large mailboxes; RFC 9738 asks for at least 1000.'),
  saveLimit: z.number().int().min(0).default(0).describe('The same for COPY and APPEND alone (SAVELIMIT); 0: any. Does nothing beside messageLimit.'),
  maxCatenateParts: z.number().int().min(2).max(1000).default(100).describe('Pieces of one message that CATENATE puts together.'),
  obsolete: z.boolean().default(true).describe('Whether forms that only clients of the 1990s use are understood: FIND, PARTIAL, RFC822.PEEK, BODY[0] and the like.'),
  hide: z.array(z.strictObject({
    accounts: z.array(z.string()).optional().describe('Login names; every account when absent.'),
    clients: z.array(z.string()).optional().describe('What a client calls itself in ID (`name`), without regard to case, * for any characters; every client when absent.'),
    capabilities: z.array(z.string()).min(1).describe('As they are advertised, * for any characters at the end.'),
  })).default([]).describe('Capabilities that are not advertised to some, because their clients use them badly.'),
  referrals: z.array(z.strictObject({
    accounts: z.array(z.string()).min(1).describe('Login names, * for any characters.'),
    url: z.string().regex(/^imaps?:\/\/[!-Z^-~]+\/$/i, 'an IMAP URL of a server, for example imap://*;AUTH=*@imap2.example.org/').describe('Where they are now: an IMAP URL that ends with /. A * in front of its ;AUTH= or @ stands for the login name.'),
    stay: z.boolean().default(false).describe('Whether they may log in here all the same, for what others share with them.'),
  })).default([]).describe('Accounts that have moved to another server: their clients are told where (LOGIN-REFERRALS, RFC 2221). Whoever may not stay is told before any password is looked at.'),
  submissionAccounts: z.array(z.string()).default([]).describe('Accounts of submission servers: they may fetch what URLs with submit+... are for (RFC 4467).'),
  administrators: z.array(z.string()).default([]).describe('Accounts that may see and set the quotas of others (QUOTASET).'),
  serverComment: z.string().max(1000).default('').describe('What every client may read as /shared/comment of the server (RFC 5464); empty for nothing.'),
  serverAdmin: z.string().max(1000).default('').describe('Likewise /shared/admin: how to reach the administration, as a URL.'),
  progressInterval: z.number().min(0).default(10).describe('Seconds between two signs of progress of a long command (RFC 9585).'),
  maxContexts: z.number().int().min(0).default(10).describe('Searches of one session that are kept up to date (RFC 5267).'),
  maxDepth: z.number().int().min(20).max(500).default(200).describe('Parentheses, NOTs and ORs inside each other in a command.'),
  maxBadCommands: z.number().int().min(1).default(20).describe('Commands in a row that make no sense before the connection is closed; before login a quarter of it.'),
  maxLoginFailures: z.number().int().min(1).default(5).describe('Failed logins before the connection is closed.'),
  fetchChunk: z.number().int().min(1).max(500).default(500).describe('Messages whose summaries are read at once for FETCH and SEARCH.'),
  bodyChunk: z.number().int().min(1).max(500).default(100).describe('Messages that are marked as read at once by a FETCH of their text.'),
})
export type Config = z.output<typeof config>
