// A Postfix of our own: its queue, configuration and mail in a folder of the test's, on a free port of this machine. Needs root.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { run, until } from './programs.js'

export const isRoot = process.getuid?.() === 0

const services = (port: number): string => `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`

export interface Postfix {
  readonly port: number
  /** Messages in the mailbox of `name`, in no order. */
  mail(name: string): Buffer[]
  /** Lines of its log. */
  log(): string
  stop(): void
}

/** @param folder of the test's, for everything @param domain whose mail it takes, for `people` @param port from `freePort` @param settings further lines of main.cf */
export async function startPostfix(folder: string, domain: string, people: readonly string[], port: number, settings: readonly string[] = []): Promise<Postfix> {
  const home = join(folder, `postfix-${domain}`)
  const config = join(home, 'etc')
  const mail = join(home, 'mail')
  for (const one of ['etc', 'queue', 'data', 'mail']) mkdirSync(join(home, one), { recursive: true })
  for (const one of [folder, home]) chmodSync(one, 0o755)
  const id = Number(execFileSync('id', ['-u', 'postfix'], { encoding: 'utf8' }))
  for (const one of ['data', 'mail']) chownSync(join(home, one), id, id)
  writeFileSync(join(home, 'people'), people.map((name) => `${name}@${domain} ${name}/\n`).join(''))
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(home, 'key.pem'), '-out', join(home, 'cert.pem'), '-days', '9', '-subj', `/CN=mx.${domain}`], { stdio: 'ignore' })
  writeFileSync(join(config, 'main.cf'), [
    'compatibility_level = 3.6', `queue_directory = ${join(home, 'queue')}`, `data_directory = ${join(home, 'data')}`, 'command_directory = /usr/sbin', 'daemon_directory = /usr/lib/postfix/sbin', 'mail_owner = postfix', 'setgid_group = postdrop',
    `myhostname = mx.${domain}`, 'mydestination =', 'mynetworks = 127.0.0.0/8', 'inet_interfaces = 127.0.0.1', 'inet_protocols = ipv4', 'alias_maps =', 'alias_database =', 'message_size_limit = 100000000', 'mailbox_size_limit = 0', 'virtual_mailbox_limit = 0',
    `maillog_file_prefixes = ${home}`, `maillog_file = ${join(home, 'log')}`, 'smtp_dns_support_level = disabled', 'smtpd_relay_restrictions = permit_mynetworks, reject', 'minimal_backoff_time = 2s', 'queue_run_delay = 2s',
    `virtual_mailbox_domains = ${domain}`, `virtual_mailbox_base = ${mail}`, `virtual_mailbox_maps = texthash:${join(home, 'people')}`, `virtual_uid_maps = static:${id}`, `virtual_gid_maps = static:${id}`, 'virtual_minimum_uid = 1',
    `smtpd_tls_cert_file = ${join(home, 'cert.pem')}`, `smtpd_tls_key_file = ${join(home, 'key.pem')}`, 'smtpd_tls_security_level = may', 'smtpd_tls_received_header = yes', ...settings, '',
  ].join('\n'))
  writeFileSync(join(config, 'master.cf'), services(port))
  await run('/usr/sbin/postfix', ['-c', config, 'start'])
  await until(() => new Promise<boolean>((done) => {
    const socket = connect(port, '127.0.0.1').on('connect', () => { socket.destroy(); done(true) }).on('error', () => done(false))
  }), 'postfix')
  return {
    port,
    mail(name) {
      try {
        const box = join(mail, name, 'new')
        return readdirSync(box).map((file) => readFileSync(join(box, file)))
      } catch {
        return []
      }
    },
    log: () => readFileSync(join(home, 'log'), 'utf8'),
    stop: () => { execFileSync('/usr/sbin/postfix', ['-c', config, 'stop'], { stdio: 'ignore' }) },
  }
}
