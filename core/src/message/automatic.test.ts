// Who is answered by a machine, and what the answer looks like to other programs.
import { simpleParser } from 'mailparser'
import { describe, expect, it } from 'vitest'
import { whyNotAnswer } from './automatic.js'
import { composeMessage } from './compose.js'

const question = (sender: string, fields: Record<string, string>, more: { unnamed?: boolean } = {}) =>
  whyNotAnswer({ sender, names: Object.keys(fields), field: (name) => (fields[name] === undefined ? [] : [fields[name]]), recipients: fields.to ? [fields.to] : [], own: ['Me@example.org'], ...more })

describe('whyNotAnswer', () => {
  it.each<[string, string, Record<string, string>, RegExp | undefined]>([
    ['an ordinary message', 'anna@example.net', { to: 'me@example.org', 'auto-submitted': 'no' }, undefined],
    ['a comment behind no', 'anna@example.net', { to: 'me@example.org', 'auto-submitted': ' no (really)' }, undefined],
    ['the null sender', '', { to: 'me@example.org' }, /no sender/],
    ['MAILER-DAEMON', 'Mailer-Daemon@example.net', { to: 'me@example.org' }, /machine/],
    ['a list owner', 'owner-cats@example.net', { to: 'me@example.org' }, /machine/],
    ['a bounce address', 'bounce+xyz=example.org@example.net', { to: 'me@example.org' }, /machine/],
    ['noreply', 'no-reply@example.net', { to: 'me@example.org' }, /machine/],
    ['ourselves', 'ME@EXAMPLE.ORG', { to: 'me@example.org' }, /our own/],
    ['a list', 'anna@example.net', { to: 'me@example.org', 'list-id': '<cats>' }, /list-id/],
    ['an answer of a machine', 'anna@example.net', { to: 'me@example.org', 'auto-submitted': 'auto-replied' }, /Auto-Submitted/],
    ['bulk', 'anna@example.net', { to: 'me@example.org', precedence: 'bulk' }, /Precedence/],
    ['Outlook forbids', 'anna@example.net', { to: 'me@example.org', 'x-auto-response-suppress': 'OOF, DR' }, /wants no/],
    ['a report', 'anna@example.net', { to: 'me@example.org', 'content-type': 'multipart/report; x=y' }, /report/],
    ['spam', 'anna@example.net', { to: 'me@example.org', 'x-spam-flag': 'YES' }, /spam/],
    ['not named', 'anna@example.net', { to: 'all@example.org' }, /does not name/],
  ])('%s', (_, sender, fields, why) => {
    if (why) expect(question(sender, fields)).toMatch(why)
    else expect(question(sender, fields)).toBeUndefined()
  })
  it('not named, but wanted nevertheless', () => {
    expect(question('anna@example.net', { to: 'all@example.org' }, { unnamed: true })).toBeUndefined()
  })
})

it('composes what a mail program reads back, whatever stands in it', async () => {
  const text = 'Grüße,\n\n  äußerst lange Zeile '.padEnd(400, 'ö') + '\ntrailing blank \n=20\n.\n'
  const subject = 'Re: Ünïcode and "quotes" <x> \r\nBcc: evil@example.net '.repeat(3).trim()
  const octets = composeMessage({
    from: { address: 'me@example.org', name: 'Doe, "Jöhn"' }, to: ['anna@example.net'], subject, text, html: '<p>Grüße</p>', at: Date.UTC(2026, 10, 22), messageId: 'a.b@example.org', inReplyTo: 'q@example.net',
    references: ['p@example.net', 'q@example.net'], fields: { 'Auto-Submitted': 'auto-replied' },
  })
  expect(octets.toString().split('\r\n').every((line) => line.length <= 998 && /^[\x20-\x7e\t]*$/.test(line))).toBe(true)
  const mail = await simpleParser(octets)
  expect(mail.subject!.replace(/\s+/g, ' ')).toBe(subject.replace(/\s+/g, ' '))
  expect(mail.headers.has('bcc')).toBe(false)
  expect(mail.text!.trimEnd()).toBe(text.trimEnd())
  expect(mail.html).toContain('<p>Grüße</p>')
  expect(mail.from!.value[0]).toMatchObject({ address: 'me@example.org', name: 'Doe, "Jöhn"' })
  expect([mail.inReplyTo, mail.references, mail.headers.get('auto-submitted')]).toEqual(['<q@example.net>', ['<p@example.net>', '<q@example.net>'], 'auto-replied'])
  const plain = await simpleParser(composeMessage({ from: { address: 'me@example.org', name: 'Doe, John' }, to: ['a@example.net'], subject: 'x', text: 'y', at: 0, messageId: 'm@x' }))
  expect(plain.from!.value[0].name).toBe('Doe, John')
})
