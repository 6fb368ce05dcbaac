// Runs programs that we did not write against a gateway of its own process, and says what they said when they fail.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import type { TestGateway } from '../../support/gateway.js'

export interface Ran { readonly code: number | null; readonly stdout: Buffer; readonly stderr: string; readonly shown: string }
export interface RunOptions { readonly input?: string | Buffer; readonly cwd?: string; readonly env?: Readonly<Record<string, string>>; readonly seconds?: number }

/** Runs to the end; whatever the exit code is. A program that hangs is killed, and that is an error. */
export function attempt(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((done, refuse) => {
    const child = spawn(program, args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let late = false
    const timer = setTimeout(() => { late = true; child.kill('SIGKILL') }, (options.seconds ?? 30) * 1000)
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
    child.once('error', refuse)
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
    child.once('close', (code) => {
      clearTimeout(timer)
      const ran = { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }
      const shown = `${program} ${args.join(' ')}\nexit code ${code}\n${ran.stdout.toString().slice(-20_000)}\n${ran.stderr.slice(-20_000)}`
      if (late) refuse(new Error(`does not end: ${shown}`))
      else done({ ...ran, shown })
    })
  })
}

/** Runs to the end and throws unless the exit code is 0. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const ran = await attempt(program, args, options)
  if (ran.code !== 0) throw new Error(ran.shown)
  return ran
}

/** Looks again and again until something is found, for at most so many seconds. */
export async function until<T>(look: () => Promise<T | undefined | false>, what: string, seconds = 15): Promise<T> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await sleep(20)) {
    const found = await look()
    if (found !== undefined && found !== false) return found
  }
  throw new Error(`${what}: not within ${seconds} s`)
}

/** A folder for one test file, gone afterwards. */
export function workFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'restante-interop-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** The gateway's development certificate: self-signed, for 'localhost' and 127.0.0.1. */
export const certificateOf = (gateway: TestGateway): string => join(gateway.data, 'tls', 'development.crt')
export const portOf = (gateway: TestGateway, listener: string): string => {
  const address = gateway.listeners[listener]
  if (!address?.startsWith('127.0.0.1:')) throw new Error(`the gateway has no listener ${listener} on 127.0.0.1`)
  return address.slice('127.0.0.1:'.length)
}
export const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`

export interface Held { readonly uid: number; readonly flags: readonly string[]; readonly source: Buffer; readonly internalDate: Date }
/** Connects imapflow, the witness of what other programs have done. */
export async function witness(gateway: TestGateway, n = 1, more: Partial<ImapFlowOptions> = {}): Promise<ImapFlow> {
  const client = new ImapFlow({ host: '127.0.0.1', port: Number(portOf(gateway, 'imap')), secure: false, doSTARTTLS: false, auth: { user: user(n), pass: gateway.password }, logger: false, ...more } as ImapFlowOptions)
  await client.connect()
  return client
}

/** What a mailbox holds, read without marking anything as read. */
export async function contents(gateway: TestGateway, n = 1, mailbox = 'INBOX'): Promise<Held[]> {
  const client = await witness(gateway, n)
  try {
    const open = await client.mailboxOpen(mailbox, { readOnly: true })
    const held: Held[] = []
    if (open.exists > 0) {
      for await (const message of client.fetch('1:*', { uid: true, flags: true, source: true, internalDate: true }))
        held.push({ uid: message.uid, flags: [...message.flags!].filter((flag) => flag !== '\\Recent').sort(), source: message.source!, internalDate: new Date(message.internalDate!) })
    }
    return held
  } finally {
    await client.logout()
  }
}

/** Waits until a mailbox holds a message with this Subject, and answers it. */
export function arrived(gateway: TestGateway, n: number, subject: string, mailbox = 'INBOX'): Promise<Held> {
  return until(async () => (await contents(gateway, n, mailbox)).find(({ source }) => source.includes(`Subject: ${subject}\r\n`)), `${subject} in ${mailbox} of ${user(n)}`)
}
