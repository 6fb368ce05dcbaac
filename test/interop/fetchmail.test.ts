// fetchmail: takes mail away by IMAP and POP3, or keeps it and remembers; in clear, STARTTLS (STLS) and TLS.
import { chmodSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { message, same, withLf } from './support/messages.js'
import { attempt, certificateOf, contents, portOf, run, user, workFolder, type Ran } from './support/programs.js'

const folder = workFolder()
let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => { gateway = await spawnGateway({ accounts: 7 }) })
afterAll(async () => {
  await gateway?.stop()
  folder.remove()
})

/** What fetchmail says when there was nothing new. */
const nothingNew = 1

interface Box { readonly fetch: (...args: string[]) => Promise<Ran>; readonly taken: () => Buffer[] }
/** A fetchmail of its own, whose delivery agent writes each message into a file. */
function fetchmail(name: string, n: number, protocol: 'IMAP' | 'POP3', road: 'clear' | 'starttls' | 'tls', certificate = certificateOf(gateway)): Box {
  const home = join(folder.path, name)
  mkdirSync(join(home, 'out'), { recursive: true })
  const agent = join(home, 'agent')
  writeFileSync(agent, `#!/bin/sh\nf=$(mktemp "${home}/out/XXXXXXXX") && cat > "$f"\n`)
  chmodSync(agent, 0o700)
  const rc = join(home, 'fetchmailrc')
  const listener = { IMAP: road === 'tls' ? 'imaps' : 'imap', POP3: road === 'tls' ? 'pop3s' : 'pop3' }[protocol]
  const tls = { clear: 'sslproto ""', starttls: `sslproto "TLS1.2+" sslcertck sslcertfile "${certificate}"`, tls: `ssl sslcertck sslcertfile "${certificate}"` }[road]
  writeFileSync(rc, `set no bouncemail
set idfile "${home}/ids"
poll localhost service ${portOf(gateway, listener)} protocol ${protocol} auth password ${protocol === 'POP3' ? 'uidl' : ''}
  user "${user(n)}" password "${gateway.password}" is root here
  ${tls}
  mda "${agent}" no rewrite
`, { mode: 0o600 })
  const env = { HOME: home, FETCHMAILHOME: home, LC_ALL: 'C' }
  return {
    fetch: (...args) => attempt('fetchmail', ['-f', rc, '--nodetach', '--nosyslog', '--pidfile', join(home, 'pid'), '--invisible', '-v', ...args], { env }),
    taken: () => readdirSync(join(home, 'out')).map((file) => readFileSync(join(home, 'out', file))).sort((a, b) => subjectOf(a).localeCompare(subjectOf(b))),
  }
}
const subjectOf = (octets: Buffer): string => /^Subject: (.*?)\r?$/m.exec(octets.toString())![1]

const roads = (['IMAP', 'POP3'] as const).flatMap((protocol, p) => (['clear', 'starttls', 'tls'] as const).map((road, r) => ({ protocol, road, n: 1 + p * 3 + r })))

describe.each(roads)('fetchmail by $protocol, $road', ({ protocol, road, n }) => {
  it('keeps and fetches once, then takes away', async () => {
    const send = (subject: string, octets = 0): Promise<unknown> => run('curl', ['-sS', `smtp://127.0.0.1:${portOf(gateway, 'smtp')}`, '--mail-from', 'a@outside.example', '--mail-rcpt', user(n), '-T', '-'], { input: message({ subject, to: user(n), octets }) })
    for (const [i, subject] of ['one', 'two', 'three'].entries()) await send(subject, i * 150_000)
    const there = (await contents(gateway, n)).map(({ source }) => source).sort((a, b) => subjectOf(a).localeCompare(subjectOf(b)))

    const box = fetchmail(`${protocol}-${road}`, n, protocol, road)
    const first = await box.fetch('--keep')
    expect(first.code, first.shown).toBe(0)
    if (road !== 'clear') expect(first.shown).toMatch(/TLSv1\.[23]|TLS1\.[23]/)
    expect(box.taken()).toHaveLength(3)
    for (const [i, octets] of box.taken().entries()) same(octets, withLf(there[i]))
    expect(await contents(gateway, n)).toHaveLength(3)

    const second = await box.fetch('--keep')
    expect(second.code, second.shown).toBe(nothingNew)
    expect(box.taken()).toHaveLength(3)

    await send('zero')
    const third = await box.fetch('--keep')
    expect(third.code, third.shown).toBe(0)
    expect(box.taken().map(subjectOf)).toEqual(['one', 'three', 'two', 'zero'])

    // Takes all away: what was fetched before is not fetched again, but goes.
    const last = await box.fetch('--nokeep', '--fetchall')
    expect(last.code, last.shown).toBe(0)
    expect(box.taken()).toHaveLength(8)
    expect(await contents(gateway, n)).toEqual([])
    expect((await box.fetch('--nokeep')).code).toBe(nothingNew)
  })
})

it.each(['IMAP', 'POP3'] as const)('fetchmail by %s does not log in at a server whose certificate it does not know', async (protocol) => {
  const other = join(folder.path, 'other.crt')
  writeFileSync(other, (await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec', curve: 'P-256' })).cert)
  for (const road of ['starttls', 'tls'] as const) {
    const ran = await fetchmail(`untrusted-${protocol}-${road}`, 7, protocol, road, other).fetch()
    expect(ran.code, ran.shown).toBe(2)
    expect(ran.shown).toMatch(/certificate/i)
  }
})
