// Figures of issue 6, on this machine as it is: deliveries with 20 header rules for each user against none, taken in turns, and how
// long one delivery takes to reach 200 members of a shared mailbox in IDLE. node scripts/bench-sort.mjs [messages]
import { connect } from 'node:net'
import { setUp } from './setup.mjs'

setUp()
const { run } = await import('../core/dist/cli/run.js')
const { operate } = await import('../core/dist/cli/operations.js')
const { silentLog } = await import('../core/dist/log/logger.js')

const messages = Number(process.argv[2] ?? 1000)
const users = 220
const { gateway, listeners, created, stop } = await run({ ephemeral: true, config: 'config/restante.yaml', log: silentLog, accounts: users, set: ['imap4.maxSessionsPerAddress=1000'].map((setting) => `plugins.${setting}`) })
const name = (n) => `user${String(n).padStart(4, '0')}@example.test`
const rules = Array.from({ length: 20 }, (_, i) => `rule "${i}" { if any { from contains "nobody${i}@" subject begins with "never ${i}" header "List-Id" contains "list${i}." } move to "Box ${i}" }`).join('\n')
const text = 'From: Some Body <some.body@outside.example>\r\nTo: You <you@example.test>\r\nSubject: Something rather ordinary\r\nMessage-ID: <x@outside.example>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n' + 'Text of a line or so.\r\n'.repeat(100)

async function deliver(count, to) {
  let next = 0
  const begun = performance.now()
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (let n = next++; n < count; n = next++) {
      const draft = await gateway.store.open({ account: null, name: 'some.body@outside.example', protocol: 'ESMTP' }, { recipients: to(n) })
      await draft.writer.write(Buffer.from(text))
      await draft.seal()
    }
  }))
  return count / (performance.now() - begun) * 1000
}
/** Users 1-100 have no rules, 101-200 have 20. */
for (let n = 101; n <= 200; n++) await operate(gateway, 'mailsort.save', { user: name(n), text: rules })
const plain = (n) => [name(1 + n % 100)]
const sorted = (n) => [name(101 + n % 100)]
await deliver(200, plain)
await deliver(200, sorted)
const rates = { plain: [], sorted: [] }
for (let turn = 0; turn < 5; turn++) {
  rates.plain.push(await deliver(messages, plain))
  rates.sorted.push(await deliver(messages, sorted))
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
process.stdout.write(`deliveries a second: ${median(rates.plain).toFixed(0)} without rules, ${median(rates.sorted).toFixed(0)} with 20 (${(100 * median(rates.sorted) / median(rates.plain)).toFixed(0)} %)\n`)
const many = (from) => () => Array.from({ length: 100 }, (_, i) => name(from + i))
const [to100, to100sorted] = [await deliver(60, many(1)), await deliver(60, many(101))]
process.stdout.write(`to 100 recipients each: ${to100.toFixed(1)} without rules, ${to100sorted.toFixed(1)} with 20 (${(100 * to100sorted / to100).toFixed(0)} %)\n`)

// 200 members in IDLE.
await operate(gateway, 'shared-mailboxes.create', { name: 'all', address: 'all@example.test', ownSeen: true, members: Array.from({ length: 200 }, (_, i) => ({ member: name(i + 1) })) })
const [host, port] = listeners.imap.split(':')
const sessions = []
for (let n = 1; n <= 200; n++) {
  const socket = connect(Number(port), host)
  let seen = ''
  let wake = () => undefined
  socket.setNoDelay(true).setEncoding('latin1').on('data', (chunk) => { seen += chunk; wake() })
  const until = async (wanted) => {
    while (!wanted.test(seen)) await new Promise((done) => { wake = done })
    const at = performance.now()
    seen = ''
    return at
  }
  await until(/^\* OK/m)
  socket.write(`a LOGIN ${name(n)} ${created.password}\r\n`)
  await until(/^a OK/m)
  socket.write('b SELECT shared/all\r\n')
  await until(/^b OK/m)
  socket.write('c IDLE\r\n')
  await until(/^\+/m)
  sessions.push({ socket, until })
}
const times = []
for (let turn = 1; turn <= 5; turn++) {
  const reached = sessions.map(({ until }) => until(new RegExp(`^\\* ${turn} EXISTS`, 'm')))
  await deliver(1, () => ['all@example.test'])
  const committed = performance.now()
  times.push(Math.max(...await Promise.all(reached)) - committed)
}
process.stdout.write(`200 members in IDLE: all told ${median(times).toFixed(0)} ms after the commit (${times.map((time) => time.toFixed(0)).join(', ')})\n`)
for (const { socket } of sessions) socket.destroy()
await stop(AbortSignal.timeout(2000))
