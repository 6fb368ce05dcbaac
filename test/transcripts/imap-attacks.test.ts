// Attacks that hit other IMAP servers, each by its name, and what the search and fetch languages could be abused for. While each
// lasts, somebody else's session must be answered.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { imapClient, type TestClient } from '../support/imap-client.js'

let gateway: Awaited<ReturnType<typeof startGateway>>
let calm: TestClient
beforeAll(async () => {
  gateway = await startGateway({ accounts: 3, set: ['plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.imap4.appendLimit=1MiB', 'plugins.imap4.maxBadCommands=1000'] })
  calm = await client(2)
})
afterAll(() => gateway?.stop())

async function client(user = 1): Promise<TestClient> {
  const made = await imapClient(gateway.listeners.imap)
  await made.command(`LOGIN user000${user}@${gateway.domain} ${gateway.password}`)
  await made.command('SELECT INBOX')
  return made
}
const message = (body: string): string => `Subject: x\r\n\r\n${body}`
const append = (octets: string): string => `APPEND INBOX {${octets.length}+}\r\n${octets}`

/** Somebody else's NOOPs while it lasts: the slowest, in milliseconds. */
async function meanwhile<T>(attack: Promise<T>): Promise<{ value: T; slowest: number }> {
  let done = false
  const finished = attack.finally(() => { done = true })
  let slowest = 0
  do {
    const started = performance.now()
    await calm.command('NOOP')
    slowest = Math.max(slowest, performance.now() - started)
  } while (!done)
  return { value: await finished, slowest }
}
/** A session that hangs is meant, not one that is slower on a machine that runs other tests beside this. */
const noticed = 3000

describe('attacks on other servers', () => {
  it('CVE-2024-34055: a command of very many literals', async () => {
    const evil = await client()
    const { value, slowest } = await meanwhile(evil.command(`SEARCH ${'SUBJECT {1+}\r\nx '.repeat(5000)}ALL`))
    expect(value).toMatch(/BAD A command may have at most (100 literals|65536 octets)/)
    expect(slowest).toBeLessThan(noticed)
    expect(await evil.command('NOOP')).toContain('OK')
    evil.socket.destroy()
  })

  it('CVE-2025-61600: memory of strangers before login', async () => {
    const before = process.memoryUsage().rss
    const evil = await Promise.all(Array.from({ length: 200 }, () => imapClient(gateway.listeners.imap)))
    for (const one of evil) one.say(`a LOGIN {4096+}\r\n${'x'.repeat(4096)} {4096+}\r\n${'y'.repeat(4000)}`)
    const { slowest } = await meanwhile(Promise.all(evil.map((one) => one.until(/never/, 300).catch(() => one.say(`${'z'.repeat(2_000_000)}`)))))
    expect(slowest).toBeLessThan(noticed)
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024)
    for (const one of evil) one.socket.destroy()
  })

  it('CVE-2026-27857: nested parentheses, and ORs and NOTs 10,000 deep', async () => {
    const evil = await client()
    for (const text of [`SEARCH ${'('.repeat(10_000)}ALL${')'.repeat(10_000)}`, `SEARCH ${'NOT '.repeat(10_000)}ALL`, `SEARCH ${'OR ALL '.repeat(8000)}ALL`, `SEARCH ${'FUZZY '.repeat(10_000)}ALL`,
      `THREAD REFERENCES UTF-8 ${'('.repeat(10_000)}`, `FETCH 1 (${'('.repeat(10_000)}`, `LIST (${'('.repeat(10_000)} "" *`, `STORE 1 FLAGS ${'('.repeat(10_000)}`, `ID ${'('.repeat(10_000)}`,
      `NOTIFY SET ${'('.repeat(10_000)}`, `ESEARCH IN ${'('.repeat(10_000)}`, `SETMETADATA INBOX ${'('.repeat(10_000)}`, `APPEND INBOX CATENATE ${'('.repeat(10_000)}`]) {
      expect(await evil.command(text), text.slice(0, 30)).toMatch(/^k\d+ BAD /m)
    }
    evil.socket.destroy()
  })

  it('CVE-2025-59028: base64 that is none, in AUTHENTICATE', async () => {
    for (const bad of ['=', '====', 'A', 'AA=A', '!!!!', 'A'.repeat(8000), '\u0080\u0080\u0080\u0080', 'AAAA=']) {
      const evil = await imapClient(gateway.listeners.imap)
      expect(await evil.command(`AUTHENTICATE PLAIN ${bad}`)).toMatch(/^k1 (BAD|NO) /m)
      evil.say('k2 AUTHENTICATE PLAIN\r\n')
      await evil.until(/^\+ .*\r\n/m)
      evil.say(`${bad}\r\n`)
      expect(await evil.until(/^k2 .*\r\n/m)).toMatch(/^k2 (BAD|NO) /m)
      evil.socket.destroy()
    }
  })

  it('CVE-2026-27859, CVE-2024-23184, CVE-2024-23185: endless parameters, addresses and headers in a message that is fetched', async () => {
    const evil = await client()
    const parameters = Array.from({ length: 5000 }, (_, i) => `; name*${i}=x`).join('')
    const addresses = Array.from({ length: 20_000 }, (_, i) => `a${i}@x`).join(', ')
    const { slowest } = await meanwhile((async () => {
      await evil.command(append(`Content-Type: text/plain${parameters}\r\n\r\nx`))
      await evil.command(append(`To: ${addresses}\r\n\r\nx`))
      await evil.command(append(`${'X-Header: value\r\n'.repeat(40_000)}\r\nx`))
      expect(await evil.command('FETCH 1:* (ENVELOPE BODYSTRUCTURE)')).toMatch(/OK FETCH completed/)
      expect(await evil.command('SORT (TO) UTF-8 HEADER X-Header value')).toMatch(/OK SORT completed/)
    })())
    expect(slowest).toBeLessThan(noticed)
    await evil.command('STORE 1:* +FLAGS.SILENT (\\Deleted)')
    await evil.command('EXPUNGE')
    evil.socket.destroy()
  })
})

