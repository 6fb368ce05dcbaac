// `npm run test:interop`: real programs against a real gateway. Says which programs are missing before it starts.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, setUp } from './setup.mjs'

/** What must succeed in a shell, and the Debian package that makes it so. */
const programs = {
  'command -v curl': 'curl', 'command -v swaks': 'swaks', 'perl -MNet::SSLeay -e 1': 'libnet-ssleay-perl', 'command -v mbsync': 'isync', 'command -v fetchmail': 'fetchmail', 'command -v neomutt': 'neomutt',
  'command -v python3': 'python3', 'command -v script': 'bsdutils',
}

setUp()
const missing = Object.entries(programs).filter(([works]) => spawnSync('sh', ['-c', works]).status !== 0).map(([, name]) => name)
if (missing.length > 0) {
  process.stderr.write(`Programs of these Debian packages are missing: ${missing.join(', ')}\n  apt-get install ${missing.join(' ')}\n`)
  process.exit(1)
}
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(root, 'vitest.interop.config.ts'), ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' })
process.exit(status ?? 1)
