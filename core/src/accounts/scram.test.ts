import fc from 'fast-check'
import { pbkdf2Sync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Random } from '../base/random.js'
import { formatCredentials, hash, hmac, makeCredentials, parseCredentials, prepare, verify, type Credentials } from './credentials.js'
import { ScramRefusal, ScramServer } from './scram.js'

/** Gives out what it was given, in order. */
const fixed = (...octets: Buffer[]): Random => ({ octets: (n) => {
  const next = octets.shift()!
  expect(next.length).toBe(n)
  return next
}, fraction: () => 0 })

/** RFC 7677 section 3: user 'user', password 'pencil'. The server's nonce there is no base64, as ours are. */
const rfc = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  salt: 'W22ZaJ0SNY7soEsUEjb6gQ==',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}
const pencil = (): Promise<Credentials> => makeCredentials('pencil', 4096, fixed(Buffer.from(rfc.salt, 'base64')))
/** The server's part of a nonce that base64 can say. */
const nonceOctets = Buffer.from('AAECAwQFBgcICQoLDA0ODxAR', 'base64')

/** What a client computes (RFC 5802 section 3). */
function clientFinal(password: string, bare: string, serverFirst: string, gs2 = 'n,,'): { message: string; signature: string } {
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst)!
  const salted = pbkdf2Sync(prepare(password), Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
  const clientKey = hmac(salted, 'Client Key')
  const without = `c=${Buffer.from(gs2).toString('base64')},r=${nonce}`
  const auth = `${bare},${serverFirst},${without}`
  const signature = hmac(hash(clientKey), auth)
  const proof = Buffer.from(clientKey.map((octet, i) => octet ^ signature[i]))
  return { message: `${without},p=${proof.toString('base64')}`, signature: hmac(hmac(salted, 'Server Key'), auth).toString('base64') }
}

describe('SCRAM-SHA-256', () => {
  it('keys are those of RFC 7677: its proof and its signature fit', async () => {
    const { storedKey, serverKey } = await pencil()
    const auth = `${rfc.clientFirst.slice(3)},${rfc.serverFirst},${rfc.clientFinal.replace(/,p=.*/, '')}`
    const signature = hmac(storedKey, auth)
    const proof = Buffer.from(/p=(.*)$/.exec(rfc.clientFinal)![1], 'base64')
    expect(hash(Buffer.from(proof.map((octet, i) => octet ^ signature[i])))).toEqual(storedKey)
    expect(`v=${hmac(serverKey, auth).toString('base64')}`).toBe(rfc.serverFinal)
    // And the client of these tests computes what the RFC's does.
    expect(clientFinal('pencil', rfc.clientFirst.slice(3), rfc.serverFirst)).toEqual({ message: rfc.clientFinal, signature: rfc.serverFinal.slice(2) })
  })

  it("the conversation is the RFC's, with a nonce that base64 can say", async () => {
    const credentials = await pencil()
    const server = new ScramServer(fixed(nonceOctets))
    const first = await server.first(rfc.clientFirst, (name) => {
      expect(name).toBe('user')
      return Promise.resolve(credentials)
    })
    expect(first).toBe('r=rOprNGfwEbeRWgbNEkqOAAECAwQFBgcICQoLDA0ODxAR,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
    const { message, signature } = clientFinal('pencil', rfc.clientFirst.slice(3), first)
    expect(server.final(message)).toBe(`v=${signature}`)
  })

  const begun = async (clientFirst = rfc.clientFirst): Promise<{ server: ScramServer; first: string }> => {
    const server = new ScramServer(fixed(nonceOctets))
    return { server, first: await server.first(clientFirst, pencil) }
  }

  it.each([
    ['y: the client believes that we cannot bind channels', 'y,,n=user,r=abc', 'y,,'],
    ['an authorization identity that is the name', 'n,a=user,n=user,r=abc', 'n,a=user,'],
    ['extensions behind the nonce', 'n,,n=user,r=abc,x=y', 'n,,'],
  ])('takes %s', async (_, clientFirst, gs2) => {
    const { server, first } = await begun(clientFirst)
    expect(server.final(clientFinal('pencil', clientFirst.slice(gs2.length), first, gs2).message)).toMatch(/^v=/)
  })

  it('names may hold commas and equals signs, written as =2C and =3D', async () => {
    const server = new ScramServer(fixed(nonceOctets))
    await server.first('n,,n=a=2Cb=3Dc,r=abc', pencil)
    expect(server.name).toBe('a,b=c')
  })

  it.each([
    ['nothing', ''], ['channel binding, which is not offered', 'p=tls-unique,,n=user,r=abc'], ['a mandatory extension', 'n,,m=x,n=user,r=abc'], ['no nonce', 'n,,n=user'], ['an empty nonce', 'n,,n=user,r='],
    ['a nonce with a comma only', 'n,,n=user,r=,'], ['a nonce with blanks', 'n,,n=user,r=a b'], ['another authorization identity', 'n,a=admin,n=user,r=abc'], ['a bad escape', 'n,,n=us=er,r=abc'], ['an escape that is cut off', 'n,,n=user=2,r=abc'],
    ['lower-case escapes', 'n,,n=us=2cer,r=abc'], ['endless text', `n,,n=${'u'.repeat(5000)},r=abc`],
  ])('refuses %s', async (_, clientFirst) => {
    await expect(new ScramServer(fixed(nonceOctets)).first(clientFirst, pencil)).rejects.toThrow(ScramRefusal)
  })

  it.each<[string, (message: string) => string]>([
    ['another nonce', (message) => message.replace('r=rOpr', 'r=xOpr')],
    ["the client's nonce without the server's", (message) => message.replace('AAECAwQFBgcICQoLDA0ODxAR', '')],
    ['another channel binding', (message) => message.replace('c=biws', 'c=eSws')],
    ['a proof that is cut', (message) => message.replace(/p=.*/, 'p=AAAA')],
    ['a proof of zeros', (message) => message.replace(/p=.*/, `p=${Buffer.alloc(32).toString('base64')}`)],
    ['no proof', (message) => message.replace(/,p=.*/, '')],
    ['something behind the proof', (message) => `${message},x=y`],
    ['nothing', () => ''],
  ])('refuses a final message with %s', async (_, spoil) => {
    const { server, first } = await begun()
    expect(() => server.final(spoil(clientFinal('pencil', rfc.clientFirst.slice(3), first).message))).toThrow(ScramRefusal)
  })

  it('refuses every other password, and a final message before the first', async () => {
    const { server, first } = await begun()
    expect(() => server.final(clientFinal('Pencil', rfc.clientFirst.slice(3), first).message)).toThrow(ScramRefusal)
    expect(() => new ScramServer(fixed()).final(rfc.clientFinal)).toThrow(ScramRefusal)
  })

  it('whatever comes is a refusal, never another error', async () => {
    await fc.assert(fc.asyncProperty(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('n', 'y', 'p', ',', '=', 'r', 'c', 'biws', '2C', 'user', '\n') })), async (text) => {
      const { server } = await begun()
      try {
        server.final(text)
      } catch (error) {
        expect(error).toBeInstanceOf(ScramRefusal)
      }
      await new ScramServer(fixed(nonceOctets)).first(text, () => Promise.resolve({ salt: nonceOctets, iterations: 1, storedKey: nonceOctets, serverKey: nonceOctets })).catch((error: unknown) => expect(error).toBeInstanceOf(ScramRefusal))
    }), { numRuns: 30 })
  }, 30_000)
})

