// An identity provider for tests: a real HTTP server with keys (RFC 7517) and introspection (RFC 7662) that can be told to misbehave.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose'

export interface TestIssuer {
  readonly url: string
  /** Requests by path. */
  readonly asked: Record<string, number>
  /** A signed token; `claims` on top of good ones. */
  token(claims?: JWTPayload, options?: { alg?: string; key?: CryptoKey; kid?: string }): Promise<string>
  /** New keys take the place of the old. */
  rotate(): Promise<void>
  /** What introspection says of an opaque token. */
  readonly opaque: Map<string, Record<string, unknown>>
  /** Answers nothing but this from now on. */
  fail(status: number | undefined, body?: string): void
  readonly secret: string
  stop(): Promise<void>
}

export async function startIssuer(): Promise<TestIssuer> {
  const asked: Record<string, number> = {}
  const opaque = new Map<string, Record<string, unknown>>()
  const secret = 'p&ss wörd:'
  let failing: { status: number; body: string } | undefined
  let kid = 0
  let keys = await generateKeyPair('ES256')
  const server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? ''
      asked[path] = (asked[path] ?? 0) + 1
      let body = ''
      for await (const chunk of request) body += String(chunk)
      const answer = (status: number, what: unknown): void => void response.writeHead(status, { 'Content-Type': 'application/json' }).end(typeof what === 'string' ? what : JSON.stringify(what))
      if (failing) return answer(failing.status, failing.body)
      if (path === '/keys') return answer(200, { keys: [{ ...await exportJWK(keys.publicKey), kid: `k${kid}`, alg: 'ES256', use: 'sig' }] })
      if (path !== '/introspect') return answer(404, {})
      const login = Buffer.from(String(request.headers.authorization).replace(/^Basic /, ''), 'base64').toString().split(':').map((part) => new URLSearchParams(`x=${part}`).get('x'))
      if (login[0] !== 'mail gateway' || login[1] !== secret) return answer(401, {})
      answer(200, opaque.get(new URLSearchParams(body).get('token') ?? '') ?? { active: false })
    })()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url, asked, opaque, secret,
    async token(claims = {}, { alg = 'ES256', key = keys.privateKey, kid: id = `k${kid}` } = {}) {
      const now = Math.floor(Date.now() / 1000)
      return new SignJWT({ iss: url, aud: 'mail', iat: now, exp: now + 300, email: 'user0001@example.test', ...claims }).setProtectedHeader({ alg, kid: id, typ: 'at+jwt' }).sign(key)
    },
    async rotate() {
      keys = await generateKeyPair('ES256')
      kid++
    },
    fail(status, body = '{}') { failing = status === undefined ? undefined : { status, body } },
    stop: () => new Promise((done) => {
      server.closeAllConnections()
      server.close(() => done())
    }),
  }
}
