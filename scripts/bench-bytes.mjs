// How many octets move, and how many are stored, when one large message goes to many people of another organisation: by IM2000
// between two gateways here, and by SMTP between two Postfix servers (Debian's postfix, as root). Not a test: it writes
// gigabytes.
//
//   node scripts/bench-bytes.mjs [--recipients 200] [--mib 20] [--only restante,postfix]
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startPostfix, toFolders } from './postfix.mjs'
import { setUp } from './setup.mjs'

const { values } = parseArgs({ options: { recipients: { type: 'string', default: '200' }, mib: { type: 'string', default: '20' }, only: { type: 'string', default: 'restante,postfix' } } })
const [recipients, mib] = [Number(values.recipients), Number(values.mib)]
setUp()
const folder = mkdtempSync(join(tmpdir(), 'restante-bytes-'))
const line = `${'x'.repeat(70)}\r\n`
const message = `From: a@a.test\r\nTo: all@b.test\r\nSubject: large\r\nMessage-ID: <large@a.test>\r\n\r\n${line.repeat(mib * 2 ** 20 / line.length)}`

/** Passes connections on, and counts what goes either way. */
async function counter(port) {
  let moved = 0
  const server = createServer((socket) => {
    const to = connect(port, '127.0.0.1')
    for (const [from, into] of [[socket, to], [to, socket]]) from.on('error', () => into.destroy()).on('close', () => into.destroy()).on('data', (chunk) => { moved += chunk.length }).pipe(into)
  })
  await new Promise((done) => { server.listen(0, '127.0.0.1', done) })
  return { port: server.address().port, moved: () => moved, close: () => server.close() }
}
function stored(path) {
  let sum = 0
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const one = join(path, entry.name)
    if (entry.isDirectory()) sum += stored(one)
    else if (entry.isFile()) sum += statSync(one).blocks * 512
  }
  return sum
}
const until = async (look, what, seconds = 60) => {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) if (await look()) return
  throw new Error(`${what}: not within ${seconds} s`)
}

const cases = {
  async restante() {
    const { run } = await import('../core/dist/cli/run.js')
    const { silentLog } = await import('../core/dist/log/logger.js')
    const records = {}
    const ask = (name) => {
      const found = records[name.toLowerCase()]
      if (!found) throw Object.assign(new Error(name), { code: 'ENOTFOUND' })
      return found
    }
    const dns = { srv: async (name) => ask(name), a: async () => ['127.0.0.1'], aaaa: async () => [] }
    const side = (domain, accounts) => run({
      ephemeral: true, accounts, domain, dns, log: silentLog,
      set: ['im2000.outbound.allowNetworks=["127.0.0.0/8"]', `im2000.store.location.clear=${domain}`, 'im2000.store.location.tls=[]', 'plugins.imap4=false', 'plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.im2000={}'],
    })
    const [a, b] = [await side('a.test', 1), await side('b.test', recipients)]
    const portOf = (running, name) => Number(running.listeners[name].split(':').at(-1))
    const [msrap, rnasp] = [await counter(portOf(a, 'msrap')), await counter(portOf(b, 'rnasp'))]
    records['_msrap._tcp.a.test'] = [{ name: 'gw.a.test', port: msrap.port, priority: 0, weight: 0 }]
    records['_rnasp._tcp.b.test'] = [{ name: 'gw.b.test', port: rnasp.port, priority: 0, weight: 0 }]
    const { gateway } = b
    const people = await gateway.accounts.all()
    const before = stored(a.gateway.folder) + stored(gateway.folder)
    const draft = await a.gateway.store.open({ account: null, name: 'a@a.test', protocol: 'ESMTPSA' }, { recipients: people.map((one) => one.name) })
    for (let at = 0; at < message.length; at += 2 ** 18) await draft.writer.write(Buffer.from(message.slice(at, at + 2 ** 18)))
    const begun = performance.now()
    await draft.seal()
    const inbox = async (person) => {
      const box = await gateway.mailboxes.open(person.id, 'INBOX', { readOnly: true })
      const [id] = box.index.messages.subarray(0, box.index.count)
      box.close()
      return id
    }
    await until(async () => (await Promise.all(people.map(inbox))).every((id) => id !== undefined), 'all notified')
    const notified = performance.now() - begun
    const announced = msrap.moved() + rnasp.moved()
    // Everybody reads all of it.
    for (const person of people) {
      let size = 0
      for await (const chunk of (await gateway.contents.open(await inbox(person))).range(0, message.length + 1000)) size += chunk.length
      if (size < message.length) throw new Error(`${size} octets read`)
    }
    const result = { moved: msrap.moved() + rnasp.moved(), stored: stored(a.gateway.folder) + stored(gateway.folder) - before, announced, ms: notified }
    await Promise.all([a.stop(AbortSignal.abort()), b.stop(AbortSignal.abort())])
    for (const one of [msrap, rnasp]) one.close()
    return result
  },

  async postfix() {
    chmodSync(folder, 0o755)
    const names = Array.from({ length: recipients }, (_, i) => `user${i}@b.test`)
    const settings = toFolders(join(folder, 'b'), 'b.test', Object.fromEntries(names.map((name) => [name, name])))
    const mail = join(folder, 'b', 'mail')
    const receiver = await postfix('b', settings)
    const wire = await counter(receiver.port)
    const sender = await postfix('a', [`relayhost = [127.0.0.1]:${wire.port}`])
    try {
      const before = stored(mail)
      const path = join(folder, 'large.eml')
      writeFileSync(path, message)
      const begun = performance.now()
      execFileSync('curl', ['-sS', '--fail', `smtp://127.0.0.1:${sender.port}/client`, '--mail-from', 'a@a.test', ...names.flatMap((name) => ['--mail-rcpt', name]), '--upload-file', path], { stdio: ['ignore', 'inherit', 'inherit'] })
      const delivered = () => readdirSync(mail, { recursive: true, withFileTypes: true }).filter((one) => one.isFile() && one.parentPath.endsWith('/new')).length
      await until(() => delivered() >= recipients, 'all delivered')
      return { moved: wire.moved(), stored: stored(mail) - before, ms: performance.now() - begun }
    } finally {
      for (const one of [sender, receiver]) one.stop()
      wire.close()
    }
  },
}

/** In our folder, on a free port. */
async function postfix(name, settings) {
  const probe = createServer()
  await new Promise((done) => { probe.listen(0, '127.0.0.1', done) })
  const { port } = probe.address()
  await new Promise((done) => { probe.close(done) })
  return startPostfix({ home: join(folder, name), hostname: `${name}.test`, port, settings: [`message_size_limit = ${message.length * 2}`, 'smtpd_recipient_limit = 10000', ...settings] })
}

const mebi = (octets) => `${(octets / 2 ** 20).toFixed(1)} MiB`
const results = {}
try {
  for (const name of values.only.split(',')) {
    const { moved, stored: kept, ms, announced } = results[name] = await cases[name]()
    process.stdout.write(`${name.padEnd(10)} ${recipients} recipients, ${mib} MiB: moved ${mebi(moved)}${announced === undefined ? '' : ` (${mebi(announced)} until all were told)`}, stored ${mebi(kept)}, all had it after ${(ms / 1000).toFixed(1)} s\n`)
  }
  const { restante, postfix: other } = results
  if (restante && other) process.stdout.write(`postfix moves ${(other.moved / restante.moved).toFixed(1)} times as much, and stores ${(other.stored / restante.stored).toFixed(1)} times as much\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
