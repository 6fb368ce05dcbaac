// Clients that come back after a lost connection and are told what they missed (QRESYNC, RFC 7162): imapflow, under COMPRESS=DEFLATE
// (RFC 4978), and neomutt with its header cache. What they did on the wire is read from their own logs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImapFlow, type ImapFlowOptions } from 'imapflow'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { message } from './support/messages.js'
import { attempt, certificateOf, contents, portOf, run, user, witness, workFolder } from './support/programs.js'

const folder = workFolder()
let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => { gateway = await spawnGateway({ accounts: 2 }) })
afterAll(async () => {
  await gateway?.stop()
  folder.remove()
})

const deliver = (n: number, subject: string): Promise<unknown> => run('curl', ['-sS', `smtp://127.0.0.1:${portOf(gateway, 'smtp')}`, '--mail-from', 'a@outside.example', '--mail-rcpt', user(n), '-T', '-'], { input: message({ subject, to: user(n) }) })

/** What another client does meanwhile: the second message goes, the third gets a flag, another comes. */
async function meanwhile(n: number): Promise<void> {
  const client = await witness(gateway, n)
  await client.mailboxOpen('INBOX')
  await client.messageDelete('2', { uid: true })
  await client.messageFlagsAdd('3', ['\\Flagged', '$Important'], { uid: true })
  await client.logout()
  await deliver(n, 'six')
}

describe('imapflow', () => {
  it('compresses, loses its connection, and is told exactly what happened', async () => {
    for (const subject of ['one', 'two', 'three', 'four', 'five']) await deliver(1, subject)
    const said: string[] = []
    const compressed: boolean[] = []
    const logger = { trace: (entry: { src?: string; compress?: boolean }) => { if (entry.src === 'c') compressed.push(entry.compress === true) }, debug: (entry: { src?: string; msg?: string }) => { if (entry.src === 'c') said.push(entry.msg ?? '') }, info: () => undefined, warn: () => undefined, error: () => undefined }
    const reader = (): ImapFlow => new ImapFlow({
      host: '127.0.0.1', port: Number(portOf(gateway, 'imaps')), secure: true, tls: { ca: readFileSync(certificateOf(gateway), 'utf8') }, auth: { user: user(1), pass: gateway.password }, qresync: true, logRaw: true, logger,
    } as unknown as ImapFlowOptions)

    const first = reader()
    first.on('error', () => undefined)
    await first.connect()
    expect(first.enabled.has('QRESYNC')).toBe(true)
    const { uidValidity, highestModseq, exists } = await first.mailboxOpen('INBOX')
    expect(exists).toBe(5)
    expect(said.some((line) => /COMPRESS DEFLATE$/.test(line))).toBe(true)
    expect(compressed.at(-1)).toBe(true)
    // Without a goodbye.
    first.close()
    await meanwhile(1)

    const second = reader()
    const told: string[] = []
    second.on('expunge', (event: { vanished: boolean; uid?: number; earlier?: boolean }) => told.push(`${event.vanished ? 'vanished' : 'expunged'} ${event.uid}`))
    second.on('flags', ({ uid, flags }: { uid?: number; flags: Set<string> }) => told.push(`${uid}: ${[...flags].filter((flag) => flag !== '\\Recent').sort().join(' ')}`))
    await second.connect()
    try {
      const open = await second.mailboxOpen('INBOX', { changedSince: highestModseq, uidValidity } as never)
      expect(open.exists).toBe(5)
      expect(said.some((line) => line.includes(`SELECT INBOX (QRESYNC (${uidValidity} ${highestModseq}))`))).toBe(true)
      expect(told.sort()).toEqual(['3: $Important \\Flagged', '6: ', 'vanished 2'])
      expect(open.highestModseq! > highestModseq!).toBe(true)
    } finally {
      await second.logout()
    }
  })
})

describe('neomutt', () => {
  it('opens its header cache again, and works on what it was told', async () => {
    for (const subject of ['one', 'two', 'three', 'four', 'five']) await deliver(2, subject)
    const home = join(folder.path, 'neomutt')
    mkdirSync(join(home, 'cache'), { recursive: true })
    const imap = `imaps://localhost:${portOf(gateway, 'imaps')}/`
    const rc = join(home, 'muttrc')
    writeFileSync(rc, `set imap_user="${user(2)}" imap_pass="${gateway.password}" imap_authenticators="plain" folder="${imap}" spoolfile="${imap}INBOX"
set ssl_force_tls=yes certificate_file="${certificateOf(gateway)}" imap_condstore=yes imap_qresync=yes header_cache="${home}/cache/"
set copy=no move=no quit=yes delete=yes mark_old=no wait_key=no sleep_time=0 mail_check=0 timeout=1 imap_check_subscribed=no confirmappend=no confirmcreate=no auto_tag=no resolve=no beep=no help=no sort=mailbox-order
`, { mode: 0o600 })
    const press = async (keys: string, log: string): Promise<string> => {
      writeFileSync(join(home, 'keys'), `push "${keys}"\n`)
      const ran = await attempt('script', ['-qec', `neomutt -n -F ${rc} -d 3 -l ${join(home, log)} -f ${imap}INBOX -e 'source ${join(home, 'keys')}'`, '/dev/null'], { env: { HOME: home, TERM: 'xterm', LC_ALL: 'C.UTF-8' } })
      expect(ran.code, ran.shown).toBe(0)
      // neomutt numbers its logs; 0 is the newest.
      return readFileSync(join(home, `${log}0`), 'utf8')
    }
    await press('<quit>', 'first.log')
    await meanwhile(2)
    const log = await press('<tag-pattern>~F<enter><tag-prefix><copy-message>=Archive<enter><untag-pattern>~A<enter><tag-pattern>~A<enter><tag-prefix><copy-message>=All<enter><quit>', 'second.log')
    expect(log).toMatch(/ENABLE QRESYNC/)
    expect(log).toMatch(/UID FETCH 1:5 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)/)
    expect(log).toMatch(/Handling VANISHED/)
    const subjects = async (mailbox: string): Promise<string[]> => (await contents(gateway, 2, mailbox)).map(({ source }) => /^Subject: (.*)\r$/m.exec(source.toString())![1])
    expect(await subjects('Archive')).toEqual(['three'])
    expect(await subjects('All')).toEqual(['one', 'three', 'four', 'five', 'six'])
  })
})
