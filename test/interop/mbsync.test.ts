// mbsync (isync): a tree of mailboxes, changed on both sides, becomes the same on both; once more changes nothing.
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { message, same, withLf } from './support/messages.js'
import { attempt, certificateOf, contents, portOf, run, user, witness, workFolder } from './support/programs.js'

const folder = workFolder()
let gateway: Awaited<ReturnType<typeof spawnGateway>>
beforeAll(async () => { gateway = await spawnGateway({ accounts: 3 }) })
afterAll(async () => {
  await gateway?.stop()
  folder.remove()
})

const configuration = (n: number, listener: 'imap' | 'imaps', root: string, certificate: string): string => {
  mkdirSync(join(root, 'mail'), { recursive: true })
  const file = join(root, 'mbsyncrc')
  writeFileSync(file, `IMAPAccount gateway
Host localhost
Port ${portOf(gateway, listener)}
User ${user(n)}
Pass "${gateway.password}"
SSLType ${listener === 'imaps' ? 'IMAPS' : 'STARTTLS'}
SystemCertificates no
${certificate ? `CertificateFile ${certificate}` : ''}

IMAPStore far
Account gateway

MaildirStore near
Path ${root}/mail/
Inbox ${root}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
`)
  return file
}

interface Local { readonly path: string; readonly name: string; readonly flags: string; readonly octets: Buffer }
/** Messages of the Maildir, by mailbox. */
function localMessages(root: string, mailbox: string): Local[] {
  return ['cur', 'new'].flatMap((part) => readdirSync(join(root, 'mail', mailbox, part)).map((name): Local => {
    const path = join(root, 'mail', mailbox, part, name)
    return { path, name, flags: /:2,(.*)$/.exec(name)?.[1] ?? '', octets: readFileSync(path) }
  }))
}
const withSubject = (messages: readonly Local[], subject: string): Local => messages.find(({ octets }) => octets.includes(`Subject: ${subject}\n`))!
const mailboxesBelow = (root: string, path = join(root, 'mail')): string[] => readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
  (entry.isDirectory() && !['cur', 'new', 'tmp'].includes(entry.name) ? [relative(join(root, 'mail'), join(path, entry.name)), ...mailboxesBelow(root, join(path, entry.name))] : []))
