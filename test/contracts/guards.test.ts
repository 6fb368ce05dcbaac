// What strangers meet at the MX listener, on each database: XCLIENT lets each test be another stranger.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Clock } from '@restante/core'
import { databases, databaseSettings } from '../support/databases.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { held, talk } from '../support/smtp-talk.js'

const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
const zone: DnsZone = {
  '1.2.0.192.bl.test': [{ type: 'A', address: '127.0.0.2' }], '2.2.0.192.bl.test': [{ type: 'A', address: '127.255.255.254' }], '3.2.0.192.soft.test': [{ type: 'A', address: '127.0.0.4' }],
  '4.2.0.192.bl.test': 'SERVFAIL', '5.2.0.192.bl.test': 'silence', '6.2.0.192.bl.test': [{ type: 'A', address: '127.0.0.1' }],
  '10.2.0.192.in-addr.arpa': [{ type: 'PTR', target: 'mx.far.test' }], 'mx.far.test': [{ type: 'A', address: '192.0.2.10' }],
  '11.2.0.192.in-addr.arpa': [{ type: 'PTR', target: 'mx.far.test' }], '12.2.0.192.in-addr.arpa': 'SERVFAIL',
  'spf.test': [{ type: 'TXT', text: 'v=spf1 ip4:192.0.2.0/24 -all' }],
}
type InProcess = Awaited<ReturnType<typeof startGateway>>
let dns: Awaited<ReturnType<typeof startDns>>
beforeAll(async () => { dns = await startDns(zone) })
afterAll(() => dns.stop())
const start = async (mx: object, more: readonly string[] = []): Promise<InProcess> => startGateway({ accounts: 2, set: [
  'plugins.pop3=false', 'plugins.imap4=false', `im2000.outbound.dnsServers=["${dns.address}"]`, 'im2000.outbound.dnsTimeout=1',
  `plugins.smtp-ingress=${JSON.stringify({ mx: { xclient: ['127.0.0.1'], ...mx } })}`, ...more] })

/** Replies to RCPT (and what follows) of a stranger at an address. */
const asked = async (gateway: InProcess, address: string, recipients: readonly string[], { from = 'eve@far.test', helo = 'mx.far.test', more = [] as readonly string[] } = {}): Promise<string[]> =>
  (await talk(gateway, ['EHLO proxy', `XCLIENT ADDR=${address.includes(':') ? `IPV6:${address}` : address}`, `EHLO ${helo}`, `MAIL FROM:<${from}>`, ...recipients.map((one) => `RCPT TO:<${one}>`), ...more])).slice(5)
const code = (reply: string): string => /^\d{3}(?: [245]\.\d+\.\d+)?/.exec(reply)![0]
const codes = async (...args: Parameters<typeof asked>): Promise<string[]> => (await asked(...args)).map(code)

for (const kind of databases) describe(`greylisting on ${kind}`, () => {
  let now = Date.now()
  let gateway: InProcess
  const past: Clock['now'] = Date.now
  beforeAll(async () => { gateway = await start({ greylist: { enabled: true, wait: '5min', retry: '1h', remember: '10d', networkAfter: 2 } }, ['bridges.smtp-relay={"incoming":{"iprev":false}}', ...await databaseSettings(kind)]) })
  afterAll(async () => {
    Date.now = past
    await gateway?.stop()
  })
  const later = (seconds: number): void => {
    now += seconds * 1000
    Date.now = () => now
  }
  it('puts off once, lets through who comes back, and all of a network that keeps coming back', async () => {
    later(0)
    expect((await asked(gateway, '198.51.100.1', [user(1)]))[0]).toBe('451 4.7.1 Greylisted; try again in 300 seconds')
    later(60)
    expect((await asked(gateway, '198.51.100.1', [user(1)]))[0]).toBe('451 4.7.1 Greylisted; try again in 240 seconds')
    later(240)
    // From another machine of the same network, with another number in the sender.
    expect(await codes(gateway, '198.51.100.9', [user(1)], { from: 'eve@far.test' })).toEqual(['250 2.1.5', '221 2.0.0'])
    expect(await codes(gateway, '198.51.100.9', [user(2)])).toEqual(['451 4.7.1', '221 2.0.0'])
    expect(await codes(gateway, '203.0.113.9', [user(1)])).toEqual(['451 4.7.1', '221 2.0.0'])
    later(300)
    expect(await codes(gateway, '198.51.100.9', [user(2)])).toEqual(['250 2.1.5', '221 2.0.0'])
    expect(await codes(gateway, '198.51.100.7', [user(2)], { from: 'somebody@else.test' })).toEqual(['250 2.1.5', '221 2.0.0'])
  })
  it('numbers and tags in a sender are all one', async () => {
    expect(await codes(gateway, '198.51.101.1', [user(1)], { from: 'bounce-17+ann=x@lists.test' })).toEqual(['451 4.7.1', '221 2.0.0'])
    later(300)
    expect(await codes(gateway, '198.51.101.1', [user(1)], { from: 'bounce-18+bob=x@lists.test' })).toEqual(['250 2.1.5', '221 2.0.0'])
  })
  it('a first attempt that is too old is a first attempt again', async () => {
    expect(await codes(gateway, '198.51.102.1', [user(1)])).toEqual(['451 4.7.1', '221 2.0.0'])
    later(3601)
    expect(await codes(gateway, '198.51.102.1', [user(1)])).toEqual(['451 4.7.1', '221 2.0.0'])
    later(10 * 86_400 + 1)
    expect(await codes(gateway, '198.51.100.9', [user(1)])).toEqual(['451 4.7.1', '221 2.0.0'])
  })
  it('whose domain stands for the address, the postmaster, and who is known are not put off', async () => {
    expect(await codes(gateway, '192.0.2.50', [user(1)], { from: 'eve@spf.test' })).toEqual(['250 2.1.5', '221 2.0.0'])
    expect(await codes(gateway, '198.51.103.1', [user(1)], { from: 'eve@spf.test' })).toEqual(['451 4.7.1', '221 2.0.0'])
    expect((await talk(gateway, ['EHLO me', 'MAIL FROM:<>', `RCPT TO:<${user(1)}>`])).map(code)[3]).toBe('250 2.1.5')
  })
  it('what it knows lies in the database, at one length whatever strangers say', async () => {
    const rows = await gateway.running.gateway.database.read.get<{ rows: number }>('SELECT COUNT(*) AS rows FROM smtp_ingress_greylist')
    expect(rows!.rows).toBeGreaterThan(3)
    const text = await gateway.running.gateway.database.read.all<{ entry: string }>('SELECT entry FROM smtp_ingress_greylist')
    expect(Math.max(...text.map(({ entry }) => entry.length))).toBeLessThan(60)
  })
})

