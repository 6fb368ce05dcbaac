// Golden IMAP transcripts, each played with whole lines and with one octet at a time. Every play has an account of its own.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { constants, createDeflateRaw, createInflateRaw } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { playTranscript } from '../support/transcript.js'

const folder = join(import.meta.dirname, 'imap')
const scripts = readdirSync(folder).filter((name) => name.endsWith('.test-script')).sort()
const plays = scripts.flatMap((script) => [false, true].map((octetByOctet) => ({ script, octetByOctet })))

let gateway: Awaited<ReturnType<typeof startGateway>>
beforeAll(async () => { gateway = await startGateway({ accounts: plays.length + 1, set: ['plugins.pop3=false', 'plugins.smtp-ingress=false'] }) })
afterAll(() => gateway?.stop())

function open(listener: string): Promise<Socket> {
  const address = gateway.listeners[listener]
  const at = address.lastIndexOf(':')
  const [host, port] = [address.slice(0, at), Number(address.slice(at + 1))]
  return new Promise((resolve, reject) => {
    const socket: Socket = listener === 'imaps' ? connectTls({ host, port, rejectUnauthorized: false }, () => resolve(socket)) : connect(port, host, () => resolve(socket))
    socket.once('error', reject)
  })
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('IMAP transcripts', () => {
  for (const [i, { script, octetByOctet }] of plays.entries()) {
    it(`${script}${octetByOctet ? ', octet by octet' : ''}`, async () => {
      const user = `user${String(i + 1).padStart(4, '0')}@${gateway.domain}`
      const { password } = gateway
      await playTranscript(join(folder, script), {
        octetByOctet,
        variables: { USER: user, PASSWORD: password, PLAIN: base64(`\0${user}\0${password}`), OTHER: base64(`admin\0${user}\0${password}`), WRONG: base64(`\0${user}\0wrong`), USER64: base64(user), PASSWORD64: base64(password), SIZE: String(password.length) },
        open: () => open(script.startsWith('tls-') ? 'imaps' : 'imap'),
      })
    })
  }
})

/** A client for what a transcript cannot say: it answers what it is asked. */
async function client(listener: string): Promise<{ socket: Socket; until(wanted: RegExp): Promise<string> }> {
  const socket = await open(listener)
  let text = ''
  let wake = (): void => undefined
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    wake()
  }).on('close', () => wake()).on('error', () => undefined)
  return {
    socket,
    async until(wanted) {
      for (let found = wanted.exec(text); ; found = wanted.exec(text)) {
        if (found) {
          const upTo = text.slice(0, found.index + found[0].length)
          text = text.slice(upTo.length)
          return upTo
        }
        if (socket.destroyed) throw new Error(`closed after ${JSON.stringify(text)}`)
        await new Promise<void>((resolve) => { wake = resolve })
      }
    },
  }
}

