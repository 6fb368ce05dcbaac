// Two organisations whose users never leave their mail programs: sent by submission in one, read by IMAP and POP3 in the
// other, tracked, recalled, released; with outages of everything that can be out.
import { readdirSync } from 'node:fs'
import { setTimeout as moment } from 'node:timers/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../journeys/support/restante.js'
import { password, startWorld, type World } from './support/world.js'

let world: World
beforeAll(async () => { world = await startWorld({ users: 4 }) })
afterAll(() => world?.stop())

const statusOf = async (id: string) => (await world.a.track(id)).recipients.map(({ notification, read, pinned }) => `${notification} ${read} ${pinned ? 'pinned' : 'released'}`)
const status = (id: string, wanted: string | readonly string[], seconds = 30) => until(async () => {
  const found = await statusOf(id)
  return JSON.stringify(found) === JSON.stringify([wanted].flat()) || undefined
}, `${String(wanted)} of ${id}`, seconds).catch(async (error: unknown) => { throw new Error(`${String(error)}; it is ${JSON.stringify(await world.a.track(id))}`) })
/** Files in which a's store keeps large octets. */
const files = (): string[] => {
  const walk = (folder: string): string[] => readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? walk(join(folder, entry.name)) : [entry.name]))
  return walk(join(world.a.data, 'blobs')).filter((name) => !name.endsWith('.tmp'))
}
const large = (word: string): string => `${`${word} `.repeat(30_000)}\r\n`.replace(/(.{990})/g, '$1\r\n')

