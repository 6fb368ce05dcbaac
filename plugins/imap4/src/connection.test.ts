// What the connection does around commands: who may log in how, limits, clocks, errors nobody foresaw. No socket, no database.
import { describe, expect, it } from 'vitest'
import type { Announcement, Clock, Content, MessageId, OpenMailbox, Services, Uid } from '@restante/core'
import { failure, allRights } from '@restante/core'
import { startSession, type TestOptions, type TestSession } from './testing/session.js'

const login = 'l LOGIN anna secret\r\n'
const silence: Announcement = { expunged: [], vanished: [], flags: [], exists: undefined, recent: 0 }

async function started(options: TestOptions = {}, loggedIn = true): Promise<TestSession> {
  const session = startSession(options)
  await session.say(loggedIn ? login : '')
  return session
}

/** A mailbox of `count` messages, all alike. */
function mailbox(count: number, more: Partial<OpenMailbox> = {}): OpenMailbox {
  const uids = Uint32Array.from({ length: count }, (_, i) => i + 1)
  const numbers = (value: (i: number) => number): Float64Array => Float64Array.from({ length: count }, (_, i) => value(i))
  return {
    name: 'INBOX', uidValidity: 1, readOnly: false, rights: allRights, gone: false,
    index: {
      count, modseq: 1, uidNext: count + 1, uids, flags: new Uint8Array(count), keywords: new Uint32Array(count), modseqs: numbers(() => 1), sizes: numbers(() => 10), internalDates: numbers(() => 0), saveDates: numbers(() => 0), messages: numbers((i) => i + 100),
      position: (uid: Uid) => (uid >= 1 && uid <= count ? uid - 1 : -1), entry: () => undefined, keywordNames: () => [], allKeywords: () => [],
    },
    view: {
      count, modseq: 1, recentCount: 0, uidAt: (seq: number) => (seq >= 1 && seq <= count ? seq : undefined), seqOf: (uid: number) => (uid <= count ? uid : 0), isRecent: () => false,
      slice: (low: number, high: number) => Array.from(uids.subarray(low - 1, high)), uidsBetween: (low: number, high: number) => Array.from(uids).filter((uid) => uid >= low && uid <= high),
    },
    look: () => silence, noteRead: () => undefined, takenBack: async () => [], onChange: () => () => undefined, close: () => undefined, expunge: async () => [],
    changeFlags: async (asked: readonly Uid[]) => ({ done: asked, modified: [], gone: [] }),
    ...more,
  } as unknown as OpenMailbox
}

const withMailbox = (box: OpenMailbox, contents: Partial<Services['contents']> = {}, mailboxes: Partial<Services['mailboxes']> = {}): TestOptions =>
  ({ services: { mailboxes: { open: async () => box, ...mailboxes }, contents } })

const content = (message: number, octets: string | Error): Content => ({
  message: message as MessageId, size: octets instanceof Error ? 100 : octets.length,
  async *range(from: number, length: number) {
    if (octets instanceof Error) throw octets
    yield Buffer.from(octets).subarray(from, from + length)
  },
})

