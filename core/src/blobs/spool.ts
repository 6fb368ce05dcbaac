// Where a message is while it comes in: octets out, digest and summary beside, in one pass. Memory per message is bounded:
// above a threshold the octets go to a file in the data folder. What a crash leaves there is removed at the next start.
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open, readdir, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { failure } from '../errors/codes.js'
import type { Scanner } from '../message/summary.js'
import type { Spool, Spooled, SpoolWriter } from './contract.js'

export interface SpoolParts {
  readonly folder: string
  /** Octets up to which a message stays in memory. */
  readonly memoryLimit: number
  /** Octets of a message when the opener names no limit. */
  readonly messageLimit: number
  readonly scanner: () => Scanner
}

/** Octets that may wait for the disk before the writer is asked to wait. */
const fileBuffer = 256 * 1024

export function makeSpool(parts: SpoolParts): Spool & { sweep(): Promise<void> } {
  mkdirSync(parts.folder, { recursive: true, mode: 0o700 })
  return {
    open(options = {}) {
      const limit = options.limit ?? parts.messageLimit
      if ((options.expectedSize ?? 0) > limit) throw failure('MESSAGE_TOO_LARGE', { limit })
      return new Writer(parts, limit)
    },
    /** At start, before anyone writes: whatever is here, nobody was told that it was accepted. */
    async sweep() {
      for (const name of await readdir(parts.folder)) await rm(join(parts.folder, name), { force: true })
    },
  }
}

class Writer implements SpoolWriter {
  readonly #parts: SpoolParts
  readonly #limit: number
  readonly #scanner: Scanner
  #chunks: Buffer[] = []
  #held = 0
  #path: string | undefined
  #file: FileHandle | undefined
  #flushing: Promise<void> | undefined
  #broken: unknown
  size = 0

  constructor(parts: SpoolParts, limit: number) {
    this.#parts = parts
    this.#limit = limit
    this.#scanner = parts.scanner()
  }

  write(chunk: Buffer): Promise<void> | void {
    if (this.#broken) throw this.#broken
    this.size += chunk.length
    if (this.size > this.#limit) throw failure('MESSAGE_TOO_LARGE', { limit: this.#limit })
    this.#scanner.push(chunk)
    this.#chunks.push(chunk)
    this.#held += chunk.length
    if (this.#held <= (this.#path ? fileBuffer : this.#parts.memoryLimit)) return
    this.#flushing = (this.#flushing ?? Promise.resolve()).then(() => this.#flush())
    return this.#flushing
  }

  async seal(): Promise<Spooled> {
    if (this.#flushing) {
      await this.#flushing
      await this.#flush()
      await this.#file?.close()
      this.#file = undefined
      if (this.#broken) throw this.#broken
    }
    const path = this.#path
    const octets = path ? { path } : this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks, this.size)
    this.#chunks = []
    return { size: this.size, summary: this.#scanner.end(), octets, discard: async () => { if (path) await rm(path, { force: true }) } }
  }

  async discard(): Promise<void> {
    this.#broken ??= failure('INTERNAL')
    this.#chunks = []
    await this.#flushing?.catch(() => undefined)
    await this.#file?.close()
    this.#file = undefined
    if (this.#path) await rm(this.#path, { force: true })
  }

  async #flush(): Promise<void> {
    const chunks = this.#chunks
    this.#chunks = []
    this.#held = 0
    try {
      if (!this.#file) {
        this.#path = join(this.#parts.folder, randomBytes(12).toString('hex'))
        this.#file = await open(this.#path, 'wx', 0o600)
      }
      for (const chunk of chunks) await this.#file.writeFile(chunk)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      this.#broken = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG' ? failure('NO_ROOM', {}, error) : error
      throw this.#broken
    }
  }
}
