// Two organisations, a.test and b.test: two gateways as processes of their own, each with its data, its certificate and its
// configuration file, and a real DNS server (Debian's knot) that both ask.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { execFile } from 'node:child_process'
import { freePorts } from '../../support/ports.js'
import { restante, start, until, type Ready, type Said, type Started } from '../../journeys/support/restante.js'

export const password = 'correct-horse-battery'
const exec = promisify(execFile)

/** A zone file's lines, and the server that answers from it. */
export class Names {
  #process: ChildProcess | undefined
  #serial = 1
  constructor(readonly folder: string, readonly port: number, public records: readonly string[]) {}

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    this.#write()
    // The zone `broken` has no file: SERVFAIL. Others that are not named here: REFUSED.
    writeFileSync(join(this.folder, 'knot.conf'), `server:
    rundir: "${this.folder}"
    listen: 127.0.0.1@${this.port}
database:
    storage: "${this.folder}/db"
template:
  - id: default
    storage: "${this.folder}"
    zonefile-load: whole
    journal-content: none
zone:
  - domain: test
  - domain: broken
`)
    this.#process = spawn('/usr/sbin/knotd', ['-c', join(this.folder, 'knot.conf')], { stdio: 'ignore' })
    await until(async () => (await this.ask('SRV', '_rnasp._tcp.a.test').catch(() => ''))?.includes('SRV') || undefined, 'the DNS server')
  }

  /** Other records from now on. */
  async change(records: readonly string[]): Promise<void> {
    this.records = records
    this.#write()
    const serial = this.#serial
    await exec('/usr/sbin/knotc', ['-s', join(this.folder, 'knot.sock'), 'zone-reload', 'test'])
    await until(async () => (await this.ask('SOA', 'test').catch(() => '')).includes(` ${serial} `) || undefined, 'the new zone')
  }

  async ask(type: string, name: string): Promise<string> {
    const { Resolver } = await import('node:dns/promises')
    const resolver = new Resolver({ timeout: 500, tries: 1 })
    resolver.setServers([this.address])
    if (type === 'SOA') {
      const { serial } = await resolver.resolveSoa(name)
      return ` ${serial} `
    }
    return (await resolver.resolveSrv(name)).map((record) => `SRV ${record.name} ${record.port}`).join('\n')
  }

  /** Resolves when it has really stopped: until then it may answer. */
  async pause(): Promise<void> {
    const { pid } = this.#process!
    this.#process!.kill('SIGSTOP')
    const threads = `/proc/${pid}/task`
    await until(async () => readdirSync(threads).every((id) => /^\d+ \(.*\) [Tt] /s.test(readFileSync(join(threads, id, 'stat'), 'utf8'))) || undefined, 'the DNS server to stand still')
  }
  resume(): void {
    this.#process!.kill('SIGCONT')
  }
  async stop(): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null) return
    this.resume()
    const gone = new Promise((done) => { child.once('exit', done) })
    child.kill('SIGTERM')
    await gone
  }

  #write(): void {
    mkdirSync(join(this.folder, 'db'), { recursive: true })
    writeFileSync(join(this.folder, 'test.zone'), ['$ORIGIN test.', '$TTL 1', `@ SOA ns hostmaster ${++this.#serial} 3600 600 86400 1`, '@ NS ns', 'ns A 127.0.0.1', ...this.records, ''].join('\n'))
  }
}

const portNames = ['mx', 'submission', 'submissions', 'imap', 'imaps', 'pop3', 'pop3s', 'msoap', 'msoaps', 'msrap', 'msraps', 'rnasp', 'rnasps', 'rnaqp', 'rnaqps'] as const
export type Ports = Readonly<Record<(typeof portNames)[number], number>>

/** One organisation: its gateway can be stopped, killed and started again, on the same data and ports. */
export class Organisation {
  #running: Started | undefined
  constructor(readonly domain: string, readonly folder: string, readonly ports: Ports, readonly config: string) {}

  get data(): string {
    return join(this.folder, 'data')
  }
  user(n: number): string {
    return `user${n}@${this.domain}`
  }

