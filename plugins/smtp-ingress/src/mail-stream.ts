// smtp-server's parser for the command lines, our own reader for the data: one pass with our policy for line ends instead
// of the library's (which has none), and straight into the store without a stream between.
import { SMTPStream } from 'smtp-server/lib/smtp-stream.js'
import type { OctetReader } from './chunks.js'

export interface DataSink {
  readonly reader: OctetReader
  /** Wait for the promise, if there is one, before the next. Must not reject. */
  write(content: Buffer): Promise<void> | void
  /** The end of data was read. Resolves when what came behind it may be looked at. Must not reject. */
  end(): Promise<void>
}

export class MailStream extends SMTPStream {
  #sink: DataSink | undefined

  /** What follows is a message, up to its end. */
  takeData(sink: DataSink): void {
    this.#sink = sink
    this._dataMode = true // with this the library hands the rest of its chunk to _write
  }

  /** Whether the peer is in the middle of its message. */
  get inData(): boolean {
    return this.#sink !== undefined
  }

  override _write(chunk: Buffer, encoding: BufferEncoding | 'buffer', next: (error?: Error | null) => void): void {
    const sink = this.#sink
    if (!sink) return super._write(chunk, encoding, next)
    if (this.isClosed || chunk.length === 0) return next()
    const { content, rest } = sink.reader.push(chunk)
    const written = content && sink.write(content)
    if (rest === undefined) {
      if (written) written.then(() => next(), next)
      else next()
      return
    }
    this.#sink = undefined
    this._dataMode = false
    this._remainder = ''
    void Promise.resolve(written)
      .then(() => sink.end())
      .then(() => this._write(rest, 'buffer', next), next)
  }
}
