// rspamd's view of a message: POST /checkv2 (rspamd.com/doc/developers/protocol.html). One connection a message of many, kept open.
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { IncomingMessage } from '@restante/core'

export interface Rspamd {
  readonly action: string
  readonly score: number
  readonly required: number
  /** Names of what it noticed, the weightiest first. */
  readonly symbols: readonly string[]
  /** What it wants the peer to be told. */
  readonly text: string | undefined
}

/** Octets of an answer, recipients that it is told of, symbols that are carried on. */
const most = { answer: 1024 * 1024, recipients: 100, symbols: 30 }

export function makeRspamd({ url, password, hostname, connections }: { readonly url: string; readonly password: string; readonly hostname: string; readonly connections: number }) {
  const target = new URL('/checkv2', url)
  const secure = target.protocol === 'https:'
  const agent = secure ? new HttpsAgent({ keepAlive: true, maxSockets: connections }) : new HttpAgent({ keepAlive: true, maxSockets: connections })
  return {
    close: () => agent.destroy(),
    async ask(message: IncomingMessage, signal: AbortSignal): Promise<Rspamd> {
      const headers = {
        'Content-Length': message.size, 'MTA-Name': hostname, 'IP': message.remoteAddress, 'Helo': told(message.helo), 'From': told(message.sender), 'Rcpt': message.recipients.slice(0, most.recipients).map(told),
        ...(password === '' ? {} : { Password: password }),
      }
      const request = (secure ? httpsRequest : httpRequest)(target, { method: 'POST', agent, signal, headers })
      const answered = new Promise<Buffer>((resolve, reject) => {
        request.once('error', reject).once('response', (response) => {
          const chunks: Buffer[] = []
          let octets = 0
          response.on('data', (chunk: Buffer) => {
            octets += chunk.length
            if (octets > most.answer) request.destroy(new Error('the answer has no end'))
            else chunks.push(chunk)
          }).once('error', reject).once('close', () => reject(new Error('the answer is not whole'))).once('end', () => {
            if (response.statusCode === 200) resolve(Buffer.concat(chunks))
            else reject(new Error(`HTTP ${response.statusCode}`))
          })
        })
      })
      answered.catch(() => undefined) // told by whichever of the two comes first
      // It may answer before it has read all: then what is left need not be sent.
      const sent = pipeline(message.octets(), request)
      return read(await Promise.race([answered, sent.then(() => answered)]))
    },
  }
}

/** Header values: one line, UTF-8 octets. */
const told = (text: string): string => Buffer.from(text.replace(/[\0-\x1f\x7f]/g, ''), 'utf8').toString('latin1').slice(0, 998)

function read(octets: Buffer): Rspamd {
  const { action, score, required_score: required, symbols, messages } = JSON.parse(octets.toString('utf8')) as { action?: unknown; score?: unknown; required_score?: unknown; symbols?: Record<string, { score?: number }>; messages?: { smtp_message?: unknown } }
  if (typeof action !== 'string' || typeof score !== 'number') throw new Error('not an answer of rspamd')
  const names = Object.entries(symbols ?? {}).sort(([, a], [, b]) => Math.abs(b?.score ?? 0) - Math.abs(a?.score ?? 0)).map(([name]) => name.replace(/[^A-Za-z0-9_-]/g, '')).filter((name) => name !== '')
  return { action: action.toLowerCase(), score, required: typeof required === 'number' ? required : 0, symbols: names.slice(0, most.symbols), text: typeof messages?.smtp_message === 'string' ? messages.smtp_message : undefined }
}
