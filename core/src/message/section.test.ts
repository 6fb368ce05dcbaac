// Section names: which are none, and which a message has. (What they hold is in scan.test.ts.)
import { expect, test } from 'vitest'
import { findPart, findSection } from './section.js'
import type { Part } from './summary.js'

const part = (section: string, type: string, from: number, embedded?: Part['embedded']): Part =>
  ({ section, headerOffset: from, headerLength: 1, bodyOffset: from + 1, bodyLength: 2, lines: 1, type, encoding: '7bit', charset: '', filename: '', disposition: '', ...(embedded && { embedded }) })
const mixed = [part('', 'multipart/mixed', 0), part('1', 'text/plain', 10), part('2', 'message/rfc822', 20, { headerOffset: 21, headerLength: 1, bodyOffset: 22, bodyLength: 1 }), part('2.1', 'text/plain', 21)]
const single = [part('', 'text/plain', 0)]
const forward = [part('', 'message/rfc822', 0, { headerOffset: 1, headerLength: 1, bodyOffset: 2, bodyLength: 1 }), part('1.1', 'text/html', 1)]

test.each<[string, readonly Part[], string, number | undefined]>([
  ['mixed', mixed, '', 0], ['mixed', mixed, 'HEADER', 0], ['mixed', mixed, 'text', 1], ['mixed', mixed, '1', 11], ['mixed', mixed, '1.mime', 10], ['mixed', mixed, '1.HEADER', undefined], ['mixed', mixed, '1.TEXT', undefined], ['mixed', mixed, '1.1', undefined],
  ['mixed', mixed, '2', 21], ['mixed', mixed, '2.HEADER', 21], ['mixed', mixed, '2.TEXT', 22], ['mixed', mixed, '2.1', 22], ['mixed', mixed, '2.1.MIME', 21], ['mixed', mixed, '3', undefined],
  ['single', single, '1', 1], ['single', single, '1.MIME', 0], ['single', single, '1.HEADER', undefined], ['single', single, '2', undefined], ['single', single, '1.1', undefined],
  ['forward', forward, '1', 1], ['forward', forward, '1.HEADER', 1], ['forward', forward, '1.TEXT', 2], ['forward', forward, '1.1', 2], ['forward', forward, '1.1.HEADER', undefined],
  ...['MIME', '0', '01', '1.', '.1', '1..2', '1HEADER', '.TEXT', '1.HEADER.TEXT', 'HEADER.FIELDS', 'x', '1.x', ' 1', '1 ', '-1', '1.0', '4294967296', '9'.repeat(40), '1.'.repeat(100_000) + '1'].map((name) => ['mixed', mixed, name, undefined] as [string, Part[], string, undefined]),
  ['nothing', [], '', undefined],
])('%s: %#', (_, parts, name, from) => expect(findSection(parts, name)?.from).toBe(from))

test('part 1 of a message that is no multipart is the message', () => {
  expect(findPart(single, '1')).toBe(single[0])
  expect(findPart(mixed, '1')).toBe(mixed[1])
  expect(findPart(single, '')).toBe(single[0])
  expect(findSection(single, '')).toEqual({ from: 0, length: 3 })
})
