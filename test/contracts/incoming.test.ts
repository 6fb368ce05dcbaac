// Mail from outside on each database: what it can prove, what it is marked with, and where it goes when it proves nothing.
import { generateKeyPairSync } from 'node:crypto'
import { rmSync } from 'node:fs'
import { dkimSign } from 'mailauth/lib/dkim/sign.js'
import { sealMessage } from 'mailauth/lib/arc/index.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { operate } from '../../core/dist/cli/operations.js'
import { databases, databaseSettings } from '../support/databases.js'
import { startDns, type DnsZone } from '../support/dns-server.js'
import { spawnGateway, startGateway } from '../support/gateway.js'
import { held, receive as receiveAt, type Sent } from '../support/smtp-talk.js'
import { imapClient } from '../support/imap-client.js'

const user = (n: number): string => `user${String(n).padStart(4, '0')}@example.test`
const message = (from: string, more = ''): string => `${more}From: ${from.includes('@') && !from.includes('<') ? `<${from}>` : from}\r\nTo: <${user(2)}>\r\nSubject: hello\r\n\r\nHi\r\n`
const results = (text: string): string[] => [...text.matchAll(/^Authentication-Results: .*(?:\r\n[ \t].*)*/gim)].map(([one]) => one.replace(/\r\n[ \t]+/g, ' '))
const reversed = (address: string): string => `${address.split('.').reverse().join('.')}.in-addr.arpa`

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
const published = [{ type: 'TXT' as const, text: `v=DKIM1; k=rsa; p=${keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}` }]
const zone: DnsZone = {
  'far.test': [{ type: 'TXT', text: 'v=spf1 ip4:127.0.0.1 -all' }],
  'bad.test': [{ type: 'TXT', text: 'v=spf1 -all' }],
  'soft.test': [{ type: 'TXT', text: 'v=spf1 -all' }],
  '_dmarc.bad.test': [{ type: 'TXT', text: 'v=DMARC1; p=reject' }],
  '_dmarc.soft.test': [{ type: 'TXT', text: 'v=DMARC1; p=quarantine' }],
  '_dmarc.rare.test': [{ type: 'TXT', text: 'v=DMARC1; p=quarantine; pct=0' }],
  '_dmarc.far.test': [{ type: 'TXT', text: 'v=DMARC1; p=reject' }],
  's1._domainkey.far.test': published, 'arc._domainkey.lists.test': published, 'arc._domainkey.unknown.test': published,
}
let dns: Awaited<ReturnType<typeof startDns>>
beforeAll(async () => { dns = await startDns(zone) })
afterAll(() => dns.stop())
const settings = (incoming: object): string[] => ['plugins.pop3=false', `im2000.outbound.dnsServers=["${dns.address}"]`, `bridges.smtp-relay=${JSON.stringify({ incoming })}`]
type InProcess = Awaited<ReturnType<typeof startGateway>>
const code = async (gateway: InProcess, sent: Partial<Sent> & { readonly raw: string }): Promise<string> => /^\d{3}(?: [45]\.\S+)?/.exec(await receiveAt(gateway, { to: [user(2)], ...sent }))![0]
const newest = async (gateway: InProcess, mailbox = 'INBOX'): Promise<string> => (await held(gateway, user(2), mailbox)).at(-1)!.text