describe('block lists', () => {
  let gateway: InProcess
  beforeAll(async () => { gateway = await start({ blockListTime: 1, blockLists: [{ zone: 'bl.test' }, { zone: 'soft.test', answers: ['127.0.0.4'], action: 'junk' }] }) })
  afterAll(() => gateway?.stop())
  it.each([
    ['a listed address', '192.0.2.1', '550 5.7.1'], ['an answer that is an error', '192.0.2.2', '250 2.1.5'], ['the answer that never counts', '192.0.2.6', '250 2.1.5'],
    ['one that is not listed', '192.0.2.99', '250 2.1.5'], ['a list in trouble', '192.0.2.4', '250 2.1.5'], ['a list that is silent', '192.0.2.5', '250 2.1.5'], ['IPv6', '2001:db8::1', '250 2.1.5'],
  ])('%s', async (_, address, wanted) => expect((await codes(gateway, address, [user(1)]))[0]).toBe(wanted))
  it('says which list it is; each address is asked about once', async () => {
    expect((await asked(gateway, '192.0.2.1', [user(1)]))[0]).toBe('550 5.7.1 192.0.2.1 is listed by bl.test')
    expect(dns.asked.filter((question) => question === 'A 1.2.0.192.bl.test')).toHaveLength(1)
  })
  it('what is listed for Junk lands there, and says why', async () => {
    expect((await codes(gateway, '192.0.2.3', [user(2)], { more: ['DATA', 'data:Subject: x\r\n\r\nHi\r\n'] })).slice(0, 3)).toEqual(['250 2.1.5', '354', '250 2.0.0'])
    const [{ text, keywords }] = await held(gateway, user(2), 'Junk')
    expect(keywords).toEqual(['$Junk'])
    expect(text).toContain('\r\nX-Spam-Flag: YES\r\nX-Spam-Reason: 192.0.2.3 is listed by soft.test\r\nReceived: from mx.far.test ([192.0.2.3])')
  })
})

describe('names', () => {
  let gateway: InProcess
  beforeAll(async () => { gateway = await start({ helo: 'plausible', reverseName: 'confirmed' }) })
  afterAll(() => gateway?.stop())
  const good = '192.0.2.10'
  it.each([['a name', 'mx.far.test', '250 2.1.5'], ['an address', '[192.0.2.10]', '250 2.1.5'], ['an IPv6 address', '[IPv6:2001:db8::1]', '250 2.1.5'], ['no dot', 'pc', '550 5.7.1'], ['a bare address', '192.0.2.10', '550 5.7.1'], ['our own', 'example.test', '550 5.7.1'], ['ours again', 'LOCALHOST', '550 5.7.1']])('HELO with %s', async (_, helo, wanted) => {
    expect((await codes(gateway, good, [user(1)], { helo }))[0]).toBe(wanted)
  })
  it.each([['a name that leads back', '192.0.2.10', '250 2.1.5'], ['one that does not', '192.0.2.11', '550 5.7.25'], ['none', '192.0.2.13', '550 5.7.25'], ['DNS in trouble', '192.0.2.12', '250 2.1.5']])('an address with %s', async (_, address, wanted) => {
    expect((await codes(gateway, address, [user(1)]))[0]).toBe(wanted)
  })
  it('the postmaster can be written to all the same', async () => {
    expect((await codes(gateway, '192.0.2.13', ['postmaster']))[0]).toBe('550 5.1.1') // there is none in this gateway: not refused for its name
  })
})

