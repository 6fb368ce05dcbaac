// What IMAP does under settings that are not the defaults: capabilities hidden from some, LITERAL-, signs of progress, limits.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../support/gateway.js'

let gateway: Awaited<ReturnType<typeof startGateway>>
beforeAll(async () => {
  const hide = [{ clients: ['Old Mailer*'], capabilities: ['QRESYNC', 'SORT*'] }, { accounts: ['user0002@example.test'], capabilities: ['COMPRESS=*'] }]
  const referrals = [
    { accounts: ['mike@example.test', '*@old.example.test'], url: 'imap://*;AUTH=*@server2.example/' },
    { accounts: ['user0005@example.test'], url: 'imap://server2.example/' },
    { accounts: ['user0006@example.test'], url: 'imaps://*@server2.example/', stay: true },
  ]
  gateway = await startGateway({ accounts: 6, set: [`plugins.imap4.referrals=${JSON.stringify(referrals)}`, 'mailboxes.maxKeywords=3', 'plugins.pop3=false', 'plugins.smtp-ingress=false', 'plugins.imap4.literals=LITERAL-', 'plugins.imap4.progressInterval=0', 'plugins.imap4.obsolete=false', 'plugins.imap4.maxContexts=1', 'plugins.imap4.administrators=["user0003@example.test"]', 'plugins.imap4.submissionAccounts=["user0003@example.test"]', 'plugins.imap4.serverComment=Shared comment', 'plugins.imap4.serverAdmin=mailto:hostmaster@example.test', `plugins.imap4.hide=${JSON.stringify(hide)}`] })
})
afterAll(() => gateway?.stop())

/** Plays commands one after the other; answers all that came up to each tagged reply. */
async function play(commands: readonly string[], at = gateway): Promise<string[]> {
  const socket = connect(Number(at.listeners.imap.split(':').at(-1)), '127.0.0.1')
  let text = ''
  let wake = (): void => undefined
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    wake()
  })
  const replies: string[] = []
  const until = async (wanted: RegExp): Promise<void> => {
    for (;;) {
      const found = wanted.exec(text)
      if (found) {
        replies.push(text.slice(0, found.index + found[0].length))
        text = text.slice(found.index + found[0].length)
        return
      }
      await new Promise<void>((resolve) => { wake = resolve })
    }
  }
  await until(/\r\n/)
  for (const [i, command] of commands.entries()) {
    socket.write(`t${i} ${command}\r\n`)
    await until(new RegExp(`^t${i} .*\\r\\n`, 'm'))
  }
  socket.destroy()
  return replies
}
const login = (user: string): string => `LOGIN ${user}@${gateway.domain} ${gateway.password}`

