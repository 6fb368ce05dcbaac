import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFailure } from '../errors/codes.js'
import { foldDomain, formatAddress, parseAddress } from './names.js'

describe('parseAddress', () => {
  it.each<[string, string, string]>([
    ['anna@example.org', 'anna', 'example.org'],
    ['Anna.Muster+List@EXAMPLE.Org', 'anna.muster+list', 'example.org'],
    ['"Anna Muster"@example.org', 'anna muster', 'example.org'],
    ['"a\\"b\\\\c"@example.org', 'a"b\\c', 'example.org'],
    ['"a@b"@example.org', 'a@b', 'example.org'],
    ['anna@example.org.', 'anna', 'example.org'],
    ['anna@b\u00fccher.example', 'anna', 'xn--bcher-kva.example'],
    ['anna@B\u00dcCHER.example', 'anna', 'xn--bcher-kva.example'],
    ['gr\u00fc\u00dfe@example.org', 'gr\u00fc\u00dfe', 'example.org'],
    ['gru\u0308\u00dfe@example.org', 'gr\u00fc\u00dfe', 'example.org'],
    ['postmaster@localhost', 'postmaster', 'localhost'],
    ['a@_dmarc.example.org', 'a', '_dmarc.example.org'],
    [`${'a'.repeat(64)}@example.org`, 'a'.repeat(64), 'example.org'],
  ])('%s', (text, localPart, domain) => expect(parseAddress(text)).toEqual({ localPart, domain }))

  it.each(['', '@', 'anna', '@example.org', 'anna@', 'anna@.', 'anna@.example', 'anna@example..org', 'anna@-example.org', 'anna@example-.org', 'anna@exa mple.org', 'anna@[192.0.2.1]', 'anna@[IPv6:2001:db8::1]', 'anna@192.0.2.1',
    'anna@example.123', '*@example.org', '"*"@example.org', 'an\u0000na@example.org', 'an\r\nna@example.org', 'an\u007fna@example.org', `${'a'.repeat(65)}@example.org`, `${'\u00e9'.repeat(33)}@example.org`,
    `anna@${'a'.repeat(64)}.org`, `anna@${'abcdefgh.'.repeat(30)}org`, 'anna@exam\u0000ple.org', 'anna@example.org\n', 'anna@ex/ample.org', 'anna@ex%61mple.org:25'])('refuses %j', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'ADDRESS_INVALID' }))
  })

  const address = fc.tuple(
    fc.stringMatching(/^[a-zA-Z0-9!#$%&'+/=?^_`{|}~-]([a-zA-Z0-9.+_-]{0,20}[a-zA-Z0-9])?$/),
    fc.array(fc.stringMatching(/^[a-zA-Z]([a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?$/).filter((label) => !/^..--/.test(label)), { minLength: 1, maxLength: 4 }),
  ).map(([local, labels]) => `${local}@${labels.join('.')}`)

  it('letters do not matter, and what was folded stays as it is', () => {
    fc.assert(fc.property(address, (text) => {
      const once = parseAddress(text)
      expect(parseAddress(text.toUpperCase())).toEqual(once)
      expect(parseAddress(text.toLowerCase())).toEqual(once)
      expect(parseAddress(formatAddress(once))).toEqual(once)
      expect(once.domain).toMatch(/^[a-z0-9.-]+$/)
    }))
  })

  it('whatever comes, it answers within its bounds or refuses', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('a', '@', '.', '"', '\\', '\u00ad', '\u3002', '\uff0e', 'xn--', '[', ']', '-', '\u0130') })), (text) => {
      try {
        const { localPart, domain } = parseAddress(text)
        expect(Buffer.byteLength(localPart)).toBeLessThanOrEqual(64)
        expect(localPart.length).toBeGreaterThan(0)
        expect(domain.length).toBeLessThanOrEqual(255)
        expect(foldDomain(domain)).toBe(domain)
      } catch (error) {
        if (!isFailure(error, 'ADDRESS_INVALID')) throw error
      }
    }), { numRuns: 2000 })
  })
})

describe('foldDomain', () => {
  it.each<[string, string | undefined]>([
    ['EXAMPLE.org', 'example.org'], ['example.org.', 'example.org'], ['b\u00fccher.example', 'xn--bcher-kva.example'], ['xn--bcher-kva.example', 'xn--bcher-kva.example'], ['ex\u00adample.org', 'example.org'],
    ['example\u3002org', 'example.org'], ['\uff45xample.org', 'example.org'], ['', undefined], ['.', undefined], ['..', undefined], ['a..b', undefined], ['[192.0.2.1]', undefined], ['192.0.2.1', undefined], ['0x7f.1', undefined],
    ['a b', undefined], ['a/b', undefined], ['a\u0000b', undefined], ['-a.example', undefined], ['a-.example', undefined], ['*.example', undefined],
  ])('%j', (text, domain) => {
    expect(foldDomain(text)).toBe(domain)
    // Remembered or not.
    expect(foldDomain(text)).toBe(domain)
  })

  it('long spellings are not taken for one another', () => {
    const long = `${'\u00ad'.repeat(250)}example.org`
    expect(foldDomain(long)).toBe('example.org')
    expect(foldDomain(long.slice(0, 256))).toBe('exampl')
  })
})
