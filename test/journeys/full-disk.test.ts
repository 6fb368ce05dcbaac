// A full disk: nothing is accepted that cannot be kept, nothing accepted is lost, sessions go on, and room makes all well.
// Needs a small file system of its own (a tmpfs), so it needs to be root; elsewhere it says so and is skipped.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { settings, start, Wire, type Ready, type Started } from './support/restante.js'

const mountPoint = mkdtempSync(join(tmpdir(), 'restante-full-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=0700', 'tmpfs', mountPoint])
if (mounted.status !== 0) process.stderr.write(`full-disk.test.ts is skipped: a tmpfs cannot be mounted here (${mounted.error?.message ?? mounted.stderr.toString().trim()})\n`)

const data = join(mountPoint, 'data')
const ballast = join(mountPoint, 'ballast')
let gateway: Started
let ready: Ready
const begin = async (): Promise<void> => {
  gateway = start(['--json', ...settings(data), '--set', 'log.level=error'])
  const next = await gateway.ready()
  ready = { ...next, account: next.account ?? ready.account, password: next.password ?? ready.password }
}
const accepted = new Map<string, number>()
let number = 0

/** Sends one message in a session; answers what was said to its data (or to DATA itself). */
async function deliver(session: Wire, octets: number): Promise<string> {
  const id = `m${++number}`
  for (const line of ['MAIL FROM:<a@outside.example>', `RCPT TO:<${ready.account}>`]) {
    const answer = await session.ask(line, /^\d{3} /)
    if (!answer.startsWith('250')) {
      await session.ask('RSET', /^250/)
      return answer
    }
  }
  const go = await session.ask('DATA', /^\d{3} /)
  if (!go.startsWith('354')) return go
  const text = `Message-ID: <${id}@full.example>\r\nSubject: ${id}\r\n\r\n${`${'x'.repeat(76)}\r\n`.repeat(Math.ceil(octets / 78))}`
  const answer = await session.ask(`${text}.`, /^\d{3} /)
  if (answer.startsWith('250')) accepted.set(id, text.length)
  return answer
}
const smtp = async (): Promise<Wire> => {
  const session = await Wire.to(ready.listeners.smtp)
  await session.see(/^220/)
  await session.ask('EHLO me.example', /^250 /)
  return session
}
const imap = async (): Promise<Wire> => {
  const session = await Wire.to(ready.listeners.imap)
  await session.see(/^\* OK/)
  await session.ask(`a LOGIN ${ready.account} ${ready.password}`, /^a OK/)
  return session
}
async function expectAllThere(): Promise<void> {
  const session = await imap()
  await session.ask('b SELECT INBOX', /^b OK/)
  const all = await session.ask('c FETCH 1:* (RFC822.SIZE BODY.PEEK[])', /^c (OK|NO|BAD)/)
  session.destroy()
  const found = new Map<string, number>()
  for (const part of all.split(/^\* \d+ FETCH /m).slice(1)) {
    const size = Number(/RFC822\.SIZE (\d+)/.exec(part)![1])
    const text = part.slice(part.indexOf('}\r\n') + 3).slice(0, size)
    expect(text.length).toBe(size)
    const body = text.slice(text.indexOf('Message-ID:'))
    found.set(/^Subject: (.*)\r$/m.exec(text)![1], body.length)
  }
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(accepted))
}
const freeOctets = (): number => {
  const { bavail, bsize } = statfsSync(mountPoint)
  return bavail * bsize
}
const fill = (): void => {
  for (let size = 1024 * 1024; size >= 4096; size /= 2) {
    try {
      for (;;) writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }
}

describe.skipIf(mounted.status !== 0)('on a full disk', () => {
  beforeAll(async () => {
    mkdirSync(data)
    await begin()
  })
  afterAll(async () => {
    gateway?.process.kill('SIGTERM')
    await gateway?.exited
    spawnSync('umount', [mountPoint])
    rmSync(mountPoint, { recursive: true, force: true })
  })

  it('SMTP answers 452 4.3.1 and IMAP NO; what was accepted is there, and room makes all well', async () => {
    const [sender, reader] = [await smtp(), await imap()]
    for (const octets of [1000, 200_000, 3_000_000]) expect(await deliver(sender, octets)).toMatch(/^250 /)
    await reader.ask('b SELECT INBOX', /^b OK/)
    fill()
    expect(freeOctets()).toBeLessThan(16_384)
    let refused = 0
    // A few small ones may still find room in files that are there already.
    for (let i = 0; i < 200 && refused < 10; i++) {
      const answer = await deliver(sender, 2000)
      if (!answer.startsWith('250')) {
        expect(answer).toMatch(/^452 4\.3\.1 /)
        refused++
      }
    }
    expect(refused).toBe(10)
    for (const octets of [100_000, 3_000_000]) expect(await deliver(sender, octets)).toMatch(/^452 4\.3\.1 /)

    // Other sessions read on.
    expect(await reader.ask('c FETCH 1:* (FLAGS RFC822.SIZE)', /^c /)).toMatch(/^c OK/m)
    for (const octets of [2000, 500_000]) {
      const text = `Subject: never\r\n\r\n${'y'.repeat(octets)}\r\n`
      reader.send(`d APPEND Drafts {${text.length}}\r\n`)
      const go = await reader.see(/^(\+|d )/)
      const answer = go.startsWith('+') ? await reader.ask(text, /^d /) : go
      expect(answer).toMatch(/^d NO \[[A-Z]+\] .*room/m)
    }
    expect(await reader.ask('e STORE 1 +FLAGS (\\Flagged)', /^e /)).toMatch(/^e (OK|NO \[[A-Z]+\])/m)
    expect(await reader.ask('f STATUS Drafts (MESSAGES)', /^f /)).toContain('(MESSAGES 0)')
    await expectAllThere()
    // New sessions too.
    ;(await imap()).destroy()
    ;(await smtp()).destroy()

    rmSync(ballast)
    for (const octets of [1000, 200_000, 3_000_000]) expect(await deliver(sender, octets)).toMatch(/^250 /)
    expect(await reader.ask('g STORE 1 +FLAGS (\\Flagged)', /^g /)).toMatch(/^g OK/m)
    await expectAllThere()
    expect(gateway.process.exitCode).toBeNull()
  }, 60_000)

  it('filled by mail itself, many at once: every 250 holds, over a restart as well', async () => {
    writeFileSync(ballast, Buffer.alloc(1024 * 1024))
    const senders = await Promise.all(Array.from({ length: 8 }, smtp))
    const sizes = [1500, 60_000, 120_000, 900_000]
    let refused = 0
    await Promise.all(senders.map(async (sender, s) => {
      for (let i = 0; i < 100 && refused < 30; i++) {
        const answer = await deliver(sender, sizes[(s + i) % sizes.length])
        if (answer.startsWith('250')) continue
        expect(answer).toMatch(/^452 4\.3\.1 /)
        refused++
      }
    }))
    expect(refused).toBeGreaterThanOrEqual(30)
    await expectAllThere()
    gateway.process.kill('SIGTERM')
    expect(await gateway.exited).toBe(0)
    await begin()
    await expectAllThere()

    // With a little room, deleting mail makes more: on the disk too, once the store has let go.
    const session = await imap()
    await session.ask('b SELECT INBOX', /^b OK/)
    expect(await session.ask('c STORE 1:* +FLAGS.SILENT (\\Deleted)', /^c /)).toMatch(/^c (OK|NO \[[A-Z]+\])/m)
    rmSync(ballast)
    expect(await session.ask('c STORE 1:* +FLAGS.SILENT (\\Deleted)', /^c /)).toMatch(/^c OK/m)
    expect(await session.ask('d EXPUNGE', /^d /)).toMatch(/^d OK/m)
    accepted.clear()
    await expect.poll(freeOctets, { timeout: 20_000 }).toBeGreaterThan(4_000_000)
    const sender = await smtp()
    expect(await deliver(sender, 1_000_000)).toMatch(/^250 /)
    await expectAllThere()
  }, 60_000)
})
