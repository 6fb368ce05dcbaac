// One connection: its socket, its state, one command at a time. No command logic here.
import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { Account, Authenticator, Connection, Contents, IdleTimer, LoginAttempt, Mailboxes, Net } from '@restante/core'
import { table, type State } from './commands.js'
import type { Config } from './config.js'
import { Maildrop, type Locks } from './maildrop.js'
import { Refused, refusalOf, say, type Facts, type Text } from './replies.js'
import { Lines, Stuffer } from './wire.js'

/** What all sessions share. */
export interface Face {
  readonly config: Config
  readonly authenticator: Authenticator
  readonly mailboxes: Mailboxes
  readonly contents: Contents
  readonly net: Net
  readonly locks: Locks
  readonly hostname: string
  /** When each account logged in last; kept only with a login delay. */
  readonly lastLogins: Map<number, number>
  now(): number
}

/** RFC 2449 4: commands up to 255 octets; RFC 5034 4: AUTH lines up to 12288. */
const maxLine = 255
const maxAuthLine = 12_288
/** Unread octets, and unsent ones, beyond which we wait for the other side to make room. */
const readAhead = 65_536
const writeAhead = 262_144
/** A client silent for so long does not need the messages behind the last one soon. */
const keepAheadMs = 10_000
/** Unknown commands in a row, before login, that no POP3 client sends: a browser tricked into talking to us (ALPACA) does. */
const nonsenseAtMost = 5
/** How long a client may take to read the last words. */
const lingerMs = 5000

class Gone extends Error {}

export class Session {
  state: State = 'authorization'
  user: string | undefined
  utf8 = false
  language = 'en'
  readonly attempt: LoginAttempt
  /** For APOP; undefined where it is not offered. */
  readonly timestamp: string | undefined
  readonly #lines = new Lines()
  readonly #idle: IdleTimer
  readonly #ahead: IdleTimer
  #maildrop: Maildrop | undefined
  #socket: Socket
  #closed = false
  #ending = false
  #waiting = false
  #failures = 0
  #nonsense = 0
  #wake: (() => void) | undefined

  constructor(private readonly connection: Connection, private readonly face: Face) {
    this.attempt = { service: 'pop3', remoteAddress: connection.remoteAddress }
    this.timestamp = face.config.apop ? `<${randomUUID()}@${face.hostname}>` : undefined
    this.#socket = connection.socket
    this.#idle = face.net.idle.watch(face.config.idleBeforeLogin * 1000, () => this.#farewell('autologout', ''))
    this.#ahead = face.net.idle.watch(3_600_000, () => this.#maildrop?.dropAhead())
    connection.draining.addEventListener('abort', () => this.goodbye(), { once: true })
    this.#attach()
  }

  // --- what commands ask for -----------------------------------------------------------------------------------------

