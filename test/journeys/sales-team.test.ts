// A sales team of five in one shared mailbox: one login each, mail seen at once, rules and a holiday for the address, sending as it,
// two who clean up together, and one who leaves while looking.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { dataFolder, restante, start, Wire, type Ready, type Started } from './support/restante.js'

// A process for each command: a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 })
const folder = dataFolder()
let gateway: Started
let ready: Ready
const team = ['anna', 'bert', 'carl', 'dora', 'emil'].map((name) => `${name}@example.test`)
const [anna, bert, carl, dora, emil] = team
const command = async (...args: string[]): Promise<string> => {
  const said = await restante([...args, ...folder.set])
  expect(said.code, said.stderr).toBe(0)
  return said.stdout
}
const wires: Wire[] = []
beforeAll(async () => {
  gateway = start(['--json', ...folder.set])
  ready = await gateway.ready()
  writeFileSync(join(folder.path, 'users.csv'), `address,password\n${team.map((name) => `${name},secret123`).join('\n')}\n`)
  await command('user', 'import', join(folder.path, 'users.csv'))
}, 120_000)
afterAll(async () => {
  for (const wire of wires) wire.destroy()
  gateway?.process.kill('SIGTERM')
  await gateway?.exited
  folder.remove()
})

async function imap(user: string): Promise<Wire> {
  const wire = await Wire.to(ready.listeners.imap)
  wires.push(wire)
  await wire.see(/^\* OK/)
  await wire.ask(`a LOGIN ${user} secret123`, /^a OK/)
  return wire
}
async function send(subject: string, more: { from?: string; login?: string; envelope?: string; sender?: string; to?: string } = {}): Promise<string> {
  const wire = await Wire.to(more.login ? ready.listeners.submission : ready.listeners.smtp)
  wires.push(wire)
  const from = more.from ?? 'customer@outside.example'
  await wire.see(/^220 /)
  await wire.ask('EHLO outside.example', /^250 /)
  if (more.login) await wire.ask(`AUTH PLAIN ${Buffer.from(`\0${more.login}\0secret123`).toString('base64')}`, /^235 /)
  const mail = await wire.ask(`MAIL FROM:<${more.envelope ?? from}>`, /^[25]\d\d /)
  if (!mail.startsWith('250')) return mail.trim()
  await wire.ask(`RCPT TO:<${more.to ?? 'sales@example.test'}>`, /^250 /)
  await wire.ask('DATA', /^354 /)
  const answer = await wire.ask(`From: <${from}>\r\n${more.sender ? `Sender: <${more.sender}>\r\n` : ''}To: <${more.to ?? 'sales@example.test'}>\r\nSubject: ${subject}\r\n\r\nHello\r\n.`, /^[25]\d\d /)
  wire.destroy()
  return answer.trim()
}

it('the administration makes it, with members from the first', async () => {
  expect(await restante(['shared', 'create', 'sales', '--address', 'sales@example.test', ...folder.set])).toMatchObject({ code: 4, stderr: expect.stringContaining('without a member') })
  expect(await command('shared', 'create', 'sales', '--address', 'sales@example.test', '--member', `${anna}=owner,${bert},${carl},${dora},${emil}=reader`)).toBe('Created sales with the address sales@example.test\n')
  expect(await command('shared', 'show', 'sales')).toMatch(/Addresses {2}sales@example\.test\n[^]*anna@example\.test +lrswipkxtea +owner +no\n[^]*emil@example\.test +lrs +reader +no\n/)
})

it('one login shows both kinds of mailboxes, and NAMESPACE says which is which', async () => {
  const wire = await imap(bert)
  expect(await wire.ask('b NAMESPACE', /^b OK/)).toContain('* NAMESPACE (("" "/")) (("user/" "/")) (("shared/" "/"))')
  expect(await wire.ask('c LIST "" "*" RETURN (MYRIGHTS)', /^c OK/)).toMatch(/\* LIST \([^)]*\) "\/" "INBOX"\r\n\* MYRIGHTS "INBOX" "lrswipkxteacd"\r\n[^]*\* LIST \([^)]*\) "\/" "shared\/sales"\r\n\* MYRIGHTS "shared\/sales" "lrswipkxtecd"/)
  expect(await wire.ask('d CAPABILITY', /^d OK/)).toMatch(/ ACL .*RIGHTS=texk|RIGHTS=texk.* ACL /)
})