for (const kind of databases) describe(`mail from outside on ${kind}`, () => {
  let gateway: InProcess
  beforeAll(async () => { gateway = await startGateway({ accounts: 2, set: [...settings({}), ...await databaseSettings(kind)] }) })
  afterAll(() => gateway?.stop())

  it('is marked with what it can prove; claims in our name are gone, those of others stay', async () => {
    expect(await code(gateway, { raw: message('eve@far.test', 'Authentication-Results: localhost; dmarc=pass\r\nAuthentication-Results: other.test; spf=pass\r\n') })).toBe('250')
    const text = await newest(gateway)
    const [ours, others, ...more] = results(text)
    expect(ours).toBe('Authentication-Results: localhost; iprev=permerror policy.iprev=127.0.0.1; spf=pass smtp.mailfrom=far.test; dkim=none; dmarc=pass (p=reject) header.from=far.test')
    expect([others, more]).toEqual(['Authentication-Results: other.test; spf=pass', []])
    expect(text).toMatch(/^Received: [^]*\r\nReturn-Path: <eve@far\.test>\r\nAuthentication-Results: localhost[^]*\r\nReceived-SPF: pass identity=mailfrom; client-ip=127\.0\.0\.1;\r\n\thelo="mx\.far\.test";\r\n\tenvelope-from="eve@far\.test";\r\n\treceiver=localhost\r\nReceived: from/)
  })
  it('fails where it must, and is only marked', async () => {
    expect(await code(gateway, { raw: message('ceo@bad.test'), from: 'ceo@bad.test' })).toBe('250')
    expect(results(await newest(gateway))[0]).toMatch(/; spf=fail smtp\.mailfrom=bad\.test; dkim=none; dmarc=fail \(p=reject\) header\.from=bad\.test$/)
  })
  it('signed by a key that DNS knows, it passes; with too many signatures none is looked at; a large one neither', async () => {
    const plain = message('eve@far.test').concat('x'.repeat(70).concat('\r\n').repeat(4000))
    const { signatures } = await dkimSign(Buffer.from(plain), { signatureData: [{ signingDomain: 'far.test', selector: 's1', privateKey }] })
    expect(await code(gateway, { raw: signatures + plain, from: 'bounce@elsewhere.test' })).toBe('250')
    expect(results(await newest(gateway))[0]).toMatch(/dkim=pass header\.d=far\.test header\.s=s1; dmarc=pass/)
    expect((await newest(gateway)).endsWith(plain.slice(-1000))).toBe(true)
    expect(await code(gateway, { raw: 'DKIM-Signature: v=1\r\n'.repeat(11) + plain })).toBe('250')
    expect(results(await newest(gateway))[0]).toMatch(/; spf=pass smtp\.mailfrom=far\.test; dkim=policy reason="11 signatures"; dmarc=pass/)
    expect(await code(gateway, { raw: `X-Large: ${'x\r\n '.repeat(100_000)}\r\n${plain}` })).toBe('250')
    expect(results(await newest(gateway))[0]).toMatch(/; dkim=policy reason="a very large header"; dmarc=permerror \(From names no domain, or too many\)$/)
  })
  it('a name that leads to the address and back is told, and one that does not', async () => {
    zone[reversed('127.0.0.1')] = [{ type: 'PTR', target: 'mx.far.test' }]
    zone['mx.far.test'] = [{ type: 'A', address: '127.0.0.1' }]
    await code(gateway, { raw: message('eve@far.test') })
    expect(results(await newest(gateway))[0]).toContain('iprev=pass policy.iprev=127.0.0.1 (mx.far.test);')
    zone['mx.far.test'] = [{ type: 'A', address: '127.0.0.2' }]
    await code(gateway, { raw: message('eve@far.test') })
    expect(results(await newest(gateway))[0]).toContain('iprev=fail policy.iprev=127.0.0.1 (mx.far.test);')
    delete zone[reversed('127.0.0.1')]
  })

  describe('with the policy of the domain in From', () => {
    let junk: InProcess
    beforeAll(async () => { junk = await startGateway({ accounts: 2, set: [...settings({ dmarc: 'junk', trustedSealers: ['Lists.test'] }), ...await databaseSettings(kind)] }) })
    afterAll(() => junk?.stop())
    /** In which mailbox a message lands. */
    const lands = async (sent: Partial<Sent> & { readonly raw: string }): Promise<string> => {
      const before = (await held(junk, user(2), 'Junk')).length
      expect(await code(junk, sent)).toBe('250')
      const found = await held(junk, user(2), 'Junk')
      return found.length === before ? 'INBOX' : `Junk ${found.at(-1)!.keywords.join()}`
    }
    it.each([
      ['asks for refusal', 'ceo@bad.test', 'Junk $Junk'], ['asks for quarantine', 'ceo@soft.test', 'Junk $Junk'], ['for none of its mail', 'ceo@rare.test', 'INBOX'], ['asks for nothing', 'ceo@nowhere.test', 'INBOX'],
      ['stands for it', 'eve@far.test', 'INBOX'], ['one of two domains in From', '<eve@far.test>, <ceo@bad.test>', 'Junk $Junk'], ['there is none', '', 'Junk $Junk'],
      ['five domains', [1, 2, 3, 4, 5].map((n) => `a@d${n}.test`).join(', '), 'Junk $Junk'],
    ])('%s', async (_, from, wanted) => expect(await lands({ raw: message(from === '' ? 'nobody' : from) })).toBe(wanted))
    it('signatures without number are no way around it', async () => expect(await lands({ raw: 'DKIM-Signature: v=1\r\n'.repeat(11) + message('ceo@bad.test') })).toBe('Junk $Junk'))
    it('a header without end neither', async () => expect(await lands({ raw: `X-Large: ${'x\r\n '.repeat(100_000)}\r\n${message('ceo@bad.test')}` })).toBe('Junk $Junk'))
    it('what was done is told', async () => {
      await lands({ raw: message('ceo@bad.test') })
      expect(results(await newest(junk, 'Junk'))[0]).toMatch(/; dmarc=fail \(p=reject, dis=junk\) header\.from=bad\.test$/)
    })
    it("the recipient's rules say otherwise; a rule that only marks does not", async () => {
      await operate(junk.running.gateway, 'mailsort.save', { user: user(2), text: 'rule "boss" { if from contains "boss@bad.test" move to "Boss" } rule "kept" { if subject is "keep" keep stop } rule "marks" { add keyword "Seen" }' })
      try {
        expect(await lands({ raw: message('boss@bad.test') })).toBe('INBOX') // that is: not Junk
        expect(await held(junk, user(2), 'Boss')).toHaveLength(1)
        expect(await lands({ raw: message('ceo@bad.test').replace('hello', 'keep') })).toBe('INBOX')
        expect(await lands({ raw: message('ceo@bad.test') })).toBe('Junk $Junk,Seen')
      } finally {
        await operate(junk.running.gateway, 'mailsort.save', { user: user(2), text: '' })
      }
    })
    it('Junk is where the account has it, whatever its name', async () => {
      const account = (await junk.running.gateway.accounts.byName(user(1)))!.id
      await junk.running.gateway.mailboxes.rename(account, 'Junk', 'Pourriel')
      expect(await code(junk, { raw: message('ceo@bad.test'), to: [user(1), user(2)] })).toBe('250')
      expect(await held(junk, user(1), 'Pourriel')).toHaveLength(1)
      expect(await held(junk, user(1), 'INBOX')).toHaveLength(0)
    })
    it('who is away says nothing to it', async () => {
      await operate(junk.running.gateway, 'vacation.set', { user: user(2), text: 'away' })
      await lands({ raw: message('ceo@bad.test'), from: 'ceo@bad.test' })
      await lands({ raw: message('eve@far.test'), from: 'eve@far.test' })
      const answered = async (): Promise<string[]> => (await junk.running.gateway.database.read.all<{ address: string }>("SELECT r.address FROM recipients r JOIN submissions s ON s.id = r.submission WHERE s.protocol = 'AUTO'")).map((row) => row.address)
      await expect.poll(answered).toEqual(['eve@far.test'])
      await junk.running.gateway.jobs.settled()
      expect(await answered()).toEqual(['eve@far.test'])
      await operate(junk.running.gateway, 'vacation.off', { user: user(2) })
    })

    const listed = async (sealer: string, results: string): Promise<string> => {
      const raw = message('ceo@bad.test')
      const seal = await sealMessage(Buffer.from(raw), { signingDomain: sealer, selector: 'arc', privateKey, authResults: `${sealer}; ${results}`, cv: 'none' })
      return seal.toString() + raw
    }
    it('a trusted sealer that saw it pass vouches for it', async () => {
      expect(await lands({ raw: await listed('lists.test', 'dmarc=pass header.from=bad.test') })).toBe('INBOX')
      expect(results(await newest(junk))[0]).toMatch(/; arc=pass \(i=1 d=lists\.test\); dmarc=fail \(p=reject, arc=lists\.test\) header\.from=bad\.test$/)
    })
    it('one that did not, a stranger, and a broken seal do not', async () => {
      expect(await lands({ raw: await listed('lists.test', 'dmarc=fail header.from=bad.test') })).toBe('Junk $Junk')
      expect(await lands({ raw: await listed('unknown.test', 'dmarc=pass header.from=bad.test') })).toBe('Junk $Junk')
      expect(await lands({ raw: (await listed('lists.test', 'dmarc=pass header.from=bad.test')).replace('Subject: hello', 'Subject: other') })).toBe('Junk $Junk')
      expect(results(await newest(junk, 'Junk'))[0]).toContain('; arc=fail')
    })
  })
})

