// One session of a server (im2000.md B): what the pages say once for all four protocols. Framing, authentication state, no
// overlap, the abort flag, time-outs, malformed PDUs, unclean ends, shutdown. What commands do is in the tables.
import type { Socket } from 'node:net'
import type { Account } from '../../accounts/contract.js'
import { isFailure } from '../../errors/codes.js'
import type { Connection, IdleTimer, IdleWheel } from '../../net/contract.js'
import { encodeFramed, Framer, FramingBroken } from '../der/framer.js'
import { Malformed } from '../der/reader.js'
import { decode } from '../der/types.js'
import { abort, handed, outOfPlace, type CommandOf, type Protocol, type Reply, type Service, type SessionView, type StatusOf, type Transaction } from './transaction.js'

export interface SessionLimits {
  /** Octets of a command's PDU (B38). */
  readonly pduOctets: number
  /** Silence between commands (B39). */
  readonly idleMs: number
  /** From the first octet of a frame to its last; and for a client to take an answer. */
  readonly frameMs: number
  /** Malformed PDUs and commands out of place after which the session ends (B15). */
  readonly malformed: number
}

/** How long a session without a transaction waits for one more command when the gateway stops (B21). */
const farewellMs = 1000
/** How long a client may take to read the last words. */
const lingerMs = 2000
/** While a command is at work no silence counts. */
const neverMs = 86_400_000

/** There is nobody left to answer. */
class ClientGone extends Error {}

type Waited = { readonly pdu: Buffer } | 'timeout' | 'shutdown' | 'closed'

/** Serves the connection until it ends. Never rejects. */
export const serve = <P extends Protocol>(connection: Connection, service: Service<P>, limits: SessionLimits, idle: IdleWheel): Promise<void> =>
  new Session(connection, service, limits, idle).run()

class Session<P extends Protocol> implements SessionView<P> {
  account: Account | undefined
  failures = 0
  readonly #socket: Socket
  readonly #framer: Framer
  readonly #timer: IdleTimer
  #transaction: Transaction<P> | undefined
  #strikes = 0
  #timedOut = false
  #closed = false
  #wake: (() => void) | undefined
  #farewell: IdleTimer | undefined
  #goneBy = false

