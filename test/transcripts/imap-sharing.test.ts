// What IMAP tells of mailboxes that others share: NOTIFY before they are selected, and whose quota they count to.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'
import { imapClient, type TestClient } from '../support/imap-client.js'

let gateway: Awaited<ReturnType<typeof startGateway>>
beforeAll(async () => { gateway = await startGateway({ accounts: 6, set: ['plugins.pop3=false', 'plugins.smtp-ingress=false', 'accounts.quotaOctets=1MiB'] }) })
afterAll(() => gateway?.stop())

const user = (n: number): string => `user000${n}@example.test`
const open: TestClient[] = []
async function login(n: number): Promise<TestClient> {
  const client = await imapClient(gateway.listeners.imap)
  open.push(client)
  expect(await client.command(`LOGIN ${user(n)} ${gateway.password}`)).toMatch(/ OK /)
  return client
}
afterAll(() => { for (const client of open) client.socket.destroy() })
const append = (box: string): string => `APPEND ${box} {20+}\r\nSubject: x\r\n\r\nabcdef`

describe('NOTIFY', () => {
  it('tells of a mailbox that somebody shares, from the moment on that it is shared, until it is not', async () => {
    const [owner, member, stranger] = [await login(1), await login(2), await login(3)]
    for (const client of [member, stranger]) expect(await client.command('NOTIFY SET (subtree user (MessageNew MessageExpunge FlagChange MailboxName))')).toMatch(/ OK /)
    await owner.command(append('INBOX'))
    expect(await member.command('NOOP')).toMatch(/^k\d+ OK/)
    await owner.command(`SETACL INBOX ${user(2)} lr`)
    const name = `user/${user(1)}`
    await member.until(new RegExp(`^\\* LIST \\(.*\\) "/" "${name}"\\r\\n`, 'm'))
    await owner.command(append('INBOX'))
    expect(await member.until(/^\* STATUS .*\r\n/m)).toMatch(new RegExp(`\\* STATUS "${name}" \\(MESSAGES 2 UIDNEXT 3 UIDVALIDITY \\d+ UNSEEN 2\\)`))
    await owner.command('SELECT INBOX')
    await owner.command('STORE 1 +FLAGS (\\Seen)')
    expect(await member.until(/^\* STATUS .*\r\n/m)).toContain('UNSEEN 1')
    await owner.command('STORE 1 +FLAGS (\\Deleted)')
    await member.until(/^\* STATUS .*\r\n/m)
    await owner.command('EXPUNGE')
    expect(await member.until(/^\* STATUS .*MESSAGES 1 .*\r\n/m)).toContain('UIDNEXT 3')
    await owner.command(`DELETEACL INBOX ${user(2)}`)
    await member.until(/^\* LIST \(\\NonExistent\) "\/" "user"\r\n/m)
    await owner.command(append('INBOX'))
    for (const client of [member, stranger]) expect(await client.command('NOOP')).toMatch(/^k\d+ OK/)
  })
  it('tells of mailboxes that are made, renamed and deleted below a shared one, under the names that the member knows', async () => {
    const [owner, member, other] = [await login(4), await login(6), await login(5)]
    await owner.command('CREATE Team')
    const name = `user/${user(4)}/Team`
    expect(await member.command('NOTIFY SET (subtree user (MailboxName MessageNew MessageExpunge))')).toMatch(/ OK /)
    for (const n of [5, 6]) await owner.command(`SETACL Team ${user(n)} lrkx`)
    await member.until(new RegExp(`^\\* LIST \\(\\\\HasNoChildren\\) "/" "${name}"\\r\\n[^]*"user/${user(4)}"\\r\\n`, 'm'))
    // What a member makes below it is everybody's who sees what is above.
    expect(await other.command(`CREATE ${name}/New`)).toMatch(/ OK /)
    await member.until(new RegExp(`^\\* LIST \\(\\\\HasNoChildren\\) "/" "${name}/New"\\r\\n\\* LIST \\(\\\\HasChildren\\) "/" "${name}"\\r\\n`, 'm'))
    expect(await owner.command(append('Team/New'))).toMatch(/ OK /)
    expect(await member.until(/^\* STATUS .*\r\n/m)).toContain(`"${name}/New" (MESSAGES 1`)
    await owner.command('RENAME Team/New Team/Old')
    await member.until(new RegExp(`^\\* LIST \\(\\\\HasNoChildren\\) "/" "${name}/Old" \\("OLDNAME" \\("${name}/New"\\)\\)\\r\\n`, 'm'))
    await owner.command('DELETE Team/Old')
    await member.until(new RegExp(`^\\* LIST \\(\\\\NonExistent\\) "/" "${name}/Old"\\r\\n\\* LIST \\(\\\\HasNoChildren\\) "/" "${name}"\\r\\n`, 'm'))
    // What is not shared with it is not told.
    await owner.command('CREATE Private')
    await owner.command('RENAME Private Secret')
    await owner.command('DELETE Secret')
    expect(await member.command('NOOP')).toMatch(/^k\d+ OK/)
    await owner.command('DELETE Team')
  })
  it('tells who got the right before', async () => {
    const [owner, member] = [await login(4), await login(5)]
    await owner.command(`SETACL INBOX ${user(5)} lrs`)
    expect(await member.command('NOTIFY SET STATUS (personal NONE) (subtree user (MessageNew MessageExpunge))')).toContain(`* STATUS "user/${user(4)}" (MESSAGES 0`)
    await owner.command(append('INBOX'))
    expect(await member.until(/^\* STATUS .*\r\n/m)).toContain('MESSAGES 1')
    expect(await member.command('NOTIFY NONE')).toMatch(/ OK /)
    await owner.command(append('INBOX'))
    expect(await member.command('NOOP')).toMatch(/^k\d+ OK/)
  })
})

