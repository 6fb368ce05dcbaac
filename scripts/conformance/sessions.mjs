// Statements about all four servers: framing, encoding, sessions (im2000.md section I, T1-T23). Each case is given what is under test.
import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { must, protocolOf, vector } from './peer.mjs'

/** A command that a stranger may give, and what must come of it. */
export const harmless = {
  msoap: (session) => session.refused('track', { identifier: randomBytes(16) }, 'errornotauthenticated'),
  msrap: (session) => session.refused('silence', { identifier: randomBytes(16) }, 'errornosuchmessage'),
  rnasp: (session) => session.good('notify', { notifications: [] }),
  rnaqp: (session) => session.refused('retrieveAndClear', {}, 'errornotauthenticated'),
}
const all = ['msoap', 'msrap', 'rnasp', 'rnaqp']
const first = { msoap: 'W06', msrap: 'W21', rnasp: 'W34', rnaqp: 'W38' }
const needing = { msoap: ['track', { identifier: randomBytes(16) }], rnaqp: ['retrieveAndClear', {}] }

export const sessionCases = [
  ...all.map((name) => ({ of: ['T1', 'T3'], needs: [name], async run(im) {
    const session = await im.open(name)
    session.send(vector(first[name]))
    const pdu = await session.pdu()
    must(pdu?.[0] === 0xa2, 'the first answer is no response PDU')
    must(session.socket.bytesRead === pdu.length + 4, 'more was said than one PDU')
  } })),
  ...all.map((name) => ({ of: ['T2'], needs: [name], async run(im) {
    const session = await im.open(name)
    for (const octet of vector(first[name])) {
      session.send(Buffer.of(octet))
      await setImmediate()
    }
    must(await session.answer() !== 'closed', 'closed')
  } })),
  ...[['msoap', ['W01', 'W02', 'W03', 'W04', 'W05', 'W06', 'W07']], ['msrap', ['W20', 'W21', 'W22', 'W23', 'W24']], ['rnasp', ['W32', 'W33', 'W34']], ['rnaqp', ['W37', 'W38']]].map(([name, names]) => ({ of: ['T5'], needs: [name], async run(im) {
    for (const one of names) {
      const session = await im.open(name)
      session.send(vector(one))
      const said = await session.answer()
      must(said !== 'closed' && said.status !== 'errormalformedpdu', `${one} is not understood`)
      session.close()
    }
  } })),
  ...['N03', 'N04', 'N05', 'N06', 'N07', 'N08', 'N09', 'N10', 'N11', 'N12', 'N13', 'N14', 'N15', 'N16'].map((one) => ({ of: ['T6'], needs: [protocolOf(one)], what: one, async run(im) {
    const session = await im.open(protocolOf(one))
    session.send(vector(one))
    const said = await session.refusal('errormalformedpdu', one)
    must(said.kind === 'null', `${one}: the response is ${said.kind}`)
  } })),
  ...all.map((name) => ({ of: ['T7'], needs: [name], async run(im) {
    for (const one of ['N01', 'N02']) {
      const session = await im.open(name)
      session.send(vector(one))
      await session.ends(one)
    }
  } })),
  { of: ['T8'], needs: ['rnasp'], what: 'N17', async run(im) {
    const said = await (await im.open('rnasp')).send(vector('N17')).answer()
    must(said !== 'closed' && !said.abort, 'an unknown element is not passed over')
  } },
  { of: ['T8'], needs: ['msrap'], what: 'N18', run: async (im) => void await (await im.open('msrap')).send(vector('N18')).refusal('errornosuchmessage') },
  ...all.map((name) => ({ of: ['T9'], needs: [name], async run(im) {
    const session = await im.open(name)
    const bad = Buffer.from('00000002a100', 'hex')
    for (let i = 0; i < 2; i++) {
      await session.send(bad).refusal('errormalformedpdu')
      await harmless[name](session)
    }
    await session.send(bad).refusal('errormalformedpdu')
    await session.ends('after the third')
  } })),
  { of: ['T10'], needs: ['msrap'], async run(im) {
    const session = await im.open('msrap')
    session.command('retrieve', { identifier: randomBytes(16), type: 'all', offset: 0n, length: 1n }).send(Buffer.from('00000002a100', 'hex')).command('silence', { identifier: randomBytes(16) })
    for (const status of ['errornosuchmessage', 'errormalformedpdu', 'errornosuchmessage']) await session.refusal(status)
  } },
  ...['msoap', 'rnaqp'].map((name) => ({ of: ['T11'], needs: [name, 'account'], async run(im) {
    const session = await im.login(name)
    const [kind, fields] = needing[name]
    await session.refused('authenticate', { account: im.account, password: `${im.password}x` }, 'errornotauthenticated')
    await session.refused(kind, fields, 'errornotauthenticated')
  } })),
  { of: ['T12'], needs: ['slow'], run: (im) => Promise.all(all.filter(im.has).map(async (name) => {
    const session = await im.open(name, im.slow * 1000)
    await session.refusal('errorcommandtimeout', `${name}, after silence`)
    await session.ends(`${name}, after the time-out`)
  })) },
  ...all.map((name) => ({ of: ['T13'], needs: [name], async run(im) {
    const stalled = await im.open(name)
    stalled.send(Buffer.from('000000', 'hex'))
    await harmless[name](await im.open(name))
  } })),
  { of: ['T20'], needs: ['msoap'], run: async (im) => must((await (await im.open('msoap')).send(vector('W06')).pdu())?.equals(vector('W10').subarray(4)), 'Track of a stranger is not answered with status 6') },
  { of: ['T20', 'T91'], needs: ['rnaqp'], run: async (im) => must((await (await im.open('rnaqp')).send(vector('W38')).pdu())?.equals(vector('W40').subarray(4)), 'RetrieveAndClear of a stranger is not answered with status 3') },
  ...['msoap', 'rnaqp'].map((name) => ({ of: ['T22'], needs: [name, 'account'], async run(im) {
    const octets = new Set()
    for (const account of [im.account, `nobody${randomBytes(4).toString('hex')}@${im.account.split('@')[1] ?? 'example.test'}`]) {
      const session = await im.open(name)
      octets.add((await session.command('authenticate', { account, password: randomBytes(8).toString('hex') }).pdu())?.toString('hex'))
    }
    must(octets.size === 1, 'an unknown account is answered otherwise than a wrong password')
  } })),
  ...[['msoap', 'msoaps'], ['rnaqp', 'rnaqps']].map(([name, tls]) => ({ of: ['T23'], needs: [tls], async run(im) {
    const [kind, fields] = needing[name]
    await (await im.open(name, undefined, true)).refused(kind, fields, 'errornotauthenticated')
  } })),
]
