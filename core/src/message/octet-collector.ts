// Copies one range of the octets that flow by, up to a limit. The only place where the scan holds octets.

export class OctetCollector {
  #buffer: Buffer
  #length = 0
  #start = 0
  #limit: number

  constructor(size: number) {
    this.#buffer = Buffer.allocUnsafe(size)
    this.#limit = 0
  }

  /** Begins a new range at `start` (octets from the message's first), of at most `limit` octets. */
  begin(start: number, limit: number): void {
    this.#start = start
    this.#limit = limit
    this.#length = 0
  }

  /** Takes what `chunk`, whose first octet is octet `base` of the message, holds of the range before octet `to`. */
  take(chunk: Uint8Array, base: number, to: number): void {
    const from = this.#start + this.#length
    const end = Math.min(to, base + chunk.length, this.#start + this.#limit)
    if (end <= from || from < base) return
    const length = this.#length + end - from
    if (length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#limit, Math.max(length, 2 * this.#buffer.length)))
      larger.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = larger
    }
    this.#buffer.set(chunk.subarray(from - base, end - base), this.#length)
    this.#length = length
  }

  /** What was taken of the range before octet `to`. Valid until `begin`. */
  octets(to: number): Buffer {
    return this.#buffer.subarray(0, Math.max(0, Math.min(this.#length, to - this.#start)))
  }
}
