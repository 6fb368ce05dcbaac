// curl (libcurl): sends by SMTP, reads by IMAP and POP3; in clear, with STARTTLS and with TLS, the certificate verified.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { afterTrace, message, same } from './support/messages.js'
import { arrived, attempt, certificateOf, contents, portOf, run, user, workFolder, type Ran } from './support/programs.js'

const folder = workFolder()
let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => { gateway = await spawnGateway({ accounts: 6 }) })
afterAll(async () => {
  await gateway?.stop()
  folder.remove()
})

const url = (scheme: string, listener: string, path = ''): string => `${scheme}://127.0.0.1:${portOf(gateway, listener)}/${path}`
const login = (n: number): string[] => ['-u', `${user(n)}:${gateway.password}`]
const trusted = (): string[] => ['--cacert', certificateOf(gateway)]
const file = (octets: Buffer): string => {
  const path = join(folder.path, 'message.eml')
  writeFileSync(path, octets)
  return path
}
const curl = (...args: string[]): Promise<Ran> => run('curl', ['-sS', '--max-time', '20', ...args])

/** The roads into a mailbox protocol: in clear, STARTTLS (or STLS), TLS from the first octet. */
const roads = (scheme: 'imap' | 'pop3') => [
  { road: 'in clear', at: (path = '') => [url(scheme, scheme, path)], },
  { road: 'with STARTTLS', at: (path = '') => ['--ssl-reqd', ...trusted(), url(scheme, scheme, path)] },
  { road: 'with TLS', at: (path = '') => [...trusted(), url(`${scheme}s`, `${scheme}s`, path)] },
]

describe('curl sends', () => {
  it.each([
    ['to the MX in clear', 'smtp', 'smtp', []],
    ['to the MX with STARTTLS', 'smtp', 'smtp', ['--ssl-reqd']],
    ['to submission with STARTTLS and AUTH PLAIN', 'smtp', 'submission', ['--ssl-reqd', '--login-options', 'AUTH=PLAIN']],
    ['to submission with STARTTLS and AUTH LOGIN', 'smtp', 'submission', ['--ssl-reqd', '--login-options', 'AUTH=LOGIN']],
    ['to submission with TLS, initial response', 'smtps', 'submissions', ['--sasl-ir']],
    ['to submission in clear on this machine', 'smtp', 'submission', []],
  ])('%s', async (what, scheme, listener, args) => {
    const octets = message({ subject: `curl ${what}`, octets: 200_000 })
    await curl('--url', url(scheme, listener, 'client.example'), ...trusted(), ...args, ...(listener === 'smtp' ? [] : login(2)), '--mail-from', user(2), '--mail-rcpt', user(1), '-T', file(octets))
    const { source } = await arrived(gateway, 1, `curl ${what}`)
    same(afterTrace(source), octets)
  })

  it('once to several recipients', async () => {
    const octets = message({ subject: 'curl to three' })
    await curl('--url', url('smtp', 'smtp'), '--mail-from', 'someone@outside.example', ...[1, 2, 3].flatMap((n) => ['--mail-rcpt', user(n)]), '-T', file(octets))
    for (const n of [1, 2, 3]) same(afterTrace((await arrived(gateway, n, 'curl to three')).source), octets)
  })

  it('and is told no: unknown recipient, no login, wrong password, foreign sender', async () => {
    const send = (...args: string[]): Promise<Ran> => attempt('curl', ['-sSv', '--max-time', '20', ...trusted(), '-T', file(message({ subject: 'never' })), ...args])
    const unknown = await send('--url', url('smtp', 'smtp'), '--mail-from', user(2), '--mail-rcpt', 'nobody@example.test')
    expect(unknown).toMatchObject({ code: 55, stderr: expect.stringContaining('550 5.1.1') })
    const relay = await send('--url', url('smtp', 'smtp'), '--mail-from', user(2), '--mail-rcpt', 'someone@outside.example')
    expect(relay).toMatchObject({ code: 55, stderr: expect.stringContaining('550 5.7.1') })
    const anonymous = await send('--url', url('smtp', 'submission'), '--ssl-reqd', '--mail-from', user(2), '--mail-rcpt', user(1))
    expect(anonymous).toMatchObject({ code: 55, stderr: expect.stringContaining('530 5.7.0') })
    const wrong = await send('--url', url('smtps', 'submissions'), '-u', `${user(2)}:wrong`, '--mail-from', user(2), '--mail-rcpt', user(1))
    expect(wrong).toMatchObject({ code: 67, stderr: expect.stringContaining('535 5.7.8') })
    const foreign = await send('--url', url('smtps', 'submissions'), ...login(2), '--mail-from', user(3), '--mail-rcpt', user(1))
    expect(foreign).toMatchObject({ code: 55, stderr: expect.stringContaining('550 5.7.1') })
  })

  it('not to a server whose certificate it does not know', async () => {
    for (const args of [[url('smtps', 'submissions')], ['--ssl-reqd', url('smtp', 'smtp')], [url('imaps', 'imaps')], ['--ssl-reqd', url('imap', 'imap')], [url('pop3s', 'pop3s')], ['--ssl-reqd', url('pop3', 'pop3')]])
      expect((await attempt('curl', ['-sS', '--max-time', '20', ...args])).code, args.join(' ')).toBe(60)
  })
})

