// IM2000 by hand: send, track, read, refuse, cancel, and the DNS records, as commands.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RnaspClient } from '@restante/core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { dataFolder, restante, start, type Said, type Started } from './support/restante.js'

// Each test is a dozen processes.
vi.setConfig({ testTimeout: 180_000 })

const folder = dataFolder()
const zone: DnsZone = {}
let dns: Awaited<ReturnType<typeof startDns>>
let gateway: Started
let listeners: Readonly<Record<string, string>>
const [ann, bob] = ['ann@example.test', 'bob@example.test']
const password = 'open sesame'
const passwordFile = join(folder.path, 'password')

beforeAll(async () => {
  dns = await startDns(zone)
  for (const name of [ann, bob]) await restante(['user', 'add', name, ...folder.set], { input: `${password}\n` })
  gateway = start(['--json', ...folder.set])
  listeners = (await gateway.ready()).listeners
  writeFileSync(passwordFile, `${password}\n`)
})
afterAll(async () => {
  gateway?.process.kill('SIGTERM')
  await gateway?.exited
  await dns.stop()
  folder.remove()
})
const at = (listener: string, account: string): string[] => [listener === 'rnaqp' ? '--agent' : '--store', listeners[listener], '--account', account, '--password-file', passwordFile]
const file = (name: string, text: string | Buffer): string => {
  const path = join(folder.path, name)
  writeFileSync(path, text)
  return path
}
const inbox = join(folder.path, 'inbox.json')
const read = (...args: string[]): Promise<Said> => restante(['read', ...args, '--inbox', inbox, '--set', 'im2000.outbound.allowNetworks=["127.0.0.0/8"]', '--set', `data=${join(folder.path, 'unused')}`])
const send = async (path: string, ...more: string[]): Promise<{ messageId: string; recipients: { to: string; identifier: string }[] }> => {
  const said = await restante(['send', path, ...at('msoap', ann), ...more, '--json'])
  expect(said).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(said.stdout)
}
/** As a store elsewhere would. */
async function announce(identifier: string, port = Number(listeners.msrap.split(':')[1])): Promise<void> {
  const [host, rnasp] = listeners.rnasp.split(':')
  using client = await RnaspClient.connect({ host, port: Number(rnasp) })
  await client.notify([{ storeClear: { literals: [{ address: '127.0.0.1', port }] }, recipient: bob, identifier: Buffer.from(identifier, 'hex'), sender: 'ann\u202e\u001b[2J', size: 42 }])
}

