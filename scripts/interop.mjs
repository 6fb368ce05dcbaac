// `npm run test:interop`: real programs against a real gateway. `npm run test:federation`: two gateways and a real DNS server.
// Says which programs are missing before it starts.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, setUp } from './setup.mjs'

const [federation, args] = process.argv[2] === '--federation' ? [true, process.argv.slice(3)] : [false, process.argv.slice(2)]
/** What must succeed in a shell, and the Debian package that makes it so. */
const programs = federation ? { 'command -v knotd': 'knot', 'command -v curl': 'curl', 'command -v openssl': 'openssl' } : {
  'command -v sieve-test': 'dovecot-sieve', 'command -v curl': 'curl', 'command -v swaks': 'swaks', 'perl -MNet::SSLeay -e 1': 'libnet-ssleay-perl', 'command -v mbsync': 'isync', 'command -v fetchmail': 'fetchmail', 'command -v neomutt': 'neomutt',
  'command -v python3': 'python3', 'command -v postfix': 'postfix', 'command -v unbound': 'unbound', 'command -v keymgr': 'knot', 'command -v rspamd': 'rspamd', 'command -v clamd': 'clamav-daemon', '/usr/bin/python3 -c "import dkim, nacl"': 'python3-dkim python3-nacl', '/usr/bin/python3 -c "import spf"': 'python3-spf', 'command -v opendkim': 'opendkim', 'test -x /var/tmp/restante-exim/usr/sbin/exim4': 'exim4-daemon-light (unpacked, see .ci/run)', 'command -v openssl': 'openssl', 'command -v script': 'bsdutils',
}

setUp()
const missing = Object.entries(programs).filter(([works]) => spawnSync('sh', ['-c', works], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } }).status !== 0).map(([, name]) => name)
if (missing.length > 0) {
  process.stderr.write(`Programs of these Debian packages are missing: ${missing.join(', ')}\n  apt-get install ${missing.join(' ')}\n`)
  process.exit(1)
}
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(root, federation ? 'vitest.federation.config.ts' : 'vitest.interop.config.ts'), ...args], { cwd: root, stdio: 'inherit' })
process.exit(status ?? 1)
