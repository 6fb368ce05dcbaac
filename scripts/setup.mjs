// Sets everything up that a fresh clone lacks: dependencies, then the build. Does nothing, quickly, when nothing is stale.
// Plain JavaScript without dependencies: it runs before there are any.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const oldest = [20, 19]

/** Checks the Node version, installs dependencies if missing or stale, builds if stale. Everything it says goes to standard error. */
export function setUp() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    process.stderr.write(`restante: this is Node.js ${process.versions.node}; ${oldest.join('.')} or newer is needed\n`)
    process.exit(1)
  }
  install()
  build()
}

function install() {
  const wanted = createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).digest('hex')
  const stamp = join(root, 'node_modules', '.restante-lock')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  run('installing dependencies (a few minutes the first time: SQLite may have to be compiled)', process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund'])
  writeFileSync(stamp, wanted)
}

function build() {
  const stamp = join(root, 'node_modules', '.restante-built')
  const built = existsSync(stamp) ? statSync(stamp).mtimeMs : 0
  const packages = [join(root, 'core'), ...['plugins', 'bridges'].flatMap((kind) => readdirSync(join(root, kind)).map((name) => join(root, kind, name)))]
  const complete = packages.every((folder) => !existsSync(join(folder, 'tsconfig.json')) || existsSync(join(folder, 'dist', 'index.js')))
  if (complete && packages.every((folder) => newest(join(folder, 'src')) < built) && statSync(join(root, 'tsconfig.base.json')).mtimeMs < built) return
  const begun = new Date()
  run('building', process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-b', root])
  writeFileSync(stamp, begun.toISOString())
}

function newest(folder) {
  if (!existsSync(folder)) return 0
  let latest = statSync(folder).mtimeMs
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }
  return latest
}

function run(what, command, args) {
  process.stderr.write(`restante: ${what} ...\n`)
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  process.stderr.write(`restante: ${what} failed${error ? `: ${error.message}` : ''}\n`)
  process.exit(1)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) setUp()
