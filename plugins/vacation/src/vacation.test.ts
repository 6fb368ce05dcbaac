// When a vacation holds and whom it tells.
import { describe, expect, it } from 'vitest'
import { dayBegins, holdsAt, tells, type Vacation } from './vacation.js'

const vacation: Vacation = { on: true, subject: '', text: 'x', days: 7, who: 'all', senders: [], unnamed: false, byRule: false }
describe('vacation', () => {
  it.each<[string, Partial<Vacation>, number, boolean]>([
    ['on', {}, 5, true], ['off', { on: false }, 5, false], ['before it begins', { from: 6 }, 5, false], ['its first moment', { from: 5, until: 6 }, 5, true], ['when it is over', { until: 5 }, 5, false],
  ])('%s', (_, more, at, held) => expect(holdsAt({ ...vacation, ...more }, at)).toBe(held))

  it.each<[Vacation['who'], string[], string, boolean]>([
    ['all', [], 'a@b', true], ['only', ['*@Example.org'], 'Anna@example.ORG', true], ['only', ['*@example.org'], 'anna@example.net', false], ['except', ['anna@*'], 'anna@example.net', false], ['except', [], 'anna@example.net', true],
    ['only', ['a*b*c'], 'axxbxxc', true], ['only', ['a*b*c'], 'axxcxxb', false], ['only', ['ab*ba'], 'aba', false], ['only', ['*'.repeat(50)], 'a'.repeat(1000), true],
  ])('%s %j: %s', (who, senders, sender, told) => expect(tells({ ...vacation, who, senders }, sender)).toBe(told))

  it.each([
    ['2026-12-24', 'UTC', '2026-12-24T00:00:00.000Z'], ['2026-12-24', 'Europe/Berlin', '2026-12-23T23:00:00.000Z'], ['2026-07-01', 'Europe/Berlin', '2026-06-30T22:00:00.000Z'], ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
    ['2026-03-30', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'], ['2026-01-01', 'Pacific/Kiritimati', '2025-12-31T10:00:00.000Z'],
  ])('%s in %s begins at %s', (day, zone, at) => expect(new Date(dayBegins(day, zone)!).toISOString()).toBe(at))
  it.each(['2026-02-30', '24.12.2026', '', '2026-1-1'])('%j is no day', (day) => expect(dayBegins(day, 'UTC')).toBeUndefined())
})
