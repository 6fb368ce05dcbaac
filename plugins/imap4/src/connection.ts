// One connection: its socket, its state, one command at a time. No command logic here.
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { InflateRaw } from 'node:zlib'
import { right, type Connection, type IdleTimer } from '@restante/core'
import { admitMessage, announcesMessage } from './commands/append.js'
import { inMailbox, type Command, type Done } from './commands/command.js'
import { fetchNew } from './commands/fetch.js'
import { table } from './commands/table.js'
import { Refusal, replyText, replyTo, type Reply } from './replies.js'
import { announceAll } from './session/announce.js'
import { Session, type Face } from './session/session.js'
import { compress, type Compressed } from './wire/deflate.js'
import { Framer, type Destination, type Frame, type Literal, type Piece } from './wire/framer.js'
import { BadCommand, Reader } from './wire/reader.js'
import { Disconnected, Writer } from './wire/writer.js'

/** Unread octets above which the socket waits: pipelined commands, and messages that come faster than the disk. */
const readAhead = 131_072
/** Octets of a refused literal or an endless line that are read and forgotten before the connection is given up. */
const swallow = 1_048_576
/** How long a peer may take to close its end. */
const lingerMs = 5000
/** First words of other protocols: whoever sends them has been tricked into talking to us (ALPACA). */
const foreign = /^(GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI|EHLO|HELO|LHLO|MAIL|RCPT|HOST:|USER|PASS|INVITE|REGISTER)$/i

/** Commands of a selected mailbox that do not look into it. */
const waysOut: ReadonlySet<string> = new Set(['CLOSE', 'UNSELECT', 'CHECK'])

export class ImapConnection {
  readonly #face: Face
  readonly #connection: Connection
  readonly #framer: Framer
  readonly #say: Writer
  readonly #session: Session
  #timer: IdleTimer | undefined
  #paused = false
  #compressed: Compressed | undefined
  /** Commands in a row that made no sense. */
  #bad = 0
  #leaving = false

