import { describe, expect, it } from 'vitest'
import { errorCodes, failure, type ErrorCode } from '../errors/codes.js'
import { date, exitCodeOf, exitCodes, size, table } from './output.js'

describe('table', () => {
  it('is as wide as it must be, and shows what is not there', () => {
    expect(table([{ name: 'a@example.test', used: 3, enabled: true, at: null }, { name: 'b', used: 12_345, enabled: false, at: 'now' }], ['name', 'used', 'enabled', 'at'])).toBe([
      'NAME            USED   ENABLED  AT',
      'a@example.test  3      yes      -',
      'b               12345  no       now',
    ].join('\n'))
  })
  it('has a header line when there is nothing in it', () => expect(table([], ['id', 'kind'])).toBe('ID  KIND'))
})

it.each<[number, string]>([[0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [123_456, '120.6 KiB'], [5 * 1024 ** 3, '5.0 GiB'], [2048 * 1024 ** 4, '2048.0 TiB']])('size %i', (octets, text) => expect(size(octets)).toBe(text))

it('dates are UTC, without letters', () => {
  expect(date(Date.UTC(2026, 10, 22, 10, 27, 45, 123))).toBe('2026-11-22 10:27:45')
  expect(date(null)).toBe('-')
})

describe('exit codes', () => {
  it.each<[ErrorCode, keyof typeof exitCodes]>([
    ['CONFIG_INVALID', 'usage'], ['ACCOUNT_NOT_FOUND', 'notFound'], ['MESSAGE_NOT_FOUND', 'notFound'], ['ACCOUNT_EXISTS', 'refused'], ['NOT_PERMITTED', 'refused'], ['DATABASE_NEWER', 'refused'],
    ['LISTENER_FAILED', 'refused'], ['DATA_FOLDER_LOCKED', 'unavailable'], ['DATABASE_FAILED', 'unavailable'], ['NO_ROOM', 'unavailable'], ['SHUTTING_DOWN', 'unavailable'],
  ])('%s', (code, name) => expect(exitCodeOf(failure(code))).toBe(exitCodes[name]))
  it('every error has one, and none is 0', () => {
    for (const code of Object.keys(errorCodes) as ErrorCode[]) expect(Object.values(exitCodes).slice(1)).toContain(exitCodeOf(failure(code)))
  })
  it('what nobody foresaw is 1', () => expect(exitCodeOf(new Error('oh'))).toBe(exitCodes.failed))
})
