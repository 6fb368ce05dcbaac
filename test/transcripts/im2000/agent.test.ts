// The agent's two services over real sockets: notify and collect (im2000.md section E; T81-T98).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIm2000, type Im2000 } from '../../support/im2000.js'
import type { Collected } from '@restante/core'

const identifier = (n: number): Buffer => {
  const octets = Buffer.alloc(16)
  octets.writeUInt32BE(n)
  return octets
}
let im: Im2000
beforeAll(async () => { im = await startIm2000({ accounts: 20, set: ['proxyProtocol.trusted=["127.0.0.2"]', 'im2000.rna.perMailbox=4'] }) })
afterAll(() => im?.stop())

const note = (user: number, n: number, store = 'store.example.net', more: object = {}) => ({ storeClear: { domain: store }, recipient: im.name(user), identifier: identifier(n), sender: 'toby', ...more })
const notify = async (...notifications: any[]): Promise<void> => {
  using client = await im.rnasp()
  await client.notify(notifications)
}
const collect = async (user: number, of = im): Promise<readonly Collected[]> => {
  using client = await of.rnaqp(user)
  return await client.retrieveAndClear()
}
const numbers = (collected: readonly Collected[]): number[] => collected.map((one) => one.notification.identifier.readUInt32BE())
const full = { code: 'PEER_REFUSED', details: { status: 'errorinternalproblem', aborted: true } }

