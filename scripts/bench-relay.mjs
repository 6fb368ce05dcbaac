// Figures of the relay, on this machine as it is: messages of 10 KiB to Postfix's smtp-sink with connections reused; what a queue of
// deferred recipients costs while it waits, and how soon work begins after a restart. node scripts/bench-relay.mjs [messages] [deferred]
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { setUp } from './setup.mjs'

setUp()
const { run } = await import('../core/dist/cli/run.js')
const { silentLog } = await import('../core/dist/log/logger.js')

const messages = Number(process.argv[2] ?? 5000)
const deferred = Number(process.argv[3] ?? 100_000)
const say = (text) => process.stdout.write(`${text}\n`)
const freePort = () => new Promise((done) => { const probe = createServer().listen(0, '127.0.0.1', () => { const { port } = probe.address(); probe.close(() => done(port)) }) })
const port = await freePort()
const sink = spawn('/usr/sbin/smtp-sink', ['-u', 'nobody', '-c', `127.0.0.1:${port}`, '1024'], { stdio: ['ignore', 'pipe', 'ignore'] })
/** When it last counted something. */
let heard = () => undefined
sink.stdout.on('data', () => heard(performance.now()))
for (;;) {
  if (await new Promise((done) => { connect(port, '127.0.0.1', function () { this.destroy(); done(true) }).on('error', () => done(false)) })) break
  await sleep(20)
}

/** While `open` is not said nobody knows whether there are agents: all mail waits. */
let open = false
const dnsError = (code) => { throw Object.assign(new Error(code), { code }) }
const dns = { srv: async () => dnsError(open ? 'ENOTFOUND' : 'ESERVFAIL'), a: async () => dnsError('ENOTFOUND'), aaaa: async () => dnsError('ENOTFOUND') }
const data = mkdtempSync(join(tmpdir(), 'restante-bench-'))
const settings = [
  `data=${data}`, 'domains=["example.test"]', 'accounts.scramIterations=4096', ...['imap4', 'pop3', 'im2000', 'mailsort', 'vacation', 'shared-mailboxes', 'smtp-ingress'].map((plugin) => `plugins.${plugin}=false`),
  `bridges.smtp-relay={"mtaSts":{"use":false},"routes":[{"host":"127.0.0.1:${port}","tls":"off"}]}`,
]
const start = () => run({ config: 'config/restante.yaml', log: silentLog, dns, set: settings })
const octets = Buffer.from(`From: Some Body <user0001@example.test>\r\nTo: <x@far.test>\r\nSubject: Something rather ordinary\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n${'Text of a line or so, again and again.\r\n'.repeat(256)}`)
async function submit({ store }, count, to) {
  let next = 0
  await Promise.all(Array.from({ length: 16 }, async () => {
    for (let n = next++; n < count; n = next++) {
      const draft = await store.open({ account: null, name: 'user0001@example.test', protocol: 'ESMTPSA' }, { recipients: to(n) })
      await draft.writer.write(octets)
      await draft.seal()
    }
  }))
}
const waiting = async ({ queue }) => { const { oldest, ...counts } = await queue.stats(); return counts }
async function until(condition) {
  while (!await condition()) await sleep(20)
}
const cpu = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6 }

let running = await start()
let { gateway } = running
for (const domains of [1, 8]) {
  open = false
  await submit(gateway, messages, (n) => [`bob${n}@d${n % domains}.test`])
  await until(async () => (await waiting(gateway)).deferred === messages)
  open = true
  const begun = performance.now()
  const used = cpu()
  await gateway.queue.retry({})
  await until(async () => { const { new: fresh, deferred: late } = await waiting(gateway); return fresh + late === 0 })
  const seconds = (performance.now() - begun) / 1000
  say(`relayed to smtp-sink, ${domains} domain(s): ${(messages / seconds).toFixed(0)} messages of ${(octets.length / 1024).toFixed(1)} KiB a second; ${((cpu() - used) / messages * 1000).toFixed(2)} ms of CPU each`)
}

open = false
await submit(gateway, deferred / 100, (n) => Array.from({ length: 100 }, (_, i) => `bob${n}@d${i * 10 + n % 10}.test`))
await until(async () => (await waiting(gateway)).deferred === deferred)
await sleep(5000)
const before = cpu()
await sleep(30_000)
say(`${deferred} deferred recipients: ${((cpu() - before) / 30 * 100).toFixed(2)} % of a CPU while they wait; resident ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`)
await gateway.database.write((tx) => tx.run('UPDATE recipients SET next_attempt = ? WHERE next_attempt IS NOT NULL', [Date.now() - 1000]))
await running.stop(AbortSignal.timeout(5000))
open = true
const first = new Promise((done) => { heard = done })
const restarted = performance.now()
running = await start()
gateway = running.gateway
const up = performance.now()
say(`after a restart: ready in ${((up - restarted) / 1000).toFixed(2)} s, first of them handed over ${((await first - restarted) / 1000).toFixed(2)} s after it began`)
await running.stop(AbortSignal.timeout(5000))
sink.kill()
rmSync(data, { recursive: true, force: true })