describe('settings of the IMAP facade', () => {
  it('capabilities are hidden from an account, or from a client by its name, and not enabled for them', async () => {
    const [, , plain] = await play([login('user0001'), 'CAPABILITY'])
    for (const name of [' QRESYNC ', ' SORT ', ' SORT=DISPLAY ', ' COMPRESS=DEFLATE ']) expect(plain).toContain(name)
    const [, , second] = await play([login('user0002'), 'CAPABILITY'])
    expect(second).not.toContain('COMPRESS')
    expect(second).toContain(' QRESYNC ')
    const [, , , old, enabled] = await play(['ID ("name" "old mailer 3.1")', login('user0001'), 'CAPABILITY', 'ENABLE QRESYNC CONDSTORE'])
    expect(old).not.toMatch(/ (QRESYNC|SORT|SORT=DISPLAY) /)
    expect(old).toContain(' ESORT ')
    expect(enabled).toContain('* ENABLED CONDSTORE\r\n')
  })

  it('LITERAL- refuses what is above 4096 octets and comes unasked', async () => {
    const [greeting, , small, large, asked] = await play([login('user0001'), `APPEND INBOX {20+}\r\nSubject: x\r\n\r\nabcdef`, `APPEND INBOX {5000+}\r\n${'x'.repeat(5000)}`, 'APPEND INBOX {100000000}'])
    expect(greeting).toMatch(/ LITERAL- /)
    expect(small).toContain('OK [APPENDUID')
    expect(large).toContain('BAD [TOOBIG] Above 4096 octets literals must be synchronising')
    expect(asked).toContain('NO [TOOBIG]')
  })

  it('long searches say how far they are, and how many are kept is bounded', async () => {
    const many = Array.from({ length: 3 }, (_, i) => `${i === 0 ? '' : ' '}{20+}\r\nSubject: x\r\n\r\nabcde${i}`).join('')
    const [, , , , found, first, second] = await play([login('user0003'), `APPEND INBOX ${many}`, 'SELECT INBOX', 'SEARCH BODY abcde1', 'SEARCH RETURN (UPDATE) ALL', 'SEARCH RETURN (UPDATE) SEEN'])
    expect(found).toBe('* OK [INPROGRESS ("t3" 0 3)] Still at it\r\n* SEARCH 2\r\nt3 OK SEARCH completed\r\n')
    expect(first).not.toContain('NOUPDATE')
    expect(second).toContain('* NO [NOUPDATE "t5"]')
  })

  it('a submission server fetches what an account let go to it, and nobody else does (RFC 4467 7)', async () => {
    const message = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nfirst\r\n--b\r\n\r\nSi vis pacem, para bellum.\r\n\r\n--b--\r\n'
    const rump = 'imap://user0001@example.test@localhost/Sent/;uid=1/;section=2;urlauth=submit+user0001@example.test'.replace('user0001@example.test@', 'user0001%40example.test@')
    const [, , , generated] = await play([login('user0001'), `APPEND Sent {${message.length}+}\r\n${message}`, `GENURLAUTH "${rump}" INTERNAL`])
    const url = /GENURLAUTH "(.*)"/.exec(generated)![1]
    expect(url).toContain(`${rump}:internal:`)
    const [, , fetched] = await play([login('user0003'), `URLFETCH "${url}"`])
    expect(fetched).toBe(`* URLFETCH "${url}" {28}\r\nSi vis pacem, para bellum.\r\n\r\nt1 OK URLFETCH completed\r\n`)
    for (const other of ['user0001', 'user0002']) expect((await play([login(other), `URLFETCH "${url}"`]))[2]).toContain(`"${url}" NIL`)
  })

  it('what the configuration says of the server is everybody\'s to read (RFC 5464 4.2)', async () => {
    const [, , comment, both] = await play([login('user0002'), 'GETMETADATA "" /shared/comment', 'GETMETADATA "" (/shared/comment /shared/admin)'])
    expect(comment).toBe('* METADATA "" (/shared/comment "Shared comment")\r\nt1 OK GETMETADATA completed\r\n')
    expect(both).toContain('* METADATA "" (/shared/comment "Shared comment" /shared/admin "mailto:hostmaster@example.test")')
  })

  it('batches of UIDs are equally large, the newest first, and leave nothing out (RFC 10022)', async () => {
    const many = (n: number): string => Array.from({ length: n }, () => '{4+}\r\nA: b').join(' ')
    const replies = (await play([login('user0006'), `APPEND Junk ${many(700)}`, `APPEND Junk ${many(600)}`, 'SELECT Junk', 'UID STORE 100,1200 +FLAGS.SILENT (\\Deleted)', 'EXPUNGE', 'UIDBATCHES 500', 'UIDBATCHES 500 2:3', 'UIDBATCHES 500 4:9'])).slice(3)
    expect(replies[4]).toBe('* UIDBATCHES (TAG "t6") 1300:800,799:300,299:1\r\nt6 OK UIDBATCHES completed\r\n')
    expect(replies[5]).toBe('* UIDBATCHES (TAG "t7") 799:300,299:1\r\nt7 OK UIDBATCHES completed\r\n')
    expect(replies[6]).toBe('* UIDBATCHES (TAG "t8")\r\nt8 OK UIDBATCHES completed\r\n')
  })

  it('administrators see and set the quotas of others', async () => {
    const [, login1, , refused] = await play([login('user0001'), 'GETQUOTA user0002@example.test', 'SETQUOTA "" (STORAGE 100)'])
    expect(login1).not.toContain('QUOTASET')
    expect(refused).toContain('NO [NOPERM]')
    const [, login3, set, seen, gone, wrong, none] = await play([login('user0003'), 'SETQUOTA user0002@example.test (STORAGE 512 MESSAGE 7)', 'GETQUOTA user0002@example.test', 'SETQUOTA user0002@example.test ()', 'SETQUOTA user0002@example.test (MAILBOX 7)', 'GETQUOTA nobody@example.test'])
    expect(login3).toContain(' QUOTASET ')
    for (const reply of [set, seen]) expect(reply).toContain('* QUOTA "user0002@example.test" (STORAGE 0 512 MESSAGE 0 7 MAILBOX 6 10000)')
    expect(gone).toContain('* QUOTA "user0002@example.test" (MAILBOX 6 10000)')
    expect(wrong).toMatch(/ BAD /)
    expect(none).toContain('NO [NONEXISTENT]')
  })

  it('obsolete forms are unknown where they are switched off', async () => {
    const replies = await play([login('user0001'), 'FIND MAILBOXES *', 'SUBSCRIBE MAILBOX x', 'SELECT INBOX', 'FETCH 1 RFC822.PEEK', 'FETCH 1 BODY[0]', 'PARTIAL 1 RFC822 1 1'])
    expect(replies.map((reply) => reply.slice(3).split(' ')[0])).toEqual(expect.arrayContaining(['BAD']))
    for (const i of [2, 3, 5, 6, 7]) expect(replies[i]).toMatch(/^t\d BAD /)
  })

  it('accounts that have moved are told where, before their password is looked at (RFC 2221)', async () => {
    const plain = (user: string, password: string): string => `AUTHENTICATE PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`
    const [greeting, ...moved] = await play(['LOGIN MIKE@Example.test PASSWORD', plain('mi"ke@old.example.test', 'x'), `LOGIN user0005@example.test ${gateway.password}`])
    expect(greeting).toContain(' LOGIN-REFERRALS ')
    expect(moved[0]).toBe('t0 NO [REFERRAL imap://MIKE%40Example.test;AUTH=*@server2.example/] The account is at another server now\r\n')
    expect(moved[1]).toContain('NO [REFERRAL imap://mi%22ke%40old.example.test;AUTH=*@server2.example/]')
    expect(moved[2]).toContain('NO [REFERRAL imap://server2.example/]')
    const [, wrong, right, select] = await play(['LOGIN user0006@example.test wrong', login('user0006'), 'SELECT INBOX'])
    expect(wrong).toContain('NO [AUTHENTICATIONFAILED]')
    expect(right).toContain('OK [REFERRAL imaps://user0006%40example.test@server2.example/] Logged in')
    expect(select).toMatch(/^t2 OK/m)
  })

  it('different keywords of a mailbox are bounded, whatever brings them; those that are there may be used', async () => {
    const message = '{20+}\r\nSubject: x\r\n\r\nabcdef'
    const [, , , , stored, limit, again, appended, known, ...rest] = await play([
      login('user0004'), `APPEND INBOX (one) ${message}`, 'SELECT INBOX', 'STORE 1 +FLAGS (Two three)', 'STORE 1 +FLAGS (four)', 'STORE 1 FLAGS (TWO)', `APPEND INBOX (five six seven) ${message}`, `APPEND INBOX (Three) ${message}`,
      'CREATE Other', `APPEND Other (a b c) ${message}`, 'COPY 1:2 Other', 'MOVE 1 Other', `UID REPLACE 1 Other (d) ${message}`, 'COPY 2 Archive', 'STORE 1:2 FLAGS ()', 'STORE 1 FLAGS (x y z)',
    ])
    expect(stored).toMatch(/Two three|one Two three|one three Two/i)
    expect(limit).toMatch(/NO \[LIMIT\] A mailbox cannot have more than 3 keywords/)
    expect(again).toMatch(/ OK STORE/)
    expect(appended).toMatch(/ NO \[LIMIT\]/)
    expect(known).toContain('OK [APPENDUID')
    const [, filled, copied, moved, replaced, free, cleared, fresh] = rest
    expect(filled).toContain('OK [APPENDUID')
    for (const reply of [copied, moved, replaced]) expect(reply).toMatch(/ NO \[LIMIT\]/)
    expect(free).toContain('OK [COPYUID')
    expect(cleared).toMatch(/ OK STORE/)
    // What nobody has any more makes room.
    expect(fresh).toMatch(/ OK STORE/)
  })
})