it('what the domain asks for is refused in the session, when the configuration says so', async () => {
  const strict = await startGateway({ accounts: 2, set: settings({ dmarc: 'refuse' }) })
  try {
    const send = (from: string): Promise<string> => code(strict, { raw: message(from), from })
    expect([await send('ceo@bad.test'), await send('eve@far.test'), await send('who@nowhere.test'), await send('ceo@soft.test')]).toEqual(['550 5.7.1', '250', '250', '250'])
    expect(await held(strict, user(2), 'Junk')).toHaveLength(1)
  } finally {
    await strict.stop()
  }
})
it('without the bridge claims in our name are taken out all the same', async () => {
  const bare = await startGateway({ accounts: 2, set: ['plugins.pop3=false'] })
  try {
    expect(await code(bare, { raw: message('eve@far.test', 'Authentication-Results: localhost; dmarc=pass\r\n') })).toBe('250')
    expect(await code(bare, { raw: message('eve@far.test', 'Authentication-Results: localhost; dmarc=pass\r\n'), listener: 'lmtp' })).toBe('250')
    // The server before us on LMTP is trusted: what it says of us it may know.
    expect((await held(bare, user(2), 'INBOX')).map(({ text }) => results(text).length)).toEqual([0, 1])
  } finally {
    await bare.stop()
  }
})
it('a message that was judged is where it belongs after kill -9 at the reply', async () => {
  const first = await spawnGateway({ accounts: 2, set: settings({ dmarc: 'junk' }) })
  expect(await receiveAt(first, { to: [user(2)], raw: message('ceo@bad.test') })).toMatch(/^250 /)
  first.process.kill('SIGKILL')
  await first.exited
  const second = await spawnGateway({ args: [], set: [`data=${first.data}`, 'plugins.smtp-ingress=false', 'plugins.pop3=false', 'plugins.im2000=false', 'plugins.imap4={"listen":"127.0.0.1:0","listenTls":"off"}'] })
  const client = await imapClient(second.listeners.imap)
  try {
    await client.command(`LOGIN ${user(2)} ${first.password}`)
    expect(await client.command('STATUS Junk (MESSAGES)')).toContain('(MESSAGES 1)')
    expect(await client.command('STATUS INBOX (MESSAGES)')).toContain('(MESSAGES 0)')
  } finally {
    client.socket.destroy()
    await second.stop()
    rmSync(first.data, { recursive: true, force: true })
  }
})
