// The program as a person runs it: one process for each command.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const program = fileURLToPath(new URL('../../../scripts/restante.mjs', import.meta.url))
export const configFile = fileURLToPath(new URL('../../../config/restante.yaml', import.meta.url))

export interface Said { readonly code: number | null; readonly stdout: string; readonly stderr: string; readonly ms: number }
export interface Asking { readonly input?: string; readonly env?: Readonly<Record<string, string>> }

/** Runs one command to its end. */
export async function restante(args: readonly string[], { input = '', env = {} }: Asking = {}): Promise<Said> {
  const begun = performance.now()
  const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const { out, err } = listen(child)
  const code = await new Promise<number | null>((done) => { child.once('close', done) })
  return { code, stdout: out(), stderr: err(), ms: performance.now() - begun }
}

export interface Started { readonly process: ChildProcess; readonly exited: Promise<number | null>; out(): string; err(): string; ready(): Promise<Ready> }
export interface Ready {
  readonly ready: true; readonly domain: string; readonly account: string | null; readonly password: string | null
  readonly listeners: Readonly<Record<string, string>>; readonly data: string; readonly pid: number
}
/** Starts a gateway; what it prints can be looked at at any time. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const child = spawn(process.execPath, [program, 'start', ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const { out, err } = listen(child)
  const exited = new Promise<number | null>((done) => { child.once('close', done) })
  return {
    process: child, exited, out, err,
    async ready() {
      const line = await until(() => {
        const found = out().split('\n').find((one) => one.startsWith('{"ready":'))
        if (!found && child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}: ${err()}`)
        return found
      }, 'ready', 60)
      return JSON.parse(line) as Ready
    },
  }
}

function listen(child: ChildProcess): { out(): string; err(): string } {
  let [out, err] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (text: string) => { out += text })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => { err += text })
  // scripts/setup.mjs may say that it builds; that is not the command's own.
  return { out: () => out, err: () => err.replace(/^restante: building \.\.\.\n/m, '') }
}

export async function until<T>(look: () => T | undefined | false | Promise<T | undefined | false>, what: string, seconds = 15): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await sleep(10)) {
    const found = await look()
    if (found !== undefined && found !== false) return found
  }
  throw new Error(`${what}: not within ${seconds} s`)
}

/** A data folder, and the settings that put all listeners on free ports of this machine. */
export function dataFolder(prefix = 'restante-journey-') {
  const path = mkdtempSync(join(tmpdir(), prefix))
  return { path, set: settings(path), remove: () => rmSync(path, { recursive: true, force: true }) }
}
export const listenKeys = ['smtp-ingress.mx.listen', 'smtp-ingress.submission.listen', 'smtp-ingress.submission.listenTls', 'smtp-ingress.lmtp.listen', 'imap4.listen', 'imap4.listenTls', 'pop3.listen', 'pop3.listenTls',
  'im2000.msoap.listen', 'im2000.msoap.listenTls', 'im2000.msrap.listen', 'im2000.msrap.listenTls', 'im2000.rnasp.listen', 'im2000.rnasp.listenTls', 'im2000.rnaqp.listen', 'im2000.rnaqp.listenTls']
export const settings = (data: string): string[] => ['--config', configFile, '--set', `data=${data}`, '--set', 'accounts.throttle.delay=0', ...listenKeys.flatMap((key) => ['--set', `plugins.${key}=127.0.0.1:0`])]

/** A client that speaks line by line. */
export class Wire {
  #rest = ''
  #closed = false
  private constructor(private readonly socket: Socket) {
    socket.setEncoding('latin1').on('data', (text: string) => { this.#rest += text })
    socket.on('close', () => { this.#closed = true }).on('error', () => undefined)
  }
  static async to(address: string): Promise<Wire> {
    const [host, port] = address.split(':')
    const socket = connect(Number(port), host)
    await new Promise<void>((done, refuse) => { socket.once('connect', done).once('error', refuse) })
    return new Wire(socket)
  }
  get closed(): boolean { return this.#closed }
  send(text: string): void { this.socket.write(text) }
  /** All lines up to the first that matches. */
  async see(wanted: RegExp, seconds = 15): Promise<string> {
    return until(() => {
      let at = 0
      for (let end = this.#rest.indexOf('\r\n'); end >= 0; end = this.#rest.indexOf('\r\n', at)) {
        const line = this.#rest.slice(at, end)
        at = end + 2
        if (wanted.test(line)) {
          const seen = this.#rest.slice(0, at)
          this.#rest = this.#rest.slice(at)
          return seen
        }
      }
      if (this.#closed) throw new Error(`closed before ${String(wanted)}: ${this.#rest}`)
      return undefined
    }, `${String(wanted)} in ${JSON.stringify(this.#rest.slice(-500))}`, seconds)
  }
  async ask(text: string, wanted: RegExp): Promise<string> {
    this.send(`${text}\r\n`)
    return this.see(wanted)
  }
  destroy(): void { this.socket.destroy() }
}
