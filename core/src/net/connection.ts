// One accepted connection: its socket as it is now (clear, then perhaps TLS), who is at the other end, its transcript.
import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'
import { systemRandom } from '../base/random.js'
import type { Log } from '../log/logger.js'
import { isLoopback } from './addresses.js'
import type { Connection } from './contract.js'
import type { Proxied } from './proxy-protocol.js'
import type { SessionTranscript, Transcripts } from './transcript.js'

export interface Ends extends Proxied { readonly service: string }

export class SocketConnection implements Connection {
  readonly id = systemRandom.octets(5).toString('hex')
  readonly loopback: boolean
  readonly transcript: SessionTranscript
  socket: Socket | TLSSocket
  secure = false
  // Most sessions never log nor get told to go: both are made when asked for.
  #log: Log | undefined
  #draining: AbortController | undefined

  constructor(socket: Socket, private readonly ends: Ends, transcripts: Transcripts, private readonly context: SecureContext | undefined, private readonly parentLog: Log, private readonly handshakeMs: number, private readonly alpn?: string) {
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

  async startTls(): Promise<TLSSocket> {
    if (this.secure) throw new Error('TLS is already on')
    if (!this.context) throw new Error('TLS cannot be had: there is no certificate')
    const plain = this.socket
    // What arrived in clear and is not read yet goes to TLS, which chokes on anything but a ClientHello: no injection.
    const tls = new TLSSocket(plain, { isServer: true, secureContext: this.context, ...(this.alpn ? { ALPNProtocols: [this.alpn] } : {}) })
    await handshake(tls, this.handshakeMs)
    this.socket = tls
    this.secure = true
    return tls
  }
}

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
