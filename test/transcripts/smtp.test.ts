// Golden SMTP and LMTP transcripts, each played with whole lines and with one octet at a time. A script's first word names its
// listener; sessions from 11 on are POP3, to read what arrived. Every play has accounts of its own.
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { playTranscript } from '../support/transcript.js'

const folder = join(import.meta.dirname, 'smtp')
const scripts = readdirSync(folder).filter((name) => name.endsWith('.test-script')).sort()
const plays = scripts.flatMap((script) => [false, true].map((octetByOctet) => ({ script, octetByOctet })))

let gateway: Awaited<ReturnType<typeof startGateway>>
beforeAll(async () => { gateway = await startGateway({ accounts: 2 * plays.length, set: ['plugins.imap4=false'] }) })
afterAll(() => gateway?.stop())

function open(listener: string): Promise<Socket> {
  const address = gateway.listeners[listener]
  const at = address.lastIndexOf(':')
  const [host, port] = [address.slice(0, at), Number(address.slice(at + 1))]
  return new Promise((resolve, reject) => {
    const socket: Socket = listener === 'submissions' ? connectTls({ host, port, rejectUnauthorized: false }, () => resolve(socket)) : connect(port, host, () => resolve(socket))
    socket.once('error', reject)
  })
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const userName = (n: number): string => `user${String(n).padStart(4, '0')}@${gateway.domain}`

describe('SMTP transcripts', () => {
  for (const [i, { script, octetByOctet }] of plays.entries()) {
    it(`${script}${octetByOctet ? ', octet by octet' : ''}`, async () => {
      const [user, second] = [userName(2 * i + 1), userName(2 * i + 2)]
      const { password } = gateway
      const [word] = script.split('-')
      await playTranscript(join(folder, script), {
        octetByOctet,
        variables: { USER: user, SECOND: second, PLAIN: base64(`\0${user}\0${password}`), WRONG: base64(`\0${user}\0wrong`), USER64: base64(user), PASSWORD64: base64(password) },
        open: (session) => open(session > 10 ? 'pop3' : word === 'mx' ? 'smtp' : word),
      })
    })
  }
})
