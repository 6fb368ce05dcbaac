// One listener's protocol engine: smtp-server's command handling on sockets that core/net accepted. This file and
// mail-stream.ts are the only ones that know the library. What is replaced of it, and why:
// - the wait of 100 ms before the greeting (nothing here profits from it);
// - the reading of data (see mail-stream.ts): 250 is said after the commit, and no line end but CRLF counts;
// - enhanced status codes: ours travel in the reply's text, the library would guess them from the basic code;
// - AUTH is not announced where it would be refused; mechanisms are added (sasl.ts), and BDAT (chunks.ts).
// Left as the library has it: quoted local parts with '@' or blanks are refused (501); a repeated RCPT counts once.
import type { SecureContext } from 'node:tls'
import { isFailure, type Account, type Authenticator, type Connection, type Log, type RecipientWishes, type ReportWishes } from '@restante/core'
import { SMTPServer, type SMTPServerAddress, type SMTPServerSession } from 'smtp-server'
import { SMTPConnection } from 'smtp-server/lib/smtp-connection.js'
import { ChunkReader, readChunkSize, type ChunkSize, type OctetReader } from './chunks.js'
import type { Guard } from './guards/guard.js'
import { MailStream } from './mail-stream.js'
import type { ListenerKind, Peer } from './policy.js'
import { reply, replyTo, said, trouble, type Reply } from './replies.js'
import { decoded, mechanismOf, offered, type Ask, type Conversation } from './sasl.js'
import { Transaction, type TransactionParts } from './transaction.js'

export interface EngineOptions {
  readonly kind: ListenerKind
  readonly host: string
  /** TLS from the first octet (core/net did the handshake). */
  readonly implicitTls: boolean
  readonly secureContext: SecureContext | undefined
  readonly idleMs: number
  readonly recipients: number
  /** Whether reports can be asked for (RFC 3461). */
  readonly dsn: boolean
  readonly clearTextLogin: 'never' | 'loopback' | 'always'
  readonly failedLogins: number
  readonly authenticator: Authenticator | undefined
  readonly transaction: TransactionParts
}

export interface Engine {
  serve(connection: Connection): void
  /** Another certificate for connections that begin TLS from now on. */
  renew(context: SecureContext): void
}

/** The library's own; sasl.ts has more. */
const mechanisms = ['PLAIN', 'LOGIN']
/** Jokes of the library, and a command of proxies that nobody needs: XCLIENT says more. */
const unwanted = ['WIZ', 'SHELL', 'KILL', 'XFORWARD']

export function createEngine(options: EngineOptions): Engine {
  const { kind, host, implicitTls } = options
  let { secureContext } = options
  const server = new SMTPServer({
    name: host, banner: 'Restante', heloResponse: '%s', lmtp: kind === 'lmtp', secure: implicitTls, size: options.transaction.limit,
    authMethods: mechanisms, allowInsecureAuth: true, authOptional: true,
    disabledCommands: [...unwanted, ...(kind === 'submission' ? [] : ['AUTH']), ...(kind === 'mx' ? [] : ['XCLIENT']), ...(secureContext && !implicitTls ? [] : ['STARTTLS'])],
    hideENHANCEDSTATUSCODES: false, hideDSN: !options.dsn, hideREQUIRETLS: kind === 'lmtp', disableReverseLookup: true, socketTimeout: options.idleMs,
    SNICallback: (_, done) => done(null, secureContext),
    onAuth: ({ username, password, authcid, authzid }, session, done) => {
      const own = ownerOf(session)
      own.login(username ?? '', password ?? '', authcid, authzid).then((account) => done(null, { user: account }), (error: unknown) => done(asError(own.loginFailed(error))))
    },
    onConnect: (_, done) => done(),
    onSecure: (_socket, _session, done) => done(),
    onMailFrom: (address, session, done) => finish(ownerOf(session).mailFrom(address.address, Number(address.args && address.args.SIZE) || 0, reportsOf(session), session.envelope.requireTLS === true), done, session),
    onRcptTo: (address, session, done) => finish(ownerOf(session).rcptTo(address.address, wishesOf(address)), done, session),
  })
  if (secureContext) server.secureContext.set('*', secureContext)
  server.on('error', () => undefined) // sockets' everyday troubles; 'close' follows
  return {
    renew(context) {
      secureContext = context
      server.secureContext.set('*', context)
    },
    serve(connection) {
      const session = new SmtpSession(server, connection, options)
      server.connections.add(session)
      session.on('error', () => undefined)
      session.init()
    },
  }
}

const owners = new WeakMap<SMTPServerSession, SmtpSession>()
function ownerOf(session: SMTPServerSession): SmtpSession {
  return owners.get(session)!
}

