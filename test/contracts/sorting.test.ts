// What a sorting plugin can have done with an arriving copy: filed with flags, discarded, refused, and work owed after the commit.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AfterDelivery, ArrivalFor, Placing, Uid } from '@restante/core'
import type { HookRegistry } from '../../core/src/plugin/hook-runtime.js'
import { startCore, type CoreUnderTest } from '../support/core.js'
import { databases } from '../support/databases.js'

for (const kind of databases) describe(`sorting on ${kind}`, () => {
  let core: CoreUnderTest
  let hooks: HookRegistry
  let answer: (arrival: ArrivalFor) => Placing | undefined | Promise<Placing | undefined> = () => undefined
  const did: AfterDelivery[] = []
  let doing: (fact: AfterDelivery) => Promise<void> = async () => undefined
  beforeAll(async () => {
    core = await startCore(kind)
    hooks = core.gateway.host.service('hooks') as HookRegistry
    hooks.register('sorter', {
      'delivery.before': (arrival: ArrivalFor) => answer(arrival),
      'delivery.after': { wants: ({ recipient }: { recipient: string }) => recipient.startsWith('user0003'), perform: async (fact: AfterDelivery) => { await doing(fact); did.push(fact) } },
    })
  })
  afterAll(() => core?.stop())

  const held = async (n: number, name: string) => {
    const box = await core.gateway.mailboxes.open(core.ids[n - 1], name, { readOnly: true })
    const found = [...box.index.uids.subarray(0, box.index.count)].map((uid) => ({ flags: box.index.entry(uid as Uid)!.flags, keywords: box.index.keywordNames(box.index.entry(uid as Uid)!.keywords) }))
    box.close()
    return found
  }

  it('files each copy with its own flags and keywords on top of those of all', async () => {
    answer = () => ({ mailboxes: ['INBOX', { name: 'Work/Reports', flags: 4, keywords: ['Boss'] }, { name: 'Nowhere', create: false }], flags: 1, keywords: ['all'] })
    await core.submit([core.name(1)])
    expect(await held(1, 'INBOX')).toEqual([{ flags: 1, keywords: ['all'] }])
    expect(await held(1, 'Work/Reports')).toEqual([{ flags: 5, keywords: ['all', 'Boss'] }])
    await expect(held(1, 'Nowhere')).rejects.toMatchObject({ code: 'MAILBOX_NOT_FOUND' })
  })

  it('a mailbox that may not be made and is not there: INBOX', async () => {
    answer = () => ({ mailboxes: [{ name: 'Nowhere', create: false }], flags: 4 })
    await core.submit([core.name(2)])
    expect(await held(2, 'INBOX')).toEqual([{ flags: 4, keywords: [] }])
  })

  it('a refusal that all share fails the submission and stores nothing; else each keeps its placing', async () => {
    const messages = await core.count('messages')
    answer = ({ recipient }) => (recipient === core.name(2) ? { mailboxes: ['Junk'], reject: 'Not from you' } : undefined)
    await expect(core.submit([core.name(2)])).rejects.toMatchObject({ code: 'MESSAGE_REJECTED', message: 'Not from you' })
    expect(await core.count('messages')).toBe(messages)
    await core.submit([core.name(1), core.name(2)])
    expect(await held(2, 'Junk')).toHaveLength(1)
    expect(await held(2, 'INBOX')).toHaveLength(1)
  })

  it('reads the octets of small and of large messages before they are stored', async () => {
    for (const filler of [10, 300_000]) {
      const seen: string[] = []
      answer = async ({ octets, summary }) => {
        seen.push((await octets(summary.headerSize, 5)).toString(), (await octets(summary.size - 6, 100)).toString())
        return undefined
      }
      await core.submit([core.name(1)], `Subject: x\r\n\r\nbegin${'.'.repeat(filler)}end!\r\n`)
      expect(seen).toEqual(['begin', 'end!\r\n'])
    }
  })

  it('owed work keeps the octets of a discarded message until it is done', async () => {
    let go!: () => void
    const wait = new Promise<void>((done) => { go = done })
    let text = ''
    doing = async ({ message }) => {
      await core.gateway.reaper.reap()
      text = await core.octetsOf(message)
      await wait
    }
    did.length = 0
    answer = () => ({ mailboxes: [], owed: [{ plugin: 'sorter', work: { forward: 'x' } }, { plugin: 'not enabled', work: 1 }] })
    const before = await core.count('messages')
    await core.submit([core.name(1)], 'Subject: on the way\r\n\r\nHi\r\n')
    expect(await core.count('messages')).toBe(before + 1)
    go()
    await expect.poll(() => did.length).toBe(1)
    expect(text).toContain('Subject: on the way')
    expect(did[0]).toMatchObject({ account: core.ids[0], recipient: core.name(1), sender: 'toby@example.org', protocol: 'ESMTP', copies: [], work: { forward: 'x' } })
    await expect.poll(async () => { await core.gateway.reaper.reap(); return core.count('messages') }).toBe(before)
    expect(await core.count('holds')).toBe(0)
    doing = async () => undefined
  })

  it('a plugin that wants a job for a recipient gets one, with the copies that were filed', async () => {
    did.length = 0
    answer = () => undefined
    await core.submit([core.name(1), core.name(3)])
    await expect.poll(() => did.length).toBe(1)
    expect(did[0]).toMatchObject({ recipient: core.name(3), work: null, copies: [{ uid: 1 }] })
  })

  it('who answers what cannot be followed is told', async () => {
    const told: unknown[] = []
    answer = () => ({ mailboxes: ['a//b'], failed: (error) => told.push((error as { code: string }).code) })
    const before = (await held(1, 'INBOX')).length
    await core.submit([core.name(1)])
    expect(await held(1, 'INBOX')).toHaveLength(before + 1)
    expect(told).toEqual(['MAILBOX_NAME_INVALID'])
  })
})
