// OAUTHBEARER and XOAUTH2 against a real issuer: signed tokens, opaque ones, all that can be wrong with either.
import { generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { imapClient, type TestClient } from '../support/imap-client.js'
import { startIssuer, type TestIssuer } from '../support/issuer.js'

let issuer: TestIssuer
let gateway: Awaited<ReturnType<typeof startGateway>>
const setting = (more: Record<string, unknown> = {}): string => `accounts.oauth=${JSON.stringify({
  allowNetworks: ['127.0.0.0/8'], answersAge: 0, timeout: '2s',
  issuers: [
    { issuer: issuer.url, audience: ['mail'], keys: `${issuer.url}/keys`, scope: 'imap', discovery: 'https://idp.example/.well-known/openid-configuration' },
    { issuer: 'opaque', introspection: { url: `${issuer.url}/introspect`, clientId: 'mail gateway', clientSecret: issuer.secret }, account: 'username' },
  ], ...more,
})}`
beforeAll(async () => {
  issuer = await startIssuer()
  gateway = await startGateway({ accounts: 2, set: [setting(), 'accounts.throttle.failuresPerAddress=1000', 'accounts.throttle.failuresPerAccount=1000', 'plugins.imap4.maxLoginFailures=100', 'plugins.pop3.failedLogins=100'] })
})
afterAll(async () => {
  await gateway?.stop()
  await issuer?.stop()
})

const b64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64')
const message = (mechanism: string, token: string, name = ''): string => b64(mechanism === 'XOAUTH2' ? `user=${name}\x01auth=Bearer ${token}\x01\x01` : `n,${name && `a=${name}`},\x01host=127.0.0.1\x01port=143\x01auth=Bearer ${token}\x01\x01`)
const anna = 'user0001@example.test'

/** Both faces, and how each is spoken to. */
const faces = [
  { face: 'imap', command: (mechanism: string, initial: string) => `a AUTHENTICATE ${mechanism} ${initial}\r\n`, good: /^a OK \[CAPABILITY [^\]]*\] Logged in/, bad: /^a NO \[AUTHENTICATIONFAILED\]/, down: /^a NO \[UNAVAILABLE\]/ },
  { face: 'pop3', command: (mechanism: string, initial: string) => `AUTH ${mechanism} ${initial}\r\n`, good: /^\+OK 0 messages/, bad: /^-ERR \[AUTH\]/, down: /^-ERR \[SYS\/TEMP\]/ },
] as const
/** Up to two lines: the answer, or the reason for refusal and the answer. */
async function login(face: (typeof faces)[number], mechanism: string, initial: string, at = gateway): Promise<{ reason?: unknown; answer: string }> {
  const client = await open(at.listeners[face.face])
  try {
    client.say(face.command(mechanism, initial))
    const first = await client.until(/\r\n/)
    if (!first.startsWith('+ ')) return { answer: first }
    client.say(mechanism === 'XOAUTH2' ? '\r\n' : 'AQ==\r\n')
    return { reason: JSON.parse(Buffer.from(first.slice(2), 'base64').toString()) as unknown, answer: await client.until(/\r\n/) }
  } finally {
    client.socket.destroy()
  }
}
const open = (address: string): Promise<TestClient> => imapClient(address, /^(\* OK|\+OK).*\r\n/m)