describe('rates and brakes', () => {
  let gateway: InProcess
  beforeAll(async () => { gateway = await start({ trusted: ['198.51.100.0/24'], rates: { window: '1h', connections: 3, commands: 40, recipients: 5 }, tarpit: { after: 2, delay: 0.2, longest: 0.3, hangUp: 5 } }) })
  afterAll(() => gateway?.stop())
  it('connections of one address', async () => {
    const first: string[] = []
    for (let n = 0; n < 4; n++) first.push((await talk(gateway, ['EHLO proxy', 'XCLIENT ADDR=192.0.2.1', 'EHLO me'])).at(2)!.slice(0, 9))
    expect(first).toEqual(['220 local', '220 local', '220 local', '220 local'])
    expect((await talk(gateway, ['EHLO proxy', 'XCLIENT ADDR=192.0.2.1', 'EHLO me'])).slice(2)).toEqual(['220 localhost ESMTP Restante', '421 4.7.0 Too much from your address lately; come back later'])
    // IPv6 by the /64; who is trusted, and this machine, as often as they like.
    for (let n = 0; n < 3; n++) await talk(gateway, ['EHLO proxy', `XCLIENT ADDR=IPV6:2001:db8::${n}`])
    expect((await talk(gateway, ['EHLO proxy', 'XCLIENT ADDR=IPV6:2001:db8::ffff'])).at(-1)).toMatch(/^421 4\.7\.0/)
    for (let n = 0; n < 5; n++) expect((await codes(gateway, '198.51.100.1', [user(1)]))[0]).toBe('250 2.1.5')
  })
  it('recipients and commands', async () => {
    expect(await codes(gateway, '192.0.2.20', Array.from({ length: 7 }, () => user(1)))).toEqual([...Array.from({ length: 5 }, () => '250 2.1.5'), '451 4.7.1', '451 4.7.1', '221 2.0.0'])
    expect((await codes(gateway, '192.0.2.21', [user(1)], { more: Array.from({ length: 50 }, () => 'NOOP') })).at(-1)).toBe('421 4.7.0')
  })
  it('guessing recipients gets slower, and then it ends', async () => {
    const begun = performance.now()
    expect(await codes(gateway, '192.0.2.30', Array.from({ length: 8 }, (_, n) => `nobody${n}@example.test`))).toEqual([...Array.from({ length: 5 }, () => '550 5.1.1'), '421 4.7.0'])
    expect(performance.now() - begun).toBeGreaterThan(700)
    // A new connection does not begin anew.
    expect((await codes(gateway, '192.0.2.30', ['nobody@example.test']))[0]).toBe('421 4.7.0')
    expect((await codes(gateway, '192.0.2.31', ['nobody@example.test']))[0]).toBe('550 5.1.1')
  })
})

describe('XCLIENT', () => {
  it('is for those that the configuration names, on MX alone, and never a login', async () => {
    const closed = await start({ xclient: ['192.0.2.1'] })
    try {
      expect((await talk(closed, ['EHLO me', 'XCLIENT ADDR=192.0.2.9'])).slice(1, 3).join('\n')).toMatch(/^250-(?![^]*XCLIENT)[^]*\n550 5\.7\.0/)
    } finally {
      await closed.stop()
    }
    const open = await start({})
    try {
      expect((await talk(open, ['EHLO me']))[1]).toContain('XCLIENT NAME ADDR PORT PROTO HELO LOGIN')
      expect((await talk(open, ['EHLO me', 'XCLIENT ADDR=192.0.2.9'], 'submission')).at(2)).toMatch(/^500/)
      expect((await talk(open, ['EHLO me', `XCLIENT ADDR=192.0.2.9 LOGIN=${user(1)}`])).at(2)).toMatch(/^550/)
      expect((await talk(open, ['EHLO me', 'XCLIENT ADDR=nonsense'])).at(2)).toMatch(/^501/)
      // Once only: the stranger behind the proxy must not change who it is.
      expect((await talk(open, ['EHLO me', 'XCLIENT ADDR=192.0.2.9 HELO=mx.real.test', 'EHLO again', 'XCLIENT ADDR=192.0.2.10'])).at(4)).toMatch(/^550/)
      await talk(open, ['EHLO me', 'XCLIENT ADDR=192.0.2.9 HELO=mx.real.test', 'EHLO proxy.test', 'MAIL FROM:<>', `RCPT TO:<${user(1)}>`, 'DATA', 'data:Subject: x\r\n\r\n'])
      expect((await held(open, user(1), 'INBOX'))[0].text).toContain('Received: from mx.real.test ([192.0.2.9])')
    } finally {
      await open.stop()
    }
  })
})
