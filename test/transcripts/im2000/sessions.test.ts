// Sessions of all four servers, over real sockets (im2000.md section B; T1-T15, T20-T23).
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readVectors, vector } from '../../support/vectors.js'
import { protocolNames, startIm2000, type Im2000, type ProtocolName, type RawSession } from '../../support/im2000.js'

const hostile = readVectors('hostile.hex')
const malformed = { abort: true, status: 'errormalformedpdu', kind: 'null' }
const notAuthenticated = { abort: true, status: 'errornotauthenticated', kind: 'null' }
const identifier = Buffer.alloc(16, 7)
/** A command that every session may give, and what comes of it. */
const harmless: Record<ProtocolName, (session: RawSession) => Promise<unknown>> = {
  msoap: async (session) => expect(await session.ask('track', { identifier })).toMatchObject(notAuthenticated),
  msrap: async (session) => expect(await session.ask('silence', { identifier })).toMatchObject({ abort: true, status: 'errornosuchmessage', kind: 'null' }),
  rnasp: async (session) => expect(await session.ask('notify', { notifications: [] })).toMatchObject({ abort: false, status: 'noerror', kind: 'notify' }),
  rnaqp: async (session) => expect(await session.ask('retrieveAndClear')).toMatchObject(notAuthenticated),
}
const of = (title: string): ProtocolName => title.slice(0, title.indexOf(':')).toLowerCase() as ProtocolName

let im: Im2000
beforeAll(async () => { im = await startIm2000({ accounts: 6 }) })
afterAll(() => im?.stop())

describe('framing and encoding', () => {
  for (const name of protocolNames) {
    it(`T1 T3 ${name} answers a first command with one framed PDU that begins with A2, and says nothing before`, async () => {
      const session = await im.raw(name)
      await sleep(50)
      expect(session.socket.bytesRead).toBe(0)
      await harmless[name](session)
      const first = await im.raw(name)
      first.send(vector({ msoap: 'msoap.hex', msrap: 'msrap.hex', rnasp: 'rnasp.hex', rnaqp: 'rnaqp.hex' }[name], { msoap: 'W06', msrap: 'W21', rnasp: 'W34', rnaqp: 'W38' }[name]))
      const pdu = (await first.pdu())!
      expect(pdu[0]).toBe(0xa2)
      expect(first.socket.bytesRead).toBe(pdu.length + 4)
    })
    it(`T2 ${name} reads a frame that comes one octet at a time`, async () => {
      const session = await im.raw(name)
      const [file, number] = ({ msoap: ['msoap.hex', 'W02'], msrap: ['msrap.hex', 'W24'], rnasp: ['rnasp.hex', 'W33'], rnaqp: ['rnaqp.hex', 'W38'] } as const)[name]
      await session.trickle(vector(file, number))
      expect(await session.answer()).toMatchObject({ abort: name !== 'rnasp' })
    })
    it(`T7 ${name} closes on N01 and N02, and holds nothing of the announced length`, async () => {
      for (const number of ['N01', 'N02']) {
        const session = await im.raw(name)
        const before = process.memoryUsage().rss
        session.send(vector('hostile.hex', number))
        expect(await session.answer()).toBe('closed')
        expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28)
      }
    })
    it(`T9 ${name} stays usable after a malformed PDU, and closes after the third`, async () => {
      const session = await im.raw(name)
      const bad = Buffer.from('00000002a100', 'hex')
      for (let i = 0; i < 2; i++) {
        expect(await session.send(bad).answer()).toMatchObject(malformed)
        await harmless[name](session)
      }
      expect(await session.send(bad).answer()).toMatchObject(malformed)
      expect(await session.answer()).toBe('closed')
    })
    it(`B15 ${name} closes without an answer when the connection ends inside a frame`, async () => {
      const session = await im.raw(name)
      session.send('0000000ca1')
      session.socket.end()
      expect(await session.answer()).toBe('closed')
    })
  }
  for (const { name, title, octets } of hostile.filter((one) => /malformed/.test(one.title))) {
    it(`T6 ${name} ${title}`, async () => {
      const session = await im.raw(of(title))
      const user = im.name(1)
      // MSOAP's and RNAQP's are just as malformed to somebody authenticated, in a transaction or not.
      if (of(title) === 'msoap' || of(title) === 'rnaqp') expect(await session.ask('authenticate', { account: user, password: im.password })).toMatchObject({ abort: false })
      expect(await session.send(octets).answer()).toMatchObject(malformed)
      if (of(title) === 'rnaqp') expect(await session.ask('retrieveAndClear')).toMatchObject({ status: 'noerror', value: { notifications: [] } })
      else if (of(title) !== 'msoap') await harmless[of(title)](session)
      session.hangUp()
    })
  }
  it('T8 N17, N18, N19 are taken as if the unknown element were absent', async () => {
    const rnasp = await im.raw('rnasp')
    expect(await rnasp.send(vector('hostile.hex', 'N17')).answer()).toMatchObject({ abort: false, status: 'noerror', kind: 'notify' })
    const msrap = await im.raw('msrap')
    expect(await msrap.send(vector('hostile.hex', 'N18')).answer()).toMatchObject({ status: 'errornosuchmessage' })
    const [other, same] = await Promise.all([vector('hostile.hex', 'N19'), vector('msoap.hex', 'W03')].map(async (frame) => {
      const msoap = await im.raw('msoap')
      await msoap.ask('authenticate', { account: im.name(1), password: im.password })
      return msoap.send(frame).answer()
    }))
    expect(other).toMatchObject({ status: 'noerror', value: { recipients: ['acceptable'] } })
    expect(other).toEqual(same)
  })
})

