// Names that lead nowhere or round in circles, as a real DNS server tells of them: where mail for them goes (RFC 5321 5.1), and what
// mail from them can prove.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeNameResolver, silentLog, type NameResolver } from '@restante/core'
import { makeIncoming } from '../../bridges/smtp-relay/src/incoming/check.js'
import { boundedTxt } from '../../bridges/smtp-relay/src/incoming/records.js'
import { routeOf } from '../../bridges/smtp-relay/src/route.js'
import { freePort } from '../support/ports.js'
import { Names } from './support/world.js'

let names: Names
let folder: string
let resolver: NameResolver
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'restante-names-'))
  names = new Names(folder, await freePort(), [
    '_rnasp._tcp.a SRV 0 0 1 a', // what the server is asked for when it starts
    'self CNAME self', 'one CNAME two', 'two CNAME one',
    'own MX 10 own', 'own A 192.0.2.1', 'bare MX 10 bare', 'to MX 10 fro', 'fro MX 10 to', 'to-circle MX 10 one', 'to-alias MX 10 alias', 'alias CNAME own', 'aliased CNAME to-alias',
    ...Array.from({ length: 40 }, (_, n) => `far${n} CNAME far${n + 1}`), 'far40 MX 10 own', 'to-us MX 10 gateway', 'behind-us MX 10 gateway', 'behind-us MX 20 own', 'alias-of-us CNAME to-us', 'gateway A 192.0.2.9', 'null MX 0 .',
    'to-root MX 10 .', 'to-root MX 20 own',
    'spf-self TXT "v=spf1 include:spf-self.test -all"', 'spf-one TXT "v=spf1 redirect=spf-two.test"', 'spf-two TXT "v=spf1 redirect=spf-one.test"', 'spf-circle CNAME spf-circle',
    `huge._domainkey.signed TXT ${Array.from({ length: 250 }, () => `"${'x'.repeat(255)}"`).join(' ')}`, 'circle._domainkey.signed CNAME circle._domainkey.signed', '_dmarc.signed CNAME _dmarc.signed',
  ])
  await names.start()
  resolver = makeNameResolver({ servers: [names.address], timeoutMs: 2000 })
})
afterAll(async () => {
  await names.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('mail for a domain', () => {
  const leads = async (domain: string): Promise<string> => {
    const found = await routeOf(domain, 'ann@here.test', { config: { routes: [], tls: 'opportunistic', port: 25 }, dns: resolver, own: new Set(['gateway.test']), permits: () => true, random: () => 0.5 })
    return 'road' in found ? found.road.hosts.map((host) => `${host.name} ${host.addresses.join(' ')}`).join(', ') : `${found.kind} ${found.status}`
  }
  it.each([
    ['an alias of itself', 'self.test', 'permanent 5.1.2'], ['two aliases of each other', 'one.test', 'permanent 5.1.2'],
    ['an exchanger that is the domain itself', 'own.test', 'own.test 192.0.2.1'], ['and has no address', 'bare.test', 'permanent 5.4.4'], ['two domains that name each other', 'to.test', 'permanent 5.4.4'],
    ['an exchanger that is an alias in a circle', 'to-circle.test', 'permanent 5.4.4'], ['one that is an alias (not allowed, RFC 2181 10.3)', 'to-alias.test', 'alias.test 192.0.2.1'], ['an alias of such a domain', 'aliased.test', 'alias.test 192.0.2.1'],
    ['we are the best exchanger', 'to-us.test', 'permanent 5.4.6'], ['by an alias', 'alias-of-us.test', 'permanent 5.4.6'], ['and others come after us', 'behind-us.test', 'permanent 5.4.6'],
    ['no mail at all (RFC 7505)', 'null.test', 'permanent 5.1.10'], ['a null MX beside another', 'to-root.test', 'own.test 192.0.2.1'],
  ])('%s', async (_, domain, wanted) => expect(await leads(domain)).toBe(wanted))
  it('forty aliases one after the other: an answer in the end, or none', async () => expect(await leads('far0.test')).toMatch(/^(?:own\.test 192\.0\.2\.1|(?:permanent|temporary) [45]\.\d\.\d)$/))
})

describe('mail from a domain', () => {
  const proves = async (sender: string, header = ''): Promise<string> => {
    const check = makeIncoming({ config: { check: true, dmarc: 'refuse', trustedSealers: [], iprev: false, signatures: 10 }, hostname: 'mx.test', log: silentLog, random: () => 0, resolve: boundedTxt(resolver.resolve) })
    const octets = Buffer.from(`${header}From: ${sender}\r\nSubject: x\r\n\r\nHi\r\n`)
    const verdict = await check({ remoteAddress: '192.0.2.1', helo: 'x.test', sender, recipients: [], size: octets.length, octets: async function* () { yield octets } })
    return 'trace' in verdict ? verdict.trace.replace(/\r\n\s+/g, ' ') : JSON.stringify(verdict)
  }
  const signature = (selector: string): string => `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=signed.test; s=${selector}; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=YWJj\r\n`
  it.each<[string, string, string, RegExp]>([
    ['SPF that includes itself', 'a@spf-self.test', '', /spf=permerror/], ['SPF that redirects in a circle', 'a@spf-one.test', '', /spf=permerror/], ['SPF behind an alias of itself', 'a@spf-circle.test', '', /spf=(?:none|temperror)/],
    ['a DKIM key of 64 KiB', 'a@signed.test', signature('huge'), /dkim=(?:neutral|permerror|temperror|fail|policy)/], ['a DKIM key that is an alias of itself', 'a@signed.test', signature('circle'), /dkim=(?:neutral|permerror|temperror|fail)/],
    ['a DMARC policy that is an alias of itself', 'a@signed.test', '', /dmarc=(?:none|temperror)/],
  ])('%s proves nothing, and costs nothing', async (_, sender, header, wanted) => {
    const used = process.cpuUsage()
    expect(await proves(sender, header)).toMatch(wanted)
    expect(process.cpuUsage(used).user / 1000).toBeLessThan(500)
  })
})
