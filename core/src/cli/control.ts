// The control socket: how the command line reaches a running gateway. A UNIX socket in the data folder that only the
// folder's owner can open; one JSON line asks, one answers.
import { createHash } from 'node:crypto'
import { chmodSync, rmSync, statSync } from 'node:fs'
import { connect as connectSocket, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { errorCodes, failure, isFailure, type ErrorCode } from '../errors/codes.js'
import type { Gateway } from '../gateway.js'
import type { Log } from '../log/logger.js'
import { operate } from './operations.js'

/** Octets of a request or an answer (an import of thousands of accounts fits). */
const largestLine = 64 * 1024 * 1024
/** Paths of UNIX sockets are short everywhere. */
const longestPath = 100

export function controlPath(folder: string): string {
  const path = join(resolve(folder), 'control.sock')
  return path.length <= longestPath ? path : join(tmpdir(), `restante-${createHash('sha256').update(path).digest('hex').slice(0, 24)}.sock`)
}

type Answer = { result: unknown } | { error: { code: string; message: string; details?: Record<string, unknown> } }

/** Serves operations until closed. */
export async function serveControl(gateway: Gateway, log: Log): Promise<Server> {
  const path = controlPath(gateway.folder)
  rmSync(path, { force: true })
  const server = createServer((socket) => {
    socket.setTimeout(600_000, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    let octets = 0
    socket.on('data', (chunk) => { if ((octets += chunk.length) > largestLine) socket.destroy() })
    createInterface({ input: socket }).once('line', (line) => {
      void answer(gateway, line, log).then((reply) => socket.end(`${JSON.stringify(reply)}\n`))
    })
  })
  await new Promise<void>((done, refuse) => {
    server.once('error', refuse)
    const before = process.umask(0o177)
    server.listen(path, () => {
      process.umask(before)
      chmodSync(path, 0o600)
      done()
    })
  })
  return server
}

async function answer(gateway: Gateway, line: string, log: Log): Promise<Answer> {
  try {
    const { operation, args } = JSON.parse(line) as { operation: string; args: unknown }
    const result = await operate(gateway, operation, args)
    log.info({ operation }, 'administration')
    return { result }
  } catch (error) {
    if (isFailure(error)) return { error: { code: error.code, message: error.message, details: error.details as Record<string, unknown> } }
    log.error({ err: error }, 'an administrative operation failed')
    return { error: { code: 'INTERNAL', message: (error as Error).message } }
  }
}

/** In a temporary folder somebody else's socket could wait for passwords: there only the data folder's owner, this user and root are believed. */
function isOurs(folder: string): boolean {
  try {
    const path = controlPath(folder)
    return path.startsWith(resolve(folder)) || [statSync(folder).uid, process.getuid?.(), 0].includes(statSync(path).uid)
  } catch {
    return false
  }
}

/** Asks the gateway that runs on this data folder. undefined: none runs. */
export function askRunning(folder: string, operation: string, args: unknown): Promise<{ result: unknown } | undefined> {
  return new Promise((done, refuse) => {
    if (!isOurs(folder)) return done(undefined)
    const socket = connectSocket(controlPath(folder))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') done(undefined)
      else refuse(error)
    })
    socket.once('connect', () => socket.write(`${JSON.stringify({ operation, args: args ?? {} })}\n`))
    createInterface({ input: socket }).on('error', () => undefined).once('line', (line) => {
      socket.destroy()
      const reply = JSON.parse(line) as Answer
      if ('result' in reply) done({ result: reply.result })
      else if (Object.hasOwn(errorCodes, reply.error.code)) refuse(failure(reply.error.code as ErrorCode, reply.error.details))
      else refuse(new Error(reply.error.message))
    }).once('close', () => refuse(new Error('the gateway closed the control connection')))
  })
}
