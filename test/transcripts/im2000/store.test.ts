// The store's two services over real sockets: submission, tracking, retrieval, lists (im2000.md section D; T35-T50, T61-T80).
import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failure, MsoapClient, MsrapClient, systemRandom } from '@restante/core'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { spawnGateway } from '../../support/gateway.js'
import { noFaces, startIm2000, type Im2000, type RawSession } from '../../support/im2000.js'

const mailBox = (n: number) => ({ localpart: `user${String(n).padStart(4, '0')}`, domain: ['example', 'test'] })
const to = (...users: number[]) => ({ recipients: users.map(mailBox), lifetime: 0n })
const listed = (...names: string[]) => ({ lists: names.map((name) => Buffer.from(name)), lifetime: 0n })
const chunk = (text: string | Buffer, offset = 0, islast = true) => ({ islast, offset: BigInt(offset), data: Buffer.from(text as string) })
const nowhere = Buffer.alloc(16, 9)
const refused = (status: string) => ({ abort: true, status, kind: 'null', value: {} })
const none = refused('errornosuchmessage')
const gather = async (chunks: AsyncIterable<Buffer>): Promise<Buffer> => {
  const all: Buffer[] = []
  for await (const one of chunks) all.push(one)
  return Buffer.concat(all)
}

let im: Im2000
let count: (table: string) => Promise<number>
beforeAll(async () => {
  im = await startIm2000({ accounts: 8, set: ['im2000.store.minimumLifetime=60'] })
  count = async (table) => (await im.gateway.database.read.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))!.n
  await im.gateway.lists.create({ name: 'public', readers: 'public', writers: 'accounts' })
  await im.gateway.lists.create({ name: 'closed', readers: 'accounts', writers: [] })
})
afterAll(() => im?.stop())

const login = async (user: number): Promise<RawSession> => {
  const session = await im.raw('msoap')
  expect(await session.ask('authenticate', { account: im.name(user), password: im.password })).toMatchObject({ abort: false })
  return session
}
const submit = async (user: number, envelope: any, text: string | Buffer = 'Subject: hello\r\n\r\nHi\r\n') => {
  using client = await im.msoap(user)
  return await client.submit(envelope, [Buffer.from(text as string)])
}

