// What waits for other servers, in the administrator's hands: held, released, removed, tried again; rates, source addresses, numbers.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics } from '../../core/dist/metrics/registry.js'
import { operate } from '../../core/dist/cli/operations.js'
import { makeMeasures } from '../../bridges/smtp-relay/dist/measures.js'
import { silentLog, systemClock } from '../../core/dist/index.js'
import { databases, databaseSettings } from '../support/databases.js'
import { startDns } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { startSink, type Sink } from '../support/smtp-sink.js'

for (const kind of databases) describe(kind, () => {
  let sink: Sink
  let dns: Awaited<ReturnType<typeof startDns>>
  let gateway: Awaited<ReturnType<typeof startGateway>>
  const core = () => gateway.running.gateway
  const ask = (name: string, args: object = {}): Promise<any> => operate(core(), `queue.${name}`, args)
  beforeAll(async () => {
    sink = await startSink()
    dns = await startDns({})
    gateway = await startGateway({ accounts: 1, set: [
      'plugins.pop3=false', `im2000.outbound.dnsServers=["${dns.address}"]`,
      `bridges.smtp-relay=${JSON.stringify({ incoming: { check: false }, source: ['127.0.0.3', '::1'], routes: [{ recipients: ['slow.test'], host: `127.0.0.1:${sink.port}`, rate: 1, source: ['127.0.0.2'] }, { host: `127.0.0.1:${sink.port}` }] })}`, ...await databaseSettings(kind),
    ] })
  })
  beforeEach(() => { Object.assign(sink.answers, { late: [450, '4.2.0 later'], late2: [450, '4.2.0 later'] }) })
  afterEach(async () => {
    sink.taken.length = 0
    await core().queue.remove({}, false)
  })
  afterAll(async () => {
    await gateway?.stop()
    await Promise.all([sink.stop(), dns.stop()])
  })
  const submit = async (to: readonly string[], sender = gateway.account): Promise<string> => {
    const draft = await core().store.open({ account: (await core().accounts.byName(gateway.account))!.id, name: sender, protocol: 'ESMTPSA' }, { recipients: to })
    await draft.writer.write(Buffer.from(`From: ${gateway.account}\r\nSubject: s\r\n\r\nHi\r\n`))
    const { token } = await draft.seal()
    await core().notifier.settled()
    return token
  }
  const deferred = (count: number) => expect.poll(async () => (await ask('stats')).deferred, { interval: 10 }).toBe(count)
  const reported = async (): Promise<number> => {
    await core().jobs.settled()
    return (await core().store.track('late@far.test')).length + (await core().database.read.get<{ count: number }>("SELECT count(*) AS count FROM submissions WHERE protocol = 'DSN'"))!.count
  }

  it('one recipient is held and waits without end, whatever else is tried again; released, it goes', async () => {
    const token = await submit(['late@far.test', 'late2@far.test'])
    await deferred(2)
    const [one] = (await ask('list', { token })).sort((a: any, b: any) => a.id - b.id)
    expect(one).toMatchObject({ recipient: 'late@far.test', sender: gateway.account, domain: 'far.test', state: 'deferred', attempts: 1, outcome: 'relay', why: expect.stringContaining('later') })
    expect(await ask('hold', { ids: [one.id] })).toEqual({ recipients: 1 })
    expect(await ask('hold', { ids: [one.id] })).toEqual({ recipients: 0 })
    for (const name of Object.keys(sink.answers)) delete sink.answers[name]
    expect(await ask('retry', {})).toEqual({ recipients: 1 })
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(1)
    expect(sink.taken[0].to).toEqual(['late2@far.test'])
    await expect.poll(() => ask('stats'), { interval: 10 }).toEqual({ new: 0, deferred: 0, announced: 0, held: 1, window: 0, oldest: null })
    expect(await ask('domains')).toMatchObject([{ domain: 'far.test', held: 1, deferred: 0 }])
    // What is held keeps its message.
    await core().reaper.reap()
    expect(await ask('release', { state: 'held' })).toEqual({ recipients: 1 })
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(2)
  })
  it('one recipient is removed: the other stays; its sender is told when that is asked for', async () => {
    const before = await reported()
    const token = await submit(['late@far.test', 'late2@far.test'])
    await deferred(2)
    const [one, two] = (await ask('list', { token })).sort((a: any, b: any) => a.id - b.id)
    expect(await ask('remove', { ids: [one.id] })).toEqual({ recipients: 1 })
    expect((await core().store.track(token))[0].recipients.map(({ notification, pinned }) => [notification, pinned])).toEqual([['noservice', false], ['noserver', true]])
    expect(await reported()).toBe(before)
    expect(await ask('remove', { ids: [two.id], tell: true })).toEqual({ recipients: 1 })
    expect(await reported()).toBe(before + 1)
    await core().reaper.reap()
    expect((await core().store.track(token))[0].endedBy).toBe('released')
  })
  it('by sender, by domain, by state; never all by leaving out a word', async () => {
    await submit(['late@far.test'])
    await submit(['late@other.test'], '')
    await deferred(2)
    expect((await ask('list', { sender: '' })).map((one: any) => one.recipient)).toEqual(['late@other.test'])
    expect(await ask('hold', { domain: 'Other.test' })).toEqual({ recipients: 1 })
    expect((await ask('list', { state: 'deferred' })).map((one: any) => one.recipient)).toEqual(['late@far.test'])
    await expect(ask('hold')).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await expect(ask('remove')).rejects.toMatchObject({ code: 'NOT_PERMITTED' })
    await expect(ask('list', { state: 'lost' })).rejects.toMatchObject({ message: expect.stringContaining('new, deferred, announced, held, window') })
  })
  it('a message that is cancelled is held no longer', async () => {
    const token = await submit(['late@far.test'])
    await deferred(1)
    await ask('hold', { token })
    await core().store.cancel(token)
    expect(await ask('list', {})).toEqual([])
    expect(await ask('release', {})).toEqual({ recipients: 0 })
  })
  it('messages a minute: those beyond wait their turn, and that is no attempt; a road connects from its own address', async () => {
    await submit(['bob@slow.test'])
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(1)
    const token = await submit(['bob@slow.test'])
    const [one] = await ask('list', { token })
    expect(one).toMatchObject({ state: 'new', attempts: 0, why: null })
    expect((one.next - Date.now()) / 1000).toBeGreaterThan(40)
    expect(sink.taken.map((mail) => mail.remoteAddress)).toEqual(['127.0.0.2'])
    await submit(['bob@far.test'])
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(2)
    expect(sink.taken[1].remoteAddress).toBe('127.0.0.3')
  })
  it('numbers: by result, by status, by domain, and what waits; strangers cannot make labels without end', async () => {
    const metrics = createMetrics()
    const measures = makeMeasures({ metrics, queue: core().queue, clock: systemClock, log: silentLog })
    await submit(['late@far.test'])
    await deferred(1)
    await measures.look()
    for (let i = 0; i < 200; i++) measures.count(`d${i}.test`, { kind: 'permanent', status: i % 2 ? '5.1.1' : `5.9.${i * 1000}`, why: '' })
    measures.count('d0.test', { kind: 'delivered', status: '2.0.0', why: '' })
    expect(metrics.value('restante_queue_recipients', { state: 'deferred' })).toBe(1)
    expect(metrics.value('restante_queue_oldest_seconds')).toBeGreaterThan(0)
    expect([metrics.value('restante_relay_refused_total', { status: '5.1.1' }), metrics.value('restante_relay_refused_total', { status: '5.0.0' })]).toEqual([100, 100])
    expect([metrics.value('restante_relayed_domain_total', { domain: 'd0.test', result: 'delivered' }), metrics.value('restante_relayed_domain_total', { domain: 'other', result: 'permanent' })]).toEqual([1, 100])
  })
})