describe('IMAP, what needs a client that thinks', () => {
  const user = (): string => `user${String(plays.length + 1).padStart(4, '0')}@${gateway.domain}`

  for (const { initial, plus, header, works } of [
    { initial: true, plus: false, header: 'n,,', works: true }, { initial: false, plus: false, header: 'n,,', works: true },
    { initial: true, plus: true, header: 'p=tls-exporter,,', works: true }, { initial: false, plus: true, header: 'p=tls-exporter,,', works: true },
    { initial: true, plus: true, header: 'p=tls-unique,,', works: false }, { initial: true, plus: true, header: 'n,,', works: false },
    // "You cannot bind channels, can you?" Somebody between us has said so, and it is not true.
    { initial: true, plus: false, header: 'y,,', works: false },
  ]) {
    it(`SCRAM-SHA-256${plus ? '-PLUS' : ''} ${initial ? 'with' : 'without'} initial response, ${header}`, async () => {
      const secure = plus || header === 'y,,'
      const { socket, until } = await client(secure ? 'imaps' : 'imap')
      const mechanism = `SCRAM-SHA-256${plus ? '-PLUS' : ''}`
      const nonce = randomBytes(12).toString('base64')
      const bare = `n=${user()},r=${nonce}`
      if (initial) socket.write(`a AUTHENTICATE ${mechanism} ${base64(header + bare)}\r\n`)
      else {
        socket.write(`a AUTHENTICATE ${mechanism}\r\n`)
        await until(/^\+ \r\n/m)
        socket.write(`${base64(header + bare)}\r\n`)
      }
      if (!works) {
        expect(await until(/^a .*\r\n/m)).toContain('a NO [AUTHENTICATIONFAILED]')
        socket.destroy()
        return
      }
      const first = Buffer.from((await until(/^\+ (\S+)\r\n/m)).split('+ ').at(-1)!, 'base64').toString()
      const [, all, salt, count] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(first)!
      const salted = pbkdf2Sync(gateway.password, Buffer.from(salt, 'base64'), Number(count), 32, 'sha256')
      const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
      const clientKey = hmac(salted, 'Client Key')
      const binding = plus ? (socket as TLSSocket).exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)) : Buffer.alloc(0)
      const without = `c=${Buffer.concat([Buffer.from(header), binding]).toString('base64')},r=${all}`
      const signed = `${bare},${first},${without}`
      const proof = hmac(createHash('sha256').update(clientKey).digest(), signed).map((octet, i) => octet ^ clientKey[i])
      socket.write(`${base64(`${without},p=${Buffer.from(proof).toString('base64')}`)}\r\n`)
      const last = Buffer.from((await until(/^\+ (\S+)\r\n/m)).split('+ ').at(-1)!, 'base64').toString()
      expect(last).toBe(`v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`)
      socket.write('\r\n')
      expect(await until(/^a .*\r\n/m)).toMatch(/^a OK \[CAPABILITY .*\] Logged in/)
      socket.destroy()
    })
  }

  it('what came in clear behind STARTTLS is never a command under TLS', async () => {
    const { socket, until } = await client('imap')
    await until(/ready\r\n/)
    socket.write(`a STARTTLS\r\nb LOGIN ${user()} ${gateway.password}\r\nc CREATE Injected\r\n`)
    await until(/^a OK .*\r\n/m)
    socket.removeAllListeners('data')
    const tls = connectTls({ socket, rejectUnauthorized: false })
    // Either it was forgotten, and the session under TLS is not logged in; or it met the handshake, and there is no session.
    const answer = await new Promise<string>((resolve) => {
      tls.once('secureConnect', () => tls.write('d NAMESPACE\r\n')).once('data', (chunk: Buffer) => resolve(chunk.toString())).once('error', () => resolve('no TLS')).once('close', () => resolve('no TLS'))
    })
    expect(answer).toMatch(/^(d BAD Log in first|no TLS)/)
    tls.destroy()
    const after = await client('imap')
    after.socket.write(`a LOGIN ${user()} ${gateway.password}\r\nb LIST "" Injected\r\n`)
    expect(await after.until(/^b .*\r\n/m)).not.toContain('LIST (')
    after.socket.destroy()
  })

  it('COMPRESS: both directions, large messages, bombs, rubbish, and the last words', async () => {
    const begin = async () => {
      const plain = await client('imap')
      plain.socket.write(`a LOGIN ${user()} ${gateway.password}\r\nb COMPRESS DEFLATE\r\n`)
      await plain.until(/^b OK DEFLATE active\r\n/m)
      plain.socket.removeAllListeners('data')
      const deflate = createDeflateRaw({ flush: constants.Z_SYNC_FLUSH })
      const inflate = createInflateRaw()
      deflate.pipe(plain.socket).pipe(inflate)
      let text = ''
      let ended = false
      let wake = (): void => undefined
      inflate.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        wake()
      }).on('error', () => undefined)
      plain.socket.on('close', () => {
        ended = true
        setTimeout(() => wake(), 20)
      })
      const until = async (wanted: RegExp): Promise<string> => {
        for (;;) {
          const found = wanted.exec(text)
          if (found) {
            const upTo = text.slice(0, found.index + found[0].length)
            text = text.slice(upTo.length)
            return upTo
          }
          if (ended) throw new Error(`closed after ${JSON.stringify(text.slice(0, 300))}`)
          await new Promise<void>((resolve) => { wake = resolve })
        }
      }
      return { say: (octets: string | Buffer) => deflate.write(octets), until, socket: plain.socket }
    }
    const one = await begin()
    one.say('c COMPRESS DEFLATE\r\nd CAPABILITY\r\n')
    expect(await one.until(/^c .*\r\n/m)).toBe('c BAD [COMPRESSIONACTIVE] DEFLATE is active already\r\n')
    expect(await one.until(/^d OK.*\r\n/m)).not.toContain('COMPRESS')
    const body = `Subject: large\r\n\r\n${randomBytes(1_500_000).toString('base64').replace(/.{76}/g, '$&\r\n')}`
    one.say(`e APPEND Junk {${body.length}}\r\n`)
    await one.until(/^\+ .*\r\n/m)
    one.say(`${body}\r\nf SELECT Junk\r\ng FETCH * BODY.PEEK[]\r\n`)
    await one.until(/^f OK.*\r\n/m)
    expect((await one.until(/^g OK.*\r\n/m)).includes(body)).toBe(true)
    // 64 MiB of spaces in 64 KiB: one endless line, given up after a mebibyte.
    one.say(`h ${' '.repeat(67_108_864)}`)
    expect(await one.until(/^\* BYE .*\r\n/m)).toContain('* BYE Too much to read on')
    const two = await begin()
    const closed = new Promise((resolve) => two.socket.once('close', resolve))
    two.socket.write(Buffer.alloc(100, 0xff))
    await closed
    const three = await begin()
    three.say('c LOGOUT\r\n')
    expect(await three.until(/^c OK.*\r\n/m)).toBe('* BYE Goodbye\r\nc OK LOGOUT completed\r\n')
  })

  it('a client that hangs up in the middle of an APPEND leaves nothing behind and hurts nobody', async () => {
    const gone = await client('imap')
    gone.socket.write(`a LOGIN ${user()} ${gateway.password}\r\nb APPEND INBOX {1000000}\r\n`)
    await gone.until(/^\+ OK\r\n/m)
    gone.socket.write(Buffer.alloc(500_000, 'x'))
    gone.socket.destroy()
    const after = await client('imap')
    after.socket.write(`a LOGIN ${user()} ${gateway.password}\r\nb STATUS INBOX (MESSAGES)\r\n`)
    expect(await after.until(/^b .*\r\n/m)).toContain('(MESSAGES 0)')
    after.socket.destroy()
  })

  it('a large message comes back octet for octet, whole and in part, to a slow reader too', async () => {
    const { socket, until } = await client('imap')
    const body = Buffer.from(`Subject: large\r\n\r\n${randomBytes(3_000_000).toString('base64').replace(/.{76}/g, '$&\r\n')}`)
    socket.write(`a LOGIN ${user()} ${gateway.password}\r\nb APPEND Drafts {${body.length}+}\r\n`)
    socket.write(body)
    socket.write('\r\nc SELECT Drafts\r\n')
    await until(/^c OK .*\r\n/m)
    socket.write('d FETCH 1 BODY.PEEK[]\r\ne FETCH 1 BODY.PEEK[TEXT]<1000000.500000>\r\n')
    socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 100))
    socket.resume()
    const whole = await until(/^d OK .*\r\n/m)
    expect(whole).toBe(`* 1 FETCH (BODY[] {${body.length}}\r\n${body.toString('latin1')})\r\nd OK FETCH completed\r\n`)
    const part = await until(/^e OK .*\r\n/m)
    expect(part).toBe(`* 1 FETCH (BODY[TEXT]<1000000> {500000}\r\n${body.toString('latin1', 1_000_018, 1_500_018)})\r\ne OK FETCH completed\r\n`)
    socket.destroy()
  })
})
