// How fast IM2000 is here: notifications and submissions accepted durably, octets retrieved, PDUs coded. Runs a gateway of its
// own, as a process of its own; this process is the clients, so both share the machine.
//
//   npm run bench:im2000 [-- --only notify,submit,retrieve,codec] [--seconds 5] [--sessions 64] [--profile]
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { setUp } from './setup.mjs'

const { values: options } = parseArgs({ options: { only: { type: 'string', default: 'codec,notify,submit,retrieve' }, seconds: { type: 'string', default: '5' }, sessions: { type: 'string', default: '64' }, profile: { type: 'boolean', default: false } } })
setUp()
const { MsoapClient, MsrapClient, RnaspClient } = await import('../core/dist/index.js')
const { encodeFramed } = await import('../core/dist/im2000/der/framer.js')
const { decode } = await import('../core/dist/im2000/der/types.js')
const { rnasp } = await import('../core/dist/im2000/pdu/rnasp.js')
const { mailBoxToWire: mailBox, notificationToText, notificationToWire } = await import('../core/dist/im2000/values.js')

const seconds = Number(options.seconds)
const accounts = 100
const root = fileURLToPath(new URL('..', import.meta.url))
const figure = (what, value, unit, goal) => process.stdout.write(`${what.padEnd(58)} ${Math.round(value).toLocaleString('en').padStart(10)} ${unit.padEnd(6)} (goal ${goal.toLocaleString('en')})\n`)
const notification = (recipient) => ({
  storeClear: { domain: 'store.example.org' }, storeSsl: { domain: 'store.example.org' }, recipient, identifier: randomBytes(16), sender: 'a.sender@example.org', size: 12_345,
})

/** The same on each of `sessions` connections until the time is over; answers how often a second. */
async function perSecond(open, sessions, work) {
  const clients = await Promise.all(Array.from({ length: sessions }, (_, i) => open(i)))
  for (const [i, client] of clients.entries()) await work(client, i)
  const began = performance.now()
  const end = began + seconds * 1000
  let done = 0
  await Promise.all(clients.map(async (client, i) => { 
    while (performance.now() < end) {
      const more = await work(client, i)
      done += more
    }
  }))
  const rate = done / ((performance.now() - began) / 1000)
  for (const client of clients) client.close()
  return rate
}

