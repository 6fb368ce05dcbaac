// Copies in Sent of what was submitted, where the mail program makes none: on each database.
import type { AccountId } from '@restante/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { databases, databaseSettings } from '../support/databases.js'
import { startGateway } from '../support/gateway.js'
import { held, talk } from '../support/smtp-talk.js'

const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
type InProcess = Awaited<ReturnType<typeof startGateway>>

for (const kind of databases) describe(kind, () => {
  const running: InProcess[] = []
  const start = async (submission: object, more: readonly string[] = []): Promise<InProcess> => {
    const gateway = await startGateway({ accounts: 6, set: ['plugins.pop3=false', 'plugins.imap4=false', `plugins.smtp-ingress=${JSON.stringify({ submission })}`, ...more, ...await databaseSettings(kind)] })
    running.push(gateway)
    return gateway
  }
  let gateway: InProcess
  beforeAll(async () => { gateway = await start({ copyInSent: 'missing', copyDelay: '1h' }, ['mailboxes.languages={"user0004@example.test":"de"}']) })
  afterAll(() => Promise.all(running.map((one) => one.stop())))
  const core = () => gateway.running.gateway
  const id = async (n: number): Promise<AccountId> => (await core().accounts.byName(user(n)))!.id as AccountId
  const send = async (n: number, subject: string, { at = gateway, header = `Message-ID: <${subject}@x>\r\n` } = {}): Promise<string> => {
    const replies = await talk(at, ['EHLO me', `AUTH PLAIN ${Buffer.from(`\0${user(n)}\0${at.password}`).toString('base64')}`, `MAIL FROM:<${user(n)}>`, `RCPT TO:<${user(2)}>`, `RCPT TO:<${user(3)}>`, 'DATA', `data:From: ${user(n)}\r\nTo: ${user(2)}\r\nBcc: ${user(3)}\r\n${header}Subject: ${subject}\r\n\r\n${'Hello\r\n'.repeat(10_000)}`], 'submission')
    return /Accepted, id ([0-9a-f]+)/.exec(replies.join('\n'))![1]
  }
  /** The time of all jobs that wait has come. */
  const later = async (): Promise<void> => {
    const jobs = (await core().jobs.list()).filter((job) => job.kind === 'sent-copy')
    await core().jobs.retry(jobs.map((job) => job.id))
    await expect.poll(async () => (await core().jobs.list()).filter((job) => job.kind === 'sent-copy'), { interval: 10 }).toEqual([])
  }
  const append = async (n: number, subject: string): Promise<void> => {
    const writer = core().spool.open()
    await writer.write(Buffer.from(`From: ${user(n)}\r\nMessage-ID: <${subject}@x>\r\nSubject: ${subject}\r\n\r\nHello\r\n`))
    await core().mailboxes.append(await id(n), 'Sent', [{ spooled: await writer.seal(), flags: 1, keywords: [] }])
  }
  const count = async (table: string): Promise<number> => (await core().database.read.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`))!.n
  const subjects = async (n: number, box = 'Sent'): Promise<string[]> => (await held(gateway, user(n), box)).map(({ text }) => /^Subject: (.*)\r$/m.exec(text)![1])

  it('files one when the client has made none: the message as it is stored, read, without a second copy of its octets', async () => {
    const messages = await count('messages')
    const token = await send(1, 'missing')
    expect(await subjects(1)).toEqual([])
    // Both recipients are done with it: the job keeps the octets.
    for (const n of [2, 3]) {
      const box = await core().mailboxes.open(await id(n), 'INBOX', { readOnly: false })
      await box.changeFlags([...box.view.uidsBetween(1 as never, 4_294_967_295 as never)], { mode: 'add', flags: 8, keywords: [] })
      await box.expunge()
      box.close()
    }
    await core().reaper.reap()
    await later()
    await core().reaper.reap()
    const [{ text }] = await held(gateway, user(1), 'Sent')
    expect(text).toContain(`id ${token};`)
    expect(text).toContain('\r\nMessage-ID: <missing@x>\r\n')
    expect(text).not.toContain('Bcc')
    expect(await count('messages')).toBe(messages + 1)
    expect(await count('holds')).toBe(0)
    const sent = await core().mailboxes.open(await id(1), 'Sent', { readOnly: true })
    expect(sent.index.flags[0]).toBe(1)
    sent.close()
    // And it shows what became of it, like any other copy.
    await core().sentTracking.settled()
    expect((await held(gateway, user(1), 'Sent'))[0].keywords).toContain('$Released')
  })
  it('files none when the client has made its own, before or after the submission', async () => {
    await append(5, 'before')
    await send(5, 'before')
    await send(5, 'after')
    await append(5, 'after')
    await later()
    expect((await subjects(5)).sort()).toEqual(['after', 'before'])
    // What comes later than the delay is a second one: nobody's APPEND is dropped.
    await send(5, 'slow')
    await later()
    await append(5, 'slow')
    expect((await subjects(5)).filter((subject) => subject === 'slow')).toHaveLength(2)
    expect(await count('holds')).toBe(0)
  })
  it('a message without Message-ID has got one from us, and is found by that', async () => {
    await send(3, 'nameless', { header: '' })
    await later()
    expect(await subjects(3)).toEqual(['nameless'])
    expect((await held(gateway, user(3), 'Sent'))[0].text).toMatch(/\r\nMessage-ID: <[0-9a-f]{24}@example\.test>\r\n/)
  })
  it('into the mailbox that is \\Sent, whatever its name; made again when it is missing', async () => {
    await core().mailboxes.rename(await id(6), 'Sent', 'Postausgang')
    await send(6, 'renamed')
    await later()
    expect(await subjects(6, 'Postausgang')).toEqual(['renamed'])
    await core().mailboxes.delete(await id(6), 'Postausgang')
    await send(6, 'made')
    await later()
    expect(await subjects(6)).toEqual(['made'])
    expect(await core().mailboxes.special(await id(6), '\\Sent')).toBeDefined()
    await send(4, 'deutsch')
    await later()
    expect(await subjects(4, 'Gesendet')).toEqual(['deutsch'])
  })
  it('what was taken back leaves no copy and no octets; who is gone or full gets none', async () => {
    const before = [await subjects(1), await count('messages')]
    const token = await send(1, 'taken-back')
    await operate(core(), 'cancel', { what: token })
    await core().reaper.reap()
    expect([await subjects(1), await count('messages')]).toEqual(before)
    await later()
    expect(await subjects(1)).toEqual(before[0])
    await send(1, 'full')
    await operate(core(), 'user.quota', { name: user(1), octets: 1 })
    await later()
    expect(await subjects(1)).toEqual(before[0])
    await operate(core(), 'user.quota', { name: user(1), octets: 0 })
    await send(1, 'gone')
    await operate(core(), 'user.remove', { name: user(1) })
    await later()
    expect(await count('holds')).toBe(0)
  })
  it('always: at once, or when the sender\'s window is over', async () => {
    const at = await start({ copyInSent: 'always' })
    await send(1, 'always', { at })
    await expect.poll(async () => (await held(at, user(1), 'Sent')).length, { interval: 10 }).toBe(1)
    const waits = await start({ copyInSent: 'always', hold: '1h' })
    await send(1, 'held', { at: waits })
    const [job] = (await waits.running.gateway.jobs.list()).filter((one) => one.kind === 'sent-copy')
    expect(job.runAt - Date.now()).toBeGreaterThan(3_500_000)
    expect(await held(waits, user(1), 'Sent')).toEqual([])
  })
})