  async start(...set: string[]): Promise<Ready> {
    this.#running = start(['--json', '--config', this.config, ...set.flatMap((one) => ['--set', one])])
    return this.#running.ready()
  }
  /** As a person stops it. */
  async stop(): Promise<void> {
    this.#running?.process.kill('SIGTERM')
    await this.#running?.exited
  }
  /** As a power cut stops it. */
  async kill(): Promise<void> {
    this.#running?.process.kill('SIGKILL')
    await this.#running?.exited
  }
  get errors(): string {
    return this.#running?.err() ?? ''
  }

  /** A command of the command line, on this gateway. */
  async run(...args: string[]): Promise<Said> {
    return restante([...args, '--config', this.config])
  }
  async json(...args: string[]): Promise<any> {
    const said = await this.run(...args, '--json')
    if (said.code !== 0) throw new Error(`restante ${args.join(' ')}: ${said.code} ${said.stderr}`)
    return JSON.parse(said.stdout)
  }

  /** Sends by submission with TLS, as curl does. Answers the Message-ID. */
  async send(from: number, to: readonly string[], subject: string, body = 'Hello\r\n'): Promise<string> {
    const id = `${Math.random().toString(36).slice(2)}@${this.domain}`
    const path = join(this.folder, `${id}.eml`)
    writeFileSync(path, `From: ${this.user(from)}\r\nTo: ${to.slice(0, 5).join(', ')}\r\nSubject: ${subject}\r\nMessage-ID: <${id}>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n${body}`)
    await exec('curl', ['-sS', '--fail', '--cacert', join(this.folder, '../ca.pem'), '--connect-to', `${this.domain}:${this.ports.submissions}:127.0.0.1:${this.ports.submissions}`, `smtps://${this.domain}:${this.ports.submissions}/client`,
      '--user', `${this.user(from)}:${password}`, '--mail-from', this.user(from), ...to.flatMap((one) => ['--mail-rcpt', one]), '--upload-file', path])
    return id
  }

  /** One IMAP command in a session of its own, by curl. */
  async imap(user: number, mailbox: string, command?: string): Promise<string> {
    const { stdout } = await exec('curl', ['-sS', '--cacert', join(this.folder, '../ca.pem'), '--connect-to', `${this.domain}:${this.ports.imaps}:127.0.0.1:${this.ports.imaps}`, `imaps://${this.domain}:${this.ports.imaps}/${mailbox}`,
      '--user', `${this.user(user)}:${password}`, ...(command ? ['-X', command] : [])], { maxBuffer: 64 * 2 ** 20, encoding: 'latin1' })
    return stdout
  }
  async pop3(user: number, what = ''): Promise<string> {
    const { stdout } = await exec('curl', ['-sS', '--cacert', join(this.folder, '../ca.pem'), '--connect-to', `${this.domain}:${this.ports.pop3s}:127.0.0.1:${this.ports.pop3s}`, `pop3s://${this.domain}:${this.ports.pop3s}/${what}`, '--user', `${this.user(user)}:${password}`],
      { maxBuffer: 64 * 2 ** 20, encoding: 'latin1' })
    return stdout
  }
  /** UIDs with this subject. */
  async find(user: number, subject: string, mailbox = 'INBOX'): Promise<number[]> {
    const said = await this.imap(user, mailbox, `UID SEARCH HEADER SUBJECT "${subject}"`)
    return (/\* SEARCH(.*)/.exec(said)?.[1] ?? '').trim().split(' ').filter(Boolean).map(Number)
  }
  async arrived(user: number, subject: string, mailbox = 'INBOX', seconds = 20): Promise<number> {
    return until(async () => (await this.find(user, subject, mailbox))[0], `${subject} in ${mailbox} of ${this.user(user)}`, seconds)
  }
  async track(messageId: string): Promise<{ endedBy: string | null; recipients: readonly { recipient: string; notification: string; read: string; pinned: boolean }[] }> {
    return (await this.json('track', messageId))[0]
  }
}

export interface World { readonly a: Organisation; readonly b: Organisation; readonly names: Names; readonly folder: string; records(): string[]; stop(): Promise<void> }

