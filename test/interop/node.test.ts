// nodemailer sends, imapflow reads: as a Node program would, the certificate verified.
import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { afterTrace, message, same } from './support/messages.js'
import { certificateOf, contents, portOf, until, user } from './support/programs.js'

const fiveMiB = 5 * 1024 * 1024

let gateway: Awaited<ReturnType<typeof spawnGateway>>
let ca: string
beforeAll(async () => {
  gateway = await spawnGateway({ accounts: 4 })
  ca = readFileSync(certificateOf(gateway), 'utf8')
})
afterAll(() => gateway?.stop())

const mailer = (listener: 'submission' | 'submissions', tls: object = { ca }) => createTransport({
  host: '127.0.0.1', port: Number(portOf(gateway, listener)), secure: listener === 'submissions', requireTLS: true, tls, auth: { user: user(2), pass: gateway.password },
})
const reader = (listener: 'imap' | 'imaps', n: number, more: Partial<ImapFlowOptions> = {}): ImapFlow => new ImapFlow({
  host: '127.0.0.1', port: Number(portOf(gateway, listener)), secure: listener === 'imaps', ...(listener === 'imap' ? { doSTARTTLS: true } : {}), tls: { ca }, auth: { user: user(n), pass: gateway.password }, logger: false, ...more,
} as ImapFlowOptions)
const octetsOf = async (stream: AsyncIterable<Buffer> | undefined): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk)
  return Buffer.concat(chunks)
}
const digest = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex')

describe.each([['submission', 'imap', 1], ['submissions', 'imaps', 3]] as const)('by %s and %s', (out, into, n) => {
  it('what is sent is seen in IDLE, read, flagged, searched, copied, moved, deleted', async () => {
    const client = reader(into, n)
    await client.connect()
    try {
      expect(client.secureConnection).toBe(true)
      const lock = await client.getMailboxLock('INBOX')
      const news: number[] = []
      client.on('exists', ({ count }: { count: number }) => news.push(count))
      const idle = client.idle()
      const octets = message({ subject: `node ${out}`, to: user(n), octets: 50_000 })
      await mailer(out).sendMail({ envelope: { from: user(2), to: [user(n)] }, raw: octets })
      await until(() => Promise.resolve(news.includes(1)), 'EXISTS in IDLE')

      const one = await client.fetchOne('*', { uid: true, flags: true, envelope: true, bodyStructure: true, source: true, size: true, internalDate: true })
      await idle
      if (!one) throw new Error('nothing fetched')
      same(afterTrace(one.source!), octets)
      expect(one.size).toBe(one.source!.length)
      expect(one.envelope).toMatchObject({ subject: `node ${out}`, from: [{ name: 'Sender', address: user(2) }], to: [{ address: user(n) }] })
      expect(one.bodyStructure).toMatchObject({ type: 'text/plain', encoding: '8bit' })
      expect(Date.now() - new Date(one.internalDate!).getTime()).toBeLessThan(60_000)
      expect(one.flags!.has('\\Seen')).toBe(false)

      await client.messageFlagsAdd({ uid: String(one.uid) }, ['\\Seen', '\\Flagged', '$Forwarded'])
      expect(await client.search({ flagged: true }, { uid: true })).toEqual([one.uid])
      expect(await client.search({ keyword: '$Forwarded', body: '你好', from: 'user0002', since: new Date(Date.now() - 86_400_000) }, { uid: true })).toEqual([one.uid])
      expect(await client.search({ seen: false }, { uid: true })).toEqual([])
      await client.messageFlagsRemove({ uid: String(one.uid) }, ['\\Flagged'])
      expect([...(await client.fetchOne(String(one.uid), { flags: true }, { uid: true }) as { flags: Set<string> }).flags].filter((flag) => flag !== '\\Recent').sort()).toEqual(['$Forwarded', '\\Seen'])

      await client.mailboxCreate(['Projects', 'Grüße & mehr'])
      const copied = await client.messageCopy({ uid: String(one.uid) }, 'Projects/Grüße & mehr')
      expect(copied && copied.uidMap?.get(one.uid)).toBe(1)
      const moved = await client.messageMove({ uid: String(one.uid) }, 'Archive')
      expect(moved && moved.uidMap?.get(one.uid)).toBe(1)
      expect(client.mailbox && client.mailbox.exists).toBe(0)
      lock.release()
      const second = await client.getMailboxLock('Archive')
      expect(await client.messageDelete('1:*')).toBe(true)
      second.release()
      expect(await client.status('Archive', { messages: true, uidNext: true })).toMatchObject({ messages: 0, uidNext: 2 })
      expect(await contents(gateway, n)).toEqual([])
      const copies = await contents(gateway, n, 'Projects/Grüße & mehr')
      expect(copies).toHaveLength(1)
      expect(copies[0].flags).toEqual(['$Forwarded', '\\Seen'])
      same(afterTrace(copies[0].source), octets)
    } finally {
      await client.logout()
    }
  })

  it('an attachment of 5 MiB comes back octet for octet, and the text without it', async () => {
    const attachment = randomBytes(fiveMiB)
    await mailer(out).sendMail({
      from: `"Zwei, Grüße" <${user(2)}>`, to: user(n), bcc: user(4), subject: `attachment by ${out} ✉`, text: 'Grüße, with an attachment\n', html: '<p>Grüße</p>',
      attachments: [{ filename: 'Größe.bin', content: attachment, contentType: 'application/octet-stream' }],
    })
    const client = reader(into, n)
    await client.connect()
    try {
      const lock = await client.getMailboxLock('INBOX')
      const one = await client.fetchOne('*', { uid: true, bodyStructure: true, envelope: true, headers: true })
      if (!one) throw new Error('nothing fetched')
      expect(one.envelope!.subject).toBe(`attachment by ${out} ✉`)
      expect(one.headers!.toString()).not.toMatch(/^bcc:/im)
      const [mixed, part] = [one.bodyStructure!, one.bodyStructure!.childNodes!.at(-1)!]
      expect(mixed.type).toBe('multipart/mixed')
      expect(part).toMatchObject({ type: 'application/octet-stream', disposition: 'attachment', dispositionParameters: { filename: 'Größe.bin' } })
      const { content, meta } = await client.download(String(one.uid), part.part, { uid: true })
      expect(meta?.filename).toBe('Größe.bin')
      const got = await octetsOf(content)
      expect(got.length).toBe(fiveMiB)
      expect(digest(got)).toBe(digest(attachment))
      const text = await client.download(String(one.uid), mixed.childNodes![0].childNodes![0].part, { uid: true })
      expect((await octetsOf(text.content)).toString()).toBe('Grüße, with an attachment\r\n')
      const whole = await client.download(String(one.uid), undefined, { uid: true })
      expect(digest(await octetsOf(whole.content))).toBe(digest((await contents(gateway, n)).at(-1)!.source))
      lock.release()
    } finally {
      await client.logout()
    }
    // Blind copies arrive, and nobody sees that they do.
    expect((await contents(gateway, 4)).some(({ source }) => source.toString().includes(`Message-ID: `) && !/^bcc:/im.test(source.toString()))).toBe(true)
  })
})

