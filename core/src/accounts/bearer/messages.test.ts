// The client's message in OAUTHBEARER and XOAUTH2, and what a refusal says.
import { describe, expect, it } from 'vitest'
import { bearerRefusal, parseBearerMessage } from './messages.js'

const octets = (text: string): Buffer => Buffer.from(text.replaceAll('^A', '\x01'), 'utf8')

describe('OAUTHBEARER', () => {
  it.each([
    // RFC 7628 4.1 to 4.3
    ['n,a=user@example.com,^Ahost=server.example.com^Aport=143^Aauth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==^A^A', 'user@example.com'],
    ['n,,^Ahost=server.example.com^Aport=587^Aauth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==^A^A', undefined],
    ['y,a=a=2Cb=3Dc,^Aauth=bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==^A^A', 'a,b=c'],
    ['n,a=grüße@example.com,^Aunknown=^Aauth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==^A^A', 'grüße@example.com'],
  ])('%s', (text, name) => {
    expect(parseBearerMessage('OAUTHBEARER', octets(text))).toEqual({ token: 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==', name })
  })
  it.each([
    '', '^A', '^A^A', 'n,,^A^A', 'n,,^Aauth=Bearer x^A', 'n,,^Aauth=Bearer x', 'n,,^Aauth=Basic x^A^A', 'n,,^Aauth=Bearer x y^A^A', 'n,,^Aauth=Bearer x^Aauth=Bearer y^A^A',
    'p=tls-exporter,,^Aauth=Bearer x^A^A', 'n,a=x=20y,^Aauth=Bearer x^A^A', 'n,a=,^Aauth=Bearer x^A^A', ',,^Aauth=Bearer x^A^A', 'n,,^Aauth=Bearer x^A^A^A', 'n,,^Ahost=h^A^A', 'user=x^Aauth=Bearer x^A^A',
  ])('is not: %s', (text) => expect(parseBearerMessage('OAUTHBEARER', octets(text))).toBeUndefined())
})

describe('XOAUTH2', () => {
  it('reads user and token', () => {
    expect(parseBearerMessage('XOAUTH2', octets('user=someuser@example.com^Aauth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg^A^A'))).toEqual({ token: 'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg', name: 'someuser@example.com' })
    expect(parseBearerMessage('XOAUTH2', octets('n,,^Aauth=Bearer x^A^A'))).toBeUndefined()
  })
})

it('says where a token is to be had', () => {
  const hint = { scope: 'example_scope', discovery: 'https://example.com/.well-known/openid-configuration' }
  // RFC 7628 4.3
  expect(bearerRefusal('OAUTHBEARER', 'invalid_token', hint)).toBe('{"status":"invalid_token","scope":"example_scope","openid-configuration":"https://example.com/.well-known/openid-configuration"}')
  expect(bearerRefusal('XOAUTH2', 'invalid_token', { scope: '', discovery: '' })).toBe('{"status":"401","schemes":"bearer"}')
})