/** A clock that only moves when told. */
function handClock(): Clock & { move(ms: number): Promise<void> } {
  let now = 1e12
  let timers: { at: number; run: () => void }[] = []
  return {
    now: () => now,
    after(ms, run) {
      const timer = { at: now + ms, run }
      timers.push(timer)
      return { clear: () => { timers = timers.filter((other) => other !== timer) } }
    },
    async move(ms) {
      for (const end = now + ms; now < end;) {
        now += 250
        const due = timers.filter((timer) => timer.at <= now)
        timers = timers.filter((timer) => timer.at > now)
        for (const timer of due) timer.run()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

describe('passwords in clear text', () => {
  const cases: [TestOptions, boolean][] = [
    [{ loopback: true }, true], [{ loopback: false }, false], [{ loopback: false, secure: true }, true],
    [{ loopback: true, config: { plaintextLogin: 'never' } }, false], [{ secure: true, config: { plaintextLogin: 'never' } }, true], [{ loopback: false, config: { plaintextLogin: 'always' } }, true],
  ]
  it('are refused, and the refusal advertised, unless policy allows them', async () => {
    for (const [options, allowed] of cases) {
      const session = startSession(options)
      const [greeting] = await session.say('')
      expect(greeting.includes('LOGINDISABLED')).toBe(!allowed)
      expect(greeting.includes('AUTH=PLAIN')).toBe(allowed)
      expect(greeting).toContain('AUTH=SCRAM-SHA-256')
      expect(await session.say(login)).toEqual([allowed ? expect.stringMatching(/^l OK/) : 'l NO [PRIVACYREQUIRED] Passwords are accepted only under TLS'])
      if (!allowed) expect(await session.say('m AUTHENTICATE PLAIN AGEAYg==\r\n')).toEqual(['m NO [PRIVACYREQUIRED] Passwords are accepted only under TLS'])
    }
  })
})

describe('clocks', () => {
  it('gives a minute to log in, however the client dribbles', async () => {
    const clock = handClock()
    const session = await started({ clock }, false)
    await clock.move(40_000)
    await session.say('a NO')
    await clock.move(21_000)
    expect(await session.say('')).toEqual(['* BYE Autologout: silent for too long'])
    expect(session.closed).toBe(true)
  })
  it('logs out after half an hour of silence, not before', async () => {
    const clock = handClock()
    const session = await started({ clock })
    await clock.move(29 * 60_000)
    expect(await session.say('a NOOP\r\n')).toEqual(['a OK NOOP completed'])
    await clock.move(29 * 60_000)
    expect(session.closed).toBe(false)
    await clock.move(2 * 60_000)
    expect(await session.say('')).toEqual(['* BYE Autologout: silent for too long'])
  })
  it('shows signs of life in IDLE', async () => {
    const clock = handClock()
    const session = await started({ clock })
    await session.say('a IDLE\r\n')
    await clock.move(250_000)
    expect(await session.say('DONE\r\n')).toEqual(['* OK Still here', '* OK Still here', 'a OK IDLE completed'])
    await clock.move(250_000)
    expect(await session.say('')).toEqual([])
  })
  it('tells a change in IDLE at once, and gathers what follows for a moment', async () => {
    const clock = handClock()
    let listener = (): void => undefined
    let exists = 0
    const session = await started({ ...withMailbox(mailbox(0, { onChange: (told) => { listener = told; return () => undefined }, look: () => ({ ...silence, exists }) })), clock })
    await session.say('a SELECT INBOX\r\nb IDLE\r\n')
    for (exists = 1; exists <= 5; exists++) listener()
    expect(await session.say('')).toEqual(['* 1 EXISTS', '* 0 RECENT'])
    exists = 5
    await clock.move(500) // two turns of this coarse clock: the burst, and that it paused
    expect(await session.say('')).toEqual(['* 5 EXISTS', '* 0 RECENT'])
    await clock.move(1000)
    expect(await session.say('')).toEqual([])
  })
  it('cuts off a client that leaves its reply unread', async () => {
    const clock = handClock()
    const session = await started({ ...withMailbox(mailbox(5000)), clock })
    session.lunch()
    await session.say('a SELECT INBOX\r\nb FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n')
    await clock.move(299_000)
    expect(session.closed).toBe(false)
    await clock.move(2000)
    expect(session.closed).toBe(true)
  })
})

describe('leaving', () => {
  it('says why when the gateway stops, to those who wait and to those who idle', async () => {
    for (const before of ['', 'a IDLE\r\n']) {
      const session = await started()
      await session.say(before)
      session.server.goodbye()
      expect(await session.say('')).toEqual(['* BYE [UNAVAILABLE] The gateway is shutting down'])
      expect(session.closed).toBe(true)
    }
  })
  it('finishes the running command first', async () => {
    let finish = (): void => undefined
    const session = await started({ services: { mailboxes: { create: () => new Promise((resolve) => { finish = resolve }) } } })
    await session.say('a CREATE x\r\nb NOOP\r\n')
    session.server.goodbye()
    expect(await session.say('')).toEqual([])
    finish()
    expect(await session.say('')).toEqual(['a OK CREATE completed', '* BYE [UNAVAILABLE] The gateway is shutting down'])
  })
  it('says goodbye when the mailbox is deleted while the client idles', async () => {
    let listener = (): void => undefined
    const box = mailbox(1, { onChange: (told) => { listener = told; return () => undefined } })
    const session = await started(withMailbox(box))
    await session.say('a SELECT INBOX\r\nb IDLE\r\n')
    Object.assign(box, { gone: true })
    listener()
    expect(await session.say('')).toEqual(['* BYE [NONEXISTENT] The mailbox was deleted by another session'])
    expect(session.closed).toBe(true)
  })
})

describe('what its sender has taken back', () => {
  const url = (section = ''): string => `/INBOX/;UID=1${section}`
  const recalled = withMailbox(mailbox(2, { takenBack: async (uids) => uids.filter((uid) => uid === 1) }), { open: async () => content(100, 'Subject: x\r\n\r\nSecret') }, { summaries: async function* () { yield new Map() } })
  const append = (name: string): string => `APPEND INBOX CATENATE (URL "${name}")\r\n`
  it('is no text for CATENATE, by name or in the selected mailbox', async () => {
    const session = await started({ ...recalled, services: { ...recalled.services, spool: { open: () => ({ discard: async () => undefined, write: async () => { throw new Error('never') } }) as never } } })
    expect(await session.say(`a ${append(url())}`)).toEqual([`a NO [BADURL "${url()}"] There is no such message text`])
    expect((await session.say(`b SELECT INBOX\r\nc ${append('/;UID=1')}`)).at(-1)).toBe('c NO [BADURL "/;UID=1"] There is no such message text')
  })
})

describe('trouble', () => {
  it('gives what nobody foresaw a number that is in the log, and goes on', async () => {
    const session = await started({ services: { mailboxes: { create: async () => { throw new TypeError('oops') } } } })
    const [reply] = await session.say('a CREATE x\r\n')
    expect(reply).toMatch(/^a NO \[SERVERBUG\] Internal error [0-9a-f]{8}$/)
    expect(JSON.stringify(session.logged)).toContain(reply.slice(-8))
    expect(await session.say('b NOOP\r\n')).toEqual(['b OK NOOP completed'])
  })
  it('words core\'s errors', async () => {
    const words: [Parameters<typeof failure>[0], string][] = [['OVER_QUOTA', 'OVERQUOTA'], ['NOT_PERMITTED', 'NOPERM'], ['TOO_MANY_MAILBOXES', 'LIMIT'], ['DATABASE_FAILED', 'UNAVAILABLE'], ['NO_ROOM', 'UNAVAILABLE'], ['MAILBOX_EXISTS', 'ALREADYEXISTS']]
    for (const [code, word] of words) {
      const session = await started({ services: { mailboxes: { create: async () => { throw failure(code, { account: 'caf\u00e9\r\nx' }) } } } })
      const [reply] = await session.say('a CREATE x\r\n')
      expect(reply).toMatch(new RegExp(`^a NO \\[${word}\\] [\\x20-\\x7e]+$`))
    }
  })
  it('leaves out what cannot be had at the moment, and says so', async () => {
    const open = async function* (): AsyncIterable<Content> {
      yield content(100, 'one')
      yield content(101, failure('CONTENT_UNAVAILABLE'))
      yield content(103, 'four') // 102 is gone
    }
    const session = await started(withMailbox(mailbox(4), { readMany: open }))
    expect((await session.say('a SELECT INBOX\r\nb FETCH 1:4 BODY.PEEK[]\r\n')).slice(-5)).toEqual(['* 1 FETCH (BODY[] {3}', 'one)', '* 4 FETCH (BODY[] {4}', 'four)', 'b NO [UNAVAILABLE] The text of 1 messages cannot be had at the moment'])
    expect(await session.say('c NOOP\r\n')).toEqual(['c OK NOOP completed'])
  })
  it('says so when a message is gone for good', async () => {
    const session = await started(withMailbox(mailbox(2), { async *readMany() { yield content(101, 'two') } }))
    expect((await session.say('a SELECT INBOX\r\nb FETCH 1:2 BODY.PEEK[]\r\n')).slice(-3)).toEqual(['* 2 FETCH (BODY[] {3}', 'two)', 'b NO [EXPUNGEISSUED] Some of the messages no longer exist'])
    expect((await session.say('c UID FETCH 1:2 BODY.PEEK[]\r\n')).at(-1)).toBe('c OK UID FETCH completed')
  })
  it('closes when a message breaks off in the middle: the client could not tell', async () => {
    const broken: Content = { message: 100 as MessageId, size: 10, async *range() { yield Buffer.from('12345') } }
    const session = await started(withMailbox(mailbox(1), { async *readMany() { yield broken } }))
    await session.say('a SELECT INBOX\r\nb FETCH 1 BODY.PEEK[]\r\n')
    expect(session.closed).toBe(true)
    expect(session.logged).toHaveLength(1)
  })
  it('writes no NUL into a literal', async () => {
    const session = await started(withMailbox(mailbox(1), { async *readMany() { yield content(100, 'a\0b') } }))
    expect((await session.say('a SELECT INBOX\r\nb FETCH 1 BODY.PEEK[]\r\n')).at(-2)).toBe('a\x80b)')
  })
})

describe('known attacks', () => {
  it('many literals (CVE-2024-34055)', async () => {
    const session = await started({}, false)
    expect((await session.say(`a ${'{1+}\r\nx '.repeat(50)}\r\n`))[0]).toBe('a BAD A command may have at most 4 literals')
    const inside = await started()
    expect(await inside.say(`a SEARCH ${'SUBJECT {1+}\r\nx '.repeat(500)}\r\n`)).toEqual(['a BAD A command may have at most 100 literals'])
    expect(await inside.say(`b SEARCH SUBJECT {40000+}\r\n${'x'.repeat(40_000)} SUBJECT {40000+}\r\n${'x'.repeat(40_000)}\r\n`)).toEqual(['b BAD [TOOBIG] Literals may have at most 65536 octets'])
  })
  it('memory before login (CVE-2025-61600): a line, a literal', async () => {
    const session = await started({}, false)
    expect((await session.say(`a LOGIN ${'x'.repeat(9000)}\r\n`))[0]).toBe('a BAD A command may have at most 8192 octets')
    expect(await session.say('b LOGIN {5000}\r\n')).toEqual(['b BAD [TOOBIG] Literals may have at most 4096 octets'])
    await session.say('x'.repeat(1_100_000))
    expect(session.closed).toBe(true)
  })
  it('nested parentheses (CVE-2026-27857)', async () => {
    const session = await started(withMailbox(mailbox(1)))
    await session.say('a SELECT INBOX\r\n')
    for (const [command, reply] of [
      [`SEARCH ${'('.repeat(60_000)}`, /deeper/], [`SEARCH ${'NOT '.repeat(15_000)}SEEN`, /deeper|keys/], [`SEARCH ${'OR '.repeat(15_000)}`, /deeper|keys/], [`LIST ${'('.repeat(60_000)}`, /BAD/], [`ID ${'('.repeat(60_000)}`, /BAD/],
      [`FETCH 1 ${'('.repeat(60_000)}`, /BAD/], [`STORE 1 FLAGS ${'('.repeat(60_000)}`, /BAD/], [`STATUS INBOX ${'('.repeat(60_000)}`, /BAD/], [`SEARCH ${'('.repeat(100_000)}`, /at most 65536/],
    ] as const) expect((await session.say(`b ${command}\r\n`))[0]).toMatch(reply)
  })
  it('bad base64 in AUTHENTICATE (CVE-2025-59028)', async () => {
    for (const bad of ['AAA', '====', '\0\0\0\0', 'A===', 'AA=A', '!!!!', '%00%', `${'A'.repeat(7999)}`]) {
      const session = await started({}, false)
      await session.say('a AUTHENTICATE PLAIN\r\n')
      expect((await session.say(`${bad}\r\n`)).at(-1), bad).toMatch(/^a BAD/)
      expect((await session.say('b NOOP\r\n')).at(-1)).toBe('b OK NOOP completed')
    }
  })
  it('other protocols (ALPACA): nothing of theirs is run', async () => {
    for (const line of ['GET / HTTP/1.1', 'POST / HTTP/1.1', 'EHLO x', 'USER anna', 'x EHLO y']) {
      const session = await started({}, false)
      expect((await session.say(`${line}\r\n${login}`)).join('\n')).toMatch(/^\* BYE This is an IMAP server/)
      expect(session.closed).toBe(true)
    }
  })
  it('a reply cannot be forged by what a client chose', async () => {
    const session = await started({ services: { mailboxes: { status: async (_, name) => { throw failure('MAILBOX_NOT_FOUND', { mailbox: name }) } } } })
    const replies = await session.say('a STATUS "x\\" \\\\y" (MESSAGES)\r\nb STATUS {9+}\r\nx\r\n* BYE! (MESSAGES)\r\nc STATUS "&AA0ACg-x" (MESSAGES)\r\n')
    expect(replies).toHaveLength(3)
    for (const reply of replies) expect(reply).toMatch(/^[abc] NO \[(NONEXISTENT|CANNOT)\] [\x20-\x7e]+$/)
  })
})

describe('BINARY of parts that do not fit into memory', () => {
  const octets = `Content-Transfer-Encoding: base64\r\n\r\n${Buffer.from('The quick brown fox\0jumps').toString('base64').replace(/.{5}/g, '$&\r\n')}`
  const part = { section: '', headerOffset: 0, headerLength: 37, bodyOffset: 37, bodyLength: octets.length - 37, lines: 1, type: 'text/plain', encoding: 'base64', charset: '', filename: '', disposition: '' }
  const inPieces = (size: number, cut = 0): TestOptions => withMailbox(mailbox(1), {
    async *readMany() {
      yield { message: 100 as MessageId, size: octets.length, async *range(from: number, length: number) { for (let at = from; at < from + length - cut; at += size) yield Buffer.from(octets).subarray(at, Math.min(from + length - cut, at + size)) } }
    },
  }, { async *summaries() { yield new Map([[100 as MessageId, { parts: [part] }]]) } } as unknown as Partial<Services['mailboxes']>)
  it('measures, then decodes, however the octets come', async () => {
    for (const size of [1, 2, 3, 7, 1000]) {
      const session = await started(inPieces(size))
      expect((await session.say('a SELECT INBOX\r\nb FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])\r\n')).slice(-3)).toEqual(['* 1 FETCH (BINARY.SIZE[1] 25 BINARY[1] ~{25}', 'The quick brown fox\0jumps)', 'b OK FETCH completed'])
      expect((await session.say('c FETCH 1 BINARY.PEEK[1]<4.5>\r\n')).slice(0, 2)).toEqual(['* 1 FETCH (BINARY[1]<4> ~{5}', 'quick)'])
    }
  })
})

describe('quota', () => {
  it('names only what is limited, in units of 1024 octets', async () => {
    for (const [quotaOctets, quotaMessages, text] of [[0, 0, ''], [1_048_576, 0, 'STORAGE 2 1024'], [0, 50, 'MESSAGE 3 50'], [1025, 50, 'STORAGE 2 1 MESSAGE 3 50']] as const) {
      const session = await started({ services: { accounts: { usage: async () => ({ octets: 1025, messages: 3, quotaOctets, quotaMessages }) } } })
      expect(await session.say('a GETQUOTA ""\r\n')).toEqual([`* QUOTA "" (${text}${text === '' ? '' : ' '}MAILBOX 0 10000)`, 'a OK GETQUOTA completed'])
    }
  })
})
describe('UNAUTHENTICATE', () => {
  it('gives a minute to log in again', async () => {
    const clock = handClock()
    const session = await started({ clock })
    expect(await session.say('a UNAUTHENTICATE\r\n')).toEqual(['a OK UNAUTHENTICATE completed'])
    await clock.move(61_000)
    expect(await session.say('')).toEqual(['* BYE Autologout: silent for too long'])
  })
})
