import { describe, expect, it } from 'vitest'
import { BadCommand, Reader, utf8 } from './reader.js'

const on = (text: string): Reader => new Reader([text])
const bad = (read: () => unknown, message?: string | RegExp): void => {
  expect(read).toThrow(BadCommand)
  if (message) expect(read).toThrow(message)
}

describe('Reader', () => {
  it('reads tags', () => {
    expect(on('a.1] x').tag()).toBe('a.1]')
    for (const text of ['', ' a', '+a', '(a', '"a"', '\0', 'é']) bad(() => on(text).tag())
  })
  it('reads atoms', () => {
    expect(on('FETCH 1').atom()).toBe('FETCH')
    for (const text of ['', '"x"', '\\Seen', '%', '*', ']', '\x7f']) bad(() => on(text).atom())
  })
  it('reads strings in every form', () => {
    expect(on('"a\\"b\\\\c" ').astring()).toBe('a"b\\c')
    expect(on('in]box').astring()).toBe('in]box')
    expect(on('""').astring()).toBe('')
    expect(new Reader(['', Buffer.from('a "b'), '']).astring()).toBe('a "b')
    bad(() => on('"open').astring(), 'does not end')
    bad(() => on('"a\\n"').astring())
    bad(() => on('"a\0"').astring())
    bad(() => new Reader(['', Buffer.from('a\0b'), '']).astring(), 'NUL')
    bad(() => on('').astring(), 'Wanted a string, found the end')
  })
  it('reads NIL where it may stand', () => {
    expect(on('nil').nstring()).toBeNull()
    expect(on('"NIL"').nstring()).toBe('NIL')
  })
  it('keeps literals in their places', () => {
    const r = new Reader(['a ', Buffer.from('one'), ' x ', Buffer.from('two'), ''])
    expect([r.tag(), r.sp().astring(), r.sp().atom(), r.sp().astring()]).toEqual(['a', 'one', 'x', 'two'])
    r.end()
    bad(() => new Reader(['a ', Buffer.from('one'), '']).atom() && new Reader(['a', Buffer.from('x'), '']).end())
    const open = new Reader(['a', Buffer.from('one'), ''])
    open.atom()
    bad(() => open.end(), 'a literal')
  })
  it('reads numbers of 32 bits', () => {
    expect(on('4294967295').number()).toBe(4294967295)
    for (const text of ['4294967296', '99999999999999999999999', 'x', '-1', '']) bad(() => on(text).number())
    bad(() => on('0').nzNumber())
  })
  it('reads lists', () => {
    expect(on('(a b c)').list((r) => r.atom())).toEqual(['a', 'b', 'c'])
    expect(on('()').list((r) => r.atom())).toEqual([])
    for (const text of ['(a', '(a  b)', '( a)', '(a )', 'a']) bad(() => on(text).list((r) => r.atom()))
  })
  it('bounds depth before the stack does', () => {
    const nested = (r: Reader): unknown => (r.peek() === '(' ? r.list(nested) : r.atom())
    bad(() => nested(on('('.repeat(100_000))), 'Nested deeper than 200')
    expect(() => nested(on(`${'('.repeat(150)}a${')'.repeat(150)}`))).not.toThrow()
  })
  it('says what it wanted and shows what is there', () => {
    bad(() => on('LOGIN(x) and so on').sp(), 'Wanted a space, found "LOGIN(x) a"')
    const r = on('NOOP x')
    r.atom()
    bad(() => r.end(), 'Wanted the end of the command, found " x"')
  })
  it('takes keywords in any case', () => {
    const r = on('charset UTF-8')
    expect([r.take('CHARSET '), r.take('US'), r.take('UTF-8')]).toEqual([true, false, true])
  })
  it('tells UTF-8 from what is not', () => {
    expect(utf8('caf\xc3\xa9')).toBe('café')
    expect(utf8('caf\xe9')).toBeUndefined()
  })
})
