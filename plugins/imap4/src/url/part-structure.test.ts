// One part's structure out of the whole message's.
import { describe, expect, it } from 'vitest'
import { decodedStructure, partStructure } from './part-structure.js'

const text = '("text" "plain" ("charset" "a) \\"(b") NIL NIL "7bit" 10 1 NIL NIL NIL NIL)'
const image = '("image" "png" NIL NIL {4}\r\n(")\\ "base64" 164 NIL NIL NIL NIL)'
const nested = `(${text}${image} "mixed" ("boundary" "x") NIL NIL NIL)`
const message = `("message" "rfc822" NIL NIL NIL "7bit" 500 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ${nested} 20 NIL NIL NIL NIL)`
const single = `("message" "rfc822" NIL NIL NIL "7bit" 500 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) ${text} 20 NIL NIL NIL NIL)`
const whole = `(${text}${nested}${message}${single} "mixed" NIL NIL NIL NIL)`

describe('the structure of a part', () => {
  it.each([
    ['', whole], ['1', text], ['2', nested], ['2.1', text], ['2.2', image], ['3', message], ['3.1', text], ['3.2', image], ['4', single], ['4.1', text],
    ['5', undefined], ['1.1', undefined], ['2.3', undefined], ['2.2.1', undefined], ['3.3', undefined], ['4.2', undefined], ['4.1.1', undefined],
  ])('%s', (part, structure) => expect(partStructure(whole, part)).toBe(structure))
  it('of a message that is one part', () => {
    expect(partStructure(text, '1')).toBe(text)
    expect(partStructure(text, '2')).toBeUndefined()
    expect(partStructure(text, '1.1')).toBeUndefined()
  })
  it('with its encoding undone', () => expect(decodedStructure(image, 123)).toBe('("image" "png" NIL NIL {4}\r\n(")\\ "BINARY" 123 NIL NIL NIL NIL)'))
})
