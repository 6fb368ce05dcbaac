// Rights as letters and bits, and what lists of them come to.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allRights, changedRights, foldIdentifier, formatRights, parseRights, right, rightsOf, rolePresets, wireRights } from './rights.js'

describe('rights', () => {
  it('go round as letters', () => {
    fc.assert(fc.property(fc.nat(allRights), (rights) => { expect(parseRights(formatRights(rights))).toBe(rights) }))
    expect(formatRights(parseRights('aetxkpiwsrl'))).toBe('lrswipkxtea')
  })
  it('of RFC 2086 mean those of RFC 4314, and are told with them', () => {
    expect(formatRights(parseRights('cd'))).toBe('kxte')
    expect([wireRights(parseRights('lrx')), wireRights(parseRights('lre')), wireRights(parseRights('lr'))]).toEqual(['lrxc', 'lred', 'lr'])
  })
  it.each(['q', 'lrz', 'L', 'l r', '0', 'é'])('%j is none', (text) => { expect(() => parseRights(text)).toThrow(expect.objectContaining({ code: 'RIGHTS_INVALID' })) })

  const entries = [
    { identifier: 'anna', rights: parseRights('lrs') }, { identifier: 'group:sales', rights: parseRights('lrswi') }, { identifier: 'anyone', rights: parseRights('l') },
    { identifier: '-bert', rights: parseRights('w') }, { identifier: '-group:trainees', rights: parseRights('i') },
  ]
  it.each<[string, string[], string]>([
    ['a user', ['anna', 'anyone'], 'lrs'], ['nobody in particular', ['carl', 'anyone'], 'l'], ['by a group', ['carl', 'group:sales', 'anyone'], 'lrswi'], ['less what is taken from the user', ['bert', 'group:sales', 'anyone'], 'lrsi'],
    ['less what is taken from a group', ['anna', 'group:sales', 'group:trainees', 'anyone'], 'lrsw'], ['nobody at all', [], ''],
  ])('%s', (_, identifiers, letters) => { expect(formatRights(rightsOf(entries, new Set(identifiers)))).toBe(letters) })

  it.each([['lr', 'lrs', 'lrs'], ['lr', '+sw', 'lrsw'], ['lrs', '-s', 'lr'], ['lrs', '', ''], ['lr', '+', 'lr'], ['lrkx', '-c', 'lr']])('%s, changed by %s: %s', (before, change, after) => {
    expect(formatRights(changedRights(parseRights(before), change))).toBe(after)
  })
  it('roles grow', () => {
    const roles = Object.values(rolePresets).map(parseRights)
    for (let i = 1; i < roles.length; i++) expect(roles[i] & roles[i - 1]).toBe(roles[i - 1])
    expect(roles.at(-1)).toBe(allRights)
    expect(parseRights(rolePresets.editor) & right.a).toBe(0)
  })
  it.each(['', '-', '--x', 'a b', 'a*', '%', 'x'.repeat(400), 'a\u0000'])('%j is no identifier', (text) => { expect(() => foldIdentifier(text)).toThrow(expect.objectContaining({ code: 'RIGHTS_INVALID' })) })
  it.each([['Anna@Example.org', 'anna@example.org'], ['-GROUP:Sales', '-group:sales'], ['anyone', 'anyone']])('%s is %s', (text, folded) => expect(foldIdentifier(text)).toBe(folded))
})