describe('what a client appends', () => {
  it('is there for another, at once, in IDLE', async () => {
    const [writer, watcher] = [reader('imaps', 2), reader('imap', 2)]
    await Promise.all([writer.connect(), watcher.connect()])
    try {
      const open = await watcher.mailboxOpen('Drafts')
      expect(open.specialUse).toBe('\\Drafts')
      const news: string[] = []
      watcher.on('exists', ({ count }: { count: number }) => news.push(`exists ${count}`))
      watcher.on('expunge', ({ seq }: { seq: number }) => news.push(`expunge ${seq}`))
      watcher.on('flags', ({ flags }: { flags: Set<string> }) => news.push(`flags ${[...flags].filter((flag) => flag !== '\\Recent').sort().join(' ')}`))
      const idle = watcher.idle()
      const octets = message({ subject: 'a draft', octets: 200_000 })
      const date = new Date('2024-01-01T08:00:00Z')
      const appended = await writer.append('Drafts', octets, ['\\Draft'], date)
      expect(appended).toMatchObject({ uid: 1 })
      await until(() => Promise.resolve(news.includes('exists 1')), 'EXISTS')
      await writer.mailboxOpen('Drafts')
      await writer.messageFlagsAdd('1', ['\\Answered'])
      await until(() => Promise.resolve(news.some((line) => line.includes('\\Answered'))), 'FETCH')
      const [draft] = await contents(gateway, 2, 'Drafts')
      same(draft.source, octets)
      expect(draft).toMatchObject({ flags: ['\\Answered', '\\Draft'], internalDate: date })
      await writer.messageDelete('1')
      await until(() => Promise.resolve(news.includes('expunge 1')), 'EXPUNGE')
      await watcher.noop()
      await idle
    } finally {
      await Promise.all([writer.logout(), watcher.logout()])
    }
  })
})

describe('without trust', () => {
  it('neither sends nor reads', async () => {
    for (const listener of ['submission', 'submissions'] as const) await expect(mailer(listener, {}).sendMail({ from: user(2), to: user(1), text: 'never' })).rejects.toThrow(/self.signed certificate/)
    for (const listener of ['imap', 'imaps'] as const) {
      const client = reader(listener, 1, { tls: {} })
      client.on('error', () => undefined)
      await expect(client.connect()).rejects.toThrow(/self.signed certificate/)
    }
  })

  it('a wrong password and a foreign sender are refused in the libraries\' own words', async () => {
    await expect(createTransport({ host: '127.0.0.1', port: Number(portOf(gateway, 'submissions')), secure: true, tls: { ca }, auth: { user: user(2), pass: 'wrong' } }).verify()).rejects.toMatchObject({ code: 'EAUTH', responseCode: 535 })
    await expect(mailer('submissions').sendMail({ from: user(3), to: user(1), text: 'never' })).rejects.toMatchObject({ responseCode: 550 })
    await expect(mailer('submissions').sendMail({ from: user(2), to: 'nobody@example.test', text: 'never' })).rejects.toMatchObject({ code: 'EENVELOPE', responseCode: 550, rejected: ['nobody@example.test'] })
    await expect(reader('imaps', 1, { auth: { user: user(1), pass: 'wrong' } }).connect()).rejects.toMatchObject({ authenticationFailed: true, serverResponseCode: 'AUTHENTICATIONFAILED' })
  })
})
