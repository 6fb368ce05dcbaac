// The header fields of the message that is looked at. Many keys of one search may ask for the same: each is found, decoded and folded
// once. Pure.
import { decodeHeader, fold, parseDate, splitFields, type OctetString } from '@restante/core'
import { bare } from './text.js'

export class HeaderFields {
  #block: OctetString = ''
  #whole: ReadonlyMap<string, readonly OctetString[]> | undefined
  readonly #values = new Map<string, readonly OctetString[]>()
  readonly #texts = new Map<string, readonly string[]>()
  #sentDay: number | null | undefined
  readonly #patterns = new Map<string, RegExp>()

  /** Turns to a header block. @param whole taken apart as a whole; of a few kept fields each is looked for by itself */
  of(block: OctetString, whole: boolean): this {
    if (block === this.#block && whole === (this.#whole !== undefined)) return this
    this.#block = block
    this.#whole = whole ? byName(block) : undefined
    this.#values.clear()
    this.#texts.clear()
    this.#sentDay = undefined
    return this
  }

  /** Raw values of the fields of a name (without regard to case), in their order. */
  values(field: string): readonly OctetString[] {
    const name = field.toLowerCase()
    if (this.#whole) return this.#whole.get(name) ?? []
    let values = this.#values.get(name)
    if (!values) this.#values.set(name, (values = Array.from(this.#block.matchAll(this.#pattern(name)), (match) => match[1])))
    return values
  }

  /** The same as people read and compare them. @param loose without accents */
  texts(field: string, loose: boolean): readonly string[] {
    const name = `${loose ? '~' : ''}${field}`
    let texts = this.#texts.get(name)
    if (!texts) this.#texts.set(name, (texts = this.values(field).map((value) => (loose ? bare(fold(decodeHeader(value))) : fold(decodeHeader(value))))))
    return texts
  }

  /** The day of the Date field as it is written there; null when there is none. */
  get sentDay(): number | null {
    if (this.#sentDay === undefined) {
      const [value] = this.values('date')
      this.#sentDay = value === undefined ? null : (parseDate(value)?.day ?? null)
    }
    return this.#sentDay
  }

  #pattern(name: string): RegExp {
    let pattern = this.#patterns.get(name)
    if (!pattern) this.#patterns.set(name, (pattern = new RegExp(`^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}[ \\t]*:([^\\n]*(?:\\n[ \\t][^\\n]*)*)`, 'gim')))
    return pattern
  }
}

function byName(block: OctetString): ReadonlyMap<string, readonly OctetString[]> {
  const fields = new Map<string, OctetString[]>()
  for (const { name, value } of splitFields(block)) {
    const same = fields.get(name)
    if (same) same.push(value)
    else fields.set(name, [value])
  }
  return fields
}
