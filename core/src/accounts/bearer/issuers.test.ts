// Which issuer, which key: what a whole gateway need not be started for.
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { makeIssuers, TokenRefused } from './issuers.js'

const never = async (): Promise<never> => { throw new Error('not asked') }
const issuer = 'https://idp.example'
const common = { issuer, audience: ['mail'], algorithms: ['ES256', 'RS256'], claim: 'sub', scope: '', discovery: '' }

describe('an issuer with keys that tokens do not name', async () => {
  const pairs = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')])
  const keys = { keys: await Promise.all(pairs.map(async ({ publicKey }) => ({ ...await exportJWK(publicKey), alg: 'ES256' }))) }
  const issuers = makeIssuers({ issuers: [{ ...common, keys }], clock: { now: () => 1_000_000, after: () => ({ clear: () => undefined }) }, skew: 10, keysAge: 1, answersAge: 1, timeoutMs: 1, ask: never })
  const token = (key: (typeof pairs)[number]['privateKey'], exp = 2000): Promise<string> => new SignJWT({ sub: 'anna', aud: 'mail', exp, iss: issuer }).setProtectedHeader({ alg: 'ES256' }).sign(key)
  it('tries each', async () => {
    for (const { privateKey } of pairs) expect(await issuers.nameIn(await token(privateKey))).toBe('anna')
  })
  it('and refuses what none has signed, and what is old', async () => {
    await expect(issuers.nameIn(await token((await generateKeyPair('ES256')).privateKey))).rejects.toThrow(TokenRefused)
    await expect(issuers.nameIn(await token(pairs[1].privateKey, 989))).rejects.toThrow(/"exp" claim/)
    expect(await issuers.nameIn(await token(pairs[1].privateKey, 995))).toBe('anna')
  })
})
