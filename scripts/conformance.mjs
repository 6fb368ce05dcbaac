// Runs the statements of im2000.md, section I, that are about servers, against any implementation, and prints a table.
//
//   npm run conformance -- --msoap host:port --msrap host:port --rnasp host:port --rnaqp host:port
//     [--msoaps host:port --rnaqps host:port]   the TLS twins, for T23
//     [--account A --password-file F]           at MSOAP and RNAQP; [--other B] a second account with the same password
//     [--mailbox a@b]                           whose notifications that account collects (default: the account's name)
//     [--list L] [--forbidden-list L]           a public list that the account may post to; one that nobody may scan
//     [--slow S]                                wait so many seconds for idle time-outs (T12)
//     [--only T9,T65] [--json]
//
// What cannot be checked with what was given is skipped. Without any address a gateway of our own is started and checked.
// Notifications that wait for the account are collected and lost: give one that is made for this.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { root, setUp } from './setup.mjs'
import { statements } from './statements.mjs'

setUp()
const { Session, Violation } = await import('./conformance/peer.mjs')
const { sessionCases } = await import('./conformance/sessions.mjs')
const { storeCases } = await import('./conformance/store.mjs')
const { agentCases } = await import('./conformance/agent.mjs')

const services = ['msoap', 'msrap', 'rnasp', 'rnaqp', 'msoaps', 'rnaqps']
const names = [...services, 'account', 'password-file', 'other', 'mailbox', 'list', 'forbidden-list', 'slow', 'only']
const { values: given } = parseArgs({ options: { ...Object.fromEntries(names.map((name) => [name, { type: 'string' }])), json: { type: 'boolean' } } })
const own = services.some((name) => given[name]) ? undefined : await startOwn()
Object.assign(given, own?.given)

const where = (name) => {
  const [, host, port] = /^\[?(.+?)\]?:(\d+)$/.exec(given[name]) ?? []
  if (!host) throw new Error(`--${name} ${given[name]}: accepted: host:port`)
  return { host, port: Number(port) }
}
const im = {
  account: given.account, other: given.other, mailbox: given.mailbox ?? given.account, list: given.list, forbiddenList: given['forbidden-list'], slow: Number(given.slow ?? 0),
  password: given['password-file'] ? readFileSync(given['password-file'], 'utf8').split(/\r?\n/)[0] : own?.password,
  sessions: [],
  has: (name) => given[name] !== undefined,
  async open(protocol, patienceMs, tls = false) {
    const session = await Session.open(protocol, { ...where(tls ? `${protocol}s` : protocol), tls }, patienceMs)
    this.sessions.push(session)
    return session
  },
  async login(protocol, account = this.account) {
    const session = await this.open(protocol)
    await session.good('authenticate', { account, password: this.password })
    return session
  },
}
const has = (need) => (need === 'account' ? im.account !== undefined && im.password !== undefined : need === 'mailbox' ? im.mailbox !== undefined : need === 'slow' ? im.slow > 0 : given[need] !== undefined)

const only = given.only?.split(',')
const results = new Map()
for (const one of [...sessionCases, ...storeCases, ...agentCases]) {
  if (only && !one.of.some((number) => only.includes(number))) continue
  const missing = one.needs.filter((need) => !has(need))
  const result = missing.length > 0 ? { state: 'skipped', why: `needs ${missing.map((need) => `--${need}`).join(' ')}` } : await attempt(one)
  for (const number of one.of) results.set(number, [...results.get(number) ?? [], result])
}
await own?.stop()

async function attempt(one) {
  const begun = performance.now()
  try {
    await one.run(im)
    return { state: 'passed', ms: performance.now() - begun }
  } catch (error) {
    const broken = error instanceof Violation || error.name === 'Malformed' || ['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT'].includes(error.code)
    return { state: 'failed', why: `${one.what ? `${one.what}: ` : ''}${broken ? error.message : error.stack}` }
  } finally {
    for (const session of im.sessions.splice(0)) session.close()
  }
}

/** The worst of a statement's cases. */
const verdict = (all) => ['failed', 'passed', 'skipped'].find((state) => all.some((one) => one.state === state))
const rows = statements(root).flatMap(({ number, text }) => {
  const all = results.get(number)
  return all ? [{ number, text, state: verdict(all), cases: all.length, why: [...new Set(all.filter((one) => one.state === verdict(all) && one.why).map((one) => one.why))].join('; ') }] : []
})
const count = (state) => rows.filter((row) => row.state === state).length
if (given.json) process.stdout.write(`${JSON.stringify(rows)}\n`)
else {
  for (const { number, state, text, why } of rows) process.stdout.write(`${number.padEnd(5)} ${{ passed: 'ok', failed: 'FAILED', skipped: '-' }[state].padEnd(7)} ${text}${why ? `\n              ${why}` : ''}\n`)
  process.stdout.write(`\n${count('passed')} statements hold, ${count('failed')} do not, ${count('skipped')} were not checked\n`)
}
process.exitCode = count('failed') > 0 ? 1 : 0

/** A throw-away gateway as an ordinary process, with a list of each kind. */
async function startOwn() {
  const { spawn } = await import('node:child_process')
  const { createInterface } = await import('node:readline')
  const { join } = await import('node:path')
  const program = join(root, 'scripts/restante.mjs')
  const set = ['plugins.imap4=false', 'plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.lists={}', 'accounts.throttle.delay=0', 'retrieval.collect=native', ...['msoap', 'msrap', 'rnasp', 'rnaqp'].map((name) => `plugins.im2000.${name}.idle=5`)]
  const child = spawn(process.execPath, [program, 'start', '--ephemeral', '--json', '--accounts', '2', '--config', join(root, 'config/restante.yaml'), ...set.flatMap((one) => ['--set', one])], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((done) => { child.once('exit', done) })
  const ready = JSON.parse(await new Promise((done) => { createInterface({ input: child.stdout }).once('line', done) }))
  const { askRunning } = await import('../core/dist/cli/control.js')
  await askRunning(ready.data, 'lists.create', { name: 'conformance', read: 'public', write: 'accounts' })
  await askRunning(ready.data, 'lists.create', { name: 'closed', read: 'accounts', write: 'accounts' })
  return {
    password: ready.password,
    given: { ...Object.fromEntries(services.map((name) => [name, ready.listeners[name]])), account: ready.account, other: ready.account.replace('0001', '0002'), list: 'conformance', 'forbidden-list': 'closed', slow: '10' },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
