// Writes DER backwards, from the last octet to the first: when an element's head is written its length is known.
// Knows no types; those are in types.ts.

export class Writer {
  #octets: Buffer
  #at: number
  constructor(expected = 256) {
    this.#octets = Buffer.allocUnsafe(expected)
    this.#at = expected
  }

  /** Octets written so far. Remember it before writing contents; `head` wants it back. */
  get size(): number {
    return this.#octets.length - this.#at
  }

  octet(value: number): void {
    if (this.#at < 1) this.#grow(1)
    this.#octets[--this.#at] = value
  }
  bytes(value: Uint8Array): void {
    if (this.#at < value.length) this.#grow(value.length)
    this.#at -= value.length
    this.#octets.set(value, this.#at)
  }
  text(value: string): void {
    const length = Buffer.byteLength(value)
    if (this.#at < length) this.#grow(length)
    this.#at -= length
    this.#octets.write(value, this.#at, 'utf8')
  }

  /** Identifier and length octets for the contents written since the size was `before`. */
  head(tag: number, before: number): void {
    let length = this.size - before
    if (length < 0x80) this.octet(length)
    else {
      let count = 0
      for (; length > 0; length = Math.floor(length / 256), count++) this.octet(length & 0xff)
      this.octet(0x80 | count)
    }
    this.octet(tag)
  }

  /** What was written. */
  finish(): Buffer {
    return this.#octets.subarray(this.#at)
  }

  #grow(by: number): void {
    const { size } = this
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#octets.length, size + by + 256))
    this.#octets.copy(larger, larger.length - size, this.#at)
    this.#at = larger.length - size
    this.#octets = larger
  }
}