it('a rule for the address sorts by subject; all see it at once, each with flags of its own and of everybody', async () => {
  writeFileSync(join(folder.path, 'rules.txt'), 'rule "Orders" { if subject begins with "Order" move to "Orders" mark flagged }')
  await command('mailsort', 'edit', 'sales@example.test', '--file', join(folder.path, 'rules.txt'))
  const [first, second, third] = await Promise.all([anna, bert, emil].map(imap))
  await send('Order 1')
  for (const wire of [first, second, third]) {
    expect(await wire.ask('s SELECT shared/sales/Orders', /^s OK/)).toMatch(/\* 1 EXISTS/)
    wire.send('i IDLE\r\n')
    await wire.see(/^\+/)
  }
  await send('Order 2')
  for (const wire of [first, second, third]) {
    await wire.see(/^\* 2 EXISTS/)
    await wire.ask('DONE', /^i OK/)
  }
  await first.ask('f STORE 1 +FLAGS (\\Seen $Mine)', /^f OK/)
  expect(await second.ask('g FETCH 1 FLAGS', /^g OK/)).toMatch(/\* 1 FETCH \(FLAGS \(\\Flagged \\Recent \$Mine\)\)|\* 1 FETCH \(FLAGS \(\\Flagged \$Mine\)\)/)
  expect(await first.ask('h FETCH 1 FLAGS', /^h OK/)).toMatch(/FLAGS \(\\Seen \\Flagged[^)]*\$Mine\)/)
  expect(await second.ask('j STATUS shared/sales/Orders (MESSAGES UNSEEN)', /^j OK/)).toContain('(MESSAGES 2 UNSEEN 2)')
  expect(await first.ask('k STATUS shared/sales/Orders (UNSEEN)', /^k OK/)).toContain('(UNSEEN 1)')
  // A reader reads.
  expect(await third.ask('l STORE 1 +FLAGS (\\Deleted)', /^l /)).toMatch(/l NO \[NOPERM\]/)
  expect(await third.ask('m FETCH 1 BODY[TEXT]', /^m OK/)).toContain('Hello')
  expect(await third.ask('n FETCH 1 FLAGS', /^n OK/)).toMatch(/\\Seen/)
})

it('two clean up together: the same message goes once, and moves keep to rights', async () => {
  const [first, second, third] = await Promise.all([anna, bert, emil].map(imap))
  for (const wire of [first, second, third]) await wire.ask('s SELECT shared/sales/Orders', /^s OK/)
  await first.ask('b STORE 1 +FLAGS.SILENT (\\Deleted)', /^b OK/)
  first.send('c EXPUNGE\r\n')
  second.send('c EXPUNGE\r\n')
  const said = await Promise.all([first, second].map((wire) => wire.see(/^c OK/)))
  for (const text of said) expect(text.match(/\* 1 EXPUNGE/g)).toHaveLength(1)
  expect(await third.ask('n NOOP', /^n OK/)).toContain('* 1 EXPUNGE')
  expect(await third.ask('d MOVE 1 INBOX', /^d /)).toMatch(/d NO \[NOPERM\]/)
  expect(await second.ask('e COPY 1 INBOX', /^e OK/)).toMatch(/COPYUID/)
})

it('the address is on holiday, and tells the customer once', async () => {
  await command('vacation', 'set', 'sales@example.test', '--text', 'We are at the fair.')
  await send('Question', { from: dora })
  const wire = await imap(dora)
  if (!(await wire.ask('s SELECT INBOX', /^s OK/)).includes('* 1 EXISTS')) {
    wire.send('i IDLE\r\n')
    await wire.see(/^\* 1 EXISTS/)
    await wire.ask('DONE', /^i OK/)
  }
  expect(await wire.ask('f FETCH 1 BODY[]', /^f OK/)).toMatch(/From: sales <sales@example\.test>[^]*Subject: Auto: Question[^]*We are at the fair\./)
})

it('members send as the address, on its behalf, or not at all', async () => {
  const wanted = { from: 'sales@example.test', to: 'postmaster@example.test' }
  expect(await send('no', { ...wanted, login: carl })).toMatch(/^550 5\.7\.1 <sales@example\.test> does not belong/)
  await command('shared', 'member', 'add', 'sales', bert, '--send', 'as')
  await command('shared', 'member', 'add', 'sales', carl, '--send', 'on-behalf')
  expect(await send('as', { ...wanted, login: bert })).toMatch(/^250 /)
  expect(await send('behalf', { ...wanted, login: carl })).toMatch(/^250 /)
  expect(await send('lie', { ...wanted, login: carl, sender: anna })).toMatch(/^550 5\.7\.1 <anna@example\.test>/)
  const wire = await Wire.to(ready.listeners.imap)
  wires.push(wire)
  await wire.see(/^\* OK/)
  await wire.ask(`a LOGIN ${ready.account} ${ready.password}`, /^a OK/)
  await wire.ask('s SELECT INBOX', /^s OK/)
  const said = await wire.ask('f FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT SENDER)]', /^f OK/)
  expect(said).toMatch(/Subject: as\r\n\r\n/)
  expect(said).toMatch(/Sender: <carl@example\.test>\r\nSubject: behalf\r\n\r\n/)
  expect(await command('shared', 'show', 'sales')).toMatch(/bert@example\.test +lrswipkxte +editor +as\n/)
})

