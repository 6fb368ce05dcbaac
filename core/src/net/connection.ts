// One accepted connection: its socket as it is now (clear, then perhaps TLS), who is at the other end, its transcript.
import type { X509Certificate } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import { systemRandom } from '../base/random.js'
import type { Log } from '../log/logger.js'
import { isLoopback } from './addresses.js'
import type { Connection } from './contract.js'
import type { Proxied } from './proxy-protocol.js'
import type { SessionTranscript, Transcripts } from './transcript.js'

export interface Ends extends Proxied { readonly service: string }

export interface TlsParts {
  /** Without one there is no TLS. */
  readonly context: SecureContext | undefined
  readonly handshakeMs: number
  readonly alpn?: string | undefined
  readonly clientCertificate?: 'off' | 'asked' | 'required' | undefined
}

export class SocketConnection implements Connection {
  readonly id = systemRandom.octets(5).toString('hex')
  readonly loopback: boolean
  readonly transcript: SessionTranscript
  socket: Socket | TLSSocket
  secure = false
  clientCertificate: X509Certificate | undefined
  // Most sessions never log nor get told to go: both are made when asked for.
  #log: Log | undefined
  #draining: AbortController | undefined

  constructor(socket: Socket, private readonly ends: Ends, transcripts: Transcripts, private readonly parentLog: Log, private readonly tls: TlsParts) {
    this.socket = socket
    this.transcript = transcripts.open(ends.service, this.id, ends.remoteAddress)
    this.loopback = isLoopback(ends.remoteAddress)
  }
  get channelBinding(): Buffer | undefined {
    const { socket } = this
    if (!(socket instanceof TLSSocket) || socket.destroyed || socket.getProtocol() !== 'TLSv1.3') return undefined
    return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  }
  get remoteAddress(): string { return this.ends.remoteAddress }
  get remotePort(): number { return this.ends.remotePort }
  get localAddress(): string { return this.ends.localAddress }
  get localPort(): number { return this.ends.localPort }
  get log(): Log {
    return (this.#log ??= this.parentLog.child({ service: this.ends.service, session: this.id, peer: this.ends.remoteAddress }))
  }
  get draining(): AbortSignal {
    return (this.#draining ??= new AbortController()).signal
  }
  sayGoodbye(): void {
    void this.draining
    this.#draining!.abort()
  }
  destroy(): void {
    this.socket.destroy()
  }

  #judge(tls: TLSSocket, required: boolean): void {
    const certificate = tls.getPeerX509Certificate()
    const wrong = certificate ? verifyError(tls) : new Error('it showed none')
    if (!wrong) this.clientCertificate = certificate
    else if (certificate) this.log.info({ why: wrong.message, subject: certificate.subject }, 'a client certificate that does not stand')
    if (!wrong || !required) return
    tls.destroy()
    throw new Error(`no client certificate: ${wrong.message}`)
  }

  async startTls(): Promise<TLSSocket> {
    if (this.secure) throw new Error('TLS is already on')
    const { context, alpn, clientCertificate = 'off', handshakeMs } = this.tls
    if (!context) throw new Error('TLS cannot be had: there is no certificate')
    const plain = this.socket
    // What arrived in clear and is not read yet goes to TLS, which chokes on anything but a ClientHello: no injection.
    const tls = new TLSSocket(plain, { isServer: true, secureContext: context, requestCert: clientCertificate !== 'off', ...(alpn ? { ALPNProtocols: [alpn] } : {}) })
    await handshake(tls, handshakeMs)
    this.socket = tls
    if (clientCertificate !== 'off') this.#judge(tls, clientCertificate === 'required')
    this.secure = true
    return tls
  }
}

/** What TLS found in the client's certificate. Sockets that no tls.Server made have the finding below their surface only. */
const verifyError = (tls: TLSSocket): Error | null => (tls as unknown as { readonly ssl: { verifyError(): Error | null } }).ssl.verifyError()

/** Rejects when the peer does not speak TLS, or not in time; the socket is gone then. */
function handshake(tls: TLSSocket, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => tls.destroy(new Error('no TLS handshake in time')), ms)
    const failed = (error?: Error): void => {
      clearTimeout(timer)
      tls.destroy()
      reject(error ?? new Error('closed during the TLS handshake'))
    }
    const closed = (): void => failed()
    tls.once('error', failed).once('_tlsError', failed).once('close', closed)
    tls.once('secure', () => {
      clearTimeout(timer)
      tls.off('error', failed).off('_tlsError', failed).off('close', closed)
      // From here on errors are the face's; without a listener of its own they must not end the process.
      tls.on('error', () => undefined)
      resolve()
    })
  })
}
