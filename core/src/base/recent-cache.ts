// What was used lately, under a bound of octets, in two generations: when the young one has half of them it becomes the old one, and the
// old one goes. So nothing is ever looked for to be thrown out; a Map in the order of its entries would have to step over all that left it.

export class RecentCache<K, V> {
  #young = new Map<K, V>()
  #old = new Map<K, V>()
  #octets = 0
  #oldOctets = 0
  readonly #half: number

  /**
   * @param most octets of all values together
   * @param weigh octets of a value
   */
  constructor(most: number, private readonly weigh: (value: V) => number) { this.#half = most / 2 }

  get octets(): number { return this.#octets + this.#oldOctets }

  /** Makes it young again. */
  get(key: K): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old === undefined) return undefined
    this.set(key, old)
    return old
  }

  /** What is heavier than half the bound does not stay. A value must weigh the same as long as it is here. */
  set(key: K, value: V): void {
    this.delete(key)
    const octets = this.weigh(value)
    if (octets > this.#half) return
    if (this.#octets + octets > this.#half) {
      this.#old = this.#young
      this.#oldOctets = this.#octets
      this.#young = new Map()
      this.#octets = 0
    }
    this.#young.set(key, value)
    this.#octets += octets
  }

  delete(key: K): void {
    const young = this.#young.get(key)
    if (young !== undefined) {
      this.#young.delete(key)
      this.#octets -= this.weigh(young)
      return
    }
    const old = this.#old.get(key)
    if (old === undefined) return
    this.#old.delete(key)
    this.#oldOctets -= this.weigh(old)
  }
}