it('rights over IMAP: seen, changed, refused; a manager and a secretary', async () => {
  const [owner, editor] = await Promise.all([anna, bert].map(imap))
  expect(await owner.ask('b GETACL shared/sales', /^b OK/)).toMatch(/\* ACL "shared\/sales" "anna@example\.test" "lrswipkxteacd" "bert@example\.test" "lrswipkxtecd"/)
  expect(await editor.ask('b GETACL shared/sales', /^b /)).toMatch(/b NO \[NOPERM\]/)
  expect(await owner.ask('c SETACL shared/sales emil@example.test lrsq', /^c /)).toMatch(/^c BAD/)
  expect(await owner.ask('d SETACL shared/sales nobody@example.test lrs', /^d /)).toMatch(/^d NO/)
  expect(await owner.ask('e SETACL shared/sales emil@example.test +w', /^e /)).toMatch(/^e OK/)
  expect(await owner.ask('f LISTRIGHTS shared/sales emil@example.test', /^f OK/)).toContain('* LISTRIGHTS "shared/sales" "emil@example.test" "" l r s w i p k x t e a')
  await owner.ask('g CREATE Plans', /^g OK/)
  await owner.ask(`h SETACL Plans ${bert} lr`, /^h OK/)
  expect(await editor.ask('i LIST "" user/*', /^i OK/)).toContain('"user/anna@example.test/Plans"')
  expect(await editor.ask('j MYRIGHTS user/anna@example.test/Plans', /^j OK/)).toContain('* MYRIGHTS "user/anna@example.test/Plans" "lr"')
  expect(await editor.ask('k SELECT user/anna@example.test/Plans', /^k OK/)).toMatch(/k OK \[READ-ONLY\]/)
  await owner.ask(`l DELETEACL Plans ${bert}`, /^l OK/)
  expect(await editor.ask('m NOOP', /^m OK/)).toContain('* NO [NOPERM]')
  expect(await editor.ask('n LIST "" user/*', /^n OK/)).not.toContain('Plans')
})

it('who loses the right while looking is told, gets NO [NOPERM], and stays', async () => {
  const wire = await imap(emil)
  await wire.ask('s SELECT shared/sales/Orders', /^s OK/)
  wire.send('i IDLE\r\n')
  await wire.see(/^\+/)
  await command('shared', 'member', 'remove', 'sales', emil)
  // What was given for one mailbox by SETACL is none of the member list's.
  await command('shared', 'rights', 'sales', 'INBOX', emil, 'none')
  await wire.see(/^\* NO \[NOPERM\]/)
  await wire.ask('DONE', /^i OK/)
  for (const looks of ['FETCH 1 FLAGS', 'SEARCH ALL', 'STORE 1 +FLAGS (\\Seen)', 'COPY 1 INBOX']) expect(await wire.ask(`x ${looks}`, /^x /)).toMatch(/^x NO \[NOPERM\]/)
  expect(await wire.ask('y STATUS shared/sales/Orders (MESSAGES)', /^y /)).toMatch(/y NO \[NONEXISTENT\]/)
  await wire.ask('z UNSELECT', /^z OK/)
  expect(await wire.ask('t SELECT INBOX', /^t OK/)).toContain('READ-WRITE')
})

it('it is removed after it was archived, and asks first', async () => {
  expect(await restante(['shared', 'remove', 'sales', ...folder.set])).toMatchObject({ code: 4, stderr: expect.stringContaining('--yes') })
  expect(await command('shared', 'remove', 'sales', '--archive', anna, '--yes')).toMatch(/^Deleted sales; \d+ messages were archived\n$/)
  const wire = await imap(anna)
  expect(await wire.ask('l LIST "" "*"', /^l OK/)).toMatch(/"Archive\/sales\/Orders"/)
  expect(await command('shared', 'list')).toBe('None\n')
})
