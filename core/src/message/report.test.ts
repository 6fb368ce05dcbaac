// Delivery status notifications, as other programs read them.
import { simpleParser } from 'mailparser'
import { expect, it } from 'vitest'
import { composeReport, type Report } from './report.js'

const whole = (report: Report): Buffer => {
  const { before, after } = composeReport(report)
  return Buffer.concat([before, Buffer.from(`${report.header}\r\n`, 'latin1'), after])
}

it('a report is read by another program: three parts, addresses, states, the header', async () => {
  const recipients = [
    { address: 'bob@far.test', status: '5.1.1', why: 'mx.far.test said: 550 5.1.1 nobody', said: '550 5.1.1 nobody', host: 'mx.far.test' },
    { address: 'jürgen@far.test', status: '5.4.4', why: 'no host\r\nInjected: yes' },
  ]
  const octets = whole({ kind: 'failed', host: 'mx.here.test', to: 'ann@here.test', messageId: 'failed.1.2@mx.here.test', at: 1e12, submittedAt: 1e12 - 1000, recipients, header: 'From: ann@here.test\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nX-Raw: \xfc' })
  const text = octets.toString('latin1')
  expect(text).not.toMatch(/[^\r]\n|\r[^\n]/)
  expect(text).not.toMatch(/^Injected/m)
  expect(text).toContain('Final-Recipient: rfc822; bob@far.test\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.far.test\r\nDiagnostic-Code: smtp; 550 5.1.1 nobody\r\n')
  expect(text).toContain('Final-Recipient: utf-8; j\\x{FC}rgen@far.test\r\n')
  const parsed = await simpleParser(octets, { keepDeliveryStatus: true })
  expect(parsed.headers.get('content-type')).toMatchObject({ value: 'multipart/report', params: { 'report-type': 'delivery-status' } })
  expect(parsed.attachments.map((one) => one.contentType)).toEqual(['message/delivery-status', 'text/rfc822-headers'])
  expect(parsed.text).toContain('<bob@far.test>')
  expect(parsed.attachments[1].content.toString('latin1')).toContain('X-Raw: \xfc')
  expect(whole({ kind: 'delayed', host: 'h', to: 'a@b', messageId: 'x@h', at: 1, submittedAt: 0, recipients, header: '', left: 7200 }).toString('latin1')).toMatch(/Subject: Mail is late: \(no subject\)\r\n[^]*for 2 hours[^]*Action: delayed/)
})
it('names what the sender named: envelope and recipient; says what succeeded', () => {
  const recipients = [{ address: 'bob@here.test', original: 'rfc822;info+x@here.test', status: '2.1.5', why: 'it was delivered' }]
  const text = whole({ kind: 'delivered', host: 'h', to: 'a@b', messageId: 'x@h', at: 1, submittedAt: 0, recipients, header: '', envelopeId: 'QQ 314159' }).toString('latin1')
  expect(text).toMatch(/^Subject: Mail was delivered/m)
  expect(text).toContain('Original-Envelope-Id: QQ 314159\r\nReporting-MTA: dns; h\r\n')
  expect(text).toContain('Original-Recipient: rfc822; info+x@here.test\r\nFinal-Recipient: rfc822; bob@here.test\r\nAction: delivered\r\nStatus: 2.1.5\r\n')
})