describe('mail between two organisations', () => {
  it('goes by IM2000 over TLS, is read with IMAP and POP3, and its sender sees what became of it', async () => {
    await world.names.stop()
    const id = await world.a.send(1, [world.b.user(1), world.b.user(2)], 'first letter', 'Dear both\r\n')
    await status(id, ['noserver unread pinned', 'noserver unread pinned'])
    await world.names.start()
    // One of the two was fetched, the other is the same message.
    await until(async () => (await statusOf(id)).every((one) => /^silenced (readall|readheaders) pinned$/.test(one)) || undefined, 'silenced')
    const uid = await world.b.arrived(1, 'first letter')
    expect(await world.b.imap(1, `INBOX;UID=${uid}`)).toMatch(/^Received: by gw\.a\.test with ESMTPSA\r\n[\s\S]*Dear both\r\n$/)
    await world.b.arrived(2, 'first letter')
    expect(await world.b.pop3(2, '1')).toContain('Dear both')
    await status(id, ['silenced readall pinned', 'silenced readall pinned'])
    await world.b.imap(1, 'INBOX', `UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`)
    await world.b.imap(1, 'INBOX', 'EXPUNGE')
    await status(id, ['silenced readall released', 'silenced readall pinned'])
    await world.b.imap(2, 'INBOX', 'STORE 1:* +FLAGS.SILENT (\\Deleted)')
    await world.b.imap(2, 'INBOX', 'EXPUNGE')
    await until(async () => (await world.a.track(id)).endedBy === 'released' || undefined, 'released')
  })

  it('what must go by TLS only (REQUIRETLS, RFC 8689) goes so', async () => {
    const [from, to] = [world.a.user(1), world.b.user(1)]
    await createTransport({ host: '127.0.0.1', port: world.a.ports.submissions, secure: true, tls: { rejectUnauthorized: false }, auth: { user: from, pass: password } })
      .sendMail({ envelope: { from, to, requireTLSExtensionEnabled: true } as never, requireTLSExtensionEnabled: true, raw: `From: ${from}\r\nTo: ${to}\r\nSubject: by TLS only\r\nMessage-ID: <requiretls@a.test>\r\n\r\nHi\r\n` } as never)
    await world.b.arrived(1, 'by TLS only')
    await status('<requiretls@a.test>', ['silenced readall pinned'])
  })
  it('T62 the status goes unprocessed, notifying, silenced', async () => {
    await world.names.pause()
    const id = await world.a.send(1, [world.b.user(3)], 'slow names')
    expect(await statusOf(id)).toEqual(['unprocessed unread pinned'])
    await world.b.run('user', 'retrieval', world.b.user(3), '--collect', 'native')
    world.names.resume()
    await status(id, 'notifying unread pinned')
    await world.b.run('user', 'retrieval', world.b.user(3), '--collect', 'gateway')
    await status(id, 'silenced readall pinned')
  })

  it('T65 after a large message was deleted, its octets are gone from the sender\'s store', async () => {
    const before = files().length
    const id = await world.a.send(1, [world.b.user(3)], 'heavy', large('heavy'))
    expect(files()).toHaveLength(before + 1)
    const uid = await world.b.arrived(3, 'heavy')
    await status(id, 'silenced readheaders pinned')
    expect(await world.b.imap(3, `INBOX;UID=${uid}`)).toContain('heavy heavy heavy')
    await status(id, 'silenced readall pinned')
    await world.b.imap(3, 'INBOX', `UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`)
    await world.b.imap(3, 'INBOX', 'EXPUNGE')
    await until(async () => (await world.a.track(id)).endedBy === 'released' || undefined, 'released')
    await until(() => files().length === before || undefined, 'no octets left')
  })

  it('T67 what is recalled before it was read cannot be read, small or large', async () => {
    for (const [subject, body] of [['recalled small', 'Oops\r\n'], ['recalled large', large('oops')]]) {
      const id = await world.a.send(1, [world.b.user(3)], subject, body)
      const uid = await world.b.arrived(3, subject)
      expect((await world.a.run('cancel', id, '--yes')).code).toBe(0)
      expect(await world.b.imap(3, `INBOX;UID=${uid}`).catch(() => '')).not.toMatch(/oops/i)
      expect(await world.b.find(3, subject)).toEqual([])
    }
  })

  it('a store that is down leaves the entry, and the reader\'s session; when it is back all is well', async () => {
    const id = await world.a.send(1, [world.b.user(3)], 'outage', large('outage'))
    const uid = await world.b.arrived(3, 'outage')
    await status(id, 'silenced readheaders pinned')
    await world.a.stop()
    expect(await world.b.imap(3, 'INBOX', `UID FETCH ${uid} (BODY.PEEK[TEXT])`).catch((error: Error) => error.message)).toMatch(/Quote command returned error|UNAVAILABLE/)
    expect(await world.b.find(3, 'outage')).toEqual([uid])
    await world.a.start()
    await until(async () => (await world.b.imap(3, `INBOX;UID=${uid}`).catch(() => '')).includes('outage outage') || undefined, 'the text')
  })

  it('T56 an agent that forgot everything is told again', async () => {
    await world.b.run('user', 'retrieval', world.b.user(4), '--collect', 'native')
    const id = await world.a.send(1, [world.b.user(4)], 'forgotten')
    await status(id, 'notifying unread pinned')
    await Promise.all([world.a.stop(), world.b.stop()])
    await sql(world.b.data, 'DELETE FROM notifications')
    await sql(world.b.data, 'DELETE FROM notification_counts')
    await sql(world.a.data, 'UPDATE recipients SET next_attempt = 1 WHERE next_attempt IS NOT NULL')
    await Promise.all([world.a.start(), world.b.start()])
    await world.b.run('user', 'retrieval', world.b.user(4), '--collect', 'gateway')
    await world.b.arrived(4, 'forgotten')
    await status(id, 'silenced readall pinned')
  })

  it('T42 kill -9 of the sender right after its 250: the message arrives, once', async () => {
    const subjects = ['killed sender 1', 'killed sender 2', 'killed sender 3']
    for (const subject of subjects) {
      await world.a.send(1, [world.b.user(2)], subject)
      await world.a.kill()
      await world.a.start()
    }
    for (const subject of subjects) await world.b.arrived(2, subject)
    await Promise.all(subjects.map(async (subject) => expect(await world.b.find(2, subject)).toHaveLength(1)))
  })

  it('T99 kill -9 of the receiver, again and again while mail comes in: all of it arrives, each once, and is released', async () => {
    const ids: string[] = []
    for (let i = 0; i < 12; i++) ids.push(await world.a.send(1, [world.b.user(1)], `storm ${i} end`, i % 3 === 0 ? large('storm') : 'storm\r\n'))
    const all = async (): Promise<number> => (await world.b.find(1, 'storm')).length
    // At whatever it is doing then.
    for (const pause of [0, 60, 20, 120]) {
      await moment(pause)
      await world.b.kill()
      await world.b.start()
    }
    await until(async () => (await all()) >= ids.length || undefined, 'all', 60)
    for (let i = 0; i < ids.length; i++) expect(await world.b.find(1, `storm ${i} end`)).toHaveLength(1)
    for (const id of ids) await until(async () => (await statusOf(id))[0].startsWith('silenced') || undefined, 'silenced')
    await world.b.imap(1, 'INBOX', 'STORE 1:* +FLAGS.SILENT (\\Deleted)')
    await world.b.imap(1, 'INBOX', 'EXPUNGE')
    await world.b.kill()
    await world.b.start()
    for (const id of ids) await until(async () => (await world.a.track(id)).endedBy === 'released' || undefined, 'released', 60)
  })

  it('T58 a domain without an agent is told to its sender, one with a dead one is tried again', async () => {
    await world.names.change([...world.records(), '_rnasp._tcp.dead.test. SRV 0 0 1 gw.a.test.', '_rnasp-ssl._tcp.dead.test. SRV 0 0 1 gw.a.test.'])
    const id = await world.a.send(1, ['x@nowhere.test', 'x@dead.test'], 'nobody there')
    await status(id, ['noservice unread pinned', 'noserver unread pinned'])
    await world.names.change([...world.records(), `_rnasp._tcp.dead.test. SRV 5 0 ${world.b.ports.rnasp} gw.b.test.`, '_rnasp._tcp.dead.test. SRV 0 0 1 gw.a.test.'])
    await status(id, ['noservice unread pinned', 'notifying unread pinned'])
  })

  it('H9 a domain that once had TLS is not spoken to in clear', async () => {
    await world.names.change(world.records().filter((record) => !record.startsWith('_rnasp-ssl._tcp.b.test')))
    const id = await world.a.send(1, [world.b.user(2)], 'stripped')
    await status(id, 'noserver unread pinned')
    await world.names.change(world.records())
    await status(id, 'silenced readall pinned')
  })
})

/** Writes to the database of a gateway that does not run. */
async function sql(data: string, statement: string): Promise<void> {
  const { default: sqlite } = await import('sqlite3')
  await new Promise<void>((done, fail) => {
    const database = new sqlite.Database(join(data, 'restante.sqlite'), (error) => {
      if (error) return fail(error)
      database.run(statement, (failed: Error | null) => database.close(() => (failed ? fail(failed) : done())))
    })
  })
}