describe.each(faces)('$face', (face) => {
  describe.each(['OAUTHBEARER', 'XOAUTH2'])('%s', (mechanism) => {
    const attempt = async (token: string, name = anna): Promise<{ reason?: unknown; answer: string }> => login(face, mechanism, message(mechanism, token, name))
    const reason = mechanism === 'XOAUTH2' ? { status: '401', schemes: 'bearer', scope: 'imap' } : { status: 'invalid_token', scope: 'imap', 'openid-configuration': 'https://idp.example/.well-known/openid-configuration' }

    it('takes a signed token, with a name and without', async () => {
      const token = await issuer.token({ scope: 'openid imap' })
      expect((await attempt(token)).answer).toMatch(face.good)
      expect((await attempt(token, 'USER0001@Example.Test')).answer).toMatch(face.good)
      if (mechanism === 'OAUTHBEARER') expect((await attempt(token, '')).answer).toMatch(face.good)
    })
    it('takes an opaque token that its issuer calls active', async () => {
      issuer.opaque.set('opaque-1', { active: true, username: 'user0002@example.test' })
      expect((await attempt('opaque-1', 'user0002@example.test')).answer).toMatch(face.good)
      issuer.opaque.set('opaque-1', { active: true, username: 'user0002@example.test', exp: 1 })
      expect((await attempt('opaque-1', 'user0002@example.test')).answer).toMatch(face.bad)
      issuer.opaque.set('opaque-1', { active: false })
      expect((await attempt('opaque-1', 'user0002@example.test')).answer).toMatch(face.bad)
    })
    it('refuses, says why, and takes the dummy', async () => {
      const good = { scope: 'imap' }
      const stranger = await generateKeyPair('ES256')
      const [header, body] = (await issuer.token(good)).split('.')
      const cases: [string, string, string?][] = [
        ['another audience', await issuer.token({ ...good, aud: 'web shop' })], ['expired', await issuer.token({ ...good, exp: 1 })], ['not yet', await issuer.token({ ...good, nbf: 4e9 })],
        ['of another issuer', await issuer.token({ ...good, iss: 'https://elsewhere.example' })], ['without end', await issuer.token({ ...good, exp: undefined })],
        ['signed by somebody else', await issuer.token(good, { key: stranger.privateKey })], ['with a key nobody has', await issuer.token(good, { kid: 'none' })],
        ['unsigned', `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`], ['signature cut off', `${header}.${body}.`],
        ['signed with the public key as a password', `${Buffer.from('{"alg":"HS256","kid":"k0"}').toString('base64url')}.${body}.AAAA`],
        ['for somebody else', await issuer.token({ ...good, email: 'user0002@example.test' })], ['for nobody', await issuer.token({ ...good, email: 'nobody@example.test' }), 'nobody@example.test'],
        ['without a name', await issuer.token({ ...good, email: undefined })], ['with an unverified address', await issuer.token({ ...good, email_verified: false })], ['with a name that is no text', await issuer.token({ ...good, email: [anna] })],
        ['unknown', 'never-issued'], ['long', 'x'.repeat(5000)],
      ]
      for (const [what, token, name] of cases) {
        const got = await attempt(token, name)
        expect(got.answer, what).toMatch(face.bad)
        expect(got.reason, what).toEqual(reason)
      }
      expect(await attempt(await issuer.token())).toEqual({ reason: mechanism === 'XOAUTH2' ? reason : { ...reason, status: 'insufficient_scope' }, answer: expect.stringMatching(face.bad) })
      expect((await login(face, mechanism, b64('nonsense'))).reason).toMatchObject({ status: mechanism === 'XOAUTH2' ? '400' : 'invalid_request' })
    })
    it('is not taken for a failure when the issuer is down', async () => {
      for (const failing of [() => issuer.fail(500), () => issuer.fail(200, 'no JSON'), () => issuer.fail(200, `"${'x'.repeat(300_000)}"`), () => issuer.fail(302)]) {
        failing()
        try {
          expect((await attempt('opaque-2')).answer).toMatch(face.down)
        } finally {
          issuer.fail(undefined)
        }
      }
    })
  })
})

