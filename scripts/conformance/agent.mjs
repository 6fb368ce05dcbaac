// Statements about a recipient notification agent that can be seen at its two services (im2000.md section I, T81-T98).
import { randomBytes } from 'node:crypto'
import { must } from './peer.mjs'

const mailBox = (address) => ({ localpart: address.slice(0, address.lastIndexOf('@')), domain: address.slice(address.lastIndexOf('@') + 1).split('.') })
const note = (address, more = {}) => ({ storeclear: { kind: 'domain', value: ['store', 'conformance', 'invalid'] }, recipient: mailBox(address), identifier: randomBytes(16), sender: 'conformance', ...more })
const notify = async (im, ...notifications) => (await im.open('rnasp')).good('notify', { notifications })
/** All that is held, until an empty answer. */
async function collect(im) {
  const session = await im.login('rnaqp')
  const found = []
  for (;;) {
    const { notifications } = await session.good('retrieveAndClear')
    if (notifications.length === 0) return found
    found.push(...notifications)
  }
}
const identifiers = (found) => found.map((one) => one.notification.identifier.toString('hex')).sort()
const needs = ['rnasp', 'rnaqp', 'account', 'mailbox']

export const agentCases = [
  { of: ['T81', 'T85', 'T92'], needs, async run(im) {
    await collect(im)
    const session = await im.open('rnasp')
    const one = note(im.mailbox, { size: 4711n })
    await session.good('notify', { notifications: [one] })
    const found = await collect(im)
    must(found.length === 1 && found[0].notification.identifier.equals(one.identifier), 'what was submitted is not what is collected')
    must(found[0].notification.sender === one.sender && found[0].notification.size === 4711n, 'fields are missing')
    must(found[0].submitter.port === session.socket.localPort, `the submitter's port is ${found[0].submitter.port}, not ${session.socket.localPort}`)
    must(Math.abs(Number(found[0].date) - Date.now() / 1000) < 3600, 'the date of receipt is not now')
    must((await collect(im)).length === 0, 'a second collection is not empty')
  } },
  { of: ['T82', 'T84'], needs, async run(im) {
    await collect(im)
    const one = note(im.mailbox, { sender: 'first' })
    await notify(im, one)
    await Promise.all(Array.from({ length: 8 }, () => notify(im, { ...one, sender: 'later' })))
    const found = await collect(im)
    must(found.length === 1, `${found.length} entries of equal notifications`)
    must(found[0].notification.sender === 'first', 'a later one has changed the first')
  } },
  { of: ['T83'], needs, async run(im) {
    await collect(im)
    const one = note(im.mailbox)
    await notify(im, one, { ...one, storeclear: { kind: 'domain', value: ['other', 'conformance', 'invalid'] } })
    must((await collect(im)).length === 2, 'the same identifier from two stores is not two entries')
  } },
  { of: ['T90'], needs: ['rnasp'], run: async (im) => void await (await im.open('rnasp')).good('notify', { notifications: [] }) },
  { of: ['T95'], needs: ['rnasp', 'mailbox'], async run(im) {
    const answers = new Set()
    for (const address of [im.mailbox, `nobody-${randomBytes(6).toString('hex')}@${im.mailbox.split('@')[1]}`]) {
      answers.add((await (await im.open('rnasp')).command('notify', { notifications: [note(address)] }).pdu())?.toString('hex'))
    }
    must(answers.size === 1, 'an unknown mailbox is answered otherwise than a known one')
  } },
  { of: ['T97'], needs, async run(im) {
    await collect(im)
    const sent = Array.from({ length: 30 }, () => note(im.mailbox))
    const found = []
    await Promise.all([...sent.map((one) => notify(im, one)), ...Array.from({ length: 3 }, async () => found.push(...await collect(im)))])
    found.push(...await collect(im))
    must(identifiers(found).join() === identifiers(sent.map((notification) => ({ notification }))).join(), `${found.length} of ${sent.length} entries came out`)
  } },
  { of: ['T98'], needs, async run(im) {
    await collect(im)
    const at = im.mailbox.lastIndexOf('@')
    await notify(im, note(`${im.mailbox.slice(0, at)}@${im.mailbox.slice(at + 1).toUpperCase()}`))
    must((await collect(im)).length === 1, 'the case of the domain matters')
  } },
]