describe.each(roads('imap').map((road, i) => ({ ...road, n: i + 1 })))('curl reads by IMAP $road', ({ at, n }) => {
  const ask = async (path: string, ...args: string[]): Promise<string> => (await curl(...login(n), ...args, ...at(path))).stdout.toString()

  it('lists, creates, appends, fetches, searches, stores, expunges', async () => {
    expect(await ask('')).toMatch(/^\* LIST \(.*\) "\/" "?INBOX"?\r$/m)
    await ask('', '-X', 'CREATE Curl')
    await ask('', '-X', 'CREATE Curl/Below')
    expect(await ask('Curl')).toMatch(/\* LIST \(.*\) "\/" "?Curl\/Below"?\r\n/)
    const first = message({ subject: 'appended by curl', octets: 300_000 })
    const second = message({ subject: 'the second one' })
    await ask('Curl', '-T', file(first))
    await ask('Curl', '-T', file(second))
    expect(await ask('Curl?ALL')).toBe('* SEARCH 1 2\r\n')
    expect(await ask('Curl?SUBJECT%20second')).toBe('* SEARCH 2\r\n')
    expect(await ask('Curl', '-X', 'STATUS Curl (MESSAGES UIDNEXT)')).toMatch(/^\* STATUS "?Curl"? \(MESSAGES 2 UIDNEXT 3\)\r\n/)

    const whole = await curl(...login(n), ...at('Curl;UID=1'))
    same(whole.stdout, first)
    const byNumber = await curl(...login(n), ...at('Curl;MAILINDEX=2'))
    same(byNumber.stdout, second)
    const section = await curl(...login(n), ...at('Curl;UID=2;SECTION=TEXT'))
    expect(section.stdout.equals(second.subarray(second.indexOf('\r\n\r\n') + 4))).toBe(true)
    const header = await curl(...login(n), ...at('Curl;UID=2;SECTION=HEADER.FIELDS%20(SUBJECT)'))
    expect(header.stdout.toString()).toBe('Subject: the second one\r\n\r\n')

    expect(await ask('Curl', '-X', 'FETCH 1:2 FLAGS')).toBe('* 1 FETCH (FLAGS (\\Seen))\r\n* 2 FETCH (FLAGS (\\Seen))\r\n')
    expect(await ask('Curl', '-X', 'STORE 1 +FLAGS \\Deleted')).toMatch(/^\* 1 FETCH \(FLAGS \(.*\\Deleted.*\)\)\r\n$/)
    expect(await ask('Curl', '-X', 'EXPUNGE')).toMatch(/^\* 1 EXPUNGE\r\n/)
    expect(await ask('Curl?ALL')).toBe('* SEARCH 1\r\n')
    same((await curl(...login(n), ...at('Curl;MAILINDEX=1'))).stdout, second)
    expect((await contents(gateway, n, 'Curl')).map(({ uid }) => uid)).toEqual([2])
  })

  it('with AUTH PLAIN and LOGIN, and not with a wrong password', async () => {
    for (const how of ['AUTH=PLAIN', 'AUTH=LOGIN']) expect(await ask('', '--login-options', how), how).toContain('INBOX')
    expect((await attempt('curl', ['-sS', '--max-time', '20', '-u', `${user(n)}:wrong`, ...at('')])).code).toBe(67)
  })
})

describe.each(roads('pop3').map((road, i) => ({ ...road, n: i + 4 })))('curl reads by POP3 $road', ({ at, n }) => {
  it('lists, retrieves, deletes', async () => {
    const sent = ['one', 'two', 'three'].map((name, i) => message({ subject: `curl pop3 ${n} ${name}`, to: user(n), octets: i * 100_000 }))
    for (const octets of sent) await curl('--url', url('smtp', 'smtp'), '--mail-from', 'someone@outside.example', '--mail-rcpt', user(n), '-T', file(octets))
    const ask = (path: string, ...args: string[]): Promise<Ran> => curl(...login(n), ...args, ...at(path))
    const list = (await ask('')).stdout.toString()
    expect(list).toMatch(/^1 \d+\r\n2 \d+\r\n3 \d+\r\n$/)
    const uidl = (await ask('', '-X', 'UIDL')).stdout.toString()
    expect(uidl).toMatch(/^1 \S+\r\n2 \S+\r\n3 \S+\r\n/)
    for (const [i, octets] of sent.entries()) {
      const got = (await ask(String(i + 1))).stdout
      expect(got.length).toBe(Number(new RegExp(`^${i + 1} (\\d+)`, 'm').exec(list)![1]))
      same(afterTrace(got), octets)
    }
    await ask('2', '-X', 'DELE', '-l')
    expect((await ask('')).stdout.toString().split('\r\n')).toHaveLength(3)
    expect((await ask('', '-X', 'UIDL')).stdout.toString().replace(/^\d+ /gm, '')).toBe(uidl.split('\r\n').filter((line) => !line.startsWith('2 ')).join('\r\n').replace(/^\d+ /gm, ''))
    expect((await contents(gateway, n)).map(({ source }) => /Subject: (.*)\r/.exec(source.toString())![1])).toEqual([`curl pop3 ${n} one`, `curl pop3 ${n} three`])
  })

  it('with AUTH PLAIN, and not with a wrong password', async () => {
    await curl(...login(n), '--login-options', 'AUTH=PLAIN', ...at(''))
    expect((await attempt('curl', ['-sS', '--max-time', '20', '-u', `${user(n)}:wrong`, ...at('')])).code).toBe(67)
  })
})