describe('notify', () => {
  it('T81 T85 anybody may notify; what is collected has the submitter\'s address and port, and the date', async () => {
    const client = await im.rnasp()
    const { localPort } = client.session.socket
    const sent = { ...note(1, 1), storeSsl: { literals: [{ address: '192.0.2.1', port: 2712 }, { address: '2001:db8::1', port: 0 }] }, size: 1234 }
    await client.notify([sent])
    client.close()
    const [{ notification, submitter, date }] = await collect(1)
    expect(notification).toEqual(sent)
    expect(submitter).toEqual({ address: '127.0.0.1', port: localPort })
    expect(Math.abs(Number(date) - Date.now() / 1000)).toBeLessThan(5)
  })
  it('T81 from any address, IPv6 too', async () => {
    const far = await startIm2000({ set: ['proxyProtocol.trusted=["127.0.0.1"]', 'plugins.im2000.rnaqp.clearText=true'] })
    try {
      for (const [n, [family, address]] of ([['TCP4', '203.0.113.9'], ['TCP6', '2001:db8::99']] as const).entries()) {
        const session = await far.raw('rnasp')
        session.send(Buffer.from(`PROXY ${family} ${address} ${address} 40001 1\r\n`))
        expect(await session.ask('notify', { notifications: [{ storeclear: { kind: 'domain', value: ['net'] }, recipient: { localpart: 'user0001', domain: ['EXAMPLE', 'test'] }, identifier: identifier(n), sender: '' }] })).toMatchObject({ abort: false })
      }
      const session = await far.raw('rnaqp')
      session.send(Buffer.from('PROXY TCP4 203.0.113.9 203.0.113.9 1 1\r\n'))
      await session.ask('authenticate', { account: far.name(1), password: far.password })
      const { value } = await session.ask('retrieveAndClear')
      expect(value.notifications.map((one: any) => [one.submitter.address.kind, one.submitter.port])).toEqual([['version4', 40001], ['version6', 40001]])
      expect(value.notifications[1].submitter.address.value.toString('hex')).toBe('20010db8000000000000000000000099')
    } finally {
      await far.stop()
    }
  })
  it('T82 T83 T84 equal ones collapse, in a row and at once from many sessions; other stores and recipients are others; the first stays whole', async () => {
    const sessions = await Promise.all(Array.from({ length: 8 }, () => im.rnasp()))
    await Promise.all(sessions.map((client, i) => client.notify([{ ...note(2, 1), sender: `sender ${i}` }])))
    const ports = sessions.map((client) => client.session.socket.localPort)
    await sessions[0].notify([note(2, 1), note(2, 1)])
    await sessions[0].notify([note(2, 1, 'other.example.net'), note(3, 1)])
    for (const client of sessions) client.close()
    const held = await collect(2)
    expect(held.map((one) => one.notification.storeClear)).toEqual([{ domain: 'store.example.net' }, { domain: 'other.example.net' }])
    expect(ports[Number(held[0].notification.sender.slice(7))]).toBe(held[0].submitter.port)
    expect(numbers(await collect(3))).toEqual([1])
  })
  it('T86 T87 T89 T90 at the bound a new one is refused and the old remain; a duplicate is taken; a batch goes in whole or not at all; none at all is fine', async () => {
    await notify(...[1, 2, 3, 4].map((n) => note(4, n)))
    await expect(notify(note(4, 5))).rejects.toMatchObject(full)
    await notify(note(4, 2), note(4, 4))
    await expect(notify(note(5, 1), note(4, 6))).rejects.toMatchObject(full)
    await notify()
    expect(numbers(await collect(5))).toEqual([])
    expect(numbers(await collect(4))).toEqual([1, 2, 3, 4])
  })
  it('T88 with a replacement policy the oldest goes and the new one comes in', async () => {
    for (const [replacement, left] of [['oldest-of-mailbox', [2, 3, 5]], ['oldest-of-store', [1, 3, 5]]] as const) {
      const gateway = await startIm2000({ set: ['im2000.rna.perMailbox=3', `im2000.rna.replacement=${replacement}`] })
      try {
        using client = await gateway.rnasp()
        const one = (n: number, store: string) => ({ storeClear: { domain: store }, recipient: gateway.name(1), identifier: identifier(n), sender: '' })
        await client.notify([one(1, 'a.example')])
        await client.notify([one(2, 'b.example')])
        await client.notify([one(3, 'b.example')])
        await client.notify([one(5, 'b.example')])
        expect(numbers(await collect(1, gateway))).toEqual(left)
      } finally {
        await gateway.stop()
      }
    }
  })
  it('T94 T96 a discard policy answers well and shows nothing, to its owner alone', async () => {
    const account = (await im.gateway.accounts.byName(im.name(6)))!
    await im.gateway.agent.setPolicy(account.id, [{ store: ['evil.example'], action: 'discard' }])
    await notify(note(6, 1, 'mx.evil.example'), note(7, 1, 'mx.evil.example'), note(6, 2))
    expect(numbers(await collect(6))).toEqual([2])
    expect(numbers(await collect(7))).toEqual([1])
  })
  it('T95 unknown mailboxes are answered like known ones', async () => {
    const session = await im.raw('rnasp')
    const wire = (recipient: unknown) => ({ notifications: [{ storeclear: { kind: 'domain', value: ['net'] }, recipient, identifier: identifier(77), sender: '' }] })
    const known = await session.ask('notify', wire({ localpart: 'user0008', domain: ['example', 'test'] }))
    for (const recipient of [{ localpart: 'nobody', domain: ['example', 'test'] }, { localpart: 'user0008', domain: ['example', 'org'] }, { localpart: 'x', domain: [] }, { localpart: '', domain: ['example', 'test'] }, { localpart: 'x', domain: ['1', '2'] }]) {
      expect(await session.ask('notify', wire(recipient))).toEqual(known)
    }
    expect(known).toEqual({ abort: false, status: 'noerror', kind: 'notify', value: {} })
  })
  it('E.10 an owner may have unknown mailboxes named: status 7, which clients read as errornouser', async () => {
    const gateway = await startIm2000({ set: ['im2000.rna.unknownMailbox=nouser'] })
    try {
      using client = await gateway.rnasp()
      await expect(client.notify([{ ...note(1, 1), recipient: 'nobody@example.test' }])).rejects.toMatchObject({ details: { status: 'errornouser', aborted: true } })
    } finally {
      await gateway.stop()
    }
  })
  it('T98 the case of the domain does not matter, nor here that of the local part', async () => {
    await notify({ ...note(9, 1), recipient: 'USER0009@Example.TEST' }, note(9, 2))
    expect(numbers(await collect(9))).toEqual([1, 2])
  })
  it('E.30 fields beyond their bounds are malformed; a store whose domain cannot be one too', async () => {
    const base = { storeclear: { kind: 'domain', value: ['net'] }, recipient: { localpart: 'user0001', domain: ['example', 'test'] }, identifier: identifier(1), sender: '' }
    for (const more of [{ storeclear: { kind: 'domain', value: [] } }, { storeclear: { kind: 'domain', value: ['a.b'] } }]) {
      const session = await im.raw('rnasp')
      expect(await session.ask('notify', { notifications: [{ ...base, ...more }] })).toMatchObject({ abort: true, status: 'errormalformedpdu' })
      session.hangUp()
    }
  })
  it('what a store calls itself can always be handed on: long letters that grow in lower case too', async () => {
    const label = 'İ'.repeat(31)
    await notify({ ...note(10, 1), storeClear: { domain: `${label}.Example` } })
    expect((await collect(10))[0].notification.storeClear).toEqual({ domain: `${label}.example` })
  })
})