const cases = {
  codec() {
    const wire = notificationToWire(notification('user0001@example.test'))
    const command = (value) => ({ kind: 'command', value: { commanddata: { kind: 'notify', value: { notifications: [value] } } } })
    const measure = (run) => {
      for (let i = 0; i < 20_000; i++) run()
      const began = performance.now()
      let count = 0
      while (performance.now() - began < 1000) for (let i = 0; i < 1000; i++, count++) run()
      return count / ((performance.now() - began) / 1000)
    }
    const octets = encodeFramed(rnasp.pdu, command(wire)).subarray(4)
    const text = notificationToText(wire)
    figure('codec: notification PDUs written', measure(() => encodeFramed(rnasp.pdu, command(wire))), '/s', 200_000)
    figure('codec: notification PDUs read', measure(() => decode(rnasp.pdu, octets)), '/s', 200_000)
    figure('codec: written, from addresses and domains as text', measure(() => encodeFramed(rnasp.pdu, command(notificationToWire(text)))), '/s', 200_000)
    figure('codec: read, to addresses and domains as text', measure(() => decode(rnasp.pdu, octets).value.commanddata.value.notifications.map(notificationToText)), '/s', 200_000)
  },
  async notify(gateway) {
    const open = () => RnaspClient.connect(gateway.where('rnasp'))
    const sessions = Number(options.sessions)
    const rate = await perSecond(open, sessions, async (client, i) => {
      await client.notify([notification(gateway.user((i + Math.floor(Math.random() * accounts)) % accounts))])
      return 1
    })
    figure(`RNASP: notifications, one a command, ${sessions} sessions`, rate, '/s', 5000)
    const many = await perSecond(open, 8, async (client) => {
      const recipient = gateway.user(Math.floor(Math.random() * accounts))
      await client.notify(Array.from({ length: 20 }, () => notification(recipient)))
      return 20
    })
    figure('RNASP: notifications, 20 a command, 8 sessions', many, '/s', 5000)
  },
  async submit(gateway) {
    const text = Buffer.concat([Buffer.from('From: a@example.test\r\nTo: b@example.test\r\nSubject: bench\r\nMessage-ID: <'), Buffer.from(randomBytes(8).toString('hex')), Buffer.from('@example.test>\r\n\r\n'), Buffer.from('x'.repeat(78).concat('\r\n').repeat(126))])
    const open = async (i) => {
      const client = await MsoapClient.connect(gateway.where('msoap'))
      await client.authenticate(gateway.user(i), gateway.password)
      return client
    }
    const rate = await perSecond(open, 16, async (client, i) => {
      await client.submit({ recipients: [mailBox(gateway.user(i + 20))], lists: [], lifetime: 0 }, [text])
      return 1
    })
    figure(`MSOAP: submissions of ${Math.round(text.length / 1024)} KiB, 16 sessions`, rate, '/s', 3000)
  },
  async retrieve(gateway) {
    const client = await MsoapClient.connect(gateway.where('msoap'))
    await client.authenticate(gateway.user(0), gateway.password)
    const chunks = Array.from({ length: 80 }, (_, i) => (i === 0 ? Buffer.concat([Buffer.from('Subject: large\r\n\r\n'), Buffer.alloc(512 * 1024 - 18, 'y')]) : Buffer.alloc(512 * 1024, 'y')))
    const { recipients: [identifier] } = await client.submit({ recipients: [mailBox(gateway.user(1))], lists: [], lifetime: 0 }, chunks)
    client.close()
    for (const sessions of [1, 4]) {
      const rate = await perSecond(() => MsrapClient.connect(gateway.where('msrap')), sessions, async (one) => {
        let octets = 0
        for await (const piece of one.read(identifier)) octets += piece.length
        return octets / 1e6
      })
      figure(`MSRAP: a message of 40 MiB in windows of 512 KiB, ${sessions} session${sessions > 1 ? 's' : ''}`, rate, 'MB/s', 300)
    }
  },
}

const wanted = options.only.split(',')
if (wanted.includes('codec')) cases.codec()
if (wanted.some((one) => one !== 'codec')) {
  const noFaces = ['plugins.imap4=false', 'plugins.pop3=false', 'plugins.smtp-ingress=false', 'im2000.rna.bound=10000000', 'im2000.rna.perMailbox=1000000', 'retrieval.collect=native', 'plugins.mailsort=false', 'plugins.vacation=false']
  const child = spawn(process.execPath, [...(options.profile ? ['--cpu-prof', '--cpu-prof-dir', `${root}profile`] : []), `${root}scripts/restante.mjs`, 'start', '--json', '--config', `${root}config/restante.yaml`, '--ephemeral', '--accounts', String(accounts),
    ...noFaces.flatMap((setting) => ['--set', setting])], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((done) => { child.once('exit', done) })
  const ready = JSON.parse(await new Promise((done) => { createInterface({ input: child.stdout }).once('line', done) }))
  const gateway = {
    password: ready.password,
    user: (n) => `user${String(n + 1).padStart(4, '0')}@${ready.domain}`,
    where(listener) {
      const at = ready.listeners[listener].lastIndexOf(':')
      return { host: ready.listeners[listener].slice(0, at), port: Number(ready.listeners[listener].slice(at + 1)) }
    },
  }
  try {
    for (const one of ['notify', 'submit', 'retrieve']) if (wanted.includes(one)) await cases[one](gateway)
  } finally {
    child.kill('SIGTERM')
    await exited
  }
}
