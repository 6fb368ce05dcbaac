// The octets behind a BDAT (RFC 3030): so many of them, whatever they are. Pure.

/** Finds the end of what a peer sends: by what stands in it (bytes.ts), or by its length. */
export interface OctetReader {
  /** @returns the content in this chunk, and (only when the end was in it) what came behind the end */
  push(chunk: Buffer): { content: Buffer | undefined; rest: Buffer | undefined }
}

export interface ChunkSize { readonly octets: number; readonly last: boolean }

/** undefined: not a BDAT that says how long it is. */
export function readChunkSize(command: string): ChunkSize | undefined {
  const [, octets, last] = /^BDAT[ \t]+(\d{1,15})([ \t]+LAST)?[ \t]*$/i.exec(command) ?? []
  return octets === undefined ? undefined : { octets: Number(octets), last: last !== undefined }
}

export class ChunkReader implements OctetReader {
  #left: number
  /** @param through what looks at the content, if anything does */
  constructor(octets: number, private readonly through: { pass(content: Buffer): Buffer | undefined } | undefined) {
    this.#left = octets
  }

  push(chunk: Buffer): { content: Buffer | undefined; rest: Buffer | undefined } {
    const mine = chunk.subarray(0, this.#left)
    const rest = chunk.length < this.#left ? undefined : chunk.subarray(mine.length)
    this.#left -= mine.length
    return { content: this.through ? this.through.pass(mine) : mine, rest }
  }
}