/** RET and ENVID (RFC 3461 4.3, 4.4), which the library has checked and decoded. */
function reportsOf({ envelope: { dsn } }: SMTPServerSession): ReportWishes | undefined {
  return dsn?.ret || dsn?.envid ? { ...(dsn.ret ? { returns: dsn.ret as ReportWishes['returns'] } : {}), ...(dsn.envid ? { envelopeId: dsn.envid.slice(0, 100) } : {}) } : undefined
}
/** NOTIFY and ORCPT. */
function wishesOf({ dsn }: SMTPServerAddress): RecipientWishes | undefined {
  return dsn && { ...(dsn.notify ? { notify: dsn.notify as RecipientWishes['notify'] } : {}), ...(dsn.orcpt ? { original: dsn.orcpt.slice(0, 500) } : {}) }
}

function asError({ code, text }: Reply): Error & { responseCode: number } {
  return Object.assign(new Error(text), { responseCode: code })
}

function finish(answer: Promise<Reply | undefined>, done: (error?: Error | null) => void, session: SMTPServerSession): void {
  answer.then((refusal) => done(refusal ? asError(refusal) : null), (error: unknown) => {
    ownerOf(session).log.error({ err: error }, 'an SMTP command failed')
    done(asError(trouble))
  })
}

class SmtpSession extends SMTPConnection {
  #transaction: Transaction | undefined
  #account: Account | undefined
  #failures = 0
  /** The message may have any octets (BINARYMIME). */
  #binary = false
  /** EHLO is being answered. */
  #greeting = false
  #leaving = false

