// The sender's window (undo send): what is held is seen by nobody, can be taken back from everybody, and is let go in one commit.
import type { AccountId, ArrivalFor, Placing } from '@restante/core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { MsoapClient } from '../../core/dist/im2000/client/msoap.js'
import type { HookRegistry } from '../../core/src/plugin/hook-runtime.js'
import { databases, databaseSettings } from '../support/databases.js'
import { startDns } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { held, talk } from '../support/smtp-talk.js'
import { startSink, type Sink } from '../support/smtp-sink.js'

const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`

for (const kind of databases) describe(kind, () => {
  let sink: Sink
  let dns: Awaited<ReturnType<typeof startDns>>
  let gateway: Awaited<ReturnType<typeof startGateway>>
  let sorter: (arrival: ArrivalFor) => Placing | undefined = () => undefined
  const core = () => gateway.running.gateway
  const ask = (name: string, args: object = {}): Promise<any> => operate(core(), name, args)
  const count = async (table: string): Promise<number> => (await core().database.read.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))!.n
  const begin = async (hold: string) => startGateway({ accounts: 9, set: [
    'plugins.pop3=false', 'mailboxes.sentTracking=true', `im2000.outbound.dnsServers=["${dns.address}"]`, `plugins.smtp-ingress=${JSON.stringify({ submission: { hold } })}`,
    `bridges.smtp-relay=${JSON.stringify({ incoming: { check: false }, routes: [{ host: `127.0.0.1:${sink.port}` }] })}`, ...await databaseSettings(kind),
  ] })
  beforeAll(async () => {
    sink = await startSink()
    dns = await startDns({})
    gateway = await begin('1h')
    ;(core().host.service('hooks') as HookRegistry).register('sorter', { 'delivery.before': (arrival: ArrivalFor) => sorter(arrival) })
  })
  afterEach(async () => {
    sorter = () => undefined
    sink.taken.length = 0
    await ask('queue.remove', { state: 'window' })
    await ask('queue.remove', { state: 'held' })
  })
  afterAll(async () => {
    await gateway?.stop()
    await Promise.all([sink.stop(), dns.stop()])
  })
  /** Sends by SMTP as the first account; answers the track id. */
  const send = async (to: readonly string[], subject: string, from = user(1), at = gateway): Promise<string> => {
    const replies = await talk(at, ['EHLO me', `AUTH PLAIN ${Buffer.from(`\0${user(1)}\0${at.password}`).toString('base64')}`, `MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA', `data:From: ${user(1)}\r\nMessage-ID: <${subject}@x>\r\nSubject: ${subject}\r\n\r\n${'Hello\r\n'.repeat(10_000)}`], 'submission')
    const done = replies.find((reply) => reply.includes('Accepted, id'))
    expect(done, replies.join('\n')).toMatch(/^250 2\.0\.0 Accepted, id [0-9a-f]{32}; held for [\d.]+ seconds$/)
    return /id ([0-9a-f]+)/.exec(done!)![1]
  }
  const subjects = async (n: number, box = 'INBOX'): Promise<string[]> => (await held(gateway, user(n), box)).map(({ text }) => /^Subject: (.*)\r$/m.exec(text)![1])
  const tracked = async (token: string) => (await core().store.track(token))[0]
  const letGo = async (token: string): Promise<void> => {
    await ask('queue.release', { token })
    await expect.poll(async () => (await tracked(token)).window, { interval: 10 }).toBeNull()
    // A reader may see a commit before mailboxes hear of it.
    await core().database.write(async () => undefined)
  }

  it('nobody sees it before its time, and everybody then', async () => {
    const token = await send([user(2), 'bob@far.test'], 'held')
    const [waits, ...others] = await ask('queue.list', { token })
    expect([waits, ...others].map(({ recipient, state, domain }: any) => [recipient, state, domain])).toEqual([[user(2), 'window', 'example.test'], ['bob@far.test', 'window', 'far.test']])
    const { window, recipients } = await tracked(token)
    expect(waits.next).toBe(window!.until)
    expect(window!.until! - Date.now()).toBeGreaterThan(3_500_000)
    expect(recipients.map(({ notification, read, pinned }) => [notification, read, pinned])).toEqual([['unprocessed', 'unread', true], ['unprocessed', 'unread', true]])
    expect(await ask('queue.stats')).toMatchObject({ new: 0, held: 0, window: 2 })
    expect(await subjects(2)).toEqual([])
    expect(await subjects(1, 'Outbox')).toEqual(['held'])
    await core().notifier.settled()
    await core().reaper.reap()
    expect(sink.taken).toEqual([])
    // Released by the administrator without a name, only what he held himself goes.
    expect(await ask('queue.release')).toEqual({ recipients: 0 })
    await letGo(token)
    expect(await subjects(2)).toEqual(['held'])
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(1)
    expect((await tracked(token)).recipients[0]).toMatchObject({ notification: 'silenced', pinned: true })
    expect(await count('windows')).toBe(0)
  })
  it('taken back by its track id it leaves no octets; later that is too late for those who have it', async () => {
    const messages = await count('messages')
    const early = await send([user(2), 'bob@far.test'], 'taken-back')
    expect(await ask('cancel', { what: early })).toEqual({ cancelled: 1, late: [] })
    await core().reaper.reap()
    expect([await count('messages'), await count('windows'), (await tracked(early)).endedBy]).toEqual([messages, 0, 'cancelled'])
    expect(await ask('queue.list', { token: early })).toEqual([])
    expect(await subjects(1, 'Outbox')).not.toContain('taken-back')
    const late = await send([user(3), 'bob@far.test'], 'too-late')
    await letGo(late)
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(1)
    await expect.poll(async () => (await tracked(late)).recipients[1].pinned, { interval: 10 }).toBe(false)
    expect(await ask('cancel', { what: late })).toEqual({ cancelled: 1, late: ['bob@far.test'] })
    expect(await subjects(3)).toEqual([])
    expect(sink.taken.map(({ text }) => /^Subject: (.*)\r$/m.exec(text)?.[1])).toEqual(['too-late'])
  })
  it('its sender takes it back himself: by MSOAP with the track id, or by deleting it in his Outbox', async () => {
    const [host, port] = gateway.listeners.msoap.split(':')
    const token = await send([user(2), 'bob@far.test'], 'by-msoap')
    for (const [n, wanted] of [[2, /NotPermitted|errornotpermitted|PEER_REFUSED|answered/i], [1, undefined]] as const) {
      const client = await MsoapClient.connect({ host, port: Number(port) })
      await client.authenticate(user(n), gateway.password)
      const done = client.cancel(Buffer.from(token, 'hex'))
      if (wanted) await expect(done).rejects.toThrow(wanted)
      else await done
      client.close()
      expect((await tracked(token)).endedBy).toBe(wanted ? null : 'cancelled')
    }
    const other = await send([user(2)], 'by-outbox')
    const account = (await core().accounts.byName(user(1)))!.id as AccountId
    const outbox = await core().mailboxes.open(account, 'Outbox', { readOnly: false })
    await outbox.changeFlags([...outbox.view.uidsBetween(1 as never, 4_294_967_295 as never)].slice(-1), { mode: 'add', flags: 8, keywords: [] })
    await outbox.expunge()
    outbox.close()
    expect((await tracked(other)).endedBy).toBe('cancelled')
    expect(await subjects(2)).toEqual(['held'])
  })
  it('the administrator holds it without end, removes single recipients, and releases the rest', async () => {
    const token = await send([user(4), 'bob@far.test', 'eve@far.test'], 'operated')
    expect(await ask('queue.hold', { domain: 'far.test' })).toEqual({ recipients: 2 })
    // As a whole: the local one waits with them.
    expect((await ask('queue.list', { token })).map(({ state, next }: any) => [state, next])).toEqual([['held', null], ['held', null], ['held', null]])
    expect((await tracked(token)).window).toEqual({ until: null })
    const eve = (await ask('queue.list', { token })).find((one: any) => one.recipient === 'eve@far.test')
    expect(await ask('queue.remove', { ids: [eve.id] })).toEqual({ recipients: 1 })
    expect(await subjects(4)).toEqual([])
    expect(await ask('queue.release')).toEqual({ recipients: 2 })
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(1)
    expect(sink.taken[0].to).toEqual(['bob@far.test'])
    await core().database.write(async () => undefined)
    expect(await subjects(4)).toEqual(['operated'])
  })
  it('recipients that are there no more, and refusals, are reported; the others get it', async () => {
    const report = async (subject: string): Promise<string> => {
      await core().jobs.settled()
      return (await held(gateway, user(1), 'INBOX')).map(({ text }) => text).findLast((text) => text.includes(`Subject: ${subject}`) && text.includes('multipart/report')) ?? ''
    }
    const token = await send([user(8), user(5)], 'vanished')
    await ask('user.remove', { name: user(8) })
    await letGo(token)
    expect(await subjects(5)).toEqual(['vanished'])
    expect(await report('vanished')).toMatch(new RegExp(`Final-Recipient: rfc822; ?${user(8)}\r\nAction: failed\r\nStatus: 5\\.1\\.1`))
    const refused = await send([user(5)], 'refused')
    sorter = ({ recipient }) => (recipient === user(5) ? { mailboxes: ['INBOX'], reject: 'Not today' } : undefined)
    await letGo(refused)
    expect(await report('refused')).toMatch(/Not today[\s\S]*Status: 5\.7\.1/)
    expect(await subjects(5)).toEqual(['vanished'])
    await core().reaper.reap()
    expect((await tracked(refused)).endedBy).toBe('released')
  })
  it('a list is posted to when the window ends, not before', async () => {
    await core().lists.create({ name: 'news', readers: 'public', writers: 'accounts' })
    const account = (await core().accounts.byName(user(1)))!.id as AccountId
    const draft = await core().store.open({ account, name: user(1), protocol: 'ESMTPSA' }, { recipients: [], lists: ['news'], hold: 3600 })
    await draft.writer.write(Buffer.from('Subject: posting\r\n\r\nHi\r\n'))
    const { token, lists } = await draft.seal()
    expect([lists, await count('postings')]).toEqual([[], 0])
    await core().reaper.reap()
    const { id } = (await core().database.read.get<{ id: number }>('SELECT id FROM submissions WHERE token = ?', [token]))!
    await core().database.write((tx) => core().windows.move(tx, [id as never], Date.now()))
    await expect.poll(() => count('postings'), { interval: 10 }).toBe(1)
  })
  it('fires by itself; the sender may be gone by then', async () => {
    const short = await begin('0.5s')
    try {
      const token = await send([user(2), 'short@far.test'], 'in-time', user(1), short)
      await operate(short.running.gateway, 'user.remove', { name: user(1) })
      await expect.poll(async () => (await held(short, user(2), 'INBOX')).length, { interval: 20, timeout: 10_000 }).toBe(1)
      await expect.poll(() => sink.taken.map(({ to }) => to[0]), { interval: 20, timeout: 10_000 }).toEqual(['short@far.test'])
      const [{ window, submittedAt }] = await short.running.gateway.store.track(token)
      expect(window).toBeNull()
      expect(Date.now() - submittedAt).toBeGreaterThanOrEqual(500)
    } finally {
      await short.stop()
    }
  })
})
