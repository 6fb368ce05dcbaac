// One message can be followed through the log by one id, from the server that took it to the last who read it; on each database.
import type { Uid } from '@restante/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { createLog, setLevel } from '../../core/dist/log/logger.js'
import { databases } from '../support/databases.js'
import { startPair, type Pair, type Side } from '../support/pair.js'
import { held, receive, talk } from '../support/smtp-talk.js'
import { startSink, type Sink } from '../support/smtp-sink.js'

for (const kind of databases) describe(kind, () => {
  const lines: Record<string, any>[] = []
  const log = createLog({ level: 'debug', pretty: false, sink: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) } })
  let pair: Pair
  let sink: Sink
  beforeAll(async () => {
    sink = await startSink()
    pair = await startPair({ kind, faces: true, log, set: ['plugins.pop3=false', 'plugins.imap4=false', `bridges.smtp-relay=${JSON.stringify({ incoming: { check: false }, routes: [{ host: `127.0.0.1:${sink.port}` }] })}`] })
  })
  afterAll(async () => {
    await pair?.stop()
    await sink.stop()
  })
  /** What is said of a message, in order; each once. */
  const trail = (id: string): string[] => [...new Set(lines.filter((line) => line.id === id).map((line) => line.msg as string))]
  const submit = async (to: readonly string[]): Promise<string> => {
    const replies = await talk(pair.a, ['EHLO me', `AUTH PLAIN ${Buffer.from(`\0${pair.a.name(1)}\0${pair.a.password}`).toString('base64')}`, `MAIL FROM:<${pair.a.name(1)}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA', `data:From: ${pair.a.name(1)}\r\nSubject: x\r\n\r\nHi\r\n`], 'submission')
    return /Accepted, id ([0-9a-f]+)/.exec(replies.join('\n'))![1]
  }
  const readAndExpunge = async (side: Side, n: number): Promise<void> => {
    const box = await side.gateway.mailboxes.open(side.ids[n - 1], 'INBOX', { readOnly: false })
    const uids = [...box.view.uidsBetween(1 as Uid, 4_294_967_295 as Uid)]
    await box.changeFlags(uids, { mode: 'add', flags: 9, keywords: [] })
    await box.expunge()
    box.close()
  }

  it('a submission to all kinds of recipients', async () => {
    const id = await submit([pair.a.name(2), pair.b.name(1), 'bob@far.test'])
    await expect.poll(() => sink.taken.length, { interval: 10 }).toBe(1)
    await expect.poll(async () => (await held({ running: { gateway: pair.b.gateway } } as never, pair.b.name(1), 'INBOX')).length, { interval: 10 }).toBe(1)
    await expect.poll(() => trail(id)).toEqual(expect.arrayContaining(['announced by IM2000', 'relayed by SMTP', 'retrieved', "silenced by its recipient's agent"]))
    await readAndExpunge(pair.a, 2)
    await readAndExpunge(pair.b, 1)
    await expect.poll(() => trail(id)).toContain('nobody holds it any more: deleted')
    const found = trail(id)
    expect(found.slice(0, 2).sort()).toEqual(['filed', 'message accepted'])
    expect(found.slice(2)).toEqual(expect.arrayContaining(['announced by IM2000', 'relayed by SMTP', 'retrieved', "silenced by its recipient's agent", 'read', 'released by its recipient', 'nobody holds it any more: deleted']))
    expect(lines.find((line) => line.id === id && line.msg === 'filed')).toMatchObject({ from: pair.a.name(1), recipients: 1, to: [{ recipient: pair.a.name(2), mailboxes: [expect.any(Number)] }] })
    expect(lines.filter((line) => line.id === id && line.msg === 'read').map((line) => [line.to, line.status])).toEqual(expect.arrayContaining([[pair.a.name(2), 'readall'], [pair.b.name(1), 'readall']]))
    // The id is the one in the message's own trace, at both ends.
    expect(sink.taken[0].text).toContain(`id ${id};`)
    // Identifiers are bearer secrets: none of them is in any line.
    const text = JSON.stringify(lines)
    for (const { identifier } of await pair.a.gateway.database.read.all<{ identifier: Buffer }>('SELECT identifier FROM recipients')) expect(text).not.toContain(identifier.toString('hex'))
  })
  it('mail that came by SMTP and LMTP', async () => {
    for (const listener of ['smtp', 'lmtp']) {
      const reply = await receive(pair.b, { to: [pair.b.name(2)], raw: 'Subject: in\r\n\r\nHi\r\n', listener })
      const id = /id ([0-9a-f]+)/.exec(reply)![1]
      expect((await held({ running: { gateway: pair.b.gateway } } as never, pair.b.name(2), 'INBOX'))[0].text).toContain(`id ${id};`)
      await readAndExpunge(pair.b, 2)
      await expect.poll(() => trail(id).sort()).toEqual(['filed', 'message accepted', 'nobody holds it any more: deleted', 'read', 'released by its recipient'])
    }
  })
  it('what is returned, and what is taken back; at level info without what happens at each reading', async () => {
    setLevel(log, 'info')
    sink.answers.nobody = [550, '5.1.1 no']
    const returned = await submit(['nobody@far.test'])
    await expect.poll(() => trail(returned)).toEqual(['message accepted', 'relayed by SMTP', 'its sender is told'])
    const { report } = lines.find((line) => line.id === returned && line.msg === 'its sender is told')!
    expect(trail(report)).toEqual(['filed'])
    const back = await submit([pair.a.name(2)])
    await operate(pair.a.gateway, 'cancel', { what: back })
    await pair.a.gateway.reaper.reap()
    expect(trail(back).sort()).toEqual(['cancelled', 'filed', 'message accepted'])
    const read = await submit([pair.a.name(3)])
    await readAndExpunge(pair.a, 3)
    await pair.a.gateway.reaper.reap()
    expect(trail(read).sort()).toEqual(['filed', 'message accepted'])
  })
})