  constructor(server: SMTPServer, readonly connection: Connection, private readonly options: EngineOptions) {
    super(server, connection.socket, { id: connection.id, remoteAddress: connection.remoteAddress, remotePort: connection.remotePort, localAddress: connection.localAddress, localPort: connection.localPort })
    owners.set(this.session, this)
    connection.draining.addEventListener('abort', () => this.#leave(), { once: true })
  }
  get log(): Log {
    return this.connection.log
  }
  /** Not from our own people: what they send goes on to servers that know no BINARYMIME, and nothing here makes text of it. */
  get #takesBinary(): boolean {
    return this.options.kind !== 'submission'
  }
  get #guard(): Guard | undefined {
    return this.options.transaction.guard
  }

  // --- the library's seams -------------------------------------------------------------------------------------------

  override init(): void {
    this._setListeners(() => {
      const refusal = this.#guard?.connects(this.remoteAddress)
      if (refusal) this.send(refusal.code, refusal.text)
      else this.connectionReady()
    })
    this.#corkReplies()
  }
  override _createParser(): MailStream {
    const parser = new MailStream({ maxCommandLength: 12_288 })
    parser.oncommand = (command, callback) => this._onCommand(command, callback)
    parser.on('error', (error) => this.send(421, `Error: ${error.message}`))
    return parser
  }
  override upgrade(callback: () => void): void {
    super.upgrade(callback, () => this.#corkReplies())
  }
  override send(code: number, data?: string | string[] | null, context?: string | false): void {
    const coded = typeof data === 'string' && /^[245]\.\d{1,3}\.\d{1,3} /.test(data)
    super.send(code, this.#greeting && Array.isArray(data) ? this.#features(data) : data, coded ? false : context)
    this.connection.transcript.server(`${code} ${Array.isArray(data) ? data.join(' | ') : (data ?? '')}`)
    if (code === 451 || code === 421) this.connection.transcript.trouble(`answered ${code}`)
  }
  /** What the library announces in EHLO, and what is ours beside it. */
  #features(lines: readonly string[]): string[] {
    const [host, ...features] = lines.map((line) => (line.startsWith('AUTH ') ? `${line} ${offered(this.#conversation).join(' ')}`.trimEnd() : line))
    const [pipelining, ...others] = features
    return [host, pipelining, 'CHUNKING', ...(this.#takesBinary ? ['BINARYMIME'] : []), ...others]
  }
  override _onCommand(command: Buffer, callback?: () => void): void {
    this.connection.transcript.client(command.toString('latin1'))
    const refusal = this.#guard?.says(this.remoteAddress)
    if (refusal) return this.send(refusal.code, refusal.text)
    super._onCommand(command, callback)
  }
  override _resetSession(): void {
    this.#transaction?.abort()
    this.#transaction = undefined
    if (!this.session.user) this.#account = undefined
    super._resetSession()
  }
  override _onClose(): void {
    this.#transaction?.abort()
    super._onClose()
  }

  override _proxyCommandAllowed(command: string): boolean {
    return command === 'XCLIENT' && !this._xClient.has('ADDR') && this.#guard?.speaksForOthers(this.connection.remoteAddress) === true
  }
  override handler_XCLIENT(command: Buffer, callback: () => void): void {
    const before = this.remoteAddress
    super.handler_XCLIENT(command, callback)
    const refusal = this.remoteAddress === before ? undefined : this.#guard?.connects(this.remoteAddress)
    if (refusal) this.send(refusal.code, refusal.text)
  }
  override handler_EHLO(command: Buffer, callback: () => void): void {
    // Not announced where it would be refused. The library looks at the session's own list while it answers.
    if (!this.#mayLogIn) this.session.disabledCommands = [...this._server.options.disabledCommands, 'AUTH']
    this.#greeting = true
    super.handler_EHLO(command, callback)
    this.#greeting = false
    this.session.disabledCommands = undefined
  }
  override handler_AUTH(command: Buffer, callback: () => void): void {
    const [, mechanism = '', initial] = command.toString('latin1').trim().split(/\s+/)
    if (!this.#mayLogIn) return this.#answer(said.tlsFirst, callback)
    const ours = this.session.user ? undefined : mechanismOf(mechanism.toUpperCase(), this.#conversation)
    if (ours) this.#converse(ours, initial, callback)
    else super.handler_AUTH(command, callback)
  }
  override handler_DATA(_command: Buffer, callback: () => void): void {
    const transaction = this.#transaction
    if (!transaction?.accepted.length) return this.#answer(reply(503, '5.5.1 RCPT first'), callback)
    if (transaction.begun || this.#binary) return this.#answer(said.chunksOnly, callback)
    transaction.begin(this._transmissionType(), this.id).then((refusal) => {
      if (this._closed || this._closing) return
      if (refusal) {
        this.send(refusal.code, refusal.text)
        this._resetSession()
      } else {
        this.#receive(transaction, transaction.reader!, () => this.#finish(transaction))
        this.send(354, 'End data with <CR><LF>.<CR><LF>')
      }
      callback()
    }, (error: unknown) => {
      this.log.error({ err: error }, 'DATA failed')
      this.#answer(trouble, callback)
    })
  }

  /** RFC 3030. Its octets follow at once, whatever is answered: they are always taken off the stream. */
  handler_BDAT(command: Buffer, callback: () => void): void {
    const size = readChunkSize(command.toString('latin1').trim())
    if (!size) {
      // Nobody knows where the next command begins.
      this.send(501, '5.5.4 BDAT wants a number of octets')
      this.close()
      return callback()
    }
    const take = (transaction: Transaction | undefined, end: () => Promise<void>): void => {
      if (size.octets === 0) return void end().then(callback)
      const { reader } = transaction ?? {}
      this.#receive(transaction, new ChunkReader(size.octets, reader), end)
      callback()
    }
    const refuse = ({ code, text }: Reply): void => take(undefined, async () => {
      this.send(code, text)
      this._resetSession()
    })
    if (size.octets > 2 * this.options.transaction.limit) return this.#answer(reply(421, '4.3.4 The chunk is too large'), callback)
    const transaction = this.#transaction
    if (!transaction?.accepted.length) return refuse(reply(503, '5.5.1 RCPT first'))
    if (transaction.begun) return take(transaction, () => this.#finishChunk(transaction, size))
    transaction.begin(this._transmissionType(), this.id, this.#binary ? 'binary' : 'chunks').then((refusal) => {
      if (this._closed || this._closing) return
      if (refusal) refuse(refusal)
      else take(transaction, () => this.#finishChunk(transaction, size))
    }, (error: unknown) => {
      this.log.error({ err: error }, 'BDAT failed')
      refuse(trouble)
    })
  }
  override _validateMailParams(parsed: Parameters<SMTPConnection['_validateMailParams']>[0]): ReturnType<SMTPConnection['_validateMailParams']> {
    // The library knows 7BIT and 8BITMIME.
    const { args } = parsed
    this.#binary = this.#takesBinary && Boolean(args) && /^binarymime$/i.test(String((args as Record<string, unknown>).BODY))
    if (this.#binary) (args as Record<string, unknown>).BODY = '8BITMIME'
    return super._validateMailParams(parsed)
  }

  // --- our side ------------------------------------------------------------------------------------------------------

  async mailFrom(named: string, octets: number, reports?: ReportWishes, requireTls = false): Promise<Reply | undefined> {
    const address = this.options.kind === 'submission' ? this.options.transaction.submission.rewrite(named) : named
    const peer: Peer = { listener: this.options.kind, account: this.#account, remoteAddress: this.remoteAddress, helo: (this._xClient.get('HELO') as string | undefined) || this.hostNameAppearsAs || '' }
    const refusal = await this.options.transaction.policy.sender(peer, address)
    if (!refusal) this.#transaction = new Transaction(this.options.transaction, peer, address, octets, this.log, { ...(reports ? { reports } : {}), ...(requireTls ? { requireTls } : {}) })
    return refusal
  }
  async rcptTo(address: string, wishes?: RecipientWishes): Promise<Reply | undefined> {
    const transaction = this.#transaction
    if (!transaction) return reply(503, '5.5.1 MAIL first')
    if (transaction.begun) return reply(503, '5.5.1 The message has begun')
    if (transaction.recipients >= this.options.recipients) return reply(452, '4.5.3 Too many recipients; send the rest in another transaction')
    return await transaction.recipient(address, wishes)
  }

  /** Octets of a message come, up to the end that the reader finds. */
  #receive(transaction: Transaction | undefined, reader: OctetReader, end: () => Promise<void>): void {
    (this._parser as MailStream).takeData({
      reader, end,
      write: (content) => {
        if (!transaction?.hopeless) return transaction?.write(content)
        this.send(421, '4.3.4 The message has no end')
      },
    })
  }
  async #finish(transaction: Transaction): Promise<void> {
    this._handlerPending = true // the idle timer does not run while the peer waits for us
    const answers = await transaction.end()
    this._handlerPending = false
    this.connection.transcript.client(`(message, ${transaction.octets} octets)`)
    for (const answer of answers) this.send(answer.code, answer.text)
    this._transactionCounter++
    this._resetSession()
    if (this.#leaving) this.#leave()
  }
  /** A chunk has come (RFC 3030 2). */
  async #finishChunk(transaction: Transaction, { octets, last }: ChunkSize): Promise<void> {
    if (last) return this.#finish(transaction)
    // What is wrong is said at once; chunks that are on their way meet a session without a transaction.
    const { refusal } = transaction
    this.send(refusal?.code ?? 250, refusal?.text ?? `2.0.0 ${octets} octets received`)
    if (refusal) this._resetSession()
  }

  get #mayLogIn(): boolean {
    const { clearTextLogin } = this.options
    return this.secure || clearTextLogin === 'always' || (clearTextLogin === 'loopback' && this.connection.loopback)
  }

  async login(name: string, password: string, authcid?: string, authzid?: string): Promise<Account> {
    const account = await this.options.authenticator!.password(name, password, { service: 'submission', remoteAddress: this.remoteAddress })
    // Acting for somebody else is not offered; a client may repeat its own name there.
    if (authzid && authcid && authzid.toLowerCase() !== authcid.toLowerCase() && authzid.toLowerCase() !== account.name) throw reply(535, '5.7.8 This login may act for itself only')
    return (this.#account = account)
  }
  loginFailed(error: unknown): Reply {
    if (!isFailure(error) && !('text' in (error as object))) this.log.error({ err: error }, 'a login failed')
    if (++this.#failures >= this.options.failedLogins) return said.tooManyFailures
    return 'text' in (error as object) ? (error as Reply) : replyTo(error)
  }

  get #conversation(): Conversation {
    return { authenticator: this.options.authenticator!, connection: this.connection, remoteAddress: this.remoteAddress }
  }

  /** Goes through a mechanism of ours. Each line of the peer's brings the callback that lets its next one in. */
  #converse(mechanism: NonNullable<ReturnType<typeof mechanismOf>>, first: string | undefined, callback: () => void): void {
    let release = callback
    const understood = (line: string): Buffer => {
      if (line === '*') throw said.cancelled
      const octets = decoded(line)
      if (!octets) throw said.notBase64
      return octets
    }
    const ask: Ask = (challenge) => new Promise((resolve, reject) => {
      this._nextHandler = (line, done) => {
        release = done
        try {
          resolve(understood(line.toString('latin1').trim()))
        } catch (error) {
          reject(error as Error)
        }
      }
      this.send(334, Buffer.from(challenge).toString('base64'))
      release()
    })
    const run = async (): Promise<Account> => mechanism.run(this.#conversation, ask, first === undefined ? undefined : understood(first))
    run().then((account) => {
      this.#account = account
      this.session.user = account as never
      this.#answer(reply(235, '2.7.0 Authentication successful'), release)
    }, (error: unknown) => this.#answer(error === said.cancelled ? said.cancelled : this.loginFailed(error), release))
  }

  #answer({ code, text }: Reply, callback: () => void): void {
    this.send(code, text)
    callback()
  }

  /** Pipelined commands are answered in one piece: a thousand RCPTs are one write, not a thousand. */
  #corkReplies(): void {
    const socket = this._socket
    socket.prependListener('data', (chunk: Buffer) => {
      if ((this._parser && (this._parser as MailStream).inData) || chunk.indexOf(10) === chunk.length - 1) return
      socket.cork()
      setImmediate(() => socket.uncork())
    })
  }

  /** The gateway stops: at once, or after the message that is on its way. */
  #leave(): void {
    this.#leaving = true
    if (this._closed || (this._parser && (this._parser as MailStream).inData) || this._handlerPending) return
    this.send(said.goodbye.code, said.goodbye.text)
  }
}
