// neomutt: sends by submission, files its copy by IMAP, reads, copies, saves, flags and deletes; driven by its own keys.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { afterTrace, message, same, withLf } from './support/messages.js'
import { arrived, attempt, certificateOf, contents, portOf, run, user, witness, workFolder, type Ran } from './support/programs.js'

const folder = workFolder()
let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => { gateway = await spawnGateway({ accounts: 6 }) })
afterAll(async () => {
  await gateway?.stop()
  folder.remove()
})

/** A neomutt for one account, with the settings that keep it from asking. */
function neomutt(n: number, road: 'starttls' | 'tls', authenticator: string, certificate = certificateOf(gateway), more = '') {
  const home = join(folder.path, `${n}-${road}`)
  mkdirSync(home, { recursive: true })
  const rc = join(home, 'muttrc')
  const imap = `${road === 'tls' ? 'imaps' : 'imap'}://localhost:${portOf(gateway, road === 'tls' ? 'imaps' : 'imap')}/`
  writeFileSync(rc, `set realname="Zwei Grüße" from="${user(n)}" use_from=yes use_envelope_from=yes hostname=client.example
set smtp_url="${road === 'tls' ? 'smtps' : 'smtp'}://${user(n)}@localhost:${portOf(gateway, road === 'tls' ? 'submissions' : 'submission')}/" smtp_pass="${gateway.password}" smtp_authenticators="${authenticator}"
set imap_user="${user(n)}" imap_pass="${gateway.password}" imap_authenticators="${authenticator}" folder="${imap}" spoolfile="${imap}INBOX"
set ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=yes ssl_verify_dates=yes certificate_file="${certificate}"
set record="" copy=no move=no quit=yes delete=yes mark_old=no wait_key=no sleep_time=0 mail_check=0 timeout=1 header_cache="" imap_check_subscribed=no
set confirmappend=no confirmcreate=no auto_tag=no resolve=no pipe_decode=no beep=no help=no sort=mailbox-order charset=utf-8 send_charset="us-ascii:utf-8"
${more}
`, { mode: 0o600 })
  const env = { HOME: home, TERM: 'xterm', LC_ALL: 'C.UTF-8' }
  return {
    send: (body: string, ...args: string[]): Promise<Ran> => attempt('neomutt', ['-n', '-F', rc, ...args], { env, input: body }),
    /** Opens INBOX (or a folder of its own) on a terminal of its own, presses keys, and ends. */
    press: async (keys: string, mailbox = `${imap}INBOX`): Promise<Ran> => {
      const commands = join(home, 'keys')
      writeFileSync(commands, `push "${keys}"\n`)
      const ran = await attempt('script', ['-qec', `neomutt -n -F ${rc} -f ${mailbox} -e 'source ${commands}'`, '/dev/null'], { env })
      if (ran.code !== 0) throw new Error(ran.shown)
      return ran
    },
    home,
  }
}
const deliver = (n: number, subject: string, octets = 0): Promise<unknown> => run('curl', ['-sS', `smtp://127.0.0.1:${portOf(gateway, 'smtp')}`, '--mail-from', 'a@outside.example', '--mail-rcpt', user(n), '-T', '-'], { input: message({ subject, to: user(n), octets }) })
const subjects = async (n: number, mailbox: string): Promise<[string, string][]> =>
  (await contents(gateway, n, mailbox)).map(({ source, flags }): [string, string] => [/^Subject: (.*)\r$/m.exec(source.toString())![1], flags.join(' ')])

