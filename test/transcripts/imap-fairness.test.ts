// While one account does its worst, everybody else is answered as before: NOOPs of a bystander, at a gateway in a process of its own.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { imapClient, type TestClient } from '../support/imap-client.js'

const messages = 5000
let gateway: Awaited<ReturnType<typeof spawnGateway>>
let bystander: TestClient
beforeAll(async () => {
  gateway = await spawnGateway({ accounts: 2, set: ['plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.imap4.maxBadCommands=100000'] })
  bystander = await client(2)
  const filler = await client(1)
  const one = (i: number): string => {
    const octets = `From: A${i % 97} <a${i % 97}@x.example>\r\nSubject: ${i % 3 ? 'Re: ' : ''}subject ${i % 101}\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <${i}@x>\r\n${i % 3 ? `References: <${i - 1}@x>\r\n` : ''}\r\n${'words of a text\r\n'.repeat(20)}`
    return `{${octets.length}+}\r\n${octets}`
  }
  for (let at = 0; at < messages; at += 500) expect(await filler.command(`APPEND INBOX ${Array.from({ length: 500 }, (_, i) => one(at + i)).join(' ')}`, 60_000)).toContain('OK [APPENDUID')
  filler.socket.destroy()
})
afterAll(() => gateway?.stop())

async function client(user: number): Promise<TestClient> {
  const made = await imapClient(gateway.listeners.imap)
  await made.command(`LOGIN user000${user}@${gateway.domain} ${gateway.password}`)
  await made.command('SELECT INBOX')
  return made
}

/** What 19 of 20 NOOPs took at most while something lasts, in milliseconds. */
async function latency(during: Promise<unknown>): Promise<number> {
  let over = false
  const end = during.finally(() => { over = true })
  const took: number[] = []
  while (!over) {
    const begun = performance.now()
    await bystander.command('NOOP', 60_000)
    took.push(performance.now() - begun)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await end
  took.sort((a, b) => a - b)
  return took[Math.floor((took.length - 1) * 0.95)]
}

const keys = (key: string, times: number): string => `SEARCH ${`NOT ${key} `.repeat(times)}ALL`
const attacks: Readonly<Record<string, readonly string[]>> = {
  'hundreds of search keys, of every cost': [keys('SENTBEFORE 1-Jan-1970', 450), keys('SUBJECT zz', 450), keys('BODY zz', 450), keys('KEYWORD abc', 450), `SEARCH ${'1:7,9:* '.repeat(900)}1:*`],
  'sorts and threads': ['SORT (SUBJECT FROM TO CC DATE) UTF-8 ALL', 'THREAD REFERENCES UTF-8 ALL', 'THREAD REFS UTF-8 ALL', 'THREAD ORDEREDSUBJECT UTF-8 ALL'],
  'thousands of commands at once': [`NOOP${'\r\nx NOOP'.repeat(10_000)}`, `NOOP${'\r\nx FETCH ((((('.repeat(5000)}`, `NOOP${`\r\nx UID FETCH ${'1,'.repeat(30_000)}1 FLAGS`.repeat(30)}`],
}

describe('one account at its worst', () => {
  for (const [name, commands] of Object.entries(attacks)) {
    it(`${name}: nobody else waits`, async () => {
      // Another process may take the machine for a while: what is asked is that it can be done, not that it always is.
      await expect.poll(async () => {
        const calm = await latency(new Promise((resolve) => setTimeout(resolve, 300)))
        const evil = await Promise.all([client(1), client(1), client(1)])
        const attacked = await latency(Promise.all(evil.map(async (one) => { for (const command of commands) expect(await one.command(`${command}\r\nlast NOOP`, 60_000).then(() => one.until(/^last .*\r\n/m, 60_000))).toContain('last OK') })))
        for (const one of evil) one.socket.destroy()
        return attacked / Math.max(2 * calm, 50)
      }, { timeout: 100_000, interval: 1 }).toBeLessThan(1)
    }, 120_000)
  }
})
