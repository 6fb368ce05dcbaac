// Replies out. Gathers octet strings and buffers into slices of about 256 KiB, and says when to wait for a slow client.
import type { Socket } from 'node:net'
import type { Writable } from 'node:stream'

/** The connection is gone; nobody is left to be told anything. */
export class Disconnected extends Error {
  override readonly name = 'Disconnected'
}

/** Octets gathered before they leave. Large enough for few system calls, small enough to cost nothing for a slow client. */
const sliceOctets = 262_144

export class Writer {
  #socket: Writable
  #text = ''
  #parts: (string | Buffer)[] | undefined
  #gathered = 0
  #closed = false
  #drained: (() => void) | undefined
  /** @param onStall told when the wait for a slow client begins and ends. */
  constructor(socket: Socket, private readonly onStall: (stalled: boolean) => void) {
    this.#socket = socket
  }

  /** After STARTTLS, COMPRESS. */
  use(socket: Writable): void { this.#socket = socket }

  /** The socket has drained, or has closed. */
  drained(): void {
    const wake = this.#drained
    if (!wake) return
    this.#drained = undefined
    this.onStall(false)
    wake()
  }

  close(): void {
    this.#closed = true
    this.#text = ''
    this.#parts = undefined
    this.drained()
  }

  get closed(): boolean { return this.#closed }
  /** Whether a reply waits for the client to read. */
  get stalled(): boolean { return this.#drained !== undefined }

  /** Octets (one character each), as they are. */
  text(octets: string): void {
    this.#text += octets
    this.#gathered += octets.length
  }

  /** One line, CRLF added. */
  line(octets: string): void { this.text(`${octets}\r\n`) }

  octets(buffer: Buffer): void {
    if (this.#text !== '') {
      ;(this.#parts ??= []).push(this.#text)
      this.#text = ''
    }
    ;(this.#parts ??= []).push(buffer)
    this.#gathered += buffer.length
  }

  /** Whether it is time to `flush`. */
  get full(): boolean { return this.#gathered >= sliceOctets }

  /** Whether the client reads slower than we write. */
  get behind(): boolean { return this.#socket.writableNeedDrain }

  /** Hands everything to the socket. Resolves when there is room for more; at once when there is. */
  flush(): Promise<void> | void {
    if (this.#closed) throw new Disconnected()
    if (this.#gathered === 0) return undefined
    const socket = this.#socket
    let room: boolean
    if (this.#parts) {
      if (this.#text !== '') this.#parts.push(this.#text)
      socket.cork()
      for (const part of this.#parts) {
        if (typeof part === 'string') socket.write(part, 'latin1')
        else socket.write(part)
      }
      socket.uncork()
      room = !socket.writableNeedDrain
    } else room = socket.write(this.#text, 'latin1')
    this.#text = ''
    this.#parts = undefined
    this.#gathered = 0
    return room ? undefined : this.#drain()
  }

  /** Hands everything to the socket without waiting; for the few octets of an announcement. */
  push(): void {
    if (this.#closed || this.#gathered === 0) return
    const wait = this.flush()
    if (wait) wait.catch((error: unknown) => { if (!(error instanceof Disconnected)) throw error })
  }

  /** Resolves when everything has left this process (STARTTLS must not overtake its own OK). */
  async settled(): Promise<void> {
    await this.flush()
    await new Promise<void>((resolve, reject) => this.#socket.write('', (error) => (error ? reject(new Disconnected()) : resolve())))
  }

  async #drain(): Promise<void> {
    this.onStall(true)
    await new Promise<void>((resolve) => { this.#drained = resolve })
    if (this.#closed) throw new Disconnected()
  }
}
