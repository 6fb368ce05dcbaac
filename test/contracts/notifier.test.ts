// What a store does about recipients elsewhere (im2000.md D31-D42, C.2), between two gateways over real sockets, on both databases.
import { createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { databases } from '../support/databases.js'
import { publish } from '../support/names.js'
import { startPair, type Pair } from '../support/pair.js'

for (const kind of databases) {
  describe(kind, () => {
    let pair: Pair
    const servers: Server[] = []
    beforeAll(async () => { pair = await startPair({ kind, set: ['retrieval.collect=native'] }) })
    afterAll(() => pair?.stop())
    afterEach(() => {
      for (const server of servers.splice(0)) server.close()
    })
    const { to, held, settled, rows, makeDue } = {
      to: (n: number): string => pair.b.name(n),
      held: () => pair.b.gateway.database.read.all('SELECT mailbox, identifier, sender, size, store, digest FROM notifications ORDER BY id'),
      settled: async (): Promise<void> => {
        pair.a.gateway.notifier.wake()
        await pair.a.gateway.notifier.settled()
      },
      rows: (token: string) => pair.a.gateway.database.read.all(
        'SELECT r.notification, r.next_attempt, r.attempts, r.outcome, r.why FROM recipients r JOIN submissions s ON s.id = r.submission WHERE s.token = ? ORDER BY r.id', [token]),
      makeDue: async (): Promise<void> => {
        await pair.a.gateway.database.write((tx) => tx.run('UPDATE recipients SET next_attempt = 1 WHERE next_attempt IS NOT NULL'))
        pair.a.gateway.notifier.wake()
        await pair.a.gateway.notifier.settled()
      },
    }
    /** A listener that is no agent. */
    const listen = async (serve: (socket: Socket) => void): Promise<string> => {
      const server = createServer((socket) => serve(socket.on('error', () => undefined)))
      servers.push(server)
      await new Promise<void>((done) => { server.listen(0, '127.0.0.1', done) })
      return `127.0.0.1:${(server.address() as { port: number }).port}`
    }

    it('T51 T52 T53 notifies each recipient, unasked, with an identifier that works at the place it names', async () => {
      await pair.a.gateway.lists.create({ name: 'news', readers: 'public', writers: 'accounts' })
      const sent = await pair.a.submit([to(1), to(2)])
      await settled()
      const notifications = await held()
      expect(notifications.map((one) => ({ mailbox: one.mailbox, sender: one.sender, store: one.store }))).toEqual([
        { mailbox: to(1), sender: 'user0001@a.test', store: '["a.test",null]' }, { mailbox: to(2), sender: 'user0001@a.test', store: '["a.test",null]' }])
      expect(notifications.map((one) => one.identifier.toString('hex'))).toEqual(sent.recipients.map((one) => one.identifier.toString('hex')))
      const { size } = await pair.a.gateway.retrieval.retrieve(notifications[0].identifier, 'nothing', 0, 0)
      expect(notifications.map((one) => one.size)).toEqual([size, size])
      expect(notifications[0].digest).toHaveLength(32)
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{ notification: 'notifying', read: 'unread', pinned: true }, { notification: 'notifying' }])
      const day = 86_400_000
      for (const row of await rows(sent.token)) expect(row.next_attempt - Date.now()).toBeGreaterThan(day - 60_000)
    })

    it('T56 a repeat restores what an agent forgot; another does not double it', async () => {
      const sent = await pair.a.submit([to(1)])
      await settled()
      await pair.b.gateway.database.write(async (tx) => { for (const id of pair.b.ids) await pair.b.gateway.agent.removeAll(tx, id) })
      for (const attempts of [2, 3]) {
        await makeDue()
        expect((await held()).filter((one) => one.identifier.equals(sent.recipients[0].identifier))).toHaveLength(1)
        expect((await rows(sent.token))[0].attempts).toBe(attempts)
      }
    })

    it('what must go by TLS only (RFC 8689) is not announced without it; other mail is', async () => {
      const before = (await held()).length
      const draft = await pair.a.gateway.store.open({ account: null, name: 'user0001@a.test', protocol: 'ESMTPS' }, { recipients: [to(1)], requireTls: true })
      await draft.writer.write(Buffer.from('Subject: secret\r\n\r\n'))
      const { token } = await draft.seal()
      const other = await pair.a.submit([to(1)])
      await settled()
      expect(await rows(token)).toMatchObject([{ outcome: 'noservice', next_attempt: null, why: 'the agent is reached without TLS, and the sender requires TLS all the way (REQUIRETLS)' }])
      expect(await rows(other.token)).toMatchObject([{ outcome: 'accepted' }])
      expect(await held()).toHaveLength(before + 1)
    })
    it('T54 T59 silence, un-pinning and cancelling end it for those concerned', async () => {
      const sent = await pair.a.submit([to(1), to(2), to(3)])
      const gone = await pair.a.submit([to(1)])
      await settled()
      await pair.a.gateway.retrieval.silence(sent.recipients[0].identifier)
      await pair.a.gateway.retrieval.unpin(sent.recipients[1].identifier)
      await pair.a.gateway.store.cancel(gone.token)
      await pair.b.gateway.database.write(async (tx) => { for (const id of pair.b.ids) await pair.b.gateway.agent.removeAll(tx, id) })
      await makeDue()
      expect((await held()).map((one) => one.identifier.toString('hex'))).toContain(sent.recipients[2].identifier.toString('hex'))
      for (const { identifier } of [...sent.recipients.slice(0, 2), ...gone.recipients]) expect((await held()).map((one) => one.identifier.toString('hex'))).not.toContain(identifier.toString('hex'))
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{ notification: 'silenced' }, { notification: 'notifying', pinned: false }, { notification: 'notifying' }])
    })

    it('T24 T31 T58 T111 a domain without any agent is noservice, is not asked for again, and nobody asks for its mail servers or addresses', async () => {
      const sent = await pair.a.submit(['x@nowhere.test', 'y@nowhere.test'])
      await settled()
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{ notification: 'noservice' }, { notification: 'noservice' }])
      expect(await rows(sent.token)).toMatchObject([{ next_attempt: null, why: expect.stringContaining('_RNASP._TCP.nowhere.test does not exist') }, { next_attempt: null }])
      expect(pair.dns.asked.filter((question) => question.includes('nowhere'))).toEqual(['SRV _RNASP-SSL._TCP.nowhere.test', 'SRV _RNASP._TCP.nowhere.test'])
      const asked = pair.dns.asked.length
      await makeDue()
      expect(pair.dns.asked.slice(asked).filter((question) => question.includes('nowhere'))).toEqual([])
    })

    it('T33 T57 noserver while it cannot be reached; a changed SRV record is followed at the next attempt', async () => {
      const closed = await listen(() => undefined)
      servers.pop()!.close()
      publish(pair.zone, '_RNASP', 'moved.test', closed)
      const sent = await pair.a.submit(['user0001@moved.test'])
      await settled()
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{ notification: 'noserver' }])
      expect((await rows(sent.token))[0]).toMatchObject({ outcome: 'unreachable', attempts: 1 })
      publish(pair.zone, '_RNASP', 'moved.test', pair.b.listeners.rnasp)
      await makeDue()
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{ notification: 'notifying' }])
    })

    it('T34 a domain that is there no more, and one whose servers do not answer, are different things', async () => {
      pair.zone['_rnasp._tcp.broken.test'] = 'SERVFAIL'
      const sent = await pair.a.submit(['x@broken.test'])
      await settled()
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{ notification: 'noserver' }])
    })

    it('T60 recipients of one agent get commands of their own, and one refusal hurts nobody else', async () => {
      const { agent } = pair.b.gateway
      await agent.setPolicy(pair.b.ids[1], [{ sender: '*@a.test', action: 'reject' }])
      const sent = await pair.a.submit([to(1), to(2), to(3)])
      await settled()
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{ notification: 'notifying' }, { notification: 'protocolerror' }, { notification: 'notifying' }])
      expect((await rows(sent.token))[1]).toMatchObject({ outcome: 'refused', attempts: 1 })
      await agent.setPolicy(pair.b.ids[1], [])
      await makeDue()
      expect(await pair.a.statusOf(sent.token)).toMatchObject([{}, { notification: 'notifying' }, {}])
    })

    it('D37 an agent that breaks its sessions is left alone soon, and tried again', async () => {
      let sessions = 0
      publish(pair.zone, '_RNASP', 'breaks.test', await listen((socket) => { sessions++; socket.destroy() }))
      const sent = await pair.a.submit(Array.from({ length: 40 }, (_, i) => `user${i}@breaks.test`))
      await settled()
      const status = await pair.a.statusOf(sent.token)
      expect(new Set(status.map((one) => one.notification))).toEqual(new Set(['protocolerror']))
      expect((await rows(sent.token)).every((row) => row.outcome === 'broken' && row.next_attempt > Date.now())).toBe(true)
      expect(sessions).toBeLessThanOrEqual(5)
    })

    it('H27 a clock that was ahead when it was written down does not make anybody wait', async () => {
      const sent = await pair.a.submit([to(1)])
      await settled()
      await pair.a.gateway.database.write((tx) => tx.run('UPDATE recipients SET next_attempt = ? WHERE next_attempt IS NOT NULL', [Date.now() + 400 * 86_400_000]))
      await pair.a.gateway.notifier.start()
      await expect.poll(async () => (await rows(sent.token))[0].attempts).toBe(2)
    })

    it('an agent that never answers holds up nobody else; few sessions go to one agent', async () => {
      let sessions = 0
      publish(pair.zone, '_RNASP', 'hangs.test', await listen(() => { sessions++ }))
      const stuck = await pair.a.submit(Array.from({ length: 100 }, (_, i) => `user${i}@hangs.test`))
      const sent = await pair.a.submit([to(1)])
      await expect.poll(async () => (await pair.a.statusOf(sent.token))[0].notification).toBe('notifying')
      await expect.poll(() => sessions).toBe(2)
      expect((await pair.a.statusOf(stuck.token))[0].notification).toBe('unprocessed')
      await pair.a.gateway.store.cancel(stuck.token)
    })
  })
}