  constructor(readonly connection: Connection, private readonly service: Service<P>, private readonly limits: SessionLimits, private readonly idle: IdleWheel) {
    this.#socket = connection.socket
    this.#framer = new Framer(limits.pduOctets)
    this.#timer = idle.watch(limits.idleMs, () => {
      this.#timedOut = true
      this.#wake?.()
    })
    connection.draining.addEventListener('abort', () => this.#wake?.(), { once: true })
    const closed = (): void => {
      this.#closed = true
      this.#wake?.()
    }
    this.#closed = this.#socket.destroyed
    this.#socket.pause()
    this.#socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk)
      this.#wake?.()
    }).on('end', closed).on('close', closed).on('error', () => undefined)
  }

  async run(): Promise<void> {
    try {
      while (await this.#turn()) {
        // One command at a time; what comes early waits in the kernel (B7).
      }
    } catch (error) {
      if (error instanceof FramingBroken) this.connection.log.debug({ why: error.message }, 'framing broken')
      else if (!(error instanceof ClientGone) && !this.#closed) this.connection.log.error({ err: error }, 'the session broke')
    } finally {
      // B8: the client went away, or we give up: a transaction in progress is aborted.
      await this.#abandon()
      this.#hangUp()
    }
  }

  /** One command and its answer. Answers whether the session goes on. */
  async #turn(): Promise<boolean> {
    const waited = await this.#next()
    if (waited === 'closed') return false
    if (waited === 'timeout' || waited === 'shutdown') {
      await this.#abandon()
      await this.#write(abort(waited === 'timeout' ? 'errorcommandtimeout' : 'errorserviceshutdown') as Reply<P>)
      return false
    }
    const reply = await this.#answer(waited.pdu)
    if (reply === handed) return true
    if (reply.abort) await this.#abandon()
    await this.#write(reply)
    if (reply.outOfPlace && ++this.#strikes >= this.limits.malformed) return false
    return !reply.close
  }

  async #answer(pdu: Buffer): Promise<Reply<P> | typeof handed> {
    const command = this.#read(pdu)
    // B13, B14: unparsable, or no command. The transaction is aborted by the answer.
    if (!command) return { ...abort('errormalformedpdu'), outOfPlace: true } as Reply<P>
    this.connection.transcript.client(command.kind)
    // B5: an attempt that does not succeed, for whatever reason, leaves nobody authenticated.
    if (command.kind === 'authenticate') this.account = undefined
    if (!this.#transaction) {
      if (this.connection.draining.aborted) return { ...abort('errorserviceshutdown'), close: true } as Reply<P>
      const row = this.service.table[command.kind as CommandOf<P>['kind']]
      if (row.needs && !this.account) return abort('errornotauthenticated') as Reply<P>
      if (!row.run) return outOfPlace() as Reply<P>
      this.#transaction = row.run(this, command.value)
    }
    try {
      const { done, value } = await this.#transaction.next(command)
      if (done) this.#transaction = undefined
      return value
    } catch (error) {
      this.#transaction = undefined // a generator that threw has run its `finally`
      if (error instanceof ClientGone || this.#closed) throw error
      return abort(this.#statusOf(error)) as Reply<P>
    }
  }

  #read(pdu: Buffer): CommandOf<P> | undefined {
    try {
      const { kind, value } = decode(this.service.protocol.pdu, pdu)
      if (kind === 'command') return value.commanddata
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.connection.log.debug({ why: error.message }, 'malformed PDU')
    }
    return undefined
  }

  #statusOf(error: unknown): StatusOf<P> {
    if (error instanceof Malformed) return 'errormalformedpdu'
    const known = isFailure(error) ? this.service.statusOf[error.code] : undefined
    if (known) return known
    this.connection.log.error({ err: error }, 'a command failed')
    this.connection.transcript.trouble('internal error')
    return 'errorinternalproblem'
  }

  /** The next PDU, or why there is none. Throws FramingBroken. */
  async #next(): Promise<Waited> {
    this.#timer.change(this.limits.idleMs)
    this.#timedOut = false
    let begun = false
    for (;;) {
      const pdu = this.#framer.next()
      if (pdu) {
        this.#socket.pause()
        this.#timer.change(neverMs)
        return { pdu }
      }
      if (this.#closed) return 'closed'
      if (this.#timedOut) return 'timeout'
      if (this.connection.draining.aborted && !this.#transaction && !this.#framer.begun) {
        if (this.#goneBy) return 'shutdown'
        this.#farewell ??= this.idle.watch(farewellMs, () => {
          this.#goneBy = true
          this.#wake?.()
        })
      }
      // B39: a frame once begun must be complete in its time, however busy its octets trickle in.
      if (!begun && this.#framer.begun) {
        begun = true
        this.#timer.change(this.limits.frameMs)
      }
      this.#socket.resume()
      await new Promise<void>((resolve) => { this.#wake = resolve })
      this.#wake = undefined
    }
  }

  async hand(reply: Reply<P>): Promise<void> {
    await this.#write(reply)
  }

  /** Resolves when the transport has taken the octets. */
  #write(reply: Reply<P>): Promise<void> {
    this.connection.transcript.server(`${reply.data.kind} ${reply.abort ? 'abort ' : ''}${reply.status}`)
    const octets = encodeFramed(this.service.protocol.pdu, { kind: 'response', value: { forceabort: reply.abort, status: reply.status, responsedata: reply.data } }, expected(reply.data.value))
    return new Promise((resolve, reject) => {
      const slow = this.idle.watch(this.limits.frameMs, () => this.connection.destroy())
      const gone = (): void => {
        slow.stop()
        reject(new ClientGone())
      }
      if (this.#socket.destroyed) return gone()
      this.#socket.once('close', gone)
      this.#socket.write(octets, (error) => {
        slow.stop()
        this.#socket.off('close', gone)
        if (error) reject(new ClientGone())
        else resolve()
      })
    })
  }

  async #abandon(): Promise<void> {
    const transaction = this.#transaction
    this.#transaction = undefined
    try {
      await transaction?.return(handed)
    } catch (error) {
      this.connection.log.error({ err: error }, 'a transaction could not be undone')
    }
  }

  /** Says no more. What the client still sends is read away, so that our last words are not lost with it. */
  #hangUp(): void {
    this.#timer.stop()
    this.#farewell?.stop()
    if (this.#socket.destroyed) return
    this.#socket.removeAllListeners('data')
    this.#socket.end()
    this.#socket.resume()
    this.idle.watch(lingerMs, () => this.connection.destroy())
  }
}

/** Room to begin with, so that a large window is not copied twice. */
const expected = (fields: { readonly data?: unknown }): number => (Buffer.isBuffer(fields.data) ? fields.data.length + 128 : 256)