/** Both gateways run, each with `users` people, and find each other by TLS. */
export async function startWorld({ users = 3, set = {} as Record<string, unknown> } = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'restante-federation-'))
  const [dnsPort, ...rest] = await freePorts(1 + 2 * portNames.length)
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(folder, 'ca.key'), '-out', join(folder, 'ca.pem'), '-days', '30', '-subj', '/CN=Test CA'], { stdio: 'ignore' })
  const organisations = await Promise.all(['a.test', 'b.test'].map(async (domain, i) => {
    const home = join(folder, domain)
    mkdirSync(home)
    const ports = Object.fromEntries(portNames.map((name, n) => [name, rest[i * portNames.length + n]])) as Ports
    certificate(folder, home, domain)
    const config = join(home, 'restante.yaml')
    writeFileSync(config, JSON.stringify({
      data: join(home, 'data'), hostname: `gw.${domain}`, domains: [domain], tls: { certificate: join(home, 'cert.pem'), key: join(home, 'key.pem') }, log: { level: 'info' },
      accounts: { throttle: { delay: 0 }, scramIterations: 4096 },
      im2000: {
        store: { location: { clear: [], tls: domain }, minimumLifetime: 1 }, notifier: { retry: 1, retryLongest: 2 },
        outbound: { allowNetworks: ['127.0.0.0/8'], dnsServers: [`127.0.0.1:${dnsPort}`], dnsTimeout: 1, ca: join(folder, 'ca.pem') },
      },
      retrieval: { retry: 1, retryLongest: 2, eagerUpTo: '64KiB' },
      plugins: {
        'smtp-ingress': { mx: { listen: `127.0.0.1:${ports.mx}` }, submission: { listen: `127.0.0.1:${ports.submission}`, listenTls: `127.0.0.1:${ports.submissions}` }, lmtp: { listen: 'off' } },
        'imap4': { listen: `127.0.0.1:${ports.imap}`, listenTls: `127.0.0.1:${ports.imaps}` }, 'pop3': { listen: `127.0.0.1:${ports.pop3}`, listenTls: `127.0.0.1:${ports.pop3s}` },
        'im2000': Object.fromEntries((['msoap', 'msrap', 'rnasp', 'rnaqp'] as const).map((name) => [name, { listen: `127.0.0.1:${ports[name]}`, listenTls: `127.0.0.1:${ports[`${name}s`]}` }])),
      },
      ...set,
    })) // JSON is YAML
    const organisation = new Organisation(domain, home, ports, config)
    await organisation.start()
    for (let n = 1; n <= users; n++) {
      const said = await restante(['user', 'add', organisation.user(n), '--config', config], { input: `${password}\n` })
      if (said.code !== 0) throw new Error(said.stderr)
    }
    return organisation
  }))
  const [a, b] = organisations
  const records = (): string[] => [a, b].flatMap((one) => [
    `gw.${one.domain}. A 127.0.0.1`,
    ...(['rnasp', 'msrap'] as const).flatMap((name) => [`_${name}._tcp.${one.domain}. SRV 0 0 ${one.ports[name]} gw.${one.domain}.`, `_${name}-ssl._tcp.${one.domain}. SRV 0 0 ${one.ports[`${name}s`]} gw.${one.domain}.`]),
  ])
  mkdirSync(join(folder, 'dns'))
  const names = new Names(join(folder, 'dns'), dnsPort, records())
  await names.start()
  return {
    a, b, names, folder, records,
    async stop() {
      await Promise.all([a.stop(), b.stop(), names.stop()])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** For the domain, which is what others look up and check (im2000.md B33), and its machine. */
function certificate(folder: string, home: string, domain: string): void {
  const request = join(home, 'request.pem')
  execFileSync('openssl', ['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(home, 'key.pem'), '-out', request, '-subj', `/CN=${domain}`], { stdio: 'ignore' })
  writeFileSync(join(home, 'ext'), `subjectAltName=DNS:${domain},DNS:gw.${domain}\n`)
  execFileSync('openssl', ['x509', '-req', '-in', request, '-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key'), '-CAcreateserial', '-out', join(home, 'cert.pem'), '-days', '30', '-extfile', join(home, 'ext')], { stdio: 'ignore' })
}
