// kill -9 at any moment during a thousand concurrent deliveries: nothing that got 250 is lost, nothing is doubled.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ImapFlow } from 'imapflow'
import { describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'

const program = fileURLToPath(new URL('../../scripts/restante.mjs', import.meta.url))
const config = fileURLToPath(new URL('../../config/restante.yaml', import.meta.url))
const ports = ['smtp-ingress.mx.listen', 'smtp-ingress.submission.listen', 'smtp-ingress.submission.listenTls', 'smtp-ingress.lmtp.listen', 'imap4.listen', 'imap4.listenTls', 'pop3.listen', 'pop3.listenTls',
  'im2000.msoap.listen', 'im2000.msoap.listenTls', 'im2000.msrap.listen', 'im2000.msrap.listenTls', 'im2000.rnasp.listen', 'im2000.rnasp.listenTls', 'im2000.rnaqp.listen', 'im2000.rnaqp.listenTls']
  .map((key) => `plugins.${key}=127.0.0.1:0`)
const users = Array.from({ length: 5 }, (_, i) => `u${i}@example.test`)
const connections = 200
const perConnection = 5

/** Sends messages one after the other and notes each 250, until done or cut off. */
function deliver(address: string, ids: readonly string[], to: (i: number) => string, accepted: Set<string>): Promise<void> {
  return new Promise((done) => {
    const [host, port] = address.split(':')
    const socket: Socket = connect(Number(port), host)
    let rest = ''
    let step = -1
    let at = 0
    const body = 'x'.repeat(70) + '\r\n'
    const next = (): void => {
      if (at === ids.length) {
        socket.end('QUIT\r\n')
        return
      }
      step = 0
      socket.write('MAIL FROM:<sender@outside.example>\r\n')
    }
    socket.on('data', (chunk) => {
      rest += chunk.toString('latin1')
      for (let nl = rest.indexOf('\n'); nl >= 0; nl = rest.indexOf('\n')) {
        const line = rest.slice(0, nl)
        rest = rest.slice(nl + 1)
        if (line[3] === '-') continue
        if (step === -1) { socket.write('LHLO me\r\n'); step = -2 } else if (step === -2) next()
        else if (step === 0) { socket.write(`RCPT TO:<${to(at)}>\r\n`); step = 1 }
        else if (step === 1) { socket.write('DATA\r\n'); step = 2 }
        else if (step === 2) {
          // Some large ones, so that content files are in the play too.
          socket.write(`Message-ID: <${ids[at]}>\r\nSubject: ${ids[at]}\r\n\r\n${body.repeat(at === 2 ? 1200 : 20)}.\r\n`)
          step = 3
        } else if (step === 3) {
          if (line.startsWith('250')) accepted.add(ids[at])
          at++
          next()
        }
      }
    })
    socket.on('error', () => undefined)
    socket.on('close', () => done())
  })
}

describe('a gateway that is killed', () => {
  it('loses no accepted message and doubles none', async () => {
    const data = mkdtempSync(join(tmpdir(), 'restante-crash-'))
    try {
      const set = [`data=${data}`, ...ports]
      const csv = `address,password\n${users.map((user) => `${user},secret`).join('\n')}\n`
      const imported = spawnSync(process.execPath, [program, 'user', 'import', '-', '--config', config, '--json', ...set.flatMap((setting) => ['--set', setting])], { input: csv })
      expect(imported.stdout.toString()).toContain('"created":5')
      const accepted = new Set<string>()
      const sent: string[] = []
      for (let round = 0; round < 4; round++) {
        const gateway = await spawnGateway({ args: [], set })
        const running = Array.from({ length: connections }, (_, c) => {
          const ids = Array.from({ length: perConnection }, (_, i) => `r${round}c${c}m${i}@crash.example`)
          sent.push(...ids)
          return deliver(gateway.listeners.lmtp, ids, (i) => users[(c + i) % users.length], accepted)
        })
        const before = accepted.size
        // The last round ends by itself; the others are killed when some, but not all, have been answered.
        if (round < 3) {
          while (accepted.size < before + 30 + round * 200) await new Promise((again) => { setImmediate(again) })
          gateway.process.kill('SIGKILL')
          await gateway.exited
        }
        await Promise.all(running)
        if (round === 3) await gateway.stop()
      }
      expect(accepted.size).toBeGreaterThan(1000)
      expect(accepted.size).toBeLessThan(sent.length)

      const gateway = await spawnGateway({ args: [], set })
      const found = new Map<string, number>()
      let largest = 0
      for (const user of users) {
        const [host, port] = gateway.listeners.imap.split(':')
        const client = new ImapFlow({ host, port: Number(port), secure: false, doSTARTTLS: false, auth: { user, pass: 'secret' }, logger: false } as ConstructorParameters<typeof ImapFlow>[0])
        await client.connect()
        await client.mailboxOpen('INBOX')
        const uids: number[] = []
        for await (const message of client.fetch('1:*', { uid: true, envelope: true, size: true, source: { start: 0, maxLength: 200_000 } })) {
          const id = message.envelope!.messageId!.slice(1, -1)
          found.set(id, (found.get(id) ?? 0) + 1)
          uids.push(message.uid)
          largest = Math.max(largest, message.size!)
          expect(message.source!.length).toBe(message.size)
        }
        expect(new Set(uids).size).toBe(uids.length)
        await client.logout()
      }
      await gateway.stop()
      expect(largest).toBeGreaterThan(80_000)
      expect([...accepted].filter((id) => !found.has(id))).toEqual([])
      expect([...found].filter(([, times]) => times !== 1)).toEqual([])
    } finally {
      rmSync(data, { recursive: true, force: true })
    }
  }, 180_000)
})