describe('what is kept of a password', () => {
  const credentials: Credentials = { salt: Buffer.from('0123456789abcdef'), iterations: 4096, storedKey: Buffer.alloc(32, 1), serverKey: Buffer.alloc(32, 2) }

  it('verifies the password and no other', async () => {
    const made = await makeCredentials('secret', 4096, fixed(Buffer.alloc(16, 7)))
    expect(await verify('secret', made)).toBe(true)
    for (const wrong of ['Secret', 'secret ', '', 'secre', 'secrets']) expect(await verify(wrong, made)).toBe(false)
  })

  it('goes through SASLprep (RFC 4013), and takes what SASLprep does not know as it is', async () => {
    expect(prepare('I\u00adX')).toBe('IX')
    expect(prepare('\u00aa')).toBe('a')
    expect(prepare('\u2168')).toBe('IX')
    expect(prepare('a\u0007b')).toBe('a\u0007b')
    const made = await makeCredentials('e\u0301', 4096, fixed(Buffer.alloc(16, 7)))
    expect(await verify('\u00e9', made)).toBe(true)
  })

  it('has a text form, as PostgreSQL writes it', () => {
    const text = formatCredentials(credentials)
    expect(text).toMatch(/^SCRAM-SHA-256\$4096:MDEyMzQ1Njc4OWFiY2RlZg==\$[\w+/]{43}=:[\w+/]{43}=$/)
    expect(parseCredentials(text)).toEqual(credentials)
  })

  it("reads Dovecot's form", () => {
    const [salt, stored, server] = [credentials.salt, credentials.storedKey, credentials.serverKey].map((octets) => octets.toString('base64'))
    expect(parseCredentials(`{SCRAM-SHA-256}4096,${salt},${stored},${server}`)).toEqual(credentials)
  })

  it.each(['', 'secret', '{SHA}abc', 'SCRAM-SHA-256$', 'SCRAM-SHA-1$4096:AAAA$AAAA:AAAA', 'SCRAM-SHA-256$4096:AAAA$AAAA:AAAA', 'SCRAM-SHA-256$0:AAAA$' + `${'A'.repeat(43)}=:${'A'.repeat(43)}=`,
    `SCRAM-SHA-256$9999999999:AAAA$${'A'.repeat(43)}=:${'A'.repeat(43)}=`, ` ${formatCredentials(credentials)}`, `${formatCredentials(credentials)}\n`])('refuses %j', (text) => expect(parseCredentials(text)).toBeUndefined())

  it('whatever the keys, the text form gives them back', () => {
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((octets) => Buffer.from(octets))
    fc.assert(fc.property(fc.record({ salt: fc.uint8Array({ minLength: 1, maxLength: 64 }).map((octets) => Buffer.from(octets)), iterations: fc.integer({ min: 1, max: 10_000_000 }), storedKey: key, serverKey: key }),
      (made) => { expect(parseCredentials(formatCredentials(made))).toEqual(made) }))
  })
})
