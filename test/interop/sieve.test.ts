// Sieve scripts, translated into rules, do what Pigeonhole does with them: sieve-test (Debian's dovecot-sieve) judges a corpus of
// messages by a corpus of scripts, and so do our rules; and what we write as Sieve is judged like the rules it came from.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createScanner } from '../../core/src/message/scan.js'
import { evaluateWith, type Outcome } from '../../plugins/mailsort/src/evaluate.js'
import { formatFilter } from '../../plugins/mailsort/src/language/format.js'
import { parseFilter } from '../../plugins/mailsort/src/language/parse.js'
import { Message } from '../../plugins/mailsort/src/message.js'
import { makeProgram } from '../../plugins/mailsort/src/program.js'
import { exportSieve } from '../../plugins/mailsort/src/sieve/export.js'
import { importSieve } from '../../plugins/mailsort/src/sieve/import.js'
import { scripts } from './support/sieve-scripts.js'

const folder = mkdtempSync(join(tmpdir(), 'restante-sieve-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const [user, sender] = ['user@example.test', 'anna@example.org']

/** The same messages for everyone: senders, subjects, sizes, lists, charsets, in combination. */
function corpus(): Buffer[] {
  const froms = ['Anna <anna@example.org>', '"Doe, John" <john.doe@example.net>', '=?utf-8?Q?J=C3=B6rg?= <joerg@example.com>', 'boss@example.org', 'news@lists.example.com']
  const subjects = ['Hello', 'Order 4711', 'Re: order confirmed', '=?utf-8?Q?Gr=C3=BC=C3=9Fe?=', 'WIN MONEY now', '[list] topic *star*', '', 'Report (final)']
  const extras = ['', 'List-Id: Cats <cats.lists.example.com>\r\n', 'X-Spam-Flag: YES\r\nX-Priority: 1\r\n', 'Cc: team@example.org, "B" <bert@example.test>\r\n', 'Reply-To: other@example.net\r\nSender: robot@example.org\r\n']
  const bodies = ['Hi there\r\n', 'Please pay the invoice of 100 EUR\r\n', `${'long line of text '.repeat(300)}\r\n`]
  return Array.from({ length: 200 }, (_, i) => Buffer.from([
    `From: ${froms[i % froms.length]}`, `To: ${i % 3 === 0 ? 'User <user@example.test>' : 'list@example.org, user@example.test'}`, `Subject: ${subjects[(i * 3 + (i >> 3)) % subjects.length]}`, `Message-ID: <${i}@example.org>`,
    `${extras[(i >> 1) % extras.length]}MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8`, '', bodies[(i >> 2) % bodies.length],
  ].join('\r\n')))
}

interface Judged { readonly stores: readonly string[]; readonly redirects: readonly string[]; readonly vacation: boolean; readonly reject: boolean }
const sorted = (list: readonly string[]): string[] => [...new Set(list)].sort()

/** What sieve-test says it would do. */
function read(said: string): Judged {
  const stores: string[] = []
  const redirects: string[] = []
  let [vacation, reject] = [false, false]
  let last = ''
  for (const line of said.split('\n')) {
    const store = /^ \* store message in folder: (.*)$/.exec(line)
    if (store) stores.push(last = store[1])
    const flags = /^\s+\+ add IMAP flags: (.*)$/.exec(line)
    if (flags && last !== '') stores[stores.length - 1] = `${last} ${sorted(flags[1].toLowerCase().split(' ').filter((flag) => flag !== '')).join(' ')}`
    const redirect = /^ \* redirect message to: <(.*)>$/.exec(line)
    if (redirect) redirects.push(redirect[1])
    if (/^ \* /.test(line) && !store) last = ''
    vacation ||= /^ \* send vacation message/.test(line)
    reject ||= /^ \* (?:e?reject message|send reject)/.test(line)
  }
  return { stores: sorted(stores), redirects: sorted(redirects), vacation, reject }
}

const flagNames = ['\\seen', '\\answered', '\\flagged', '\\deleted', '\\draft']
function ours({ copies, after, reject }: Outcome): Judged {
  return {
    stores: sorted(copies.map(({ mailbox, flags, keywords }) => [String(mailbox), ...[...sorted([...flagNames.filter((_, bit) => (flags & (1 << bit)) !== 0), ...keywords.map((keyword) => keyword.toLowerCase())])]].join(' ').trim())),
    redirects: sorted(after.flatMap((one) => (one.do === 'forward' ? one.addresses : []))), vacation: after.some((one) => one.do === 'vacation'), reject: reject !== undefined,
  }
}

function judge(script: string, messages: number): Judged[] {
  writeFileSync(join(folder, 'script.sieve'), script)
  const names = Array.from({ length: messages }, (_, i) => `m${i}.eml`)
  const ran = spawnSync('sh', ['-c', `for m in ${names.join(' ')}; do echo "=== $m"; sieve-test -c dovecot.conf -a ${user} -r ${user} -f ${sender} script.sieve $m 2>&1 || exit 1; done`], { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (ran.status !== 0) throw new Error(`sieve-test refuses:\n${script}\n${ran.stdout.slice(-2000)}`)
  return ran.stdout.split(/^=== .*$/m).slice(1).map(read)
}

const messages = corpus()
beforeAll(() => {
  chmodSync(folder, 0o755)
  const owner = process.getuid!() === 0 ? 65534 : process.getuid!()
  writeFileSync(join(folder, 'dovecot.conf'), `mail_location = maildir:${folder}/mail\npostmaster_address = postmaster@example.test\nmail_uid = ${owner}\nmail_gid = ${process.getuid!() === 0 ? 65534 : process.getgid!()}\nfirst_valid_uid = 0\nfirst_valid_gid = 0\n`)
  messages.forEach((octets, i) => writeFileSync(join(folder, `m${i}.eml`), octets))
  const there = spawnSync('sieve-test', ['-c', '/dev/null'], { encoding: 'utf8' })
  if (there.error) throw new Error("sieve-test is missing: install Debian's dovecot-sieve")
})

async function decide(text: string, octets: Buffer): Promise<Judged> {
  const scanner = createScanner()
  scanner.push(octets)
  const message = new Message(scanner.end())
  return ours(await evaluateWith(makeProgram(parseFilter(text)), { message, recipient: user, sender, protocol: 'ESMTP', store: undefined, at: 0, trusted: new Set(), timezone: 'UTC' }, async (from, length) => octets.subarray(from, from + length), 5000))
}

describe('Pigeonhole agrees', () => {
  it('on a corpus of the size that was promised', () => {
    expect([messages.length, Object.keys(scripts).length]).toEqual([200, 30])
    expect(readdirSync(folder).filter((name) => name.endsWith('.eml'))).toHaveLength(200)
    expect(readFileSync(join(folder, 'm3.eml')).equals(messages[3])).toBe(true)
  })
  it.each(Object.entries(scripts))('%s', async (_, script) => {
    const { file, problems } = importSieve(script)
    expect(problems).toEqual([])
    const text = formatFilter(file)
    const wanted = judge(script, messages.length)
    for (const [i, octets] of messages.entries()) expect(await decide(text, octets), `message ${i} by\n${text}`).toEqual(wanted[i])
    // And back: what we write is Sieve, and means the same.
    const back = exportSieve(file)
    expect(back.problems).toEqual([])
    expect(judge(back.text, 40)).toEqual(wanted.slice(0, 40))
  }, 120_000)
})
