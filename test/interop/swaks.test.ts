// swaks: SMTP and LMTP as the protocol's test tool speaks them: in clear, STARTTLS, TLS; AUTH PLAIN and LOGIN.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { afterTrace, message, same } from './support/messages.js'
import { arrived, attempt, certificateOf, contents, portOf, user, workFolder, type Ran } from './support/programs.js'

const folder = workFolder()
let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => { gateway = await spawnGateway({ accounts: 4 }) })
afterAll(async () => {
  await gateway?.stop()
  folder.remove()
})

const swaks = (listener: string, octets: Buffer, ...args: string[]): Promise<Ran> => {
  const path = join(folder.path, `${Math.random().toString(36).slice(2)}.eml`)
  // swaks ends what it reads with CRLF of its own.
  writeFileSync(path, octets.subarray(0, -2))
  return attempt('swaks', ['--server', '127.0.0.1', '--port', portOf(gateway, listener), '--timeout', '20', '--data', `@${path}`, ...args])
}
/** Whatever is checked, the certificate is. */
const verified = (): string[] => ['--tls-verify', '--tls-ca-path', certificateOf(gateway)]
const login = (how: string): string[] => ['--auth', how, '--auth-user', user(2), '--auth-password', gateway.password]

describe('swaks sends', () => {
  const roads: [string, string, () => string[]][] = [
    ['to the MX in clear', 'smtp', () => []],
    ['to the MX with STARTTLS', 'smtp', () => ['--tls', ...verified()]],
    ['to the MX with PIPELINING', 'smtp', () => ['--pipeline']],
    ['to the MX after HELO', 'smtp', () => ['--protocol', 'SMTP']],
    ['to submission with STARTTLS and AUTH PLAIN', 'submission', () => ['--tls', ...verified(), ...login('PLAIN')]],
    ['to submission with STARTTLS and AUTH LOGIN', 'submission', () => ['--tls', ...verified(), ...login('LOGIN')]],
    ['to submission with TLS and AUTH PLAIN', 'submissions', () => ['--tls-on-connect', ...verified(), ...login('PLAIN')]],
    ['to submission with TLS and AUTH LOGIN', 'submissions', () => ['--tls-on-connect', ...verified(), ...login('LOGIN')]],
    ['to submission in clear on this machine', 'submission', () => login('PLAIN')],
    ['by LMTP over TCP', 'lmtp', () => ['--protocol', 'LMTP']],
    ['by LMTP with STARTTLS', 'lmtp', () => ['--protocol', 'LMTP', '--tls', ...verified()]],
  ]
  it.each(roads)('%s', async (what, listener, args) => {
    const octets = message({ subject: `swaks ${what}`, octets: 100_000 })
    const ran = await swaks(listener, octets, '--from', user(2), '--to', user(1), ...args())
    expect(ran.code, ran.shown).toBe(0)
    const { source } = await arrived(gateway, 1, `swaks ${what}`)
    same(afterTrace(source), octets)
  })

  it('by LMTP to several recipients: one reply each, and who is unknown hinders nobody', async () => {
    const octets = message({ subject: 'swaks to three' })
    const ran = await swaks('lmtp', octets, '--protocol', 'LMTP', '--from', 'someone@outside.example', '--to', [user(1), 'nobody@example.test', user(2), user(3)].join(','))
    expect(ran.stdout.toString()).toContain('550 5.1.1')
    expect(ran.stdout.toString().match(/^<- {2}250 2\.[01]\.0 .*/gm)!.length, ran.shown).toBeGreaterThanOrEqual(3)
    for (const n of [1, 2, 3]) same(afterTrace((await arrived(gateway, n, 'swaks to three')).source), octets)
  })
})

describe('swaks is told no', () => {
  it.each([
    ['an unknown recipient', 'smtp', ['--to', 'nobody@example.test'], 24, '550 5.1.1'],
    ['a foreign recipient', 'smtp', ['--to', 'someone@outside.example'], 24, '550 5.7.1'],
    ['no login', 'submission', ['--to', user(1)], 23, '530 5.7.0'],
    ['a wrong password', 'submission', ['--to', user(1), '--auth', 'PLAIN', '--auth-user', user(2), '--auth-password', 'wrong'], 28, '535 5.7.8'],
    ['an unknown name', 'submission', ['--to', user(1), '--auth', 'LOGIN', '--auth-user', 'nobody@example.test', '--auth-password', 'wrong'], 28, '535 5.7.8'],
  ])('%s', async (_, listener, args, code, answer) => {
    const ran = await swaks(listener, message({ subject: 'never' }), '--from', user(2), ...args)
    expect(ran.code, ran.shown).toBe(code)
    expect(ran.stdout.toString()).toContain(answer)
    expect((await contents(gateway, 1)).filter(({ source }) => source.includes('Subject: never'))).toEqual([])
  })

  it("a foreign sender, in the envelope or in the header, is not the account's", async () => {
    const envelope = await swaks('submission', message({ subject: 'never' }), '--from', user(3), '--to', user(1), ...login('PLAIN'))
    expect(envelope.stdout.toString()).toContain('550 5.7.1')
    const header = await swaks('submission', message({ subject: 'never', from: user(3) }), '--from', user(2), '--to', user(1), ...login('PLAIN'))
    expect(header, header.shown).toMatchObject({ code: 26 })
    expect(header.stdout.toString()).toContain('550 5.7.1')
  })
})
