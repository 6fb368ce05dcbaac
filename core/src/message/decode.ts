// Body octets as transferred into the octets that were meant (RFC 2045 6), as a stream: base64, quoted-printable, the rest
// unchanged. Tolerant: what is no code is skipped (base64) or left as it stands (quoted-printable). Not charsets (charset.ts).

export interface BodyDecoding {
  push(chunk: Uint8Array): Buffer
  end(): Buffer
}

/** Whether the encoding changes octets, and `createBodyDecoder` knows it. RFC 3516 UNKNOWN-CTE is said of the others. */
export function isKnownEncoding(encoding: string): boolean {
  return ['', '7bit', '8bit', 'binary', 'base64', 'quoted-printable'].includes(encoding)
}

/** A decoder for `Part.encoding`. */
export function createBodyDecoder(encoding: string): BodyDecoding {
  if (encoding === 'base64') return new Base64Decoder()
  if (encoding === 'quoted-printable') return new QuotedPrintableDecoder()
  return { push: (chunk) => asBuffer(chunk), end: () => empty }
}

/** The same for a body that is already in memory. */
export function decodeBody(octets: Uint8Array, encoding: string): Buffer {
  const decoder = createBodyDecoder(encoding)
  const first = decoder.push(octets)
  const rest = decoder.end()
  return rest.length === 0 ? first : Buffer.concat([first, rest])
}

const empty = Buffer.alloc(0)
const asBuffer = (octets: Uint8Array): Buffer => (Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength))

const skip = 64
const pad = 65
const values = new Uint8Array(256).fill(skip)
for (const [i, c] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) values[c.charCodeAt(0)] = i
values[0x3d] = pad

class Base64Decoder implements BodyDecoding {
  #bits = 0
  #count = 0
  #padded = false
  #ended = false

  push(chunk: Uint8Array): Buffer {
    if (this.#ended) return empty
    const out = Buffer.allocUnsafe(Math.ceil(((chunk.length + 3) * 3) / 4))
    let bits = this.#bits
    let count = this.#count
    let to = 0
    for (let i = 0; i < chunk.length; i++) {
      const value = values[chunk[i]]
      if (value < 64) {
        bits = (bits << 6) | value
        if (++count === 4) {
          out[to] = bits >> 16
          out[to + 1] = bits >> 8
          out[to + 2] = bits
          to += 3
          bits = count = 0
        }
      } else if (value === pad) {
        // Ends one run; several encoded runs one behind the other are common in mail.
        to = flush(out, to, bits, count)
        bits = count = 0
        this.#padded = true
      } else if (this.#padded && chunk[i] > 0x20) {
        // What follows the padding and is no base64 is the footer of some list or gateway.
        this.#ended = true
        break
      }
    }
    this.#bits = bits
    this.#count = count
    return out.subarray(0, to)
  }

  end(): Buffer {
    const out = Buffer.allocUnsafe(2)
    return out.subarray(0, flush(out, 0, this.#bits, this.#count))
  }
}

/** The whole octets of an unfinished group of four. */
function flush(out: Buffer, to: number, bits: number, count: number): number {
  if (count >= 2) out[to++] = bits >> (6 * count - 8)
  if (count === 3) out[to++] = bits >> 2
  return to
}

const hex = new Int8Array(256).fill(-1)
for (const [i, c] of [...'0123456789ABCDEF'].entries()) {
  hex[c.charCodeAt(0)] = i
  hex[c.toLowerCase().charCodeAt(0)] = i
}

/** Blanks before a line's end are to be deleted (RFC 2045 6.7 rule 3); longer runs than a line may have are text. */
const longestLine = 998

class QuotedPrintableDecoder implements BodyDecoding {
  /** Octets that cannot be judged yet: '=' and what follows it, or blanks that may end a line. */
  #held = empty

  push(chunk: Uint8Array): Buffer {
    return this.#decode(this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk, false)
  }

  end(): Buffer {
    return this.#decode(this.#held, true)
  }

  #decode(from: Uint8Array, last: boolean): Buffer {
    const out = Buffer.allocUnsafe(from.length)
    const n = from.length
    let to = 0
    let i = 0
    this.#held = empty
    while (i < n) {
      const octet = from[i]
      if (octet !== 0x3d && octet !== 0x20 && octet !== 0x09) {
        out[to++] = octet
        i++
        continue
      }
      if (octet === 0x3d && i + 2 < n && hex[from[i + 1]] >= 0 && hex[from[i + 2]] >= 0) {
        out[to++] = (hex[from[i + 1]] << 4) | hex[from[i + 2]]
        i += 3
        continue
      }
      // A soft line break ('=' blanks line end), or blanks that may end a line.
      let end = octet === 0x3d ? i + 1 : i
      while (end < n && end - i < longestLine && (from[end] === 0x20 || from[end] === 0x09)) end++
      const cut = end >= n || (from[end] === 0x0d && end + 1 >= n) || (octet === 0x3d && end === i + 1 && end + 1 >= n && hex[from[end]] >= 0)
      if (cut && !last && end - i < longestLine) {
        this.#held = Buffer.from(from.subarray(i, n))
        break
      }
      const lineEnd = end >= n ? 0 : from[end] === 0x0a ? 1 : from[end] === 0x0d && from[end + 1] === 0x0a ? 2 : -1
      if (lineEnd >= 0) i = octet === 0x3d ? end + lineEnd : end
      else if (octet === 0x3d) {
        out[to++] = octet // no code: as it stands
        i++
      } else {
        while (i < end) out[to++] = from[i++]
      }
    }
    return out.subarray(0, to)
  }
}