describe('sessions', () => {
  it('T10 answers commands sent back to back in their order', async () => {
    const session = await im.raw('msrap')
    const list = (listname: string) => ({ listname, begintime: 0n })
    await im.gateway.lists.create({ name: 'order', readers: 'public', writers: 'accounts' })
    session.command('scanList', list('order')).command('silence', { identifier }).command('scanList', list('order')).command('retrieve', { identifier, type: 'all', offset: 0n, length: 1n })
    for (const kind of ['scanList', 'null', 'scanList', 'null']) expect(await session.answer()).toMatchObject({ kind })
  })
  it('T11 a failed Authenticate leaves an authenticated session unauthenticated', async () => {
    for (const name of ['msoap', 'rnaqp'] as const) {
      const session = await im.raw(name)
      const needing = (): Promise<unknown> => (name === 'msoap' ? session.ask('track', { identifier }) : session.ask('retrieveAndClear'))
      expect(await session.ask('authenticate', { account: im.name(2), password: im.password })).toEqual({ abort: false, status: 'noerror', kind: 'authenticate', value: {} })
      expect(await needing()).not.toMatchObject(notAuthenticated)
      expect(await session.ask('authenticate', { account: im.name(2), password: 'wrong' })).toMatchObject(notAuthenticated)
      expect(await needing()).toMatchObject(notAuthenticated)
    }
  })
  it('T13 a stalled session delays nobody', async () => {
    for (const name of protocolNames) {
      const stalled = await im.raw(name)
      stalled.send('000000')
      await harmless[name](await im.raw(name))
      stalled.hangUp()
    }
    // Nor does one in the middle of a submission.
    const [one, two] = [await im.msoap(1), await im.msoap(1)]
    const envelope = { recipients: [{ localpart: im.name(2).split('@')[0], domain: ['example', 'test'] }], lifetime: 0n }
    await one.submitEnvelope(envelope)
    expect((await two.submit(envelope, [Buffer.from('x')])).recipients).toHaveLength(1)
    one.close()
    two.close()
  })
  it('T20 status numbers are of the protocol\'s own column', async () => {
    const track = await im.raw('msoap')
    expect((await track.send(vector('msoap.hex', 'W06')).pdu())!.toString('hex')).toBe(vector('msoap.hex', 'W10').subarray(4).toString('hex'))
    const collect = await im.raw('rnaqp')
    expect((await collect.send(vector('rnaqp.hex', 'W38')).pdu())!.toString('hex')).toBe(vector('rnaqp.hex', 'W40').subarray(4).toString('hex'))
  })
  it('T22 an unknown account and a wrong password get the same octets, in like time', async () => {
    // So many iterations that leaving them out would show.
    const slow = await startIm2000({ accounts: 6, set: ['accounts.scramIterations=150000'] })
    try {
      for (const name of ['msoap', 'rnaqp'] as const) {
        const times: Record<string, number[]> = { unknown: [], wrong: [] }
        const octets = new Set<string>()
        for (let i = 0; i < 5; i++) {
          for (const [what, account] of [['unknown', `nobody${name}${i}@example.test`], ['wrong', slow.name(2 + i)]] as const) {
            const session = await slow.raw(name)
            const begun = performance.now()
            session.command('authenticate', { account, password: 'guess' })
            octets.add((await session.pdu())!.toString('hex'))
            times[what].push(performance.now() - begun)
            session.hangUp()
          }
        }
        expect([...octets]).toEqual([vector(`${name}.hex`, name === 'msoap' ? 'W10' : 'W40').subarray(4).toString('hex')])
        const median = (all: number[]): number => all.sort((a, b) => a - b)[2]
        const ratio = median(times.unknown) / median(times.wrong)
        expect(ratio).toBeGreaterThan(0.4)
        expect(ratio).toBeLessThan(2.5)
      }
    } finally {
      await slow.stop()
    }
  })
  it('B36 closes after the third failed authentication', async () => {
    const session = await im.raw('msoap')
    for (let i = 0; i < 3; i++) expect(await session.ask('authenticate', { account: `nobody${i}@example.test`, password: 'x' })).toMatchObject(notAuthenticated)
    expect(await session.answer()).toBe('closed')
  })
  it('T23 TLS by itself authenticates nobody', async () => {
    expect(await (await im.raw('msoap', true)).ask('track', { identifier })).toMatchObject(notAuthenticated)
    const collect = await im.raw('rnaqp', true)
    expect(await collect.ask('retrieveAndClear')).toMatchObject(notAuthenticated)
    expect(await collect.ask('authenticate', { account: im.name(1), password: im.password })).toMatchObject({ abort: false })
    expect(await collect.ask('retrieveAndClear')).toMatchObject({ status: 'noerror' })
    await harmless.msrap(await im.raw('msrap', true))
    await harmless.rnasp(await im.raw('rnasp', true))
  })
  it('B7 leaves what comes early in the kernel while a command is at work', async () => {
    const session = await im.raw('msrap')
    const many = Buffer.concat(Array.from({ length: 2000 }, () => vector('msrap.hex', 'W21')))
    session.send(many)
    for (let i = 0; i < 2000; i++) expect(await session.answer()).toMatchObject({ status: 'errornosuchmessage' })
  })
  it('three commands out of place end the session like three malformed ones', async () => {
    const session = await im.raw('msoap')
    await session.ask('authenticate', { account: im.name(1), password: im.password })
    const chunk = { islast: true, offset: 0n, data: Buffer.alloc(0) }
    for (let i = 0; i < 3; i++) expect(await session.ask('submitMsgChunk', chunk)).toMatchObject({ abort: true, status: 'errorunexpectedcommand', kind: 'null' })
    expect(await session.answer()).toBe('closed')
  })
})

