// A gateway with its four IM2000 services, and raw sessions with them: frames as hex in, frames as hex out.
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { MsoapClient, MsrapClient, RnaqpClient, RnaspClient } from '@restante/core'
import { Framer, frame } from '../../core/dist/im2000/der/framer.js'
import { decode, encode } from '../../core/dist/im2000/der/types.js'
import { msoap } from '../../core/dist/im2000/pdu/msoap.js'
import { msrap } from '../../core/dist/im2000/pdu/msrap.js'
import { rnaqp } from '../../core/dist/im2000/pdu/rnaqp.js'
import { rnasp } from '../../core/dist/im2000/pdu/rnasp.js'
import { startGateway, type GatewayOptions } from './gateway.js'

export const protocols = { msoap, msrap, rnasp, rnaqp }
export type ProtocolName = keyof typeof protocols
export const protocolNames = Object.keys(protocols) as ProtocolName[]

export interface Said { readonly abort: boolean; readonly status: string | number; readonly kind: string; readonly value: any }
export const noFaces = ['plugins.imap4=false', 'plugins.pop3=false', 'plugins.smtp-ingress=false']

export async function startIm2000(options: GatewayOptions = {}) {
  const started = await startGateway({ accounts: 3, ...options, set: [...noFaces, ...(options.set ?? [])] })
  const where = (listener: string) => {
    const address = started.listeners[listener]
    const at = address.lastIndexOf(':')
    return { host: address.slice(0, at), port: Number(address.slice(at + 1)), ...(listener.endsWith('s') ? { tls: { rejectUnauthorized: false } } : {}) }
  }
  const name = (n: number): string => `user${String(n).padStart(4, '0')}@${started.domain}`
  return {
    ...started, gateway: started.running.gateway, where, name,
    /** A session of hex and values, not of our client's. */
    async raw(protocol: ProtocolName, tls = false): Promise<RawSession> {
      const { host, port } = where(tls ? `${protocol}s` : protocol)
      return RawSession.open(protocol, await dial(host, port, tls))
    },
    async msoap(user?: number) {
      const client = await MsoapClient.connect(where('msoap'))
      if (user !== undefined) await client.authenticate(name(user), started.password)
      return client
    },
    msrap: () => MsrapClient.connect(where('msrap')),
    rnasp: () => RnaspClient.connect(where('rnasp')),
    async rnaqp(user?: number) {
      const client = await RnaqpClient.connect(where('rnaqp'))
      if (user !== undefined) await client.authenticate(name(user), started.password)
      return client
    },
  }
}
export type Im2000 = Awaited<ReturnType<typeof startIm2000>>

const dial = (host: string, port: number, tls: boolean): Promise<Socket> => new Promise((resolve, reject) => {
  const socket: Socket = tls ? connectTls({ host, port, rejectUnauthorized: false }, () => resolve(socket)) : connect(port, host, () => resolve(socket))
  socket.once('error', reject)
})

export class RawSession {
  closed = false
  readonly #framer = new Framer(2 ** 22)
  #wake: () => void = () => undefined

  static open(protocol: ProtocolName, socket: Socket): RawSession {
    return new RawSession(protocol, socket)
  }
  constructor(readonly protocol: ProtocolName, readonly socket: Socket) {
    socket.setNoDelay(true)
    socket.on('data', (chunk) => { this.#framer.push(chunk); this.#wake() }).on('close', () => { this.closed = true; this.#wake() }).on('error', () => undefined)
  }

  send(octets: Buffer | string): this {
    this.socket.write(typeof octets === 'string' ? Buffer.from(octets.replace(/\s/g, ''), 'hex') : octets)
    return this
  }
  async trickle(octets: Buffer): Promise<void> {
    for (const octet of octets) {
      this.socket.write(Buffer.of(octet))
      await setImmediate()
    }
  }
  command(kind: string, value: unknown = {}): this {
    return this.send(frame(encode<any>(protocols[this.protocol].pdu, { kind: 'command', value: { commanddata: { kind, value } } })))
  }
  /** The next PDU; undefined when the server closes first. */
  async pdu(): Promise<Buffer | undefined> {
    for (;;) {
      const pdu = this.#framer.next()
      if (pdu) return pdu
      if (this.closed) return undefined
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }
  async answer(): Promise<Said | 'closed'> {
    const pdu = await this.pdu()
    if (!pdu) return 'closed'
    const { value } = decode<any>(protocols[this.protocol].pdu, pdu)
    return { abort: value.forceabort, status: value.status, kind: value.responsedata.kind, value: value.responsedata.value }
  }
  async ask(kind: string, value: unknown = {}): Promise<Said> {
    const answer = await this.command(kind, value).answer()
    if (answer === 'closed') throw new Error('the server closed the connection')
    return answer
  }
  async end(): Promise<void> {
    while (!this.closed) await new Promise<void>((resolve) => { this.#wake = resolve })
  }
  /** A FIN in the middle of whatever it is. */
  hangUp(): void {
    this.socket.destroy()
  }
}