it('T104 a file is sent, tracked, listed, shown, saved', async () => {
  const message = file('hello.eml', `From: ${ann}\nTo: Bob <${bob}>\nBcc: ${bob}\nSubject: hello\n\nHi\n`)
  const { messageId, recipients: [{ to, identifier }] } = await send(message)
  expect(to).toBe(bob)
  const tracked = await restante(['track', identifier, ...at('msoap', ann), '--json'])
  expect(JSON.parse(tracked.stdout)).toEqual({ notificationstatus: 'silenced', read: 'unread', pinned: true })
  // Nobody else may know.
  expect(await restante(['track', identifier, ...at('msoap', bob)])).toMatchObject({ code: 4, stderr: expect.stringContaining('errornotpermitted') })

  await announce(identifier)
  expect((await read('collect', ...at('rnaqp', bob))).code).toBe(0)
  const listed = await read('list')
  // T104 date, sender, store, submitter; and nothing that steers the terminal (H20).
  expect(listed.stdout).toMatch(/^NO +DATE +SENDER +STORE +SUBMITTER +SIZE +STATE\n1 +\d{4}-\d\d-\d\d \d\d:\d\d +ann\\u202e\\u001b\[2J +127\.0\.0\.1:\d+ +127\.0\.0\.1:\d+ +42 B +waiting\n$/)
  expect(listed.stdout).not.toContain(identifier)
  const shown = await read('show', '1')
  expect(shown.stdout).toMatch(/^Received: .*\r\n/)
  for (const line of [`From: ${ann}\r\n`, 'Subject: hello\r\n', `Message-ID: ${messageId}\r\n`, '\r\n\r\nHi\r\n']) expect(shown.stdout).toContain(line)
  expect(shown.stdout).toMatch(/\r\nDate: /)
  expect(shown.stdout).not.toMatch(/bcc/i)
  expect((await read('show', '1', '--summary')).stdout).not.toContain('Received')
  const saved = join(folder.path, 'saved.eml')
  expect((await read('save', '1', saved)).code).toBe(0)
  expect(readFileSync(saved, 'utf8')).toBe(shown.stdout)
  expect(await read('list')).toMatchObject({ stdout: 'The inbox is empty\n' })
  expect(JSON.parse((await restante(['track', identifier, ...at('msoap', ann), '--json'])).stdout)).toMatchObject({ read: 'readall', pinned: false })
})
it('T102 T103 a message is refused; another is taken back and its entry dropped; the agent is remembered', async () => {
  const path = file('two.eml', `From: ${ann}\r\nSubject: two\r\n\r\nx\r\n`)
  const [first, second] = [await send(path, '--to', bob), await send(path, '--to', bob)].map((sent) => sent.recipients[0].identifier)
  await announce(first)
  await announce(second)
  expect((await read('collect', '--password-file', passwordFile)).stdout).toMatch(/^2 .*\n3 /m)
  expect((await read('refuse', '2')).code).toBe(0)
  expect(JSON.parse((await restante(['track', first, ...at('msoap', ann), '--json'])).stdout)).toMatchObject({ read: 'unread', pinned: false })
  expect(await restante(['cancel', second, ...at('msoap', ann), '--yes'])).toMatchObject({ code: 0, stdout: 'Cancelled\n' })
  // T102
  expect(await read('show', '3')).toMatchObject({ code: 3, stdout: '' })
  expect((await read('list')).stdout).toMatch(/^3 .* gone$/m)
  expect((await read('drop', '3')).code).toBe(0)
})
it('T105 by default nothing on this machine is connected to', async () => {
  const { recipients: [{ identifier }] } = await send(file('three.eml', `From: ${ann}\r\n\r\n`), '--to', bob)
  await announce(identifier)
  await read('collect', '--password-file', passwordFile)
  const said = await restante(['read', 'show', '4', '--inbox', inbox])
  expect(said).toMatchObject({ code: 5, stdout: '' })
})
it('--exact changes no octet; large messages and lists of recipients go; what the store refuses is named', async () => {
  const octets = Buffer.concat([Buffer.from(`From: ${ann}\nBcc: ${bob}\n\nbare\n\0\xff`, 'latin1'), Buffer.alloc(700_000, 'y\n')])
  const { recipients: [{ identifier }] } = await send(file('exact.eml', octets), '--exact')
  await announce(identifier)
  await read('collect', '--password-file', passwordFile)
  const saved = join(folder.path, 'exact.saved')
  const listed = JSON.parse((await read('list', '--json')).stdout) as { number: number }[]
  expect((await read('save', String(listed.at(-1)!.number), saved)).code).toBe(0)
  const got = readFileSync(saved)
  expect(got.subarray(got.indexOf('\r\nFrom:') + 2).equals(octets)).toBe(true)
  expect(await restante(['send', file('x.eml', `From: ${ann}\r\n\r\n`), ...at('msoap', ann), '--to', bob, 'nobody@example.test'])).toMatchObject({ code: 4, stderr: expect.stringContaining('nobody@example.test (says the store)') })
  expect(await restante(['send', file('y.eml', 'Subject: no author\r\n\r\n'), ...at('msoap', ann), '--to', bob])).toMatchObject({ code: 4, stderr: expect.stringContaining('From') })
  expect(await restante(['send', file('z.eml', `From: ${ann}\r\n\r\n`), ...at('msoap', ann)])).toMatchObject({ code: 4 })
  writeFileSync(passwordFile, 'wrong\n')
  expect(await restante(['send', file('z.eml', `From: ${ann}\r\n\r\n`), ...at('msoap', ann), '--to', bob])).toMatchObject({ code: 4, stderr: 'restante: Authentication failed\n' })
  writeFileSync(passwordFile, `${password}\n`)
})
it('the records to publish are printed and looked for', async () => {
  const ask = (...more: string[]): Promise<Said> => restante(['dns', 'example.test', '--port', 'smtp=25', '--json', ...folder.set, '--set', `im2000.outbound.dnsServers=["${dns.address}"]`, '--set', 'hostname=mx.example.test', ...more])
  const states = (said: Said): Record<string, string> => Object.fromEntries((JSON.parse(said.stdout).records as { record: string; state: string }[]).map(({ record, state }) => [record.replace(/^; /, '').split(/\.? /)[0], state]))
  const none = await ask()
  expect(none.code).toBe(1)
  expect(new Set(Object.values(states(none)))).toEqual(new Set(['missing']))
  const { records } = JSON.parse((await ask('--no-check')).stdout) as { records: { record: string }[] }
  for (const { record } of records) {
    const [, name, port, target] = /^(\S+)\. IN SRV 0 0 (\d+) (\S+)$/.exec(record) ?? []
    if (name) zone[name] = [{ type: 'SRV', port: Number(port), target }]
  }
  zone['example.test'] = [{ type: 'MX', preference: 5, exchange: 'elsewhere.example' }]
  zone['mx.example.test'] = 'SERVFAIL'
  const some = states(await ask())
  expect(some).toMatchObject({ 'mx.example.test': 'unknown', 'example.test': 'other', '_rnasp._tcp.example.test': 'published', '_imaps._tcp.example.test': 'published' })
  zone['example.test'] = [{ type: 'MX', preference: 5, exchange: 'mx.example.test' }]
  zone['mx.example.test'] = [{ type: 'AAAA', address: '2001:db8::1' }]
  const reverse = async (): Promise<unknown> => {
    const said = await ask()
    expect(said.code).toBe(0)
    return JSON.parse(said.stdout).reverse
  }
  expect(await reverse()).toEqual([{ address: '2001:db8::1', good: false }])
  const pointer = `1.${'0.'.repeat(23)}8.b.d.0.1.0.0.2.ip6.arpa`
  zone[pointer] = [{ type: 'PTR', target: 'host-1.provider.example' }]
  expect(await reverse()).toEqual([{ address: '2001:db8::1', name: 'host-1.provider.example', good: false }])
  zone[pointer] = [{ type: 'PTR', target: 'mx.example.test' }]
  expect(await reverse()).toEqual([{ address: '2001:db8::1', name: 'mx.example.test', good: true }])
})
