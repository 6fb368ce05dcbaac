// `npm run test:interop`: real programs against a real gateway. Says which programs are missing before it starts.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, setUp } from './setup.mjs'

const programs = { curl: 'curl', swaks: 'swaks', mbsync: 'isync', fetchmail: 'fetchmail', neomutt: 'neomutt', python3: 'python3' }

setUp()
const missing = Object.entries(programs).filter(([program]) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0)
if (missing.length > 0) {
  process.stderr.write(`These programs are missing: ${missing.map(([program, name]) => `${program} (Debian package ${name})`).join(', ')}\n  apt-get install ${missing.map(([, name]) => name).join(' ')}\n`)
  process.exit(1)
}
const { status } = spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', join(root, 'vitest.interop.config.ts'), ...process.argv.slice(2)], { cwd: root, stdio: 'inherit' })
process.exit(status ?? 1)