describe('bombs in the languages of IMAP', () => {
  it('a mebibyte of search keys, 30,000 elements of a set, a thousand sections: bounded, or answered', async () => {
    const evil = await client()
    await evil.command(append(message('text')))
    const { slowest } = await meanwhile((async () => {
      expect(await evil.command(`SEARCH ${'SEEN '.repeat(209_000)}ALL`)).toMatch(/BAD A command may have at most 65536 octets/)
      expect(await evil.command(`SEARCH ${'SEEN '.repeat(2000)}ALL`)).toMatch(/BAD More than 1000 search keys/)
      expect(await evil.command(`UID FETCH ${Array.from({ length: 10_000 }, (_, i) => 100_000 - 2 * i).join(',')} FLAGS`)).toMatch(/OK UID FETCH completed/)
      expect(await evil.command(`UID SEARCH UID ${'1:*,'.repeat(15_000)}1`)).toMatch(/OK UID SEARCH completed/)
      expect(await evil.command(`FETCH 1:* (${'BODY[] '.repeat(999)}BODY[])`)).toMatch(/BAD More than 200 items/)
      expect(await evil.command(`FETCH 1:* (${'BODY.PEEK[] '.repeat(199)}FLAGS)`)).toMatch(/OK FETCH completed/)
      expect(await evil.command(`LIST "" ${'%*'.repeat(20_000)}x`)).toMatch(/OK LIST completed/)
      expect(await evil.command(`SORT (${'SUBJECT '.repeat(100)}DATE) UTF-8 ALL`)).toMatch(/BAD More than 20 sort criteria/)
      expect(await evil.command(`FETCH 1 BODY[${'1.'.repeat(5000)}1]`)).toMatch(/BAD Part number too deep/)
    })())
    expect(slowest).toBeLessThan(noticed)
    evil.socket.destroy()
  })

  it('CATENATE that doubles a message again and again ends at the limit of a message', async () => {
    const evil = await client()
    await evil.command('CREATE Loop')
    await evil.command(`APPEND Loop {1000+}\r\n${message('x'.repeat(986))}`)
    const last: string[] = []
    for (let uid = 1; uid <= 12; uid++) {
      last.push(await evil.command(`APPEND Loop CATENATE (URL "/Loop;UID=${uid}" URL "/Loop;UID=${uid}")`))
      if (!/OK/.test(last[last.length - 1])) break
    }
    expect(last[last.length - 1]).toMatch(/NO \[TOOBIG\]/)
    expect(await evil.command(`APPEND Loop CATENATE (${'URL "/Loop;UID=1" '.repeat(1000)}URL "/Loop;UID=1")`)).toMatch(/BAD More than 1000 pieces/)
    expect(await evil.command('DELETE Loop')).toMatch(/OK/)
    evil.socket.destroy()
  })

  it('METADATA floods and filters that multiply', async () => {
    const evil = await client()
    for (let i = 0; i < 200; i += 100) expect(await evil.command(`SETMETADATA "" (${Array.from({ length: 100 }, (_, j) => `/private/flood/n${i + j} "x"`).join(' ')})`)).toMatch(/OK/)
    expect(await evil.command('SETMETADATA "" (/private/flood/one-more "x")')).toMatch(/NO \[METADATA TOOMANY\]/)
    expect(await evil.command(`SETMETADATA "" (${Array.from({ length: 100 }, (_, j) => `/private/flood/n${j} NIL`).join(' ')})`)).toMatch(/OK/)
    const eight = (name: string): string => Array.from({ length: 8 }, () => `FILTER ${name}`).join(' ')
    expect(await evil.command(`SETMETADATA "" (/private/filters/values/f0 "SEEN SEEN SEEN" /private/filters/values/f1 "${eight('f0')}" /private/filters/values/f2 "${eight('f1')}" /private/filters/values/f3 "${eight('f2')}" /private/filters/values/f4 "${eight('f3')}")`)).toMatch(/OK/)
    expect(await evil.command('SEARCH FILTER f4')).toMatch(/NO \[LIMIT\]/)
    expect(await evil.command('SEARCH FILTER f1')).toMatch(/OK SEARCH completed/)
    evil.socket.destroy()
  })

  it('10,000 commands at once are answered, each, in their order', async () => {
    const evil = await client()
    const commands = Array.from({ length: 10_000 }, (_, i) => `p${i} ${i % 2 ? 'NOOP' : 'UID SEARCH ALL'}\r\n`)
    evil.say(commands.join(''))
    const { value, slowest } = await meanwhile(evil.until(/^p9999 .*\r\n/m, 30_000))
    expect([...value.matchAll(/^p(\d+) OK/gm)].map((found) => Number(found[1]))).toEqual(commands.map((_, i) => i))
    expect(slowest).toBeLessThan(noticed)
    evil.socket.destroy()
  })

  it('a client that asks for much and never reads costs little', async () => {
    const filler = await client(3)
    for (let i = 0; i < 8; i++) await filler.command(append(message('y'.repeat(900_000))))
    const before = process.memoryUsage().rss
    const evil = await Promise.all(Array.from({ length: 10 }, () => client(3)))
    for (const one of evil) {
      one.socket.pause()
      for (let i = 0; i < 100; i++) one.say(`n${i} FETCH 1:* BODY.PEEK[]\r\n`)
    }
    const { slowest } = await meanwhile(filler.until(/never/, 1500).catch(() => undefined))
    expect(slowest).toBeLessThan(noticed)
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024)
    for (const one of [...evil, filler]) one.socket.destroy()
  })
})