describe('limits and clocks', () => {
  it('T12 an idle session ends with errorcommandtimeout, abort; so does one in a transaction, and one inside a frame', async () => {
    const quick = await startIm2000({ set: ['plugins.im2000.msoap.idle=1', 'plugins.im2000.msrap.idle=1', 'plugins.im2000.rnasp.idle=1', 'plugins.im2000.rnaqp.idle=1', 'plugins.im2000.frame=1'] })
    try {
      await Promise.all([
        ...protocolNames.map(async (name) => {
          const session = await quick.raw(name)
          expect((await session.pdu())?.toString('hex')).toBe('a20a8001ff810102a202a000')
          expect(await session.answer()).toBe('closed')
        }),
        (async () => {
          const session = await quick.raw('msoap')
          await session.ask('authenticate', { account: quick.name(1), password: quick.password })
          await session.ask('submitEnvelope', { recipients: [{ localpart: 'user0002', domain: ['example', 'test'] }], lifetime: 0n })
          expect(await session.answer()).toMatchObject({ abort: true, status: 'errorcommandtimeout', kind: 'null' })
          expect(await session.answer()).toBe('closed')
        })(),
        (async () => {
          const session = await quick.raw('rnasp')
          // Busy, and never complete: every octet in time does not help.
          session.send('00000010')
          const trickle = setInterval(() => session.socket.write(Buffer.of(0xa1)), 200)
          expect(await session.answer()).toMatchObject({ abort: true, status: 'errorcommandtimeout' })
          clearInterval(trickle)
        })(),
      ])
    } finally {
      await quick.stop()
    }
  })
  it('T14 T15 beyond the bound a session is closed, and the others are unharmed; the bounds may be 2, 5, 2, 5', async () => {
    const least = { msoap: 2, msrap: 5, rnasp: 2, rnaqp: 5 }
    const small = await startIm2000({ set: protocolNames.map((name) => `plugins.im2000.${name}.sessions=${least[name]}`) })
    try {
      for (const name of protocolNames) {
        const sessions = await Promise.all(Array.from({ length: least[name] }, () => small.raw(name)))
        for (const session of sessions) await harmless[name](session)
        const extra = await small.raw(name)
        expect(await extra.answer()).toBe('closed')
        for (const session of sessions) await harmless[name](session)
        sessions[0].hangUp()
        await expect.poll(async () => {
          const again = await small.raw(name)
          return harmless[name](again).then(() => 'served', () => 'closed').finally(() => again.hangUp())
        }).toBe('served')
        for (const session of sessions) session.hangUp()
      }
    } finally {
      await small.stop()
    }
  })
  it('T15 bounds below those of the proposal are not accepted', async () => {
    await expect(startIm2000({ set: ['plugins.im2000.msrap.sessions=4'] })).rejects.toThrow(/msrap.sessions/)
  })
  it('T21 a password in clear from another machine is refused unless configured; TLS and loopback are fine', async () => {
    const proxied = (open: boolean) => startIm2000({ set: ['proxyProtocol.trusted=["127.0.0.1"]', ...(open ? ['plugins.im2000.msoap.clearText=true', 'plugins.im2000.rnaqp.clearText=true'] : [])] })
    for (const open of [false, true]) {
      const gateway = await proxied(open)
      try {
        for (const [name, refusal] of [['msoap', 'errornotpermitted'], ['rnaqp', 'errornotauthenticated']] as const) {
          for (const address of ['192.0.2.7', '127.0.0.1']) {
            const session = await gateway.raw(name)
            session.send(Buffer.from(`PROXY TCP4 ${address} 127.0.0.1 40000 1\r\n`))
            const said = await session.ask('authenticate', { account: gateway.name(1), password: gateway.password })
            expect(said).toMatchObject(open || address === '127.0.0.1' ? { abort: false, status: 'noerror' } : { abort: true, status: refusal, kind: 'null' })
            session.hangUp()
          }
        }
      } finally {
        await gateway.stop()
      }
    }
  })
  it('B38 a PDU above the limit closes the session before it arrives', async () => {
    for (const [name, length] of [['msoap', 2 ** 20], ['msrap', 4096], ['rnasp', 65_536], ['rnaqp', 4096]] as const) {
      const at = Buffer.alloc(4)
      at.writeUInt32BE(length)
      const within = await im.raw(name)
      within.send(Buffer.concat([at, Buffer.alloc(length, 0x30)]))
      expect(await within.answer()).toMatchObject(malformed)
      at.writeUInt32BE(length + 1)
      const beyond = await im.raw(name)
      beyond.send(at)
      expect(await beyond.answer()).toBe('closed')
    }
  })
  it('B21 at shutdown a transaction is completed, the next command is answered errorserviceshutdown, and idle sessions are told', async () => {
    const gateway = await startIm2000()
    const session = await gateway.raw('msoap')
    await session.ask('authenticate', { account: gateway.name(1), password: gateway.password })
    await session.ask('submitEnvelope', { recipients: [{ localpart: 'user0002', domain: ['example', 'test'] }], lifetime: 0n })
    const [idle, asking] = [await gateway.raw('rnaqp'), await gateway.raw('rnaqp')]
    await harmless.rnaqp(idle)
    await harmless.rnaqp(asking)
    const stopped = gateway.running.stop(AbortSignal.timeout(8000))
    await sleep(100)
    expect(await session.ask('submitMsgChunk', { islast: true, offset: 0n, data: Buffer.from('x') })).toMatchObject({ abort: false, status: 'noerror', value: { recipients: { length: 1 } } })
    const shutdown = { abort: true, status: 'errorserviceshutdown', kind: 'null' }
    expect(await session.ask('cancel', { identifier })).toMatchObject(shutdown)
    expect(await asking.ask('retrieveAndClear')).toMatchObject(shutdown)
    expect(await idle.answer()).toMatchObject(shutdown)
    for (const one of [session, idle, asking]) expect(await one.answer()).toBe('closed')
    await stopped
  })
})
