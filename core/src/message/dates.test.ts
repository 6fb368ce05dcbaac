// Date fields, right and wrong.
import { describe, expect, test } from 'vitest'
import { parseDate } from './dates.js'

const read = (value: string): string | null => {
  const date = parseDate(value)
  return date && `${new Date(date.utc).toISOString().replace('.000', '')} on ${new Date(date.day * 86_400_000).toISOString().slice(0, 10)}`
}
describe('dates', () => {
  test.each<readonly [string, string | null]>([
    ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06Z on 1997-11-21'],
    ['21 Nov 1997 23:55:06 -0600', '1997-11-22T05:55:06Z on 1997-11-21'],
    ['1 Jan 2024 00:30 +0100', '2023-12-31T23:30:00Z on 2024-01-01'],
    ['Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n               -0330 (Newfoundland Time)', '1969-02-14T03:02:00Z on 1969-02-13'],
    ['21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06Z on 1997-11-21'],
    ['Fri, 21 Nov 1997 09(comment):   55  :  06 -0600', '1997-11-21T15:55:06Z on 1997-11-21'],
    ['1 Feb 05 1:2:3 EST', '2005-02-01T06:02:03Z on 2005-02-01'],
    ['1 Feb 105 01:02:03 PDT', '2005-02-01T08:02:03Z on 2005-02-01'],
    ['Tue, 1 February 2005 01:02:03 Z', '2005-02-01T01:02:03Z on 2005-02-01'],
    ['1 Feb 2005 01:02:03 A', '2005-02-01T01:02:03Z on 2005-02-01'],
    ['1 Feb 2005 01:02:03 nonsense', '2005-02-01T01:02:03Z on 2005-02-01'],
    ['1 Feb 2005 01:02:03 GMT+0200', '2005-01-31T23:02:03Z on 2005-02-01'],
    ['1 Feb 2005 01:02:03 +02:00', '2005-01-31T23:02:03Z on 2005-02-01'],
    ['1 Feb 2005 01:02:03 +9999', '2005-02-01T01:02:03Z on 2005-02-01'],
    ['1 Feb 2005 1:02:03 PM', '2005-02-01T13:02:03Z on 2005-02-01'],
    ['1 Feb 2005 01.02.03 +0000', '2005-02-01T01:02:03Z on 2005-02-01'],
    ['31 Dec 2016 23:59:60 +0000', '2017-01-01T00:00:00Z on 2016-12-31'],
    ['1 Feb 2005', '2005-02-01T00:00:00Z on 2005-02-01'],
    ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37Z on 1994-11-06'],
    ['Sun Nov  6 08:49:37 PST 1994', '1994-11-06T16:49:37Z on 1994-11-06'],
    ['Nov 6, 1994', '1994-11-06T00:00:00Z on 1994-11-06'],
    ['1994-11-06T08:49:37.123+01:00', '1994-11-06T07:49:37Z on 1994-11-06'],
    ['1994-11-06 08:49:37', '1994-11-06T08:49:37Z on 1994-11-06'],
    ['06-Nov-94 08:49:37 GMT', '1994-11-06T08:49:37Z on 1994-11-06'],
    ['Wed, 29 Feb 2024 10:00:00 +0000', '2024-02-29T10:00:00Z on 2024-02-29'],
    ['6 Nov 0094 10:00:00 +0000', '0094-11-06T10:00:00Z on 0094-11-06'],
    ...['', 'yesterday', '31 Feb 2024 10:00:00 +0000', '29 Feb 2023', '32 Jan 2024', '0 Jan 2024', '1 Foo 2024', '1 Jan 2024 25:00', '1 Jan 2024 10:61', 'Mon', '(1 Jan 2024)', '\0', '1'].map((text) => [text, null] as const),
  ])('%j', (value, expected) => expect(read(value)).toBe(expected))

  test.each(['1', '1 ', '(', ')', '1 Jan ', '1-', ':', ' ', '1:', '+', 'Jan 1 ', '1 Jan 2024 '])('%j by the million takes no long time', (piece) => {
    const started = performance.now()
    parseDate(piece.repeat(1_000_000))
    expect(performance.now() - started).toBeLessThan(500)
  })
})
