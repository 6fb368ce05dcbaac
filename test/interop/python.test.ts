// Python's smtplib, imaplib and poplib: one script each (python/*.py), which asserts by itself what its library shows it.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { afterTrace, message, same } from './support/messages.js'
import { arrived, certificateOf, contents, portOf, run, user } from './support/programs.js'

const restante = fileURLToPath(new URL('../../scripts/restante.mjs', import.meta.url))
const config = fileURLToPath(new URL('../../config/restante.yaml', import.meta.url))
const sample = message({ subject: 'python', octets: 50_000 })
const named = (subject: string): Buffer => Buffer.from(sample.toString('latin1').replace('Subject: python', `Subject: ${subject}`), 'latin1')

let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => {
  gateway = await spawnGateway({ accounts: 6 })
  await run(process.execPath, [restante, 'address', 'add', user(1), 'grüße@example.test', '--config', config, '--set', `data=${gateway.data}`])
})
afterAll(() => gateway?.stop())

const python = (script: string, settings: Record<string, unknown>) => run('python3', ['-B', fileURLToPath(new URL(`python/${script}.py`, import.meta.url))], {
  input: JSON.stringify({
    ports: Object.fromEntries(Object.keys(gateway.listeners).map((name) => [name, portOf(gateway, name)])),
    password: gateway.password, certificate: certificateOf(gateway), sample: sample.toString('latin1'), ...settings,
  }),
})

it('smtplib sends to MX, submission and LMTP; 8-bit and SMTPUTF8', async () => {
  await python('smtp', { users: [user(1), user(2), user(3)] })
  for (const name of ['8bit', 'partly', 'null sender', 'STARTTLS', 'submission STARTTLS', 'submission TLS', 'auth_plain', 'auth_login', 'LMTP'])
    same(afterTrace((await arrived(gateway, 1, `python ${name}`)).source), named(`python ${name}`))
  same(afterTrace((await arrived(gateway, 3, 'python partly')).source), named('python partly'))
  const held = await contents(gateway, 1)
  expect(held).toHaveLength(11)
  const utf8 = held.map(({ source }) => source.toString('utf8')).find((text) => text.includes('Subject: python smtputf8 ☃\r\n'))!
  expect(utf8).toContain('To: Grüße <grüße@example.test>\r\n')
  expect(utf8).not.toMatch(/^Bcc:/m)
  // Python puts the text into quoted-printable or base64; what arrived is what it made.
  expect(utf8).toMatch(/^Message-ID: <utf8@python\.example>\r$/m)
  const bare = held.map(({ source }) => source.toString()).find((text) => text.includes('Subject: python bare\r\n'))!
  expect(bare).toMatch(/^Date: \w{3}, \d+ \w{3} \d{4} /m)
  expect(bare).toMatch(/^Message-ID: <[^<>@]+@example\.test>\r$/m)
})

describe.each(['clear', 'starttls', 'tls'])('%s', (road) => {
  it('imaplib lives a session', () => python('imap', { road, user: user(1), expects_inbox: true }))

  it('poplib empties a maildrop', async () => {
    const n = { clear: 4, starttls: 5, tls: 6 }[road]!
    for (const number of [1, 2, 3]) await run('curl', ['-sS', `smtp://127.0.0.1:${portOf(gateway, 'smtp')}`, '--mail-from', 'a@outside.example', '--mail-rcpt', user(n), '-T', '-'], { input: named(`python ${number}`) })
    await python('pop', { road, user: user(n) })
    expect((await contents(gateway, n)).map(({ source }) => /Subject: (.*)\r/.exec(source.toString())![1])).toEqual(['python 1', 'python 3'])
  })
})
