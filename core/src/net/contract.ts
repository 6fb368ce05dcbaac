// What faces see of the network: a listener that hands over bounded, accounted connections. No protocol here. Types only.
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import type { Log } from '../log/logger.js'

export interface ListenOptions {
  /** 'imap', 'imaps', 'submission', ...: log scope, metrics label, key of start-up table. */
  readonly name: string
  /** 'address:port', '[::1]:143', or ':port' for all addresses; port 0 takes a free one. */
  readonly address: string
  /** 'implicit': TLS from the first octet. 'starttls': clear, may be upgraded with `connection.startTls`. 'off': never TLS. */
  readonly tls: 'implicit' | 'starttls' | 'off'
  /** The protocol's ALPN name ('imap', 'pop3'). A TLS client that offers only others has been sent to the wrong port (ALPACA): its handshake is refused. */
  readonly alpn?: string
  /** Whether TLS clients are asked for a certificate of an authority in `tls.clientCertificates`; 'required': no session without one. */
  readonly clientCertificates?: 'off' | 'asked' | 'required'
  /** Sessions at once, and per remote address. */
  readonly maxSessions: number
  readonly maxSessionsPerAddress: number
  /** Called for each accepted connection (after PROXY header and implicit TLS handshake). Errors are logged and close the connection. */
  onConnection(connection: Connection): void
  /** What to send to a connection over a limit before closing it, for example '* BYE Too many sessions\r\n'. */
  refusal?(why: 'too-many' | 'too-many-from-address' | 'shutting-down'): string
}

export interface Connection {
  /** Short random id, in every log line of the session. */
  readonly id: string
  readonly log: Log
  /** The current byte stream; a TLSSocket after implicit TLS or `startTls`. TCP_NODELAY is set. */
  readonly socket: Socket | TLSSocket
  readonly secure: boolean
  /** `tls-exporter` of this TLS session (RFC 9266); undefined in clear, and below TLS 1.3. */
  readonly channelBinding: Buffer | undefined
  /** The client's, checked against the authorities of the configuration; undefined when it showed none that stands. */
  readonly clientCertificate: X509Certificate | undefined
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  /** Whether the peer is on this machine (127.0.0.0/8, ::1). */
  readonly loopback: boolean
  /** Upgrades in place. The caller must have stopped reading and have discarded what the peer sent in clear behind its STARTTLS (command injection). Resolves with the TLS socket. */
  startTls(): Promise<TLSSocket>
  /** Per-session transcript (masked lines); a no-op when switched off. Kept only when `transcript.trouble()` was called and transcripts are 'on-error', or always. */
  readonly transcript: Transcript
  /** Aborted when the gateway wants sessions to end: say goodbye and close. */
  readonly draining: AbortSignal
  /** Ends the connection at once. */
  destroy(): void
}

export interface Transcript {
  client(line: string): void
  server(line: string): void
  /** Something went wrong in this session: keep the transcript. */
  trouble(why: string): void
}

export interface Listener {
  /** 'address:port' it really listens on. */
  readonly address: string
  /** Starts taking connections (until then they wait in the backlog). */
  accept(): void
  /** Takes no more; tells open connections by `draining`; resolves when all have closed or the deadline has passed (then they are destroyed). */
  drain(deadline: AbortSignal): Promise<void>
  readonly sessions: number
}

/** The certificate that all listeners show. */
export interface Certificate {
  readonly context: SecureContext
  /** The same for listeners that ask clients for theirs; absent when no authority for them is configured. */
  readonly askingContext?: SecureContext
  /** SHA-256, as `openssl x509 -fingerprint` writes it. */
  readonly fingerprint: string
  /** Host names and addresses that it is good for. */
  readonly names: readonly string[]
  readonly notAfter: Date
  /** Made by us, for trying things out; clients will warn. */
  readonly development: boolean
  /** Where it was read from. */
  readonly file: string
}

/** One timer of the shared wheel. */
export interface IdleTimer {
  /** Something happened: the silence begins anew. Cheap enough for every line. */
  touch(): void
  /** Another limit from now on (after login, inside IDLE). */
  change(ms: number): void
  /** Never again. */
  stop(): void
}

/** Idle timers for thousands of sessions on one timer. Up to half a second late. */
export interface IdleWheel {
  /** Calls `onIdle` once after `ms` without a `touch`. */
  watch(ms: number, onIdle: () => void): IdleTimer
}

export interface Net {
  /** Binds. Throws LISTENER_FAILED. */
  listen(options: ListenOptions): Promise<Listener>
  /** Whether TLS can be had (a certificate is configured or was made). */
  readonly tlsAvailable: boolean
  /** Certificate fingerprint etc. for `doctor`; and the TLS context for libraries with their own servers. */
  readonly secureContext: SecureContext | undefined
  readonly certificate: Certificate | undefined
  /** For whoever hands the context to a library of its own: called with the new one when the certificate was renewed. */
  onRenewed(listener: (context: SecureContext) => void): void
  readonly idle: IdleWheel
}
/** What the owner of a Net can do beside its users. */
export interface OwnedNet extends Net {
  /** New connections show this certificate from now on; those that are open stay as they are. */
  renew(certificate: Certificate): void
}

declare module '../plugin/services.js' {
  interface Services { net: Net }
}
