// Stored summaries: what goes in comes out, and stays small.
import { expect, test } from 'vitest'
import type { Part } from './summary.js'
import { decodeParts, decodeSortKeys, encodeParts, encodeSortKeys } from './summary-codec.js'

const plain: Part = { section: '', headerOffset: 0, headerLength: 100, bodyOffset: 100, bodyLength: 50, lines: 3, type: 'text/plain', encoding: '7bit', charset: '', filename: '', disposition: '' }

test('parts', () => {
  const parts: Part[] = [
    plain,
    { ...plain, section: '1', encoding: 'base64' },
    { ...plain, section: '2', charset: 'utf-8' },
    { ...plain, section: '3', filename: 'ü "x"\0', disposition: 'attachment' },
    { ...plain, section: '4', type: 'message/rfc822', embedded: { headerOffset: 100, headerLength: 20, bodyOffset: 120, bodyLength: 30 } },
    { ...plain, section: '5', bodyOffset: 102, encoding: '' },
  ]
  expect(decodeParts(encodeParts(parts))).toEqual(parts)
  expect(encodeParts([plain])).toBe('[["",0,100,0,50,3,"text/plain"]]')
})

test('sort keys', () => {
  const keys = { subject: 'S', isReply: true, sent: null, from: 'F', to: '', cc: '', displayFrom: 'D', displayTo: '', messageId: 'm@x', references: ['a@b', 'c@d'] }
  expect(decodeSortKeys(encodeSortKeys(keys))).toEqual(keys)
  expect(decodeSortKeys(encodeSortKeys({ ...keys, isReply: false, sent: 5, references: [] }))).toEqual({ ...keys, isReply: false, sent: 5, references: [] })
})
