// Boots a throw-away gateway for whole-system tests, in this process or as a process of its own.
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createInterface } from 'node:readline'
import { run, type Running } from '../../core/dist/cli/run.js'
import type { Dns } from '../../core/dist/im2000/locate.js'
import { silentLog, type Log } from '../../core/dist/log/logger.js'

export interface TestGateway {
  readonly listeners: Readonly<Record<string, string>>
  /** First account; the others are user0002@…, user0003@…, all with the same password. */
  readonly account: string
  readonly password: string
  readonly domain: string
  readonly data: string
  stop(): Promise<void>
}
export interface GatewayOptions {
  readonly accounts?: number
  readonly domain?: string
  /** 'key=value' settings. */
  readonly set?: readonly string[]
  /** Whom to ask instead of DNS servers (in this process only). */
  readonly dns?: Dns
  /** Who takes the log lines (in this process only). */
  readonly log?: Log
}

const configFile = fileURLToPath(new URL('../../config/restante.yaml', import.meta.url))
const program = fileURLToPath(new URL('../../scripts/restante.mjs', import.meta.url))

/** Under all that a test sets: no delay for guessers, and time enough for plugins: on a busy machine a check must not be left out. */
const usual = ['accounts.throttle.delay=0', 'limits.decision=60']

/** In this process: quick, and its inside can be looked at through `running`. */
export async function startGateway(options: GatewayOptions = {}): Promise<TestGateway & { readonly running: Running }> {
  const running = await run({ ephemeral: true, config: configFile, log: options.log ?? silentLog, accounts: options.accounts ?? 1, ...(options.domain ? { domain: options.domain } : {}), ...(options.dns ? { dns: options.dns } : {}), set: [...usual, ...(options.set ?? [])] })
  return {
    running, listeners: running.listeners, account: running.created!.account, password: running.created!.password, domain: running.domain, data: running.gateway.folder,
    stop: () => running.stop(AbortSignal.timeout(2000)),
  }
}

/** As a process of its own: can be killed. */
export async function spawnGateway(options: GatewayOptions & { readonly args?: readonly string[] } = {}): Promise<TestGateway & { readonly process: ChildProcess; readonly exited: Promise<number | null> }> {
  const set = [...usual, ...(options.set ?? [])].flatMap((setting) => ['--set', setting])
  const child = spawn(process.execPath, [program, 'start', '--json', '--config', configFile, ...(options.args ?? ['--ephemeral', '--accounts', String(options.accounts ?? 1)]), ...set], { stdio: ['ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr!.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const exited = new Promise<number | null>((done) => { child.once('exit', (code) => done(code)) })
  const line = await Promise.race([
    new Promise<string>((done) => { createInterface({ input: child.stdout! }).once('line', done) }),
    exited.then((code) => { throw new Error(`the gateway ended with ${code} before it was ready: ${errors}`) }),
  ])
  const ready = JSON.parse(line) as { listeners: Record<string, string>; account: string; password: string; domain: string; data: string }
  return {
    ...ready, process: child, exited,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}