describe.each([['starttls', 'plain', 1], ['tls', 'login', 2]] as const)('neomutt with %s, AUTH %s', (road, authenticator, n) => {
  it('sends, blind copies and attachments included, and files its own copy', async () => {
    const attachment = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256))
    const sent = join(folder.path, `sent-${n}`)
    writeFileSync(join(folder.path, 'attachment.bin'), attachment)
    const mutt = neomutt(n, road, authenticator, undefined, `set record="${sent}" copy=yes mbox_type=Maildir write_bcc=no`)
    const ran = await mutt.send('Grüße\n.\n..dots\nFrom here\n', '-s', `mutt ${road}`, '-b', user(5), '-a', join(folder.path, 'attachment.bin'), '--', user(4))
    expect(ran.code, ran.shown).toBe(0)
    const { source } = await arrived(gateway, 4, `mutt ${road}`)
    const [copy] = readdirSync(join(sent, 'cur')).map((file) => readFileSync(join(sent, 'cur', file)))
    // Its two copies may be made in different seconds, and only its own one names blind recipients.
    const plain = (octets: Buffer): Buffer => Buffer.from(octets.toString('latin1').replace(/^(?:Bcc|Date): .*\n/mg, ''), 'latin1')
    same(plain(withLf(afterTrace(source))), plain(copy))
    same((await arrived(gateway, 5, `mutt ${road}`)).source, source)
    expect(source.toString()).not.toMatch(/^Bcc:/im)
    // From its own folder into one of ours, by APPEND.
    await mutt.press('<copy-message>=Sent<enter><quit>', sent)
    const [filed] = await contents(gateway, n, 'Sent')
    // Keywords may say already what became of it.
    expect(filed.flags.filter((flag) => flag.startsWith('\\'))).toEqual(['\\Seen'])
    // neomutt adds what an mbox would hold.
    same(Buffer.from(withLf(filed.source).toString('latin1').replace(/^(?:Status|Content-Length): .*\n/mg, ''), 'latin1'), copy)
  })

  it('reads, copies, saves, flags, deletes', async () => {
    for (const [i, subject] of ['one', 'two', 'three', 'four'].entries()) await deliver(n, subject, i * 60_000)
    const before = await contents(gateway, n)
    const mutt = neomutt(n, road, authenticator)
    await mutt.press(`<tag-pattern>~A<enter><tag-prefix><copy-message>=Archive<enter><untag-pattern>~A<enter>`
      + `<jump>1<enter><flag-message><jump>2<enter><save-message>=Below/Deep<enter><jump>3<enter><pipe-message>cat > ${mutt.home}/three<enter><jump>4<enter><delete-message><sync-mailbox><quit>`)
    expect((await subjects(n, 'Archive')).map(([subject]) => subject)).toEqual(['one', 'two', 'three', 'four'])
    expect((await contents(gateway, n, 'Archive')).map(({ source }) => source)).toEqual(before.map(({ source }) => source))
    expect((await subjects(n, 'Below/Deep')).map(([subject]) => subject)).toEqual(['two'])
    expect(await subjects(n, 'INBOX')).toEqual([['one', '\\Flagged'], ['three', '']])
    same(readFileSync(join(mutt.home, 'three')), withLf(before[2].source))
  })

  it('moves to the trash what it finds by the SEARCH of the server', async () => {
    const client = await witness(gateway, n)
    await client.mailboxOpen('INBOX')
    await client.messageDelete('1:*')
    await client.logout()
    await deliver(n, 'alpha')
    await deliver(n, 'beta')
    await neomutt(n, road, authenticator, undefined, 'set trash="=Trash"').press('<limit>=b alpha | =h alpha<enter><delete-message><limit>all<enter><sync-mailbox><quit>')
    expect((await subjects(n, 'INBOX')).map(([subject]) => subject)).toEqual(['beta'])
    expect((await subjects(n, 'Trash')).map(([subject]) => subject)).toEqual(['alpha'])
  })
})

it('neomutt does not send to a server whose certificate it does not know', async () => {
  writeFileSync(join(folder.path, 'none.crt'), '')
  for (const road of ['starttls', 'tls'] as const) {
    const ran = await neomutt(3, road, 'plain', join(folder.path, 'none.crt')).send('never\n', '-s', 'never', user(6))
    expect(ran.code, ran.shown).not.toBe(0)
  }
  expect(await contents(gateway, 6)).toEqual([])
})
