// A Postfix of our own (Debian's, as root): its queue, configuration and log in a folder, on a port of this machine. For benchmarks
// and for the tests with real programs.
import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const services = (port) => `127.0.0.1:${port} inet n - n - - smtpd
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

/** Whom it runs as, and who owns the mail that it delivers. */
export const postfixUser = () => Number(execFileSync('id', ['-u', 'postfix'], { encoding: 'utf8' }))

/** Lines of main.cf that deliver to folders below `mail`, as its own user. @param people address to folder */
export function toFolders(home, domain, people) {
  const [mail, id] = [join(home, 'mail'), postfixUser()]
  mkdirSync(mail, { recursive: true })
  chownSync(mail, id, id)
  writeFileSync(join(home, 'people'), Object.entries(people).map(([address, folder]) => `${address} ${folder}/\n`).join(''))
  return [
    `virtual_mailbox_domains = ${domain}`, `virtual_mailbox_base = ${mail}`, `virtual_mailbox_maps = texthash:${join(home, 'people')}`, `virtual_uid_maps = static:${id}`, `virtual_gid_maps = static:${id}`, 'virtual_minimum_uid = 1',
    'mailbox_size_limit = 0', 'virtual_mailbox_limit = 0',
  ]
}

/** @param home its folder, which others must be able to pass through @param settings further lines of main.cf */
export async function startPostfix({ home, hostname, port, settings }) {
  const config = join(home, 'etc')
  for (const one of ['etc', 'queue', 'data']) mkdirSync(join(home, one), { recursive: true })
  chmodSync(home, 0o755)
  chownSync(join(home, 'data'), postfixUser(), postfixUser())
  writeFileSync(join(config, 'main.cf'), [
    'compatibility_level = 3.6', `queue_directory = ${join(home, 'queue')}`, `data_directory = ${join(home, 'data')}`, 'command_directory = /usr/sbin', 'daemon_directory = /usr/lib/postfix/sbin', 'mail_owner = postfix', 'setgid_group = postdrop',
    `myhostname = ${hostname}`, 'mydestination =', 'mynetworks = 127.0.0.0/8', 'inet_interfaces = 127.0.0.1', 'inet_protocols = ipv4', 'alias_maps =', 'alias_database =',
    `maillog_file_prefixes = ${home}`, `maillog_file = ${join(home, 'log')}`, 'smtp_dns_support_level = disabled', 'smtpd_relay_restrictions = permit_mynetworks, reject', ...settings, '',
  ].join('\n'))
  writeFileSync(join(config, 'master.cf'), services(port))
  execFileSync('/usr/sbin/postfix', ['-c', config, 'start'], { stdio: 'ignore' })
  const reached = () => new Promise((done) => { const socket = connect(port, '127.0.0.1').on('connect', () => { socket.destroy(); done(true) }).on('error', () => done(false)) })
  const patience = performance.now() + 15_000
  while (!await reached()) {
    if (performance.now() > patience) throw new Error(`Postfix does not listen on port ${port}`)
    await sleep(20)
  }
  return { port, log: () => readFileSync(join(home, 'log'), 'utf8'), stop: () => { execFileSync('/usr/sbin/postfix', ['-c', config, 'stop'], { stdio: 'ignore' }) } }
}
