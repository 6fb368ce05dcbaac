// LMTP answers each recipient by himself after the data (RFC 2033 4.2): who is over quota or refuses is told so, the others have it. On each database.
import type { ArrivalFor, Placing } from '@restante/core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import type { HookRegistry } from '../../core/src/plugin/hook-runtime.js'
import { databases, databaseSettings } from '../support/databases.js'
import { startGateway } from '../support/gateway.js'
import { held, talk } from '../support/smtp-talk.js'

const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`

for (const kind of databases) describe(kind, () => {
  let gateway: Awaited<ReturnType<typeof startGateway>>
  let sorter: (arrival: ArrivalFor) => Placing | undefined = () => undefined
  const core = () => gateway.running.gateway
  beforeAll(async () => {
    gateway = await startGateway({ accounts: 6, set: ['plugins.pop3=false', 'plugins.imap4=false', ...await databaseSettings(kind)] })
    ;(core().host.service('hooks') as HookRegistry).register('sorter', { 'delivery.before': (arrival: ArrivalFor) => sorter(arrival) })
    await operate(core(), 'user.quota', { name: user(3), octets: 10_000 })
  })
  afterEach(() => { sorter = () => undefined })
  afterAll(() => gateway?.stop())
  const octets = (subject: string): string => `Subject: ${subject}\r\n\r\n${'Hello\r\n'.repeat(3000)}`
  /** The replies behind the 354. */
  const deliver = async (to: readonly string[], subject: string): Promise<string[]> => {
    const replies = await talk(gateway, ['LHLO me', 'MAIL FROM:<eve@far.test>', ...to.map((one) => `RCPT TO:<${one}>`), 'DATA', `data:${octets(subject)}`], 'lmtp')
    return replies.slice(replies.findIndex((reply) => reply.startsWith('354')) + 1).filter((reply) => !reply.startsWith('221')).map((reply) => reply.replace(/id [0-9a-f]+/, 'id X'))
  }
  const has = async (n: number): Promise<string[]> => (await held(gateway, user(n), 'INBOX')).map(({ text }) => /^Subject: (.*)\r$/m.exec(text)![1])
  const count = async (): Promise<number> => (await core().database.read.get<{ n: number }>('SELECT count(*) AS n FROM submissions'))!.n
  const refusing = ({ recipient }: ArrivalFor): Placing | undefined => (recipient === user(4) ? { mailboxes: ['Junk'], reject: 'Not from you' } : undefined)

  it('in the order of RCPT, one that is named twice twice', async () => {
    sorter = refusing
    expect(await deliver([user(2), user(3), user(4), user(2), user(5)], 'mixed')).toEqual([
      '250 2.0.0 Accepted, id X', '452 4.2.2 The mailbox is over its quota', '550 5.7.1 Not from you', '250 2.0.0 Accepted, id X', '250 2.0.0 Accepted, id X'])
    expect(await Promise.all([2, 3, 4, 5].map(has))).toEqual([['mixed'], [], [], ['mixed']])
    // Whoever brought it keeps those who were refused: they are no recipients here.
    const { token } = (await core().database.read.get<{ token: string }>('SELECT token FROM submissions ORDER BY id DESC LIMIT 1'))!
    expect((await core().store.track(token))[0].recipients.map(({ recipient }) => recipient)).toEqual([user(2), user(5)])
  })
  it('nobody: each has his own reason, and nothing is stored', async () => {
    sorter = refusing
    const before = [await count(), (await core().database.read.get('SELECT count(*) AS n FROM messages'))!.n]
    expect(await deliver([user(4), user(3)], 'nobody')).toEqual(['550 5.7.1 Not from you', '452 4.2.2 The mailbox is over its quota'])
    expect(await deliver([user(3)], 'full')).toEqual(['452 4.2.2 The mailbox is over its quota'])
    expect([await count(), (await core().database.read.get('SELECT count(*) AS n FROM messages'))!.n]).toEqual(before)
  })
  it('an account that is removed while the message comes is refused alone', async () => {
    const draft = await core().store.open({ account: null, name: 'eve@far.test', protocol: 'LMTP' }, { recipients: [user(6), user(5)] })
    await draft.writer.write(Buffer.from(octets('removed')))
    await operate(core(), 'user.remove', { name: user(6) })
    const { submission, refused } = await draft.sealEach()
    expect([submission!.recipients.map(({ recipient }) => recipient), [...refused].map(([address, error]) => [address, (error as { code: string }).code])]).toEqual([[user(5)], [[user(6), 'ACCOUNT_NOT_FOUND']]])
    expect(await has(5)).toEqual(['mixed', 'removed'])
  })
  it('SMTP has one answer: as before, a refusal needs all', async () => {
    sorter = refusing
    const replies = await talk(gateway, ['EHLO me', 'MAIL FROM:<eve@far.test>', `RCPT TO:<${user(2)}>`, `RCPT TO:<${user(4)}>`, 'DATA', `data:${octets('by smtp')}`])
    expect(replies.filter((reply) => reply.includes('Accepted, id'))).toHaveLength(1)
    expect(await has(2)).toContain('by smtp')
  })
})
