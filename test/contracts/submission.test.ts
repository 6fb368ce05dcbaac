// What our own people may send, on each database: how much, and as whom.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, databaseSettings } from '../support/databases.js'
import { startGateway } from '../support/gateway.js'
import { held, talk } from '../support/smtp-talk.js'

const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
type InProcess = Awaited<ReturnType<typeof startGateway>>
const login = (gateway: InProcess, n: number): string => `AUTH PLAIN ${Buffer.from(`\0${user(n)}\0${gateway.password}`).toString('base64')}`
const start = async (submission: object, more: readonly string[] = []): Promise<InProcess> => startGateway({ accounts: 4, set: ['plugins.pop3=false', 'plugins.imap4=false', `plugins.smtp-ingress=${JSON.stringify({ submission })}`, ...more] })
/** Sends as somebody; answers the replies to MAIL, the RCPTs and the data (or DATA, when that is refused). */
const send = async (gateway: InProcess, n: number, to: readonly string[], { from = user(n), raw }: { readonly from?: string; readonly raw?: string } = {}): Promise<string[]> => {
  const text = raw ?? `From: <${from}>\r\nSubject: x\r\n\r\nHi\r\n`
  const replies = await talk(gateway, ['EHLO me', login(gateway, n), `MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA', `data:${text}`], 'submission')
  return replies.slice(3).filter((reply) => !reply.startsWith('221') && !reply.startsWith('354') && !/^50[0-9]/.test(reply)).map((reply) => /^\d{3} \d\.\d\.\d/.exec(reply)![0])
}

for (const kind of databases) describe(`rates on ${kind}`, () => {
  const real = Date.now
  let now = Math.floor(real() / 3_600_000) * 3_600_000
  const later = (minutes: number): void => {
    now += minutes * 60_000
    Date.now = () => now
  }
  let gateway: InProcess
  beforeAll(async () => {
    later(1)
    gateway = await start({ rates: { messagesPerHour: 2, messagesPerDay: 3, recipientsPerDay: 6 } }, await databaseSettings(kind))
  })
  afterAll(async () => {
    Date.now = real
    await gateway?.stop()
  })
  const last = async (n: number, to = [user(2)]): Promise<string> => (await send(gateway, n, to)).at(-1)!
  it('so many messages in an hour, so many in a day; each account by itself', async () => {
    expect([await last(1), await last(1), await last(1), await last(3)]).toEqual(['250 2.0.0', '250 2.0.0', '451 4.7.1', '250 2.0.0'])
    later(60)
    expect([await last(1), await last(1)]).toEqual(['250 2.0.0', '451 4.7.1'])
    later(23 * 60)
    expect(await last(1)).toBe('250 2.0.0')
  })
  it('so many recipients', async () => {
    expect(await last(4, [user(1), user(2), user(3), user(4)])).toBe('250 2.0.0')
    expect(await last(4, [user(1), user(2), user(3)])).toBe('451 4.7.1')
    expect(await last(4, [user(1), user(2)])).toBe('250 2.0.0')
  })
  it('two at once cannot both be the last', async () => {
    later(24 * 60)
    const results = await Promise.all(Array.from({ length: 6 }, () => last(3)))
    expect(results.filter((result) => result === '250 2.0.0')).toHaveLength(2)
  })
  it('is written down, and forgotten after a day', async () => {
    const rows = await gateway.running.gateway.database.read.all<{ hour: number; messages: number }>('SELECT hour, messages FROM smtp_ingress_sent')
    expect(rows).toEqual([{ hour: Math.floor(now / 3_600_000), messages: 2 }])
  })
})

describe('sender addresses that are written otherwise', () => {
  let gateway: InProcess
  beforeAll(async () => { gateway = await start({ rewrite: [{ from: '*@web1.example.test', to: '*@example.test' }, { from: 'daemon@localhost', to: user(1) }] }) })
  afterAll(() => gateway?.stop())
  it('in the envelope, From and Sender, before anybody checks them', async () => {
    const machine = user(1).replace('@', '@web1.')
    expect(await send(gateway, 1, [user(2)], { from: machine, raw: `From: Me <${machine}>\r\nSender: daemon@localhost\r\nTo: ${machine}\r\nSubject: ${machine}\r\n\r\n${machine}\r\n` })).toEqual(['250 2.1.0', '250 2.1.5', '250 2.0.0'])
    const [{ text }] = await held(gateway, user(2), 'INBOX')
    expect(text).toContain(`\r\nFrom: Me <${user(1)}>\r\nSender: ${user(1)}\r\nTo: ${machine}\r\nSubject: ${machine}\r\n`)
    expect(await send(gateway, 3, [user(2)], { from: machine })).toContain('550 5.7.1')
  })
})

it('ten thousand recipients in one message', async () => {
  const gateway = await start({ recipients: 20_000 }, ['im2000.store.envelopeEntries=20000', 'bridges.smtp-relay={}', 'im2000.outbound.dnsServers=["127.0.0.1:1"]'])
  try {
    const to = [...Array.from({ length: 9997 }, (_, n) => `r${n}@far${n % 50}.test`), user(2), user(3), user(4)]
    const begun = performance.now()
    const replies = await send(gateway, 1, to)
    expect([replies.length, new Set(replies)]).toEqual([10_002, new Set(['250 2.1.0', '250 2.1.5', '250 2.0.0'])])
    expect(performance.now() - begun).toBeLessThan(25_000)
    for (const n of [2, 3, 4]) expect(await held(gateway, user(n), 'INBOX')).toHaveLength(1)
  } finally {
    await gateway.stop()
  }
})
