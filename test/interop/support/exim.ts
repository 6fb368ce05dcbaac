// An Exim of our own: its spool, configuration and mail in a folder of the test's, on a free port. Needs root. Its Debian package
// cannot be installed beside Postfix, so it lies unpacked in a folder (.ci/run does that).
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { until } from './programs.js'

export const eximProgram = '/var/tmp/restante-exim/usr/sbin/exim4'

export interface Exim {
  readonly port: number
  /** Messages in the mailbox of `name`, in no order. */
  mail(name: string): Buffer[]
  log(): string
  stop(): Promise<void>
}

/** @param domain whose mail it takes, for `people` @param back where mail for example.test goes, 'host:port' @param tls whether that needs TLS */
export async function startExim(folder: string, domain: string, people: readonly string[], port: number, back: string, tls: boolean): Promise<Exim> {
  const home = join(folder, `exim-${domain}`)
  for (const one of ['spool', 'log', 'mail']) mkdirSync(join(home, one), { recursive: true })
  for (const one of [folder, home]) chmodSync(one, 0o755)
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'Debian-exim'], { encoding: 'utf8' }))
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(home, 'key.pem'), '-out', join(home, 'cert.pem'), '-days', '9', '-subj', `/CN=mx.${domain}`], { stdio: 'ignore' })
  for (const one of ['spool', 'log', 'mail', 'key.pem']) chownSync(join(home, one), id('-u'), id('-g'))
  const [host, backPort] = back.split(':')
  const config = join(home, 'exim.conf')
  writeFileSync(config, `exim_path = ${eximProgram}
primary_hostname = mx.${domain}
spool_directory = ${home}/spool
log_file_path = ${home}/log/%slog
pid_file_path = ${home}/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
smtp_accept_max = 200
tls_advertise_hosts = *
tls_certificate = ${home}/cert.pem
tls_privatekey = ${home}/key.pem
dsn_advertise_hosts = *
chunking_advertise_hosts =
message_size_limit = 100M
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
qualify_domain = ${domain}
log_selector = +tls_cipher
acl_smtp_rcpt = rcpt
acl_smtp_data = accept

begin acl
rcpt:
  defer local_parts = later
    message = not now
  deny domains = ${domain}
    ! local_parts = ${people.join(' : ')}
    message = nobody of this name
  accept

begin routers
back:
  driver = manualroute
  domains = example.test
  route_list = * ${host}::${backPort} byname
  transport = smtp
  self = send
here:
  driver = accept
  domains = ${domain}
  local_parts = ${people.join(' : ')}
  transport = files

begin transports
smtp:
  driver = smtp
  ${tls ? 'hosts_require_tls = *' : 'hosts_avoid_tls = *'}
  tls_verify_certificates =
  tls_try_verify_hosts =
files:
  driver = appendfile
  directory = ${home}/mail/$local_part_data
  create_directory
  maildir_format
  user = Debian-exim

begin retry
* * F,1h,2s
`)
  const child: ChildProcess = spawn(eximProgram, ['-C', config, '-bdf', '-q2s'], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr!.on('data', (chunk: Buffer) => { said += chunk.toString() })
  await until(() => new Promise<boolean>((done) => {
    const socket = connect(port, '127.0.0.1').on('connect', () => { socket.destroy(); done(true) }).on('error', () => done(false))
  }), 'exim').catch((error: Error) => { throw new Error(`${error.message}: ${said}`) })
  return {
    port,
    mail(name) {
      try {
        const box = join(home, 'mail', name, 'new')
        return readdirSync(box).map((file) => readFileSync(join(box, file)))
      } catch {
        return []
      }
    },
    log: () => readdirSync(join(home, 'log')).map((file) => readFileSync(join(home, 'log', file), 'utf8')).join(''),
    async stop() {
      const gone = new Promise((done) => { child.once('exit', done) })
      child.kill('SIGTERM')
      await gone
    },
  }
}