describe('limits of what one command is about (RFC 9738)', () => {
  const limitedTo = async (setting: string, act: (play: (...commands: string[]) => Promise<string[]>) => Promise<void>): Promise<void> => {
    const at = await startGateway({ set: ['plugins.pop3=false', 'plugins.smtp-ingress=false', setting] })
    const own = `LOGIN ${at.account} ${at.password}`
    try {
      await act(async (...commands) => (await play([own, ...commands], at)).slice(1))
    } finally {
      await at.stop()
    }
  }
  const one = '{20+}\r\nSubject: x\r\n\r\nabcdef'
  const many = (n: number): string => Array.from({ length: n }, () => one).join(' ')

  it('MESSAGELIMIT: the last ones, from the highest down, and how far that came', () => limitedTo('plugins.imap4.messageLimit=3', async (play) => {
    const [login, filled, , , fetched, byUid, few, searched, unsearched, after, before, none, saved, usesSaved, stored, , partial, , sorted, threaded] = await play(
      `APPEND INBOX ${many(3)}`, `APPEND INBOX ${many(3)}`, 'SELECT INBOX', 'FETCH 1:5 (UID FLAGS)', 'UID FETCH 1:* FLAGS', 'FETCH 2:4 UID', 'UID SEARCH UNDELETED', 'SEARCH 2:4 UNDELETED', 'UID SEARCH UIDAFTER 3 UNDELETED', 'UID SEARCH UIDBEFORE 3',
      'UID SEARCH OR UIDBEFORE 1 UIDAFTER 4294967295', 'UID SEARCH RETURN (SAVE) ALL', 'FETCH $ UID', 'UID STORE 1:5 +FLAGS.SILENT (\\Flagged)', 'UID FETCH 1:3 FLAGS', 'UID FETCH 1:6 FLAGS (PARTIAL -1:-4)', 'UID FETCH 1:6 FLAGS (PARTIAL -1:-3)', 'SORT (ARRIVAL) UTF-8 ALL', 'THREAD REFERENCES UTF-8 ALL')
    expect(login).toContain(' MESSAGELIMIT=3')
    expect(filled).toContain('OK [APPENDUID')
    expect(fetched).toMatch(/^\* 5 FETCH .*UID 5.*\r\n\* 4 FETCH .*\r\n\* 3 FETCH .*\r\nt4 OK \[MESSAGELIMIT 3 3\] Completed for the last 3 messages\r\n$/)
    expect(byUid).toMatch(/^\* 6 FETCH .*\r\n.*\r\n\* 4 FETCH .*\r\nt5 OK \[MESSAGELIMIT 3 4\]/)
    expect(few).toMatch(/^\* 2 FETCH .*\r\n\* 3 .*\r\n\* 4 .*\r\nt6 OK FETCH completed/)
    expect(searched).toMatch(/^\* SEARCH 4 5 6\r\nt7 OK \[MESSAGELIMIT 3 4\]/)
    expect(unsearched).toMatch(/^\* SEARCH 2 3 4\r\nt8 OK SEARCH completed/)
    expect(after).toMatch(/^\* SEARCH 4 5 6\r\nt9 OK UID SEARCH completed/)
    expect(before).toMatch(/^\* SEARCH 1 2\r\nt10 OK UID SEARCH completed/)
    expect(none).toMatch(/^\* SEARCH\r\n/)
    expect(saved).toBe('t12 OK [MESSAGELIMIT 3 4] Completed for the last 3 messages\r\n')
    expect(usesSaved).toMatch(/^\* 4 .*\r\n\* 5 .*\r\n\* 6 .*\r\nt13 OK FETCH completed/)
    expect(stored).toBe('t14 OK [MESSAGELIMIT 3 3] Completed for the last 3 messages\r\n')
    expect(partial).toBe('t16 NO [MESSAGELIMIT 3] FETCH exceeds the maximum 3-message limit\r\n')
    for (const reply of [sorted, threaded]) expect(reply).toContain('NO [MESSAGELIMIT 3]')
  }))

  it('what is whole or not at all is refused; moves and expunges come in pieces; EXPUNGE and CLOSE have no limit', () => limitedTo('plugins.imap4.messageLimit=3', async (play) => {
    const [, tooMany, , , , copied, moved, again, , expunged, rest, resynced] = await play(
      `APPEND INBOX ${many(4)}`, `APPEND INBOX ${many(3)}`, `APPEND INBOX ${many(3)}`, 'SELECT INBOX', 'UID COPY 1:4 Archive', 'UID MOVE 1:4 Archive', 'UID MOVE 1:4 Archive', 'UID STORE 5:6 +FLAGS (\\Deleted)', 'UID EXPUNGE 1:6', 'SELECT Archive', 'ENABLE QRESYNC')
    expect(tooMany).toContain('NO [MESSAGELIMIT 3] Too many messages to append')
    expect(copied).toMatch(/^t5 NO \[MESSAGELIMIT 3 2\] Too many messages to copy, try a smaller subset/)
    expect(moved).toMatch(/^\* OK \[COPYUID \d+ 2:4 1:3\] Some messages were not moved\r\n(\* \d EXPUNGE\r\n){3}t6 OK \[MESSAGELIMIT 3 2\]/)
    expect(again).toMatch(/^\* OK \[COPYUID \d+ 1 4\] Moved\r\n\* 1 EXPUNGE\r\nt7 OK UID MOVE completed/)
    expect(expunged).toMatch(/t9 OK UID EXPUNGE completed/)
    expect(rest).toContain('* 4 EXISTS')
    expect(resynced).toMatch(/ OK /)
    const [, , first, , , , closed, left] = await play('SELECT Archive', 'UID MOVE 1:4 INBOX', `APPEND INBOX ${Array.from({ length: 3 }, () => `(\\Deleted) ${one}`).join(' ')}`, 'SELECT INBOX', 'STORE 1:3 +FLAGS (\\Deleted)', 'CLOSE', 'STATUS INBOX (MESSAGES)')
    expect(first).toMatch(/OK \[MESSAGELIMIT 3 2\]/)
    expect(closed).toMatch(/ OK /)
    expect(left).toContain('(MESSAGES 0)')
    // With mod-sequences in the reply the limit is told before it.
    const [, , , , qresync] = await play('ENABLE QRESYNC', `APPEND Archive ${many(3)}`, 'SELECT Archive', 'UID MOVE 1:* INBOX')
    expect(qresync).toMatch(/\* NO \[MESSAGELIMIT 3 \d+\] Completed for the last 3 messages\r\n[^]*t4 OK \[HIGHESTMODSEQ \d+\]/)
  }))

  it('SAVELIMIT is for COPY and APPEND alone', () => limitedTo('plugins.imap4.saveLimit=2', async (play) => {
    const [login, tooMany, , , , fetched, copied, moved, unknown] = await play(`APPEND INBOX ${many(3)}`, `APPEND INBOX ${many(2)}`, `APPEND INBOX ${many(2)}`, 'SELECT INBOX', 'FETCH 1:* UID', 'COPY 1:3 Archive', 'MOVE 1:3 Archive', 'UID SEARCH UIDAFTER 1')
    expect(login).toMatch(/ SAVELIMIT=2/)
    expect(login).not.toContain('MESSAGELIMIT')
    expect(tooMany).toContain('NO [MESSAGELIMIT 2]')
    expect(fetched).toMatch(/OK FETCH completed/)
    expect(copied).toContain('NO [MESSAGELIMIT 2 2]')
    expect(moved).toContain('OK MOVE completed')
    expect(unknown).toContain('BAD There is no search key UIDAFTER')
  }))
})
