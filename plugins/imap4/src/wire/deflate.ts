// COMPRESS=DEFLATE (RFC 4978): a socket seen through raw deflate in both directions. What the peer sends unfolds only as fast as it
// is read, so a bomb costs what its commands would have cost uncompressed.
import type { Socket } from 'node:net'
import { Transform, type TransformCallback } from 'node:stream'
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from 'node:zlib'

/** A smaller window than the peer's: replies repeat themselves at short distance. */
const ours = { windowBits: 13, memLevel: 7, level: 3, flush: constants.Z_SYNC_FLUSH } as const
/** Silence after which the compressor is given back. */
const restMs = 2000
/** The end of a deflate stream that has nothing to say: an empty last block (RFC 1951 3.2.6). */
const ending = Buffer.from([0x03, 0x00])

/**
 * Deflates, and holds the compressor's 96 KiB only while there is something to say. Each write ends at an octet, with the block
 * closed; a new compressor refers to nothing that was said before. So any inflater takes what several of them wrote one after the
 * other for one stream.
 */
export class Deflater extends Transform {
  #deflate: DeflateRaw | undefined
  #writing = false
  readonly #timer = setTimeout(() => this.rest(), restMs).unref()

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    this.#writing = true
    this.#timer.refresh()
    this.#deflate ??= createDeflateRaw(ours).on('data', (octets: Buffer) => this.push(octets)).on('error', (error) => this.destroy(error))
    this.#deflate.write(chunk, (error) => {
      this.#writing = false
      done(error)
    })
  }

  override _flush(done: TransformCallback): void {
    done(null, ending)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    this.#deflate?.destroy()
    done(error)
  }

  /** Gives the compressor back, unless it is at work. */
  rest(): void {
    if (this.#writing) return
    this.#deflate?.destroy()
    this.#deflate = undefined
  }
}

export interface Compressed { readonly input: InflateRaw; readonly output: Deflater }

/** @param broken told when what comes is no deflate */
export function compress(socket: Socket, broken: () => void): Compressed {
  const input = createInflateRaw({ chunkSize: 4096 })
  const output = new Deflater()
  input.on('error', broken)
  output.on('error', broken)
  output.pipe(socket)
  socket.pipe(input)
  socket.on('close', () => {
    input.destroy()
    output.destroy()
  })
  return { input, output }
}