  constructor(connection: Connection, face: Face) {
    this.#connection = connection
    this.#face = face
    this.#framer = new Framer(face.config.maxLineBeforeLogin, {
      swallow,
      rule: (literal, soFar) => this.#literalRule(literal, soFar),
      goAhead: () => {
        this.#say.line('+ OK')
        return this.#say.flush()
      },
      hungry: () => this.#resume(),
      tooLong: () => new BadCommand(`A command may have at most ${this.#framer.maxLine} octets`),
    })
    this.#say = new Writer(connection.socket, (stalled) => this.#stalled(stalled))
    this.#session = new Session(face, connection, this.#say, this.#framer, () => this.#startTls(), () => this.#startCompression())
    this.#session.fetchNew = (uids, items) => fetchNew(this.#session, uids, items)
  }

  /** Serves until the end. Never rejects. */
  async serve(): Promise<void> {
    const { turn } = this.#session
    this.#attach(this.#connection.socket)
    this.#watch(this.#face.config.loginTimeout)
    try {
      this.#tell(`* OK [CAPABILITY ${this.#session.capabilities}] Restante ready`)
      await this.#say.flush()
      while (this.#session.state !== 'logout') {
        const frame = await this.#framer.next()
        if (!frame) break
        if (this.#leaving) this.#session.bye('The gateway is shutting down', 'UNAVAILABLE')
        else {
          this.#session.busy = true
          await this.#session.telling
          await this.#command(frame)
        }
        await this.#say.flush()
        this.#session.busy = false
        // Whoever sends thousands of commands at once gets no more than a turn at a time.
        if (turn.over) await turn.pass()
      }
    } catch (error) {
      if (!(error instanceof Disconnected)) this.#connection.log.error({ err: error }, 'the session broke')
    } finally {
      this.#end()
    }
  }

  /** The gateway stops: at once when nothing runs, else after the running command. */
  goodbye(): void {
    this.#leaving = true
    if (this.#framer.waiting) this.#farewell('The gateway is shutting down', 'UNAVAILABLE')
  }

  async #command(frame: Frame): Promise<void> {
    const { config } = this.#face
    const session = this.#session
    const r = new Reader(frame.pieces, config.maxDepth, session.dialect)
    const before = session.state
    let tag = '*'
    let row: Command | undefined
    let uid = false
    let reply: Reply
    let done: Done = {}
    try {
      this.#connection.transcript.client(sketch(frame.pieces))
      tag = r.tag()
      session.running = { tag, since: this.#face.clock.now() }
      if (frame.trouble !== undefined) {
        row = table.get(/^[^ ]+ (?:UID )?([^ ]+)/i.exec(String(frame.pieces[0]))?.[1].toUpperCase() ?? '')
        throw frame.trouble
      }
      let name = r.sp().word('a command')
      if (name === 'UID') {
        uid = true
        name = r.sp().word('a command')
      }
      row = table.get(name)
      if (!row || (uid && !row.uid) || (row.obsolete && !config.obsolete)) throw this.#noSuchCommand(tag, name)
      if (!row.states.includes(session.state)) throw new BadCommand(row.states.includes('selected') ? (session.state === 'not-authenticated' ? 'Log in first' : 'No mailbox is selected') : 'You are logged in already')
      if (row.numbers && !uid && session.uidOnly) throw new Refusal('UIDREQUIRED', `UID ${name} is wanted`, 'BAD')
      // Only the ways out are left to those whose rights were taken away meanwhile.
      if (row.states === inMailbox && session.selected && (session.selected.mailbox.rights & right.r) === 0 && !waysOut.has(row.name)) throw new Refusal('NOPERM', 'You may not read this mailbox any more')
      const args = row.read(r, { uid, tag })
      r.end()
      done = ((await row.run(session, args, { uid, tag })) ?? {}) as Done
      reply = { status: done.failed ? 'NO' : 'OK', text: done.text ?? `${uid ? 'UID ' : ''}${name} completed` }
    } catch (error) {
      if (error instanceof Disconnected) throw error
      reply = replyTo(error, row) ?? this.#bug(error, row)
    } finally {
      for (const piece of frame.pieces) if (typeof piece === 'object' && !Buffer.isBuffer(piece)) await piece.discard()
    }
    // RFC 3501 7.4.1: no EXPUNGE while FETCH, STORE or SEARCH by sequence number runs.
    if (reply.status !== 'BAD' && !done.fresh) await announceAll(session, { expunges: (row?.seqs !== 'uses' || uid) && !done.holdExpunges, own: row?.expunges === true })
    if (!done.fresh && row?.seqs !== 'uses') await session.notifying?.tell()
    if (done.code !== undefined) reply = { ...reply, code: typeof done.code === 'string' ? done.code : done.code() }
    this.#tell(`${tag} ${replyText(reply, session.language)}`)
    if (reply.status === 'BAD') this.#countBad(reply, frame)
    else this.#bad = 0
    if (frame.fatal) session.bye('Too much to read on')
    if (row?.secret && reply.status === 'NO' && ++session.loginFailures >= config.maxLoginFailures) session.bye('Too many failed logins')
    if (done.after) {
      await this.#say.settled()
      await done.after()
    }
    const loggedIn = before !== 'not-authenticated'
    if (loggedIn !== (session.state !== 'not-authenticated')) this.#watch(loggedIn ? config.loginTimeout : config.autologout)
  }

  #noSuchCommand(tag: string, name: string): BadCommand {
    const { state } = this.#session
    if (state === 'not-authenticated' && (foreign.test(tag) || foreign.test(name))) this.#session.bye('This is an IMAP server')
    return new BadCommand(`There is no command ${name.slice(0, 40)}`)
  }

  #countBad(reply: Reply, frame: Frame): void {
    const { state } = this.#session
    const { maxBadCommands } = this.#face.config
    if (state !== 'not-authenticated' || frame.fatal) this.#connection.transcript.trouble(reply.text)
    if (++this.#bad >= (state === 'not-authenticated' ? Math.ceil(maxBadCommands / 4) : maxBadCommands)) this.#session.bye('Too many bad commands')
  }

  /** What nobody foresaw: a number that the user can quote and the log can find. */
  #bug(error: unknown, row: Command | undefined): Reply {
    const id = randomUUID().slice(0, 8)
    this.#connection.log.error({ err: error, id, command: row?.name }, 'a command failed')
    this.#connection.transcript.trouble(`internal error ${id}`)
    return { status: 'NO', code: 'SERVERBUG', text: `Internal error ${id}` }
  }

  #literalRule(literal: Literal, soFar: readonly Piece[]): Destination | Promise<Destination> {
    const { literals } = this.#face.config
    if (literals === 'LITERAL-' && !literal.sync && literal.size > 4096) return { refused: new Refusal('TOOBIG', 'Above 4096 octets literals must be synchronising', 'BAD') }
    if (announcesMessage(this.#session, soFar)) return admitMessage(this.#session, literal, soFar, () => this.#argumentRule(literal, soFar))
    return this.#argumentRule(literal, soFar)
  }

  /** A literal that is a command's argument stays in memory, within bounds. */
  #argumentRule(literal: Literal, soFar: readonly Piece[]): Destination {
    const { maxLiteral, maxLiterals } = this.#face.config
    let octets = literal.size
    let literals = 1
    for (const piece of soFar) {
      if (!Buffer.isBuffer(piece)) continue
      octets += piece.length
      literals++
    }
    // Before login a name and a password are all that can be meant.
    const [most, many] = this.#session.state === 'not-authenticated' ? [4096, 4] : [maxLiteral, maxLiterals]
    if (octets > most) return { refused: new Refusal('TOOBIG', `Literals may have at most ${most} octets`, 'BAD') }
    if (literals > many) return { refused: new BadCommand(`A command may have at most ${many} literals`) }
    if (literal.binary && !mayBeBinary(soFar)) return { refused: new BadCommand('~{n} is for messages and values of annotations') }
    return 'memory'
  }

  #tell(line: string): void {
    this.#connection.transcript.server(line)
    this.#say.line(line)
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#session.state !== 'not-authenticated') this.#timer?.touch()
    this.#session.turn.begin()
    this.#framer.feed(chunk)
    if (this.#framer.unread > readAhead && !this.#paused) {
      this.#paused = true
      this.#input.pause()
    }
  }
  readonly #onDrain = (): void => this.#say.drained()
  readonly #onEnd = (): void => this.#framer.end()
  readonly #onClose = (): void => {
    this.#framer.close()
    this.#say.close()
    this.#timer?.stop()
  }

  /** Where octets come from: the socket, or what unfolds them. */
  get #input(): Socket | InflateRaw { return this.#compressed?.input ?? this.#connection.socket }

  #startCompression(): void {
    const { socket } = this.#connection
    socket.off('data', this.#onData).off('drain', this.#onDrain).off('end', this.#onEnd)
    // The client was to wait for our OK; what it sent before is neither here nor there.
    this.#framer.discard()
    const compressed = compress(socket, () => this.#connection.destroy())
    compressed.input.on('data', this.#onData).on('end', this.#onEnd)
    compressed.output.on('drain', this.#onDrain)
    this.#compressed = compressed
    this.#paused = false
    this.#say.use(compressed.output)
  }

  #attach(socket: Socket): void {
    socket.on('data', this.#onData).on('drain', this.#onDrain).on('end', this.#onEnd).on('close', this.#onClose).on('error', ignore)
    if (socket.destroyed) this.#onClose()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#input.resume()
  }

  async #startTls(): Promise<void> {
    const clear = this.#connection.socket
    clear.pause()
    clear.off('data', this.#onData).off('drain', this.#onDrain).off('end', this.#onEnd)
    // What was sent in clear behind STARTTLS must not be taken for a command under TLS (command injection).
    while (clear.read() !== null) continue
    this.#framer.discard()
    this.#paused = false
    try {
      const socket = await this.#connection.startTls()
      this.#say.use(socket)
      this.#attach(socket)
    } catch (error) {
      this.#connection.log.debug({ err: error }, 'no TLS session')
      this.#connection.destroy()
      throw new Disconnected()
    }
  }

  /** Ends the session after that much silence. */
  #watch(seconds: number): void {
    this.#timer?.stop()
    if (this.#say.closed) return
    this.#timer = this.#face.services.net.idle.watch(seconds * 1000, () => {
      if (this.#say.stalled) this.#connection.destroy()
      else if (this.#framer.waiting) this.#farewell('Autologout: silent for too long')
      else this.#watch(seconds) // a long command of ours is no silence of theirs
    })
  }

  #stalled(stalled: boolean): void {
    if (this.#session.state === 'not-authenticated') return
    const { stallTimeout, autologout } = this.#face.config
    this.#timer?.change((stalled ? stallTimeout : autologout) * 1000)
  }

  #farewell(text: string, code?: string): void {
    this.#session.bye(text, code)
    this.#say.push()
    this.#framer.close()
  }

  #end(): void {
    this.#timer?.stop()
    this.#session.deselect()
    this.#session.notify(undefined)
    this.#framer.close()
    const { socket } = this.#connection
    if (socket.destroyed) return
    try {
      this.#say.push()
    } catch (error) {
      if (!(error instanceof Disconnected)) throw error
    }
    // Through the compressor, so that the last words arrive.
    ;(this.#compressed?.output ?? socket).end()
    this.#input.resume()
    const linger = this.#face.clock.after(lingerMs, () => this.#connection.destroy())
    socket.once('close', () => linger.clear())
  }
}

/** Only values of annotations may be any octets (RFC 5464 4.3). */
const mayBeBinary = (soFar: readonly Piece[]): boolean => /^[^ ]+ SETMETADATA /i.test(String(soFar[0]))

const ignore = (): void => undefined

/** A command as its transcript shows it: literals as their sizes. */
function sketch(pieces: readonly Piece[]): string {
  if (pieces.length === 1) return String(pieces[0])
  return pieces.map((piece) => (typeof piece === 'string' ? piece : `{${'size' in piece ? piece.size : piece.length}}`)).join('')
}
