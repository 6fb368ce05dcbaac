// Reads DER (X.690) element by element over one buffer, strictly: definite shortest lengths, low tags, bounded nesting.
// Knows no types; those are in types.ts. Throws Malformed and nothing else.

/** What the octets did wrong. The only error that decoding throws. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
  constructor(why: string, readonly at?: number) {
    super(at === undefined ? why : `${why}, at octet ${at}`)
  }
}

/** Elements within elements (im2000.md B38). The deepest that the four protocols have is 11: an address in a RetrieveAndClear response. */
const deepest = 12
/** The bit of an identifier octet that says "made of elements" (X.690 8.1.2.5). */
export const constructed = 0x20

export class Reader {
  /** Where reading goes on. */
  at = 0
  /** Identifier octet of the element that was opened last. */
  tag = 0
  #depth = 0
  constructor(readonly octets: Buffer) {}

  /** Reads identifier and length octets; `at` is then at the contents. Answers where these end, never beyond `limit`. */
  open(limit: number): number {
    const { octets } = this
    const start = this.at
    if (start + 2 > limit) throw new Malformed('an element is cut off', start)
    this.tag = octets[start]
    // X.690 8.1.2.4: five ones announce a tag of several octets. No module has one.
    if ((this.tag & 0x1f) === 0x1f) throw new Malformed('a tag number above 30', start)
    // X.690 8.1.5: end-of-contents octets belong to indefinite lengths.
    if (this.tag === 0) throw new Malformed('end-of-contents octets', start)
    let length = octets[start + 1]
    this.at = start + 2
    if (length >= 0x80) length = this.#longLength(length & 0x7f, limit)
    const end = this.at + length
    if (end > limit) throw new Malformed('an element runs past the end of what holds it', start)
    return end
  }

  #longLength(count: number, limit: number): number {
    if (count === 0) throw new Malformed('an indefinite length (X.690 10.1)', this.at - 1)
    // Four octets name more than any frame may hold.
    if (count > 4 || this.at + count > limit) throw new Malformed('a length beyond the frame', this.at - 1)
    const length = this.octets.readUIntBE(this.at, count)
    // X.690 10.1: the fewest octets; below 128 the short form (8.1.3.4).
    if (length < 0x80 || this.octets[this.at] === 0) throw new Malformed('a length in more octets than needed (X.690 10.1)', this.at - 1)
    this.at += count
    return length
  }

  enter(): void {
    if (++this.#depth > deepest) throw new Malformed(`elements nested deeper than ${deepest}`, this.at)
  }
  leave(): void {
    this.#depth--
  }
}
