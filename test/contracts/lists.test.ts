// Lists as mailboxes: ours and those of another gateway, over real sockets: subscribed, filled, stable, read-only.
import type { AccountId } from '@restante/core'
import { ImapFlow } from 'imapflow'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { databases } from '../support/databases.js'
import { startPair, type Pair, type Side } from '../support/pair.js'

const text = (n: number | string): string => `From: a@a.test\r\nSubject: posting ${n}\r\nMessage-ID: <${n}@a.test>\r\n\r\nText ${n}\r\n`

for (const kind of databases) describe(kind, () => {
  let pair: Pair
  beforeAll(async () => { pair = await startPair({ kind, accounts: 3, faces: true, set: ['plugins.lists={"poll":"1s","firstContact":"5s"}', 'plugins.pop3=false'] }) })
  afterAll(() => pair?.stop())

  const act = (side: Side, name: string, args: unknown): Promise<any> => operate(side.gateway, name, args)
  const post = async (side: Side, list: string, n: number | string, account: AccountId | null = side.ids[0]): Promise<void> => {
    const draft = await side.gateway.store.open({ account, name: 'poster', protocol: 'MSOAP' }, { recipients: [], lists: [list] })
    await draft.writer.write(Buffer.from(text(n)))
    await draft.seal()
  }
  const login = async (side: Side, n: number): Promise<ImapFlow> => {
    const [host, port] = side.listeners.imap.split(':')
    const client = new ImapFlow({ host, port: Number(port), secure: false, doSTARTTLS: false, auth: { user: side.name(n), pass: side.password }, logger: false })
    await client.connect()
    return client
  }
  const asUser = async <T>(side: Side, n: number, work: (client: ImapFlow) => Promise<T>): Promise<T> => {
    const client = await login(side, n)
    try {
      return await work(client)
    } finally {
      await client.logout()
    }
  }
  /** UID → subject, when `count` messages are there. */
  const filled = (side: Side, n: number, name: string, count: number): Promise<Map<number, string>> => asUser(side, n, async (client) => {
    const box = await client.mailboxOpen(name)
    expect(box.readOnly).toBe(true)
    while ((client.mailbox as { exists: number }).exists < count) {
      const changed = new Promise((again) => { client.once('exists', again) })
      const idle = client.idle()
      await changed
      await client.noop()
      await idle
    }
    const found = new Map<number, string>()
    for await (const message of client.fetch('1:*', { uid: true, envelope: true })) found.set(message.uid, message.envelope!.subject!)
    return found
  })
  const names = (side: Side, n: number): Promise<string[]> => asUser(side, n, async (client) => (await client.list()).map((box) => box.path))

  it('a list of ours is a read-only mailbox for those who may read it, with one copy of the octets', async () => {
    await act(pair.a, 'lists.create', { name: 'news', read: 'accounts', write: 'accounts' })
    await act(pair.a, 'lists.create', { name: 'board', read: pair.a.name(2), write: pair.a.name(2) })
    expect(await names(pair.a, 1)).toContain('lists/news')
    expect(await names(pair.a, 1)).not.toContain('lists/board')
    expect(await names(pair.a, 2)).toEqual(expect.arrayContaining(['lists/news', 'lists/board']))
    const messages = async (): Promise<number> => (await pair.a.gateway.database.read.get<{ n: number }>('SELECT count(*) AS n FROM messages'))!.n
    const before = await messages()
    for (const n of [1, 2, 3]) await post(pair.a, 'news', n)
    expect([...(await filled(pair.a, 1, 'lists/news', 3)).values()]).toEqual(['posting 1', 'posting 2', 'posting 3'])
    expect(await messages()).toBe(before + 3)
    await asUser(pair.a, 1, async (client) => {
      await client.mailboxOpen('lists/news')
      const one = await client.fetchOne('1', { source: true })
      expect((one as { source: Buffer }).source.toString()).toContain('Text 1')
      await expect(client.append('lists/news', text('forged'))).rejects.toThrow()
      await expect(client.mailboxDelete('lists/news')).rejects.toThrow()
      await expect(client.mailboxRename('lists/news', 'mine')).rejects.toThrow()
      await expect(client.mailboxCreate('Lists/mine')).rejects.toThrow()
      await client.mailboxOpen('lists/news')
      await client.messageCopy('1:*', 'INBOX')
      expect((await client.status('INBOX', { messages: true }) as { messages: number }).messages).toBe(3)
    })
    expect(await asUser(pair.a, 1, async (client) => client.mailboxOpen('lists/board').then(() => 'open', () => 'refused'))).toBe('refused')
  })
  it('what is cancelled leaves the list', async () => {
    const draft = await pair.a.gateway.store.open({ account: pair.a.ids[0], name: 'poster', protocol: 'MSOAP' }, { recipients: [], lists: ['news'] })
    await draft.writer.write(Buffer.from(text('regretted')))
    const { token } = await draft.seal()
    const before = await filled(pair.a, 1, 'lists/news', 4)
    await pair.a.gateway.store.cancel(token)
    await act(pair.a, 'lists.prune', {})
    const after = await filled(pair.a, 1, 'lists/news', 3)
    expect([...after]).toEqual([...before].filter(([, subject]) => subject !== 'posting regretted'))
  })
  it('T108 a list of another store is subscribed to, filled, and its UIDs stay; who unsubscribes does not see it any more', async () => {
    await act(pair.a, 'lists.create', { name: 'open/talk', read: 'public', write: 'accounts' })
    for (const n of [10, 11]) await post(pair.a, 'open/talk', n)
    const name = 'lists/a.test/open/talk'
    await asUser(pair.b, 1, async (client) => {
      await expect(client.mailboxSubscribe('lists/a.test/nowhere')).resolves.toBe(false)
      await expect(client.mailboxSubscribe('lists/a.test/news')).resolves.toBe(false)
      await expect(client.mailboxSubscribe('lists/nobody.test/talk')).resolves.toBe(false)
      await expect(client.mailboxSubscribe(name)).resolves.toBe(true)
    })
    const first = await filled(pair.b, 1, name, 2)
    expect([...first.values()].sort()).toEqual(['posting 10', 'posting 11'])
    await post(pair.a, 'open/talk', 12)
    const second = await filled(pair.b, 1, name, 3)
    expect([...second].slice(0, 2)).toEqual([...first])
    expect(await names(pair.b, 2)).not.toContain(name)
    await asUser(pair.b, 2, (client) => client.mailboxSubscribe(name))
    expect([...await filled(pair.b, 2, name, 3)]).toEqual([...second])
    await asUser(pair.b, 1, (client) => client.mailboxUnsubscribe(name))
    expect(await names(pair.b, 1)).not.toContain(name)
    expect(await names(pair.b, 2)).toContain(name)
  })
  it('while the store is away the mailbox stays, and the next look goes on where the last ended', async () => {
    const name = 'lists/a.test/open/talk'
    const before = await filled(pair.b, 2, name, 3)
    const srv = pair.zone['_msrap._tcp.a.test']
    pair.zone['_msrap._tcp.a.test'] = 'SERVFAIL'
    await post(pair.a, 'open/talk', 13)
    expect([...await filled(pair.b, 2, name, 3)].slice(0, 3)).toEqual([...before])
    pair.zone['_msrap._tcp.a.test'] = srv
    await asUser(pair.b, 3, (client) => client.mailboxSubscribe(name))
    const after = await filled(pair.b, 3, name, 4)
    expect([...after].slice(0, 3)).toEqual([...before])
    expect([...after.values()].at(-1)).toBe('posting 13')
  })
  it('T114 mail by SMTP to the address of a list is posted to it, where all may post; nothing else is taken, and nothing is relayed', async () => {
    await act(pair.a, 'lists.create', { name: 'world', read: 'public', write: 'public' })
    for (const [name, address] of [['world', 'world@a.test'], ['board', 'board@a.test']]) await act(pair.a, 'lists.address.add', { name, address })
    const send = async (listener: string, to: string, auth?: { user: string; pass: string }): Promise<string> => {
      const [host, port] = pair.a.listeners[listener].split(':')
      const transport = createTransport({ host, port: Number(port), secure: false, ignoreTLS: true, ...(auth ? { auth } : {}) })
      return transport.sendMail({ envelope: { from: auth?.user ?? 'stranger@elsewhere.test', to: [to] }, raw: `From: <${auth?.user ?? 'stranger@elsewhere.test'}>\r\nSubject: by mail to ${to}\r\n\r\nx\r\n` }).then(({ response }) => response.slice(0, 3), (error: { response: string }) => error.response.slice(0, 9))
    }
    expect(await send('smtp', 'World@A.test')).toBe('250')
    expect(await send('smtp', 'board@a.test')).toBe('550 5.7.1')
    expect(await send('smtp', 'worlds@a.test')).toBe('550 5.1.1')
    expect(await send('smtp', 'world@elsewhere.test')).toBe('550 5.7.1')
    expect(await send('submission', 'board@a.test', { user: pair.a.name(1), pass: pair.a.password })).toBe('550 5.7.1')
    expect(await send('submission', 'board@a.test', { user: pair.a.name(2), pass: pair.a.password })).toBe('250')
    expect([...(await filled(pair.a, 3, 'lists/world', 1)).values()]).toEqual(['by mail to World@A.test'])
    expect([...(await filled(pair.a, 2, 'lists/board', 1)).values()]).toEqual(['by mail to board@a.test'])
    await act(pair.a, 'lists.remove', { name: 'world' })
    expect(await send('smtp', 'world@a.test')).toBe('550 5.1.1')
  })
  it('the command line shows rules and addresses; a removed list is gone for all', async () => {
    await act(pair.a, 'lists.address.add', { name: 'news', address: 'News@a.test' })
    expect(await act(pair.a, 'lists.all', {})).toMatchObject([
      { name: 'board', readers: pair.a.name(2), writers: pair.a.name(2), addresses: ['board@a.test'] }, { name: 'news', readers: 'accounts', retention: 0, postings: 3, addresses: ['news@a.test'] }, { name: 'open/talk', readers: 'public' },
    ])
    await expect(act(pair.a, 'lists.create', { name: 'news' })).rejects.toMatchObject({ code: 'LIST_EXISTS' })
    await expect(act(pair.a, 'lists.create', { name: 'x', read: 'nobody@a.test' })).rejects.toMatchObject({ code: 'ACCOUNT_NOT_FOUND' })
    for (const [address, code] of [[pair.a.name(1), 'ADDRESS_EXISTS'], ['news@a.test', 'ADDRESS_EXISTS'], ['x@elsewhere.test', 'NOT_LOCAL']]) await expect(act(pair.a, 'lists.address.add', { name: 'news', address })).rejects.toMatchObject({ code })
    await act(pair.a, 'lists.remove', { name: 'news' })
    expect(await names(pair.a, 1)).not.toContain('lists/news')
    await expect(post(pair.a, 'news', 99)).rejects.toMatchObject({ code: 'ENVELOPE_REFUSED' })
  })
})