/** Every file with its octets. */
const everyFile = (path: string): Record<string, string> => Object.fromEntries(readdirSync(path, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  .map((entry): [string, string] => [join(entry.parentPath, entry.name), readFileSync(join(entry.parentPath, entry.name)).toString('latin1')]).sort())

/** All that IMAP shows of an account. */
async function remoteState(n: number): Promise<Record<string, unknown>> {
  const client = await witness(gateway, n)
  const state: Record<string, unknown> = {}
  try {
    for (const { path, flags, subscribed } of await client.list()) {
      const status = await client.status(path, { messages: true, uidNext: true, uidValidity: true, unseen: true })
      state[path] = { status: { ...status }, flags: [...flags].sort(), subscribed, messages: (await contents(gateway, n, path)).map(({ uid, flags: its, source }) => [uid, its, source.toString('latin1')]) }
    }
  } finally {
    await client.logout()
  }
  return state
}
const subjectsOf = async (n: number, mailbox: string): Promise<Record<string, string>> =>
  Object.fromEntries((await contents(gateway, n, mailbox)).map(({ source, flags }) => [/^Subject: (.*)\r$/m.exec(source.toString())![1], flags.join(' ')]))

describe.each([['imaps', 1], ['imap', 2]] as const)('mbsync by %s (%s)', (listener, n) => {
  it('makes both sides the same, and then leaves them alone', async () => {
    const root = join(folder.path, listener)
    const rc = configuration(n, listener, root, certificateOf(gateway))
    const sync = async (): Promise<string> => (await run('mbsync', ['-c', rc, '-V', 'all'])).stdout.toString()

    // The far side: a tree with flags.
    const client = await witness(gateway, n)
    for (const path of ['Work', 'Work/Projects', 'Work/Projects/2026', 'Größe']) await client.mailboxCreate(path)
    const far = { plain: message({ subject: 'plain' }), large: message({ subject: 'large', octets: 500_000 }), deep: message({ subject: 'deep' }), doomed: message({ subject: 'doomed far' }), doomedNear: message({ subject: 'doomed near' }) }
    const date = new Date('2024-02-29T10:11:12Z')
    await client.append('INBOX', far.plain, ['\\Seen'], date)
    await client.append('INBOX', far.large)
    await client.append('Work', far.doomed)
    await client.append('Work', far.doomedNear, ['\\Flagged'])
    await client.append('Work/Projects/2026', far.deep, ['\\Answered', '\\Flagged', '\\Seen'])
    await sync()
    expect(mailboxesBelow(root).sort()).toEqual(['Archive', 'Drafts', 'Gr&APYA3w-e', 'INBOX', 'Junk', 'Sent', 'Trash', 'Work', 'Work/Projects', 'Work/Projects/2026'].sort())
    const inbox = localMessages(root, 'INBOX')
    expect(inbox).toHaveLength(2)
    for (const [subject, octets, flags] of [['plain', far.plain, 'S'], ['large', far.large, '']] as const) {
      const got = withSubject(inbox, subject)
      // mbsync may add its own X-TUID line; nothing else differs but the line ends.
      same(Buffer.from(got.octets.toString('latin1').replace(/^X-TUID: .*\n/m, ''), 'latin1'), withLf(octets))
      expect(got.flags).toBe(flags)
    }
    expect(withSubject(localMessages(root, 'Work/Projects/2026'), 'deep').flags).toBe('FRS')

    // Both sides change.
    await client.mailboxOpen('INBOX')
    await client.messageFlagsAdd('1', ['\\Flagged'])
    await client.mailboxOpen('Work')
    await client.messageDelete('1')
    const late = message({ subject: 'late' })
    await client.append('Work/Projects', late, ['\\Draft'])
    const near = message({ subject: 'from near', octets: 100_000 })
    writeFileSync(join(root, 'mail/Work/cur/1700000000.1.near:2,FS'), withLf(near))
    for (const part of ['', '/cur', '/new', '/tmp']) mkdirSync(join(root, `mail/Near${part}`))
    for (const part of ['', '/cur', '/new', '/tmp']) mkdirSync(join(root, `mail/Near/Below${part}`))
    writeFileSync(join(root, 'mail/Near/Below/new/1700000001.1.near'), withLf(message({ subject: 'below near' })))
    const doomed = withSubject(localMessages(root, 'Work'), 'doomed near')
    renameSync(doomed.path, doomed.path.replace(/:2,.*$/, ':2,FT'))
    const large = withSubject(localMessages(root, 'INBOX'), 'large')
    renameSync(large.path, join(root, 'mail/INBOX/cur', `${large.name.replace(/:2,.*$/, '')}:2,RS`))
    await sync()
    expect(await subjectsOf(n, 'INBOX')).toEqual({ plain: '\\Flagged \\Seen', large: '\\Answered \\Seen' })
    expect(await subjectsOf(n, 'Work')).toEqual({ 'from near': '\\Flagged \\Seen' })
    expect(await subjectsOf(n, 'Work/Projects')).toEqual({ late: '\\Draft' })
    expect(await subjectsOf(n, 'Near/Below')).toEqual({ 'below near': '' })
    const [carried] = await contents(gateway, n, 'Work')
    same(Buffer.from(carried.source.toString('latin1').replace(/^X-TUID: .*\r\n/m, ''), 'latin1'), near)
    expect(withSubject(localMessages(root, 'INBOX'), 'plain').flags).toBe('FS')
    expect(localMessages(root, 'Work').map(({ octets }) => /^Subject: (.*)$/m.exec(octets.toString())![1])).toEqual(['from near'])
    expect(withSubject(localMessages(root, 'Work/Projects'), 'late').flags).toBe('D')
    expect((await contents(gateway, n)).find(({ source }) => source.includes('Subject: plain'))!.internalDate).toEqual(date)
    await client.logout()

    // Once more: nothing changes, on either side.
    const [files, state] = [everyFile(root), await remoteState(n)]
    expect(Object.keys(files).length).toBeGreaterThan(10)
    await sync()
    expect(everyFile(root)).toEqual(files)
    expect(await remoteState(n)).toEqual(state)
  })
})

it('mbsync does not talk to a server whose certificate it does not know', async () => {
  const ran = await attempt('mbsync', ['-c', configuration(3, 'imaps', join(folder.path, 'untrusted'), ''), 'all'])
  expect(ran.code, ran.shown).not.toBe(0)
  expect(ran.shown).toMatch(/certificate/i)
})
