// Thunderbird: finds the mailboxes, idles, reads, marks, tags, moves, copies, deletes, makes folders, sends and files its copy; hears
// what others change, at once and after it was away. It is too large for CI: without the program these tests are skipped.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { spawnGateway } from '../support/gateway.js'
import { freePort } from '../support/ports.js'
import { message } from './support/messages.js'
import { arrived, contents, portOf, run, user, witness, workFolder } from './support/programs.js'
import { hasThunderbird, startThunderbird, type Thunderbird } from './support/thunderbird.js'

if (!hasThunderbird) process.stderr.write('Thunderbird is not installed (Debian package thunderbird): its tests are skipped\n')

for (const condstore of [false, true]) describe.skipIf(!hasThunderbird)(`Thunderbird, ${condstore ? 'with CONDSTORE' : 'as it comes'}`, () => {
  const folder = workFolder()
  const profile = join(folder.path, 'profile')
  let gateway: Awaited<ReturnType<typeof spawnGateway>>
  let thunderbird: Thunderbird
  beforeAll(async () => {
    gateway = await spawnGateway({ accounts: 2 })
    mkdirSync(profile)
    thunderbird = await startThunderbird(profile, await freePort(), { 'mail.server.default.use_condstore': condstore })
  })
  afterAll(async () => {
    await thunderbird?.stop()
    await gateway?.stop()
    folder.remove()
  })

  const deliver = (subject: string, octets = 0): Promise<unknown> => run('curl', ['-sS', `smtp://127.0.0.1:${portOf(gateway, 'smtp')}`, '--mail-from', 'a@outside.example', '--mail-rcpt', user(1), '-T', '-'], { input: message({ subject, to: user(1), octets }) })
  const held = async (mailbox: string): Promise<[string, string][]> => (await contents(gateway, 1, mailbox)).map(({ source, flags }): [string, string] => [/^Subject: (.*)\r$/m.exec(source.toString())![1], [...flags].filter((flag) => flag !== '\\Recent').sort().join(' ')])

  it('logs in and finds every mailbox by its use', async () => {
    await thunderbird.script(`
      const [user, password, imap, submission] = args
      const LoginInfo = Components.Constructor('@mozilla.org/login-manager/loginInfo;1', Ci.nsILoginInfo, 'init')
      for (const host of ['imap://localhost', 'smtp://localhost']) await Services.logins.addLoginAsync(new LoginInfo(host, null, host, user, password, '', ''))
      const incoming = MailServices.accounts.createIncomingServer(user, 'localhost', 'imap')
      Object.assign(incoming, { port: imap, socketType: 0, authMethod: 3, password })
      const identity = MailServices.accounts.createIdentity()
      Object.assign(identity, { email: user, fullName: 'Thunder Bird' })
      const account = MailServices.accounts.createAccount()
      account.addIdentity(identity)
      account.incomingServer = incoming
      const outgoing = MailServices.outgoingServer.createServer('smtp')
      Object.assign(outgoing.QueryInterface(Ci.nsISmtpServer), { hostname: 'localhost', port: submission, username: user, authMethod: 3, socketType: 0 })
      identity.smtpServerKey = outgoing.key
      MailServices.accounts.defaultAccount = account`, user(1), gateway.password, Number(portOf(gateway, 'imap')), Number(portOf(gateway, 'submission')))
    const uses = await thunderbird.script<[string, boolean][]>(`
      server.performExpand(null)
      const flags = { INBOX: 0x1000, Trash: 0x100, Sent: 0x200, Drafts: 0x400, Archive: 0x4000, Junk: 0x40000000 }
      await wait(() => Object.values(flags).every((flag) => server.rootFolder.getFolderWithFlags(flag)), 'mailboxes with their uses: ' + server.rootFolder.descendants.map((one) => one.name + ' ' + one.flags))
      return Object.entries(flags).map(([name, flag]) => [name, server.rootFolder.getFolderWithFlags(flag).name === name])`)
    expect(uses.filter(([, right]) => !right)).toEqual([])
  })

  it('idles: what comes is there without being asked for, and can be read', async () => {
    await thunderbird.script("folder('INBOX').updateFolder(null)")
    for (const subject of ['first', 'second', 'third', 'fourth']) await deliver(subject, 20_000)
    const shown = await thunderbird.script<[string, boolean][]>(`
      await wait(() => heads(folder('INBOX')).length === 4)
      return heads(folder('INBOX')).map(({ subject, read }) => [subject, read])`)
    expect(shown.sort()).toEqual([['first', false], ['fourth', false], ['second', false], ['third', false]])
    const read = await thunderbird.script<string>(`
      const uri = folder('INBOX').getUriForMsg(head(folder('INBOX'), 'first'))
      const chunks = []
      await new Promise((done, refuse) => MailServices.messageServiceFromURI(uri).streamMessage(uri, {
        QueryInterface: ChromeUtils.generateQI(['nsIStreamListener']), onStartRequest() {}, onStopRequest: (_, status) => (status ? refuse(new Error('status ' + status)) : done()),
        onDataAvailable(_, stream, __, count) { const input = Cc['@mozilla.org/binaryinputstream;1'].createInstance(Ci.nsIBinaryInputStream); input.setInputStream(stream); chunks.push(input.readBytes(count)) },
      }, null, null, false, ''))
      return btoa(chunks.join(''))`)
    const [{ source }] = (await contents(gateway)).filter((one) => one.source.includes('Subject: first'))
    // Its offline copies begin with lines of its own.
    expect(Buffer.from(read, 'base64').toString('latin1').replaceAll('\r\n', '\n').replace(/^(X-Mozilla-.*\n)+/, '')).toBe(source.toString('latin1').replaceAll('\r\n', '\n'))
  })

  it('marks, stars and tags', async () => {
    await thunderbird.script(`
      const inbox = folder('INBOX')
      inbox.markMessagesRead([head(inbox, 'first'), head(inbox, 'second')], true)
      inbox.markMessagesFlagged([head(inbox, 'second')], true)
      inbox.addKeywordsToMessages([head(inbox, 'third')], '$label1')`)
    await expect.poll(async () => Object.fromEntries(await held('INBOX'))).toEqual({ first: '\\Seen', second: '\\Flagged \\Seen', third: '$label1', fourth: '' })
  })

  it('makes folders, copies, moves, renames and deletes', async () => {
    await thunderbird.script(`
      const inbox = folder('INBOX')
      server.rootFolder.createSubfolder('Projekte & Größen', null)
      const made = await wait(() => folder('Projekte & Größen'))
      made.createSubfolder('2026', null)
      const below = await wait(() => folder('Projekte & Größen/2026'))
      MailServices.copy.copyMessages(inbox, [head(inbox, 'first')], below, false, null, null, false)
      await wait(() => heads(below).length === 1, 'the copy')
      MailServices.copy.copyMessages(inbox, [head(inbox, 'second')], folder('Archive'), true, null, null, false)
      await wait(() => heads(inbox).length === 3, 'moved')
      inbox.deleteMessages([head(inbox, 'third')], null, false, false, null, false)
      await wait(() => heads(inbox).length === 2, 'deleted')
      made.rename('Vorhaben', null)
      await wait(() => folder('Vorhaben/2026'))`)
    await expect.poll(async () => [await held('Vorhaben/2026'), await held('Archive'), await held('Trash')]).toEqual([[['first', '\\Seen']], [['second', '\\Flagged \\Seen']], [['third', '$label1 \\Seen']].map(([subject, flags]) => [subject, expect.stringContaining(flags.split(' ')[0])])])
    await thunderbird.script("folder('INBOX').compact(null, null)")
    await expect.poll(async () => (await held('INBOX')).map(([subject]) => subject)).toEqual(['first', 'fourth'])
  })

  it('sends, and files its copy in Sent', async () => {
    await thunderbird.script(`
      const { FileUtils } = ChromeUtils.importESModule('resource://gre/modules/FileUtils.sys.mjs')
      const identity = MailServices.accounts.defaultAccount.defaultIdentity
      const fields = Cc['@mozilla.org/messengercompose/composefields;1'].createInstance(Ci.nsIMsgCompFields)
      Object.assign(fields, { from: args[0], to: args[1], subject: 'from Thunderbird', fcc: folder('Sent').URI })
      const path = PathUtils.join(PathUtils.profileDir, 'letter.eml')
      await IOUtils.writeUTF8(path, 'From: ' + args[0] + '\\r\\nTo: ' + args[1] + '\\r\\nSubject: from Thunderbird\\r\\nDate: ' + new Date().toUTCString() + '\\r\\nMessage-ID: <thunder@client.example>\\r\\n\\r\\nGrüße\\r\\n')
      await new Promise((done, refuse) => Cc['@mozilla.org/messengercompose/send;1'].createInstance(Ci.nsIMsgSend).sendMessageFile(identity, MailServices.accounts.defaultAccount.key, fields, new FileUtils.File(path), false, false, Ci.nsIMsgSend.nsMsgDeliverNow, null, {
        QueryInterface: ChromeUtils.generateQI(['nsIMsgSendListener', 'nsIMsgCopyServiceListener']), onStartSending() {}, onSendProgress() {}, onStatus() {}, onGetDraftFolderURI() {}, onSendNotPerformed: () => refuse(new Error('not sent')), onTransportSecurityError: () => refuse(new Error('no TLS')),
        onStopSending: (_, status) => { if (status) refuse(new Error('status ' + status)) }, onStartCopy() {}, onProgress() {}, setMessageKey() {}, getMessageId() {}, onStopCopy: (status) => (status ? refuse(new Error('status ' + status)) : done()),
      }, null, ''))`, user(1), user(2))
    expect((await arrived(gateway, 2, 'from Thunderbird')).source.toString()).toContain('Grüße')
    await expect.poll(() => held('Sent')).toEqual([['from Thunderbird', '\\Seen']])
  })

  it('hears what others change', async () => {
    const other = await witness(gateway)
    await other.mailboxOpen('INBOX')
    await other.messageFlagsAdd({ header: { subject: 'fourth' } }, ['\\Flagged', '\\Seen'])
    await thunderbird.script("await wait(() => heads(folder('INBOX')).some(({ subject, read, flagged }) => subject === 'fourth' && read && flagged))")
    await other.messageDelete({ header: { subject: 'first' } })
    await thunderbird.script("await wait(() => heads(folder('INBOX')).length === 1)")
    await other.logout()
  })

  it('comes back after it was away, and has what changed', async () => {
    await thunderbird.stop()
    await deliver('fifth')
    const other = await witness(gateway)
    await other.mailboxOpen('INBOX')
    await expect.poll(async () => (await contents(gateway)).length).toBe(2)
    await other.messageFlagsRemove({ header: { subject: 'fourth' } }, ['\\Flagged'])
    await other.logout()
    thunderbird = await startThunderbird(profile, await freePort(), { 'mail.server.default.use_condstore': condstore })
    const shown = await thunderbird.script<[string, boolean, boolean][]>(`
      folder('INBOX').updateFolder(null)
      await wait(() => heads(folder('INBOX')).length === 2 && heads(folder('INBOX')).every(({ flagged }) => !flagged))
      return heads(folder('INBOX')).map(({ subject, read, flagged }) => [subject, read, flagged])`)
    expect(shown).toEqual([['fourth', true, false], ['fifth', false, false]])
  })
})
