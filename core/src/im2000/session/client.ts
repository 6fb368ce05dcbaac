// One session of a client (im2000.md B): what the pages say once for all four protocols. One command at a time; the abort
// flag decides; an answer that cannot be read ends the session. What commands mean is in client/*.ts.
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, TLSSocket, type ConnectionOptions } from 'node:tls'
import { failure } from '../../errors/codes.js'
import { encodeFramed, Framer, FramingBroken } from '../der/framer.js'
import { Malformed } from '../der/reader.js'
import { decode } from '../der/types.js'
import type { CommandOf, FieldsOf, Protocol, ResponseOf, StatusOf } from './transaction.js'

export interface Where {
  readonly host: string
  readonly port: number
  /** TLS from the first octet; `servername` is the name that was looked up (B33). Absent: clear. */
  readonly tls?: Pick<ConnectionOptions, 'servername' | 'ca' | 'rejectUnauthorized' | 'checkServerIdentity'>
  /** For the connection to stand. */
  readonly connectMs?: number
  /** For each answer. */
  readonly answerMs?: number
  /** Octets of an answer (B38). */
  readonly pduOctets?: number
  readonly signal?: AbortSignal
}

/** What the peer said. It took effect only when `aborted` is false and the status is noerror (B11). */
export interface Answer<P extends Protocol> {
  readonly aborted: boolean
  /** A number that this protocol has no name for stays one (Q20). */
  readonly status: StatusOf<P> | number
  readonly data: ResponseOf<P>
}

const presets = { connectMs: 10_000, answerMs: 60_000, pduOctets: 2 ** 20 + 4096 }
/** After these the session is over and the command was not executed (B20, B21). */
const lastWords: readonly unknown[] = ['errorcommandtimeout', 'errorserviceshutdown']

export class ClientSession<P extends Protocol> {
  readonly #framer: Framer
  #wake: (() => void) | undefined
  /** The peer has closed, or we have. */
  #ended = false
  /** We have: what is still here is of no use. */
  #over = false
  #turn: Promise<unknown> = Promise.resolve()

  /** Throws PEER_UNREACHABLE. */
  static async connect<P extends Protocol>(protocol: P, where: Where): Promise<ClientSession<P>> {
    return new ClientSession(protocol, await dial(where), where)
  }

  constructor(private readonly protocol: P, readonly socket: Socket, private readonly limits: Pick<Where, 'answerMs' | 'pduOctets'> = {}) {
    this.#framer = new Framer(limits.pduOctets ?? presets.pduOctets)
    const ended = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk)
      this.#wake?.()
    }).on('end', ended).on('close', ended).on('error', () => undefined)
  }

  /** Whether another command can be sent. */
  get open(): boolean {
    return !this.#ended
  }

  /**
   * Sends a command and waits for its answer; several wait for each other (B7). Throws PEER_GONE when nothing was sent,
   * PEER_OUTCOME_UNKNOWN when the answer did not come or cannot be read (B16), PEER_PROTOCOL_ERROR when it is another
   * command's (B17); after each of these the session is over.
   */
  ask<K extends CommandOf<P>['kind']>(kind: K, fields: FieldsOf<CommandOf<P>, K>): Promise<Answer<P>> {
    const turn = this.#turn.then(() => this.#ask(kind, fields))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** The same, and answers the response's fields when the command took effect (B11); else PEER_REFUSED with `status`, `aborted` and `data`. */
  async request<K extends CommandOf<P>['kind']>(kind: K, fields: FieldsOf<CommandOf<P>, K>): Promise<FieldsOf<ResponseOf<P>, K>> {
    const { aborted, status, data } = await this.ask(kind, fields)
    if (aborted || status !== 'noerror') throw failure('PEER_REFUSED', { status, aborted, data })
    return data.value
  }

  async #ask(kind: string, fields: unknown): Promise<Answer<P>> {
    const command = encodeFramed(this.protocol.pdu, { kind: 'command', value: { commanddata: { kind, value: fields } } }, 1024)
    // What came unasked can only be last words (B20): the command would not be read any more.
    const early = !this.#over && this.#framer.begun
    if (this.#ended && !early) throw failure('PEER_GONE', { why: 'the peer has closed the connection' })
    if (!early) this.socket.write(command)
    const answer = this.#read(await this.#pdu())
    if (lastWords.includes(answer.status)) this.close()
    if (early && !(answer.aborted && lastWords.includes(answer.status))) return this.#give('PEER_PROTOCOL_ERROR', 'it spoke without being asked')
    // B9, B17: aborting answers may carry any response, others only their own.
    if (!answer.aborted && answer.data.kind !== kind) return this.#give('PEER_PROTOCOL_ERROR', `the answer to ${kind} is one to ${answer.data.kind}`)
    return answer
  }

  #read(pdu: Buffer): Answer<P> {
    try {
      const { kind, value } = decode(this.protocol.pdu, pdu)
      if (kind === 'response') return { aborted: value.forceabort, status: value.status, data: value.responsedata }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      return this.#give('PEER_OUTCOME_UNKNOWN', `an answer that cannot be read: ${error.message}`)
    }
    return this.#give('PEER_OUTCOME_UNKNOWN', 'a command came instead of an answer')
  }

  async #pdu(): Promise<Buffer> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#wake?.()
    }, this.limits.answerMs ?? presets.answerMs)
    try {
      for (;;) {
        const pdu = this.#framer.next()
        if (pdu) return pdu
        if (late) return this.#give('PEER_OUTCOME_UNKNOWN', 'no answer in time')
        if (this.#ended) return this.#give('PEER_OUTCOME_UNKNOWN', 'the connection was closed before the answer')
        await new Promise<void>((resolve) => { this.#wake = resolve })
      }
    } catch (error) {
      if (error instanceof FramingBroken) return this.#give('PEER_OUTCOME_UNKNOWN', error.message)
      throw error
    } finally {
      clearTimeout(timer)
      this.#wake = undefined
    }
  }

  #give(code: 'PEER_OUTCOME_UNKNOWN' | 'PEER_PROTOCOL_ERROR', why: string): never {
    this.#ended = this.#over = true
    this.socket.destroy()
    throw failure(code, { why })
  }

  /** Clean between transactions; in the middle of one the server aborts it (B8). */
  close(): void {
    this.#ended = this.#over = true
    this.socket.end()
    this.socket.unref()
    setTimeout(() => this.socket.destroy(), 2000).unref()
  }
  [Symbol.dispose](): void {
    this.close()
  }
}

function dial(where: Where): Promise<Socket> {
  const { host, port, tls, connectMs = presets.connectMs, signal } = where
  return new Promise((resolve, reject) => {
    const socket = tls ? connectTls({ host, port, minVersion: 'TLSv1.2', ...(signal ? { signal } : {}), ...tls }) : connectTcp({ host, port, noDelay: true, ...(signal ? { signal } : {}) })
    const refuse = (why: string): void => {
      clearTimeout(timer)
      // Whoever would take the clear service instead must know that somebody was there, with a wrong certificate (H9).
      const certificate = socket instanceof TLSSocket && Boolean(socket.authorizationError)
      socket.destroy()
      reject(failure('PEER_UNREACHABLE', { where: `${host}:${port}`, why, certificate }))
    }
    const timer = setTimeout(() => refuse('no connection in time'), connectMs)
    const failed = (error: Error): void => refuse(error.message)
    socket.once('error', failed).once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      socket.setNoDelay(true)
      resolve(socket)
    })
  })
}
