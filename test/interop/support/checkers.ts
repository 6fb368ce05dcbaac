// rspamd and clamd as Debian ships them, with rules and signatures of our own: nothing is downloaded.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../../support/ports.js'
import { until } from './programs.js'

export interface Checker { readonly port: number; stop(): Promise<void> }

async function launch(program: string, args: readonly string[], port: number, ready: () => Promise<boolean>): Promise<Checker> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4000) })
  const ended = new Promise<void>((done) => { child.once('close', () => done()) })
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`)
    return ready().catch(() => false)
  }, `${program} is ready`, 90)
  return {
    port,
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Rules by Subject: junk, later, late (answers after two seconds); and one that tells what it was told of the envelope. */
const rules = `
rspamd_config.JUNK_SUBJECT = { callback = function(task) return task:get_subject() == 'junk' end, score = 7.5, group = 'test' }
rspamd_config.ENVELOPE_SEEN = { callback = function(task)
  local from, to = task:get_from('smtp'), task:get_recipients('smtp')
  return tostring(task:get_from_ip()) == '127.0.0.1' and task:get_helo() == 'mx.far.test' and from and from[1].addr == 'eve@far.test' and #to == 2
end, score = 0.1, group = 'test' }
rspamd_config:register_symbol({ name = 'LATER', type = 'prefilter', callback = function(task)
  if task:get_subject() == 'later' then task:set_pre_result('soft reject', 'come again tomorrow') end
end })
`
export async function startRspamd(folder: string): Promise<Checker> {
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  writeFileSync(join(folder, 'rules.lua'), rules)
  writeFileSync(join(folder, 'rspamd.conf'), `
options { pidfile = "${folder}/rspamd.pid"; tempdir = "${folder}"; hs_cache_dir = "${folder}"; control_socket = "${folder}/control mode=0600"; dns { nameserver = ["127.0.0.1:1"]; timeout = 0.2s; retransmits = 1; } }
logging { type = "console"; level = "warning"; }
actions { reject = 15; add_header = 6; greylist = 4; }
lua = "${folder}/rules.lua";
worker "normal" { bind_socket = "127.0.0.1:${port}"; count = 1; }
`)
  return launch('rspamd', ['-f', '-i', '-c', join(folder, 'rspamd.conf')], port, async () => (await fetch(`http://127.0.0.1:${port}/ping`)).ok)
}

export const eicar = ['X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR', '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'].join('')

export async function startClamd(folder: string): Promise<Checker> {
  mkdirSync(join(folder, 'database'), { recursive: true })
  const port = await freePort()
  writeFileSync(join(folder, 'database', 'own.ndb'), `Own.Test.Eicar:0:*:${Buffer.from(eicar).toString('hex')}\n`)
  writeFileSync(join(folder, 'clamd.conf'), `Foreground yes\nDatabaseDirectory ${folder}/database\nTCPSocket ${port}\nTCPAddr 127.0.0.1\nMaxThreads 4\nStreamMaxLength 1M\n`)
  return launch('clamd', ['-c', join(folder, 'clamd.conf')], port, () => new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => { socket.write('zPING\0') }).once('data', () => { socket.destroy(); done(true) }).once('error', () => done(false))
  }))
}