describe('submission', () => {
  it('T35 without authentication nothing is submitted, tracked or cancelled', async () => {
    const session = await im.raw('msoap')
    for (const [kind, value] of [['submitEnvelope', to(1)], ['submitMsgChunk', chunk('x')], ['track', { identifier: nowhere }], ['cancel', { identifier: nowhere }]] as const) {
      expect(await session.ask(kind, value)).toEqual(refused('errornotauthenticated'))
    }
  })
  it('T36 an envelope for nobody is refused, whether its lists are absent or empty', async () => {
    const session = await login(1)
    for (const envelope of [{ lifetime: 0n }, { recipients: [], lists: [], lifetime: 0n }]) expect(await session.ask('submitEnvelope', envelope)).toEqual(refused('errornotpermitted'))
  })
  it('T37 T38 one status per entry in envelope order: literals, domains that cannot be, unknown people, closed and unknown lists are denied', async () => {
    const session = await login(1)
    const entries = [
      [mailBox(2), 'acceptable'],
      [{ localpart: 'user0002', domain: ['[192', '0', '2', '1]'] }], [{ localpart: 'user0002', domain: ['192', '0', '2', '1'] }], [{ localpart: 'user0002', domain: ['[IPv6:2001:db8::1]'] }],
      [{ localpart: 'user0002', domain: [] }], [{ localpart: 'user0002', domain: ['example', '', 'test'] }], [{ localpart: 'user0002', domain: ['example.test'] }],
      [{ localpart: '', domain: ['example', 'test'] }], [{ localpart: 'x'.repeat(70), domain: ['example', 'test'] }], [{ localpart: 'user0002', domain: ['y'.repeat(70), 'test'] }],
      [{ localpart: 'a', domain: ['b@example', 'test'] }], [{ localpart: 'nobody', domain: ['example', 'test'] }], [{ localpart: 'lucy', domain: ['example', 'org'] }, 'acceptable'],
      [mailBox(3), 'acceptable'],
    ] as const
    const lists = [['public', 'acceptable'], ['closed'], ['nowhere'], ['']] as const
    const denied = 'submissionaccessdenied'
    expect(await session.ask('submitEnvelope', { recipients: entries.map(([entry]) => entry), lists: [...lists.map(([name]) => Buffer.from(name)), Buffer.of(0xc3, 0x28)], lifetime: 0n })).toEqual({
      abort: true, status: 'errornotpermitted', kind: 'submitEnvelope',
      value: { recipients: entries.map(([, status]) => status ?? denied), lists: [...lists.map(([, status]) => status ?? denied), denied] },
    })
    expect(await session.ask('submitEnvelope', { ...to(2, 3), ...listed('public') })).toEqual({ abort: false, status: 'noerror', kind: 'submitEnvelope', value: { recipients: ['acceptable', 'acceptable'], lists: ['acceptable'] } })
  })
  it('T39 after a refused envelope a chunk is unexpected; so is one after the last, and any other command inside a submission', async () => {
    const session = await login(1)
    expect(await session.ask('submitEnvelope', listed('closed'))).toMatchObject({ abort: true })
    expect(await session.ask('submitMsgChunk', chunk('x'))).toEqual(refused('errorunexpectedcommand'))
    expect(await session.ask('submitEnvelope', to(2))).toMatchObject({ abort: false })
    expect(await session.ask('track', { identifier: nowhere })).toEqual(refused('errorunexpectedcommand'))
    expect(await session.ask('submitMsgChunk', chunk('x'))).toEqual(refused('errorunexpectedcommand'))
    expect(await session.answer()).toBe('closed') // the third of its kind
  })
  it('T40 a chunk at the wrong offset aborts, and leaves no message', async () => {
    const before = await count('messages')
    const session = await login(1)
    for (const offset of [1, 4, 6, 2 ** 40]) {
      await session.ask('submitEnvelope', to(2))
      expect(await session.ask('submitMsgChunk', chunk('hello', 0, false))).toEqual({ abort: false, status: 'noerror', kind: 'submitMsgChunk', value: {} })
      expect(await session.ask('submitMsgChunk', chunk('x', offset))).toEqual(refused('errorunexpectedcommand'))
    }
    expect(await count('messages')).toBe(before)
  })
  it('T41 a connection closed before the last chunk leaves no message, no spool file, and tells nobody', async () => {
    const before = [await count('messages'), await count('submissions'), await count('jobs')]
    for (const how of ['destroy', 'end'] as const) {
      const session = await login(1)
      await session.ask('submitEnvelope', to(2))
      await session.ask('submitMsgChunk', chunk(Buffer.alloc(200_000, 0x61), 0, false))
      expect(readdirSync(join(im.data, 'spool'))).toHaveLength(1)
      session.socket[how]()
      await expect.poll(() => readdirSync(join(im.data, 'spool'))).toEqual([])
    }
    expect([await count('messages'), await count('submissions'), await count('jobs')]).toEqual(before)
  })
  it('T43 T44 T45 stored octets are one Received field and then what was submitted, and no identifier is in them', async () => {
    const text = Buffer.concat([Buffer.from('Subject: odd\nbare LF\r\n\r\nbare CR \r and NUL \0 and 8-bit \xff\xfe\r\n', 'latin1'), Buffer.alloc(5000, 0x61), Buffer.from('\nno end'), Buffer.from(Array.from({ length: 256 }, (_, i) => i))])
    const session = await login(1)
    await session.ask('submitEnvelope', { ...to(2, 3), ...listed('public') })
    const begun = Date.now()
    let last
    for (let at = 0; at < text.length; at += 999) last = await session.ask('submitMsgChunk', chunk(text.subarray(at, at + 999), at, at + 999 >= text.length))
    const identifiers: Buffer[] = [...last!.value.recipients, ...last!.value.lists]
    expect(identifiers).toHaveLength(3)
    using reader = await im.msrap()
    for (const identifier of identifiers) {
      const stored = await gather(reader.read(identifier))
      const trace = /^Received: by \S+ with MSOAP\r\n\tid ([\w-]+); (.*)\r\n/.exec(stored.toString('latin1'))!
      expect(stored.subarray(trace[0].length).equals(text)).toBe(true)
      expect(Math.abs(Date.parse(trace[2]) - begun)).toBeLessThan(5000)
      for (const one of identifiers) for (const form of ['hex', 'base64', 'base64url', 'latin1'] as const) expect(trace[0]).not.toContain(one.toString(form))
      const token = Buffer.from(trace[1], 'base64url')
      await expect(reader.silence(Buffer.concat([token, Buffer.alloc(16)]).subarray(0, 16))).rejects.toMatchObject({ details: { status: 'errornosuchmessage' } })
    }
  })
  it('T46 T47 every entry has an identifier of its own, the same mailbox twice too; none repeat, and their bits are even', async () => {
    const session = await login(1)
    await session.ask('submitEnvelope', { recipients: [mailBox(2), mailBox(3), mailBox(2)], lists: [Buffer.from('public'), Buffer.from('public')], lifetime: 0n })
    const { value } = await session.ask('submitMsgChunk', chunk('x'))
    expect([value.recipients.length, value.lists.length]).toEqual([3, 2])
    expect(new Set([...value.recipients, ...value.lists].map((one: Buffer) => one.toString('hex'))).size).toBe(5)
    // A million from where they come from.
    const seen = new Set<bigint>()
    const ones = new Array<number>(128).fill(0)
    const total = 1_000_000
    for (let i = 0; i < total; i++) {
      const one = systemRandom.octets(16)
      seen.add(one.readBigUInt64BE() << 64n | one.readBigUInt64BE(8))
      if (i % 10 === 0) for (let bit = 0; bit < 128; bit++) ones[bit] += one[bit >> 3] >> (bit & 7) & 1
    }
    expect(seen.size).toBe(total)
    // Six standard deviations of a fair coin.
    for (const number of ones) expect(Math.abs(number - total / 20)).toBeLessThan(6 * Math.sqrt(total / 40))
  })
  it('T48 a lifetime below the minimum is too short; 0, the minimum and the largest are not', async () => {
    const session = await login(1)
    expect(await session.ask('submitEnvelope', { ...to(2), lifetime: 59n })).toEqual(refused('errorlifetimetooshort'))
    for (const lifetime of [0n, 60n, 2n ** 63n - 1n]) {
      expect(await session.ask('submitEnvelope', { ...to(2), lifetime })).toMatchObject({ abort: false })
      expect(await session.ask('submitMsgChunk', chunk('x'))).toMatchObject({ abort: false })
    }
  })
  it('T49 quota, full disk and the owner\'s limits abort, each with its status, and leave nothing', async () => {
    const small = await startIm2000({ set: ['accounts.quotaOctets=3000', 'limits.messageOctets=4000', 'plugins.im2000.msoap.chunkOctets=3500'] })
    try {
      const session = await small.raw('msoap')
      await session.ask('authenticate', { account: small.name(1), password: small.password })
      const attempt = async (...sizes: number[]) => {
        let offset = 0
        let said = await session.ask('submitEnvelope', to(2))
        for (const [i, size] of sizes.entries()) {
          said = await session.ask('submitMsgChunk', chunk(Buffer.alloc(size, 0x61), offset, i === sizes.length - 1))
          if (said.abort) return said
          offset += size
        }
        return said
      }
      expect(await attempt(1000, 1000, 1001)).toEqual(refused('errorwouldexceedquota'))
      expect(await attempt(3501)).toEqual(refused('errormalformedpdu'))
      expect(await attempt(1000, 1000)).toMatchObject({ abort: false, value: { recipients: { length: 1 } } })
      const { spool } = small.gateway
      const noRoom = failure('NO_ROOM')
      const open = spool.open.bind(spool)
      spool.open = (options) => {
        const writer = open(options)
        const write = writer.write.bind(writer)
        writer.write = (octets) => {
          if (octets.includes('full')) throw noRoom
          return write(octets)
        }
        return writer
      }
      await session.ask('submitEnvelope', to(2))
      expect(await session.ask('submitMsgChunk', chunk('the disk is full'))).toEqual(refused('errornotenoughroom'))
      expect((await small.gateway.database.read.get<{ n: number }>('SELECT count(*) AS n FROM messages'))!.n).toBe(1)
      expect(readdirSync(join(small.data, 'spool'))).toEqual([])
    } finally {
      await small.stop()
    }
  })
  it('T49 a message above the owner\'s limit is not permitted', async () => {
    const small = await startIm2000({ set: ['limits.messageOctets=4000'] })
    try {
      using client = await small.msoap(1)
      await expect(client.submit(to(2), [Buffer.alloc(5000)])).rejects.toMatchObject({ code: 'PEER_REFUSED', details: { status: 'errornotpermitted', aborted: true } })
    } finally {
      await small.stop()
    }
  })
  it('T50 two accounts that submit at once do not delay each other', async () => {
    const slow = await login(1)
    await slow.ask('submitEnvelope', to(2))
    await slow.ask('submitMsgChunk', chunk('slow', 0, false))
    await submit(3, to(4))
    expect(await slow.ask('submitMsgChunk', chunk('ly', 4))).toMatchObject({ abort: false })
  })
  it('D15 an empty message is one', async () => expect((await submit(1, to(2), '')).recipients).toHaveLength(1))
  it('Q24 more entries than the store takes are not permitted', async () => {
    const session = await login(1)
    expect(await session.ask('submitEnvelope', { recipients: Array.from({ length: 1001 }, () => mailBox(2)), lifetime: 0n })).toEqual(refused('errornotpermitted'))
  })
  it('T42 what was acknowledged survives kill -9', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'restante-msoap-'))
    const ports = ['msoap', 'msrap', 'rnasp', 'rnaqp'].flatMap((name) => [`plugins.im2000.${name}.listen=127.0.0.1:0`, `plugins.im2000.${name}.listenTls=off`])
    const set = [...noFaces, ...ports, `data=${folder}`, 'accounts.scramIterations=4096']
    const program = fileURLToPath(new URL('../../../scripts/restante.mjs', import.meta.url))
    const config = fileURLToPath(new URL('../../../config/restante.yaml', import.meta.url))
    const where = (address: string) => ({ host: '127.0.0.1', port: Number(address.split(':')[1]) })
    try {
      spawnSync(process.execPath, [program, 'user', 'add', 'u1@example.test', '--password', 'secret-enough', '--config', config, ...set.flatMap((one) => ['--set', one])], { encoding: 'utf8' })
      let gateway = await spawnGateway({ args: [], set })
      const client = await MsoapClient.connect(where(gateway.listeners.msoap))
      await client.authenticate(gateway.account ?? 'u1@example.test', gateway.password ?? 'secret-enough')
      const text = Buffer.concat([Buffer.from('Subject: durable\r\n\r\n'), Buffer.alloc(300_000, 0x7a)])
      const account = gateway.account ?? 'u1@example.test'
      const { recipients } = await client.submit({ recipients: [{ localpart: account.split('@')[0], domain: account.split('@')[1].split('.') }], lifetime: 0n }, [text])
      gateway.process.kill('SIGKILL')
      await gateway.exited
      gateway = await spawnGateway({ args: [], set })
      using reader = await MsrapClient.connect(where(gateway.listeners.msrap))
      expect((await gather(reader.read(recipients[0]))).subarray(-text.length).equals(text)).toBe(true)
      await gateway.stop()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('tracking, cancelling, retention', () => {
  it('T61 T69 foreign, unknown, list and deleted identifiers are answered alike, and another account can cancel nothing', async () => {
    const { recipients: [mine], lists: [list] } = await submit(1, { ...to(2), ...listed('public') })
    const { recipients: [deleted] } = await submit(1, to(2))
    const [own, other] = [await login(1), await login(2)]
    expect(await own.ask('track', { identifier: mine })).toMatchObject({ abort: false, status: 'noerror', kind: 'track' })
    expect(await own.ask('cancel', { identifier: deleted })).toEqual({ abort: false, status: 'noerror', kind: 'cancel', value: {} })
    for (const [session, identifier] of [[other, mine], [own, nowhere], [own, list], [own, deleted]] as const) expect(await session.ask('track', { identifier })).toEqual(refused('errornotpermitted'))
    for (const identifier of [mine, list, nowhere]) expect(await other.ask('cancel', { identifier })).toEqual(refused('errornotpermitted'))
    expect(await own.ask('track', { identifier: mine })).toMatchObject({ abort: false })
    expect(await own.ask('cancel', { identifier: list })).toMatchObject({ abort: false }) // D29: any identifier of the message
    expect(await own.ask('track', { identifier: mine })).toEqual(refused('errornotpermitted'))
  })
  it('T63 the read status rises with the last octet of a representation, and never falls; nothing does not raise it', async () => {
    const { recipients: [identifier] } = await submit(1, to(2), 'Subject: read me\r\nX-More: yes\r\n\r\nbody\r\n')
    using own = await im.msoap(1)
    using reader = await im.msrap()
    const read = async () => (await own.track(identifier)).read
    const whole = async (type: 'nothing' | 'summaryonly' | 'headersonly' | 'all') => reader.retrieve(identifier, type, 0n, 100_000n)
    const { size } = await whole('nothing')
    expect(await read()).toBe('unread')
    const { data } = await whole('summaryonly')
    expect(data.toString()).toBe('Subject: read me\r\n\r\n')
    expect(await read()).toBe('summarised')
    const header = await reader.retrieve(identifier, 'headersonly', 0n, 5n)
    expect(await read()).toBe('summarised')
    await reader.retrieve(identifier, 'headersonly', 5n, header.size - 5n)
    expect(await read()).toBe('readheaders')
    await whole('summaryonly')
    expect(await read()).toBe('readheaders')
    await reader.retrieve(identifier, 'all', 0n, size - 1n)
    expect(await read()).toBe('readheaders')
    await reader.retrieve(identifier, 'all', size - 1n, 1n)
    await whole('headersonly')
    expect(await read()).toBe('readall')
  })
  it('T62 T64 T70 un-pinning turns pinned to FALSE for that recipient alone; silencing and un-pinning may be repeated; silenced stays', async () => {
    const { recipients: [one, two] } = await submit(1, to(2, 3))
    using own = await im.msoap(1)
    using reader = await im.msrap()
    expect(await own.track(one)).toEqual({ notificationstatus: 'silenced', read: 'unread', pinned: true }) // filed in the same commit
    for (let i = 0; i < 2; i++) {
      await reader.silence(one)
      await reader.unPin(one)
    }
    expect(await own.track(one)).toEqual({ notificationstatus: 'silenced', read: 'unread', pinned: false })
    expect(await own.track(two)).toMatchObject({ pinned: true })
    expect((await reader.retrieve(one, 'nothing', 0n, 0n)).size).toBeGreaterThan(0n) // D48
  })
  it('T66 T67 one cancelled message is gone for all, and MSRAP says so; with a recipient left it stays', async () => {
    const { recipients, lists } = await submit(1, { ...to(2, 3), ...listed('public') })
    using own = await im.msoap(1)
    const reader = await im.raw('msrap')
    await reader.ask('unPin', { identifier: recipients[0] })
    await im.gateway.reaper.reap()
    expect(await reader.ask('silence', { identifier: recipients[1] })).toMatchObject({ abort: false })
    await own.cancel(recipients[0])
    await im.gateway.reaper.reap()
    for (const identifier of [...recipients, ...lists]) {
      expect(await reader.ask('retrieve', { identifier, type: 'all', offset: 0n, length: 10n })).toEqual(none)
      expect(await reader.ask('silence', { identifier })).toEqual(none)
      expect(await reader.ask('unPin', { identifier })).toEqual(none)
    }
  })
  it('T65 when the last list posting is gone and nobody holds it, a message is gone', async () => {
    const { lists: [identifier] } = await submit(1, listed('public'))
    using reader = await im.msrap()
    expect((await reader.retrieve(identifier, 'all', 0n, 1n)).data).toHaveLength(1)
    using own = await im.msoap(1)
    await own.cancel(identifier)
    await im.gateway.reaper.reap()
    await expect(reader.retrieve(identifier, 'all', 0n, 1n)).rejects.toMatchObject({ details: { status: 'errornosuchmessage' } })
  })
  it('T68 after its lifetime a message is gone; with lifetime 0 it does not expire', async () => {
    const { recipients: [mortal] } = await submit(1, { ...to(2), lifetime: 60n })
    const { recipients: [eternal] } = await submit(1, to(2))
    const row = await im.gateway.database.read.get<{ life: number }>('SELECT s.expires_at - s.submitted_at AS life FROM submissions s JOIN recipients r ON r.submission = s.id WHERE r.identifier = ?', [mortal])
    expect(row!.life).toBe(60_000)
    // A minute goes by.
    await im.gateway.database.write((tx) => tx.run('UPDATE submissions SET submitted_at = submitted_at - 61000, expires_at = expires_at - 61000 WHERE expires_at IS NOT NULL'))
    await im.gateway.reaper.expire()
    await im.gateway.reaper.reap()
    using reader = await im.msrap()
    await expect(reader.retrieve(mortal, 'nothing', 0n, 0n)).rejects.toMatchObject({ details: { status: 'errornosuchmessage' } })
    expect((await reader.retrieve(eternal, 'nothing', 0n, 0n)).size).toBeGreaterThan(0n)
  })
})

describe('MSRAP', () => {
  it('T71 T74 everything works without authentication, for who has the identifier; an unknown one is errornosuchmessage', async () => {
    const { recipients: [identifier] } = await submit(1, to(2))
    const session = await im.raw('msrap')
    for (const [kind, more] of [['retrieve', { type: 'all', offset: 0n, length: 10n }], ['silence', {}], ['unPin', {}]] as const) {
      expect(await session.ask(kind, { identifier, ...more })).toMatchObject({ abort: false, status: 'noerror', kind })
      expect(await session.ask(kind, { identifier: nowhere, ...more })).toEqual(none)
    }
  })
  it('T72 T73 a list identifier retrieves, and neither silences nor un-pins; nobody\'s status changes by it', async () => {
    const { recipients: [recipient], lists: [identifier] } = await submit(1, { ...to(2), ...listed('public') })
    using own = await im.msoap(1)
    const before = await own.track(recipient)
    const session = await im.raw('msrap')
    expect(await session.ask('silence', { identifier })).toEqual(none)
    expect(await session.ask('unPin', { identifier })).toEqual(none)
    expect(await session.ask('retrieve', { identifier, type: 'all', offset: 0n, length: 100_000n })).toMatchObject({ abort: false })
    expect(await own.track(recipient)).toEqual(before)
  })
  it('T75 T76 T77 T80 windows of any size make the whole; headersonly is a prefix that ends with the empty line; sizes stay', async () => {
    const text = 'Subject: windows\r\nFrom: a@example.test\r\n\r\n' + Array.from({ length: 300 }, (_, i) => `line ${i}\r\n`).join('')
    const { recipients: [identifier] } = await submit(1, to(2), text)
    using reader = await im.msrap()
    const all = await gather(reader.read(identifier))
    expect(await reader.retrieve(identifier, 'nothing', 0n, 100n)).toEqual({ data: Buffer.alloc(0), size: BigInt(all.length) })
    const headers = await gather(reader.read(identifier, 'headersonly'))
    expect(headers.toString().endsWith('\r\n\r\n')).toBe(true)
    expect(headers.indexOf('\r\n\r\n')).toBe(headers.length - 4)
    expect(all.subarray(0, headers.length).equals(headers)).toBe(true)
    for (const offset of [BigInt(all.length), BigInt(all.length) + 1n, 2n ** 63n - 1n]) expect(await reader.retrieve(identifier, 'all', offset, 2n ** 63n - 1n)).toEqual({ data: Buffer.alloc(0), size: BigInt(all.length) })
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 2000 }), fc.constantFrom('all', 'headersonly', 'summaryonly'), async (window, type) => {
      const parts: Buffer[] = []
      let at = 0n
      for (; ;) {
        const { data, size } = await reader.retrieve(identifier, type as 'all', at, BigInt(window))
        parts.push(data)
        at += BigInt(data.length)
        if (data.length === 0) {
          expect(at).toBe(size)
          break
        }
        expect(data.length).toBeLessThanOrEqual(window)
      }
      if (type !== 'summaryonly') expect(Buffer.concat(parts).equals(type === 'all' ? all : headers)).toBe(true)
    }), { numRuns: 15 })
  })
  it('T77 a header that ends with LF LF, as it was submitted, ends there', async () => {
    const { recipients: [identifier] } = await submit(1, to(2), 'Subject: bare\n\nbody\n')
    using reader = await im.msrap()
    expect((await gather(reader.read(identifier, 'headersonly'))).toString()).toMatch(/\nSubject: bare\n\n$/)
  })
  it('T76 an answer is bounded by the window of the server', async () => {
    const { recipients: [identifier] } = await submit(1, to(2), Buffer.alloc(1_500_000, 0x62))
    using reader = await im.msrap()
    expect((await reader.retrieve(identifier, 'all', 0n, 2n ** 40n)).data).toHaveLength(512 * 1024)
    expect((await gather(reader.read(identifier))).length).toBeGreaterThan(1_500_000)
  })
  it('T78 scans that pass endtime on give each message of the list exactly once, also while others post', async () => {
    await im.gateway.lists.create({ name: 'busy', readers: 'public', writers: 'accounts' })
    const posted: string[] = []
    const writers = Promise.all([1, 2, 3].map(async (user) => {
      using client = await im.msoap(user)
      for (const until = Date.now() + 2500; Date.now() < until;) posted.push((await client.submit(listed('busy'), [Buffer.from('x')])).lists[0].toString('hex'))
    }))
    using reader = await im.msrap()
    const seen: string[] = []
    let from = 0n
    const scan = async (): Promise<void> => {
      const { messages, endtime } = await reader.scanList('busy', from)
      expect(endtime).toBeGreaterThanOrEqual(from)
      seen.push(...messages.map((one) => one.toString('hex')))
      from = endtime
    }
    const over = writers.then(() => true)
    while (!(await Promise.race([over, sleep(20, false)]))) await scan()
    // What was posted in the last moment shows when that moment is over.
    await expect.poll(async () => {
      await scan()
      return seen.length
    }).toBe(posted.length)
    expect(posted.length).toBeGreaterThan(10)
    expect(seen.slice().sort()).toEqual(posted.sort())
  })
  it('T78 D61 a begintime in the future comes back as it was, with nothing', async () => {
    using reader = await im.msrap()
    for (const time of [4_000_000_000n, 2n ** 63n - 1n]) expect(await reader.scanList('public', time)).toEqual({ messages: [], endtime: time })
  })
  it('T79 an unknown list and one that may not be read are answered alike', async () => {
    const session = await im.raw('msrap')
    for (const listname of ['closed', 'nowhere']) for (const begintime of [0n, 2n ** 63n - 1n]) expect(await session.ask('scanList', { listname, begintime })).toEqual(none)
  })
})
