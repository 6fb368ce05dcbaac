// Content-Type and Content-Disposition values, with what real mail does to them.
import { describe, expect, test } from 'vitest'
import { parseParameterised, textParameter } from './parameters.js'

const read = (raw: string): [string, Record<string, string>] => {
  const { value, params } = parseParameterised(raw)
  return [value, Object.fromEntries(params)]
}

describe('parameters', () => {
  test.each<[string, string, Record<string, string>]>([
    ['Text/HTML', 'text/html', {}],
    [' text/plain; charset=UTF-8\r\n', 'text/plain', { charset: 'UTF-8' }],
    ['text/plain;charset="utf-8";format=flowed;', 'text/plain', { charset: 'utf-8', format: 'flowed' }],
    ['text/plain; charset = utf-8 (comment); FORMAT=flowed', 'text/plain', { charset: 'utf-8', format: 'flowed' }],
    ['(a) text/plain (b)', 'text/plain', {}],
    ['x/y; a="b;c=d"; e="f\\"g\\\\h"', 'x/y', { a: 'b;c=d', e: 'f"g\\h' }],
    ['x/y; a="C:\\temp\\x"', 'x/y', { a: 'C:\\temp\\x' }],
    ['x/y; name=my file (1).pdf; a=b', 'x/y', { name: 'my file (1).pdf', a: 'b' }],
    ['x/y; a=b; a=c', 'x/y', { a: 'b' }],
    ['x/y; a; =b; ; c=', 'x/y', { c: '' }],
    ['x/y; a="open; b=c', 'x/y', { a: 'open', b: 'c' }],
    ['x/y; boundary="a b"', 'x/y', { boundary: 'a b' }],
    ['x/y;\r\n\tboundary="a\r\n b"', 'x/y', { boundary: 'a b' }],
    ['x/y; a*0="b"; a*1=c; d=e', 'x/y', { d: 'e', a: 'bc' }],
    ['x/y; a*1=c; a*0=b', 'x/y', { a: 'bc' }],
    ["x/y; a*=utf-8'en'%C3%BC", 'x/y', { 'a*': "utf-8'en'%C3%BC" }],
    ["x/y; a*0*=utf-8''%C3; a*1*=%BC; a*2=\" %1\"", 'x/y', { 'a*': "utf-8''%C3%BC%20%251" }],
    ["x/y; a=fallback; a*=utf-8''x", 'x/y', { 'a': 'fallback', 'a*': "utf-8''x" }],
    ['x/y; *0=a; a*x=b', 'x/y', { a: 'b' }],
    ['', '', {}],
    [';', '', {}],
    ['; a=b', '', { a: 'b' }],
  ])('%j', (raw, value, params) => expect(read(raw)).toEqual([value, params]))

  test.each([
    ["x; name*=utf-8''%e2%82%ac.txt", '€.txt'],
    ["x; name*=iso-8859-1'de'f%E4ll", 'fäll'],
    ['x; name*=%C3%BC', 'ü'],
    ["x; name=a; name*=utf-8''b", 'b'],
    ['x; name="=?utf-8?Q?=C3=BC?="', 'ü'],
    ['x; name="\xfc"', 'ü'],
    ["x; name*=utf-8''%", '%'],
    ["x; name*='", "'"],
    ["x; name*=nonsense''%C3%BC", 'ü'],
    ['x', ''],
  ])('text of %j', (raw, text) => expect(textParameter(parseParameterised(raw), 'name')).toBe(text))

  test.each([';', ';a', ';a=', ';a=b', ';a*0=b', ";a*1*=''%", ';a="', ';a="\\', ';a="\\"', '(', ';(', '=', "'", ';a*=', '\\"', ';name=" '])('%j by the hundred thousand takes no long time', (piece) => {
    for (const tail of ['', '"', ')', '=']) {
      const { params } = parseParameterised('x/y' + piece.repeat(100_000) + tail)
      expect(params.size).toBeLessThanOrEqual(200)
    }
  })
  test('many different names', () => {
    expect(parseParameterised('x' + Array.from({ length: 50_000 }, (_, i) => `; a${i}=b; c${i}*0=d`).join('')).params.size).toBeLessThanOrEqual(400)
  })
})