describe('collect', () => {
  it('T91 without authentication nothing is given and nothing cleared', async () => {
    await notify(note(11, 1))
    const session = await im.raw('rnaqp')
    expect(await session.ask('retrieveAndClear')).toEqual({ abort: true, status: 'errornotauthenticated', kind: 'null', value: {} })
    expect(numbers(await collect(11))).toEqual([1])
  })
  it('T92 an account gets its own mailboxes\' notifications, and then none', async () => {
    await notify(note(12, 1), note(13, 2), note(12, 3))
    using client = await im.rnaqp(12)
    expect(numbers(await client.retrieveAndClear())).toEqual([1, 3])
    expect(await client.retrieveAndClear()).toEqual([])
    expect(numbers(await collect(13))).toEqual([2])
  })
  it('T93 a connection that breaks before the answer is written clears nothing', async () => {
    await notify(note(14, 1))
    for (let i = 0; i < 5; i++) {
      const session = await im.raw('rnaqp')
      await session.ask('authenticate', { account: im.name(14), password: im.password })
      session.command('retrieveAndClear')
      session.socket.resetAndDestroy()
    }
    await expect.poll(async () => numbers(await collect(14))).toEqual([1])
  })
  it('T97 what races with collecting is in one answer or still held, never lost or doubled', async () => {
    const gateway = await startIm2000({ accounts: 1, set: ['im2000.rna.perMailbox=100000', 'plugins.im2000.rnaqp.answerOctets=65536'] })
    try {
      const got: number[] = []
      let over = false
      const total = 400
      const senders = Promise.all([0, 1, 2, 3].map(async (k) => {
        using client = await gateway.rnasp()
        for (let i = 0; i < total / 4; i++) await client.notify([{ storeClear: { domain: 'store.example.net' }, recipient: gateway.name(1), identifier: identifier(k * 1000 + i), sender: '' }])
      })).then(() => { over = true })
      const collectors = Promise.all([0, 1, 2].map(async () => {
        using client = await gateway.rnaqp(1)
        for (; ;) {
          const last = over
          const some = numbers(await client.retrieveAndClear())
          got.push(...some)
          if (last && some.length === 0) return
        }
      }))
      await Promise.all([senders, collectors])
      expect(got).toHaveLength(total)
      expect(new Set(got).size).toBe(total)
    } finally {
      await gateway.stop()
    }
  })
  it('E.27 what does not fit in an answer stays for the next', async () => {
    const gateway = await startIm2000({ accounts: 1, set: ['plugins.im2000.rnaqp.answerOctets=8192'] })
    try {
      using sender = await gateway.rnasp()
      const literals = Array.from({ length: 16 }, () => ({ address: '2001:db8::1', port: 65_535 }))
      for (let n = 0; n < 10; n++) await sender.notify([{ storeClear: { literals }, storeSsl: { literals }, recipient: gateway.name(1), identifier: identifier(n), sender: 'x'.repeat(255), size: Number.MAX_SAFE_INTEGER }])
      const session = await gateway.raw('rnaqp')
      await session.ask('authenticate', { account: gateway.name(1), password: gateway.password })
      let all = 0
      for (; ;) {
        session.command('retrieveAndClear')
        const pdu = (await session.pdu())!
        expect(pdu.length).toBeLessThanOrEqual(8192)
        const count = pdu.toString('hex').split('78'.repeat(255)).length - 1
        if (count === 0) break
        all += count
      }
      expect(all).toBe(10)
    } finally {
      await gateway.stop()
    }
  })
})
