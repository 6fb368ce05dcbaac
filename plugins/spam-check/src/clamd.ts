// What ClamAV's daemon finds in a message: the command INSTREAM of clamd(8).
import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import type { IncomingMessage } from '@restante/core'
import { Slots } from './slots.js'

/** Octets of an answer. */
const mostAnswer = 4096

export function makeClamd({ address, connections }: { readonly address: string; readonly connections: number }) {
  const slots = new Slots(connections)
  const [, host, port] = /^\[?([^\]]*?)\]?:(\d+)$/.exec(address) ?? []
  return {
    /** The name of what was found; undefined: nothing. Rejects with what it says of itself. */
    ask: (message: IncomingMessage, signal: AbortSignal): Promise<string | undefined> => slots.run(signal, async () => {
      const socket = address.startsWith('/') ? connect(address) : connect(Number(port), host)
      const stop = (): void => { socket.destroy(new Error('no answer in time')) }
      signal.addEventListener('abort', stop, { once: true })
      try {
        const answered = answerOf(socket)
        answered.catch(() => undefined)
        // It answers early when the message is too large for it, and then reads no more.
        return read(await Promise.race([answered, send(socket, message).then(() => answered)]))
      } finally {
        signal.removeEventListener('abort', stop)
        socket.destroy()
      }
    }),
  }
}

async function send(socket: Socket, message: IncomingMessage): Promise<void> {
  socket.write('zINSTREAM\0')
  for await (const chunk of message.octets()) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(chunk.length)
    socket.write(length)
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  socket.write(Buffer.alloc(4))
}

function answerOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\0')
      if (end >= 0) resolve(text.slice(0, end))
      else if (text.length > mostAnswer) reject(new Error('the answer has no end'))
    }).once('error', reject).once('close', () => reject(new Error('closed without an answer')))
  })
}

function read(answer: string): string | undefined {
  if (/^stream: OK$/.test(answer)) return undefined
  const [, name] = /^stream: (.+) FOUND$/.exec(answer) ?? []
  if (name === undefined) throw new Error(answer.slice(0, 200))
  return name
}