it('GETQUOTAROOT names whose quota a mailbox counts to; GETQUOTA shows it to those who see the mailbox', async () => {
  const [owner, member] = [await login(6), await login(3)]
  expect(await member.command(`GETQUOTA ${user(6)}`)).toContain('NO [NONEXISTENT]')
  await owner.command(`SETACL INBOX ${user(3)} lr`)
  await owner.command(append('INBOX'))
  const name = `user/${user(6)}`
  expect(await member.command(`GETQUOTAROOT ${name}`)).toMatch(new RegExp(`^\\* QUOTAROOT "${name}" "${user(6)}"\\r\\n\\* QUOTA "${user(6)}" \\(STORAGE 1 1024 MAILBOX 6 10000\\)\\r\\nk\\d+ OK`))
  expect(await member.command(`GETQUOTA ${user(6)}`)).toMatch(/\* QUOTA .*STORAGE 1 1024/)
  expect(await member.command('GETQUOTAROOT INBOX')).toMatch(/^\* QUOTAROOT "INBOX" ""\r\n\* QUOTA "" \(STORAGE 0 1024/)
  expect(await member.command('GETQUOTAROOT user/nobody@example.test')).toMatch(/^\* QUOTAROOT "user\/nobody@example.test" ""/)
  await owner.command(`DELETEACL INBOX ${user(3)}`)
  expect(await member.command(`GETQUOTA ${user(6)}`)).toContain('NO [NONEXISTENT]')
})

it('RFC 4314 4: copied flags are those that there is a right to; EXPUNGE and CLOSE by who may not; 3.1, 3.2: +, -', async () => {
  const [owner, member] = [await login(1), await login(2)]
  const target = `user/${user(1)}/Target`
  await owner.command('CREATE Target')
  await member.command(`APPEND INBOX (\\Draft \\Deleted) {4+}\r\nA: b (\\Answered) {4+}\r\nA: b ($Forwarded \\Seen) {4+}\r\nA: b`)
  await member.command('SELECT INBOX')
  for (const [rights, shown, copied] of [['rwis', 'lrswi', ['\\Draft', '\\Answered', '\\Seen $Forwarded']], ['rsti', 'lrsitd', ['\\Deleted', '', '\\Seen']]] as const) {
    await owner.command(`SETACL Target ${user(2)} l${rights}`)
    expect(await member.command(`MYRIGHTS ${target}`)).toContain(`* MYRIGHTS "${target}" "${shown}"`)
    expect(await member.command('FETCH 1:3 (FLAGS)')).toMatch(/\* 1 FETCH \(FLAGS \(\\Deleted \\Draft.*\)\)\r\n\* 2 FETCH \(FLAGS \(\\Answered.*\)\)\r\n\* 3 FETCH \(FLAGS \(\\Seen .*\$Forwarded\)\)/)
    expect(await member.command(`COPY 1:3 ${target}`)).toMatch(/OK \[COPYUID \d+ 1:3 \d+:\d+\]/)
    await member.command(`SELECT ${target}`)
    const flags = [...(await member.command('FETCH 1:* (FLAGS)')).matchAll(/FLAGS \((.*)\)\)/g)].map(([, all]) => all.replace(/ ?\\Recent ?/, ' ').trim())
    expect(flags.slice(-3)).toEqual(copied)
    await member.command('SELECT INBOX')
  }
  // No "e": EXPUNGE is refused, CLOSE closes and leaves everything (4).
  await member.command(`SELECT ${target}`)
  expect(await member.command('EXPUNGE')).toMatch(/NO \[NOPERM\]/)
  expect(await member.command('CLOSE')).toMatch(/OK CLOSE/)
  expect(await owner.command('STATUS Target (MESSAGES)')).toContain('(MESSAGES 6)')
  // 3.1
  await owner.command(`SETACL Target ${user(2)} lrswi`)
  await owner.command(`SETACL Target ${user(2)} +cda`)
  expect(await owner.command('GETACL Target')).toMatch(new RegExp(`"${user(2)}" "lrswikxtea`))
  expect(await owner.command(`SETACL Target ${user(2)} lrQswicda`)).toMatch(/ BAD /)
  expect(await owner.command(`SETACL Target ${user(2)} lrqswicda`)).toMatch(/ BAD /)
  // 3.2
  await owner.command(`DELETEACL Target ${user(2)}`)
  expect(await owner.command('GETACL Target')).not.toContain(user(2))
  expect(await member.command(`MYRIGHTS ${target}`)).toMatch(/NO \[NONEXISTENT\]/)
})