it('is offered where a password is, and nowhere else', async () => {
  const client = await imapClient(gateway.listeners.imap)
  expect(await client.command('CAPABILITY')).toContain(' AUTH=OAUTHBEARER AUTH=XOAUTH2 ')
  const strict = await startGateway({ set: [setting(), 'plugins.imap4.plaintextLogin=never', 'plugins.pop3.clearTextLogin=never'] })
  try {
    const clear = await imapClient(strict.listeners.imap)
    expect(await clear.command('CAPABILITY')).not.toContain('OAUTH')
    expect(await clear.command('AUTHENTICATE XOAUTH2')).toContain('[PRIVACYREQUIRED]')
    const pop = await open(strict.listeners.pop3)
    pop.say('CAPA\r\nAUTH OAUTHBEARER\r\n')
    expect(await pop.until(/-ERR.*\r\n/)).not.toContain('OAUTH')
  } finally {
    await strict.stop()
  }
  const without = await startGateway()
  try {
    const client = await imapClient(without.listeners.imap)
    expect(await client.command('CAPABILITY')).not.toContain('OAUTH')
    expect(await client.command('AUTHENTICATE OAUTHBEARER')).toMatch(/NO There is no mechanism OAUTHBEARER/)
  } finally {
    await without.stop()
  }
})

it('keys are fetched once, and again when they were changed; an unreachable issuer is not a guess', async () => {
  const at = await startGateway({ set: [setting(), 'accounts.throttle.failuresPerAccount=2'] })
  const [imap] = faces
  try {
    const before = issuer.asked['/keys'] ?? 0
    const token = await issuer.token({ scope: 'imap' })
    await Promise.all(Array.from({ length: 20 }, async () => expect((await login(imap, 'OAUTHBEARER', message('OAUTHBEARER', token, anna), at)).answer).toMatch(imap.good)))
    expect(issuer.asked['/keys']).toBe(before + 1)
    // Unknown keys do not make us a hammer: there is a pause between two fetches.
    for (let i = 0; i < 2; i++) expect((await login(imap, 'OAUTHBEARER', message('OAUTHBEARER', await issuer.token({}, { kid: `x${i}` }), anna), at)).answer).toMatch(imap.bad)
    expect(issuer.asked['/keys']).toBe(before + 1)
    expect((await login(imap, 'OAUTHBEARER', message('OAUTHBEARER', token, anna), at)).answer).toMatch(/^a NO \[UNAVAILABLE\] Too many failed logins/)
  } finally {
    await at.stop()
  }
  await issuer.rotate()
  issuer.fail(503)
  const later = await startGateway({ set: [setting(), 'accounts.throttle.failuresPerAccount=2'] })
  try {
    const token = await issuer.token({ scope: 'imap' })
    for (let i = 0; i < 4; i++) expect((await login(imap, 'OAUTHBEARER', message('OAUTHBEARER', token, anna), later)).answer).toMatch(imap.down)
    issuer.fail(undefined)
    expect((await login(imap, 'OAUTHBEARER', message('OAUTHBEARER', token, anna), later)).answer).toMatch(imap.good)
  } finally {
    issuer.fail(undefined)
    await later.stop()
  }
})

it('an issuer in a network that is not allowed is not asked', async () => {
  const at = await startGateway({ set: [setting({ allowNetworks: [] })] })
  try {
    const before = issuer.asked['/introspect'] ?? 0
    expect((await login(faces[0], 'OAUTHBEARER', message('OAUTHBEARER', 'opaque-3'), at)).answer).toMatch(faces[0].down)
    expect(issuer.asked['/introspect'] ?? 0).toBe(before)
  } finally {
    await at.stop()
  }
})

it.each([
  [{ issuer: 'x' }, /accounts\.oauth\.issuers\.0\.keys|issuers\[0\]\.keys/],
  [{ issuer: 'x', keys: 'https://idp.example/keys' }, /audience/],
  [{ issuer: 'x', keys: 'http://idp.example/keys', audience: ['mail'] }, /https URL/],
  [{ issuer: 'x', keys: '/nowhere/keys.json', audience: ['mail'] }, /\/nowhere\/keys\.json cannot be read/],
])('a setting that cannot be meant is refused: %j', async (written, why) => {
  await expect(startGateway({ set: [`accounts.oauth.issuers=${JSON.stringify([written])}`] })).rejects.toThrow(why)
})
