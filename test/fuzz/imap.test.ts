// IMAP fuzzed through real sockets: commands of the golden transcripts, recombined word by word and octet by octet, in several
// sessions at once. Each must be answered or end its session; none may find a bug (SERVERBUG), hang, or disturb a calm session.
// FUZZ_SECONDS: how long; FUZZ_SEED: where chance begins (printed when it fails).
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { imapClient, type TestClient } from '../support/imap-client.js'

const seconds = Number(process.env.FUZZ_SECONDS ?? 5)
const firstSeed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 1e9))
const sessions = 4
/** Commands of one session before it begins anew. */
const perSession = 60

let gateway: Awaited<ReturnType<typeof startGateway>>
beforeAll(async () => { gateway = await startGateway({ accounts: sessions + 1, set: ['plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.imap4.maxBadCommands=100000', 'plugins.imap4.appendLimit=65536', 'accounts.quotaOctets=50MiB'] }) })
afterAll(() => gateway?.stop())

const folder = join(import.meta.dirname, '../transcripts/imap')
/** Not what changes the stream itself, or ends the session. */
const left = /^(COMPRESS|STARTTLS|AUTHENTICATE|LOGIN|LOGOUT|UNAUTHENTICATE)\b/i
const seeds = readdirSync(folder).filter((name) => name.endsWith('.test-script')).flatMap((name) => readFileSync(join(folder, name), 'latin1').split('\n'))
  .flatMap((line) => /^C: \S+ (\S.*)$/.exec(line)?.[1] ?? []).filter((command) => !left.test(command) && !command.includes('{{'))
const words = [...new Set(seeds.flatMap((seed) => seed.split(/(?<=[ ()])|(?=[()])/)))]
const odd = ['(', ')', '"', '\\', ' ', '  ', '*', '%', '{', '}', '[', ']', '<', '>', ':', ',', '\0', '\x7f', '\xff', '&', '-', '+', 'NIL', '0', '4294967296', '99999999999999999999', '((((', 'BODY[', '1:*', 'UID ', '$', '~', '/private/', '{3}', '{3+}', '~{3+}', '\r', 'é']

function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

function mutated(chance: (below: number) => number): string {
  const one = <T>(list: readonly T[]): T => list[chance(list.length)]
  let text = one(seeds)
  for (let n = chance(4); n > 0; n--) {
    const at = chance(text.length + 1)
    const kind = chance(4)
    if (kind === 0) text = text.slice(0, at) + one(odd) + text.slice(at + chance(4))
    else if (kind === 1) text = text.slice(0, at) + text.slice(at + 1 + chance(6))
    else if (kind === 2) text = text.slice(0, at) + one(words) + text.slice(at)
    else text = text.slice(0, at) + one(seeds).slice(chance(20))
  }
  return left.test(text) ? 'NOOP' : text
}

async function begin(user: number): Promise<TestClient> {
  const client = await imapClient(gateway.listeners.imap)
  await client.command(`LOGIN user000${user}@${gateway.domain} ${gateway.password}`)
  await client.command('APPEND INBOX {27+}\r\nSubject: fuzz\r\n\r\nsome text.')
  await client.command('SELECT INBOX')
  return client
}

/** Says one thing and hears the answer, giving what is asked for on the way. Answers what came. */
async function exchange(client: TestClient, tag: string, text: string, chance: (below: number) => number): Promise<string> {
  client.say(`${tag} ${text}\r\n`)
  let heard = ''
  // What cannot be told from a literal or a line that is still to come: it may wait for us for good.
  const open = /[{\r\n]/.test(text)
  for (let asked = 0; asked < 20; asked++) {
    try {
      heard += await client.until(new RegExp(`^(?:${tag} |\\+ |\\* BAD |\\* BYE ).*\\r\\n`, 'm'), open || asked > 0 ? 150 : 10_000)
    } catch (error) {
      if (client.closed || open || asked > 0) {
        client.socket.destroy()
        return heard
      }
      throw error
    }
    const lines = heard.split('\r\n')
    const last = lines[lines.length - 2]
    if (!last.startsWith('+ ')) return heard
    client.say(last === '+ idling' ? 'DONE\r\n' : ['xyz\r\n', 'x)\r\n', '\r\n', `${'x'.repeat(chance(300))}\r\n`][chance(4)])
  }
  client.socket.destroy()
  return heard
}

it(`survives ${seconds} s of it (FUZZ_SEED=${firstSeed})`, async () => {
  const until = performance.now() + seconds * 1000
  let done = 0
  let slowest = 0
  const fuzz = async (session: number): Promise<void> => {
    for (let round = 0; performance.now() < until; round++) {
      const chance = random(firstSeed + session * 100_003 + round)
      const client = await begin(session)
      const said: string[] = []
      try {
        for (let i = 0; i < perSession && !client.closed && performance.now() < until; i++) {
          const text = mutated(chance)
          said.push(text)
          const heard = await exchange(client, `f${i}`, text, chance)
          expect(heard, said.slice(-5).join('\n')).not.toContain('SERVERBUG')
          done++
        }
      } catch (error) {
        throw new Error(`session ${session}, round ${round}: ${JSON.stringify(said.slice(-5))}: ${(error as Error).message}`, { cause: error })
      } finally {
        client.socket.destroy()
      }
    }
  }
  const calm = async (): Promise<void> => {
    const client = await begin(sessions + 1)
    while (performance.now() < until) {
      const started = performance.now()
      expect(await client.command('UID FETCH 1:* (FLAGS ENVELOPE)')).toMatch(/ OK UID FETCH completed/)
      slowest = Math.max(slowest, performance.now() - started)
    }
    client.socket.destroy()
  }
  await Promise.all([calm(), ...Array.from({ length: sessions }, (_, i) => fuzz(i + 1))])
  expect(done).toBeGreaterThan(50 * seconds)
  expect(slowest).toBeLessThan(2000)
}, seconds * 1000 + 60_000)