  get authenticator(): Authenticator { return this.face.authenticator }
  get maildrop(): Maildrop { return this.#maildrop! }
  get clientCertificate(): Connection['clientCertificate'] { return this.connection.clientCertificate }
  get secure(): boolean { return this.connection.secure }
  get mayStartTls(): boolean { return !this.secure && this.face.net.tlsAvailable }
  get loginDelay(): number { return this.face.config.loginDelay }
  get mayUsePassword(): boolean {
    const { clearTextLogin } = this.face.config
    return this.secure || clearTextLogin === 'always' || (clearTextLogin === 'loopback' && this.connection.loopback)
  }
  needsSafety(): void {
    if (!this.mayUsePassword) throw new Refused('tlsFirst', {}, 'SYS/PERM')
  }

  ok(text: Text, facts?: Facts, before = ''): void {
    this.#reply(`+OK ${before}${say(this.language, text, facts)}`)
  }
  plain(text: string): void {
    this.#reply(`+OK ${text}`)
  }
  async list(text: Text, facts: Facts, lines: Iterable<string>): Promise<void> {
    this.ok(text, facts)
    let block = ''
    for (const line of lines) {
      block += `${line}\r\n`
      if (block.length < 32_768) continue
      this.#socket.write(block)
      block = ''
      await this.#room()
    }
    this.#socket.write(`${block}.\r\n`)
  }

  /** A challenge and the line that answers it. */
  async ask(challenge: string): Promise<string> {
    this.#reply(`+ ${challenge}`)
    this.#flush()
    const line = await this.#next(maxAuthLine)
    if (line === 'too-long') throw new Refused('tooLong')
    this.connection.transcript.client(line.text)
    return line.text
  }

  /** Into the transaction state, or counted as a failure. */
  async login(authenticate: () => Promise<Account>): Promise<void> {
    let account: Account
    try {
      account = await authenticate()
    } catch (error) {
      if (!(error instanceof Gone) && ++this.#failures >= this.face.config.failedLogins) {
        this.#refuse(new Refused('tooManyFailures', {}, 'AUTH'))
        return this.#end()
      }
      throw error
    }
    const { lastLogins, locks, mailboxes, contents, config } = this.face
    const wait = config.loginDelay * 1000 - (this.face.now() - (lastLogins.get(account.id) ?? -Infinity))
    if (wait > 0) throw new Refused('loginDelay', { seconds: config.loginDelay }, 'LOGIN-DELAY')
    const maildrop = await Maildrop.open(account.id, { mailboxes, contents, locks })
    if (this.#closed) return maildrop.close() // the client went away meanwhile
    if (config.loginDelay > 0) lastLogins.set(account.id, this.face.now())
    this.#maildrop = maildrop
    this.state = 'transaction'
    this.#idle.change(config.idle * 1000)
    this.connection.log.info({ account: account.name, messages: maildrop.count }, 'logged in')
    this.ok('loggedIn', { count: maildrop.count, octets: maildrop.octets })
  }

  async startTls(): Promise<void> {
    // RFC 2595 4: what was said before does not count, and what came in clear behind STLS is not heard.
    this.#socket.pause().removeAllListeners('data')
    this.#lines.discard()
    this.ok('beginTls')
    this.user = undefined
    this.utf8 = false
    this.language = 'en'
    this.#flush()
    try {
      this.#socket = await this.connection.startTls()
    } catch {
      throw new Gone() // the handshake failed; the socket is closed
    }
    this.#attach()
  }

  /** +OK and the message, or the beginning of it, dots stuffed. */
  async message(number: number, bodyLines?: number): Promise<void> {
    this.#ahead.change(keepAheadMs)
    const content = await this.maildrop.content(number)
    const stuffer = new Stuffer(bodyLines)
    const chunks = content.octets ? [content.octets] : content.range(0, content.size)
    let begun = false
    try {
      for await (const chunk of chunks) {
        if (!begun) {
          if (!this.utf8 && this.face.config.utf8Headers === 'refuse' && eightBitHeader(chunk)) throw new Refused('utf8', {}, 'UTF8')
          this.#begin(bodyLines, content.size)
          begun = true
        }
        for (const piece of stuffer.push(chunk)) this.#socket.write(piece)
        if (stuffer.done) break
        await this.#room()
      }
    } catch (error) {
      if (!begun || error instanceof Gone) throw error
      // Half a message stands there: no reply could be told from its text. Better to end than to pretend.
      this.connection.log.error({ err: error }, 'a message broke off')
      this.connection.destroy()
      throw new Gone()
    }
    if (!begun) this.#begin(bodyLines, content.size)
    this.#socket.write(stuffer.end())
  }
  #begin(bodyLines: number | undefined, octets: number): void {
    if (bodyLines === undefined) this.ok('octets', { octets })
    else this.ok('top')
  }

  async quit(): Promise<void> {
    try {
      const count = (await this.#maildrop?.update({ markSeen: this.face.config.markSeen })) ?? 0
      if (count) this.ok('byeDeleted', { count })
      else this.ok('bye')
    } catch (error) {
      this.connection.log.error({ err: error }, 'messages could not be deleted')
      this.#refuse(new Refused('notAllDeleted', {}, 'SYS/TEMP'))
    }
    this.#end()
  }

  // --- the conversation ----------------------------------------------------------------------------------------------

  /** Serves until the end. Never rejects. */
  async serve(): Promise<void> {
    try {
      this.#reply(`+OK ${say(this.language, 'ready')}${this.timestamp ? ` ${this.timestamp}` : ''}`)
      this.#flush()
      while (!this.#ending) {
        const line = await this.#next(this.state === 'authorization' ? maxAuthLine : maxLine)
        this.#socket.cork()
        await this.#command(line)
        await this.#room()
        // Replies to pipelined commands leave together.
        if (!this.#lines.ready) this.#flush()
      }
    } catch (error) {
      if (!(error instanceof Gone)) this.connection.log.error({ err: error }, 'the session broke')
    } finally {
      this.#hangUp()
    }
  }

  async #command(line: { text: string } | 'too-long'): Promise<void> {
    let name = ''
    try {
      if (line === 'too-long') throw new Refused('tooLong')
      this.connection.transcript.client(line.text)
      const space = line.text.indexOf(' ')
      name = (space < 0 ? line.text : line.text.slice(0, space)).toUpperCase()
      const command = Object.hasOwn(table, name) ? table[name]! : undefined
      if (line.text.length > maxLine && name !== 'AUTH') throw new Refused('tooLong')
      if (!command) {
        if (this.state === 'authorization' && ++this.#nonsense > nonsenseAtMost) this.#end()
        throw new Refused('unknown', { command: printable(name) })
      }
      this.#nonsense = 0
      if (!command.states.includes(this.state)) throw new Refused('notNow', { command: name })
      const rest = space < 0 ? '' : line.text.slice(space + 1)
      const args = command.whole ? (rest === '' ? [] : [rest]) : rest.split(' ').filter((arg) => arg !== '')
      if (args.length < command.args[0] || args.length > command.args[1]) throw new Refused('syntax', { usage: command.usage })
      await command.run(this, args)
    } catch (error) {
      if (error instanceof Gone) throw error
      const refusal = refusalOf(error)
      if (refusal) return this.#refuse(refusal)
      const id = randomUUID().slice(0, 8)
      this.connection.log.error({ err: error, id, command: name }, 'a command failed')
      this.connection.transcript.trouble(`internal error ${id}`)
      this.#refuse(new Refused('bug', { id }, 'SYS/PERM'))
    }
  }

  /** The gateway stops: at once when nothing runs, else after the running command. Deletes nothing. */
  goodbye(): void {
    if (this.#waiting) this.#farewell('shutdown', 'SYS/TEMP')
    this.#ending = true
  }

  #farewell(text: Text, code: string): void {
    this.#refuse(new Refused(text, {}, code))
    this.#end()
    this.#hangUp()
    this.#wake?.()
  }
  #end(): void {
    this.#ending = true
  }
  /** Lets go of the maildrop and ends the connection, whether or not the client reads what is left. */
  #hangUp(): void {
    this.#ahead.stop()
    this.#idle.stop()
    this.#maildrop?.close()
    this.#maildrop = undefined
    if (this.#closed) return
    this.#flush()
    this.#socket.end()
    this.face.net.idle.watch(lingerMs, () => this.connection.destroy())
  }

  #refuse({ text, facts, code }: Refused): void {
    this.#reply(`-ERR ${code ? `[${code}] ` : ''}${say(this.language, text, facts)}`)
  }
  #reply(line: string): void {
    this.connection.transcript.server(line)
    this.#socket.write(`${line}\r\n`)
  }
  #flush(): void {
    while (this.#socket.writableCorked) this.#socket.uncork()
  }
  /** Waits while the client does not take what is written. */
  async #room(): Promise<void> {
    if (this.#closed) throw new Gone()
    if (this.#socket.writableLength < writeAhead) return
    this.#flush()
    while (this.#socket.writableLength >= writeAhead && !this.#closed) await new Promise<void>((resolve) => {
      this.#wake = resolve
      this.#socket.once('drain', resolve)
    })
    this.#idle.touch()
    if (this.#closed) throw new Gone()
    this.#socket.cork()
  }

  async #next(max: number): Promise<{ text: string } | 'too-long'> {
    for (;;) {
      if (this.#closed || this.#ending) throw new Gone()
      const line = this.#lines.next(max)
      if (this.#socket.isPaused() && this.#lines.waiting < readAhead) this.#socket.resume()
      if (line) return line
      this.#waiting = true
      await new Promise<void>((resolve) => (this.#wake = resolve))
      this.#waiting = false
    }
  }
  #attach(): void {
    const socket = this.#socket
    socket.on('data', (chunk: Buffer) => {
      this.#idle.touch()
      this.#lines.push(chunk)
      if (this.#lines.waiting >= readAhead) socket.pause()
      this.#wake?.()
    })
    const closed = (): void => {
      this.#closed = true
      this.#wake?.()
    }
    socket.on('close', closed).on('error', () => undefined)
    socket.resume()
  }
}

function printable(text: string): string {
  return text.slice(0, 20).replace(/[^\x21-\x7e]/g, '?')
}

/** Whether the header, as far as this chunk shows it, has octets beyond ASCII. */
function eightBitHeader(chunk: Buffer): boolean {
  const end = chunk.indexOf('\r\n\r\n')
  const header = end < 0 ? chunk : chunk.subarray(0, end)
  return header.some((octet) => octet > 127)
}
