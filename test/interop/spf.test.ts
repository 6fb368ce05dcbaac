// SPF as we judge it, beside a program that is not ours: pyspf (Debian's python3-spf). Both ask the same names.
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeNameResolver } from '@restante/core'
import { makeOrigin } from '../../bridges/smtp-relay/src/incoming/check.js'
import { boundedTxt } from '../../bridges/smtp-relay/src/incoming/records.js'
import { startDns, type Answer, type DnsZone } from '../support/dns-server.js'
import { run } from './support/programs.js'

const txt = (text: string): Answer[] => [{ type: 'TXT', text }]
const zone: DnsZone = {
  'pass.test': txt('v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all'), 'soft.test': txt('v=spf1 ip4:198.51.100.1 ~all'), 'neutral.test': txt('v=spf1 ?all'), 'none.test': txt('no record of this kind'),
  'by-a.test': [...txt('v=spf1 a -all'), { type: 'A', address: '192.0.2.1' }], 'by-mx.test': [...txt('v=spf1 mx -all'), { type: 'MX', preference: 10, exchange: 'mx.by-mx.test' }], 'mx.by-mx.test': [{ type: 'A', address: '192.0.2.1' }, { type: 'AAAA', address: '2001:db8::1' }],
  'a-range.test': [...txt('v=spf1 a:mx.by-mx.test/24 -all')], 'includes.test': txt('v=spf1 include:pass.test -all'), 'redirects.test': txt('v=spf1 redirect=pass.test'), 'includes-none.test': txt('v=spf1 include:none.test -all'),
  'two.test': [...txt('v=spf1 -all'), ...txt('v=spf1 +all')], 'wrong.test': txt('v=spf1 nonsense:x -all'), 'bad-ip.test': txt('v=spf1 ip4:192.0.2.300 -all'), 'upper.test': txt('V=SPF1 IP4:192.0.2.1 -ALL'), 'empty.test': txt('v=spf1'),
  'macros.test': txt('v=spf1 exists:%{ir}.%{l}.ok.macros.test -all'), '1.2.0.192.ann.ok.macros.test': [{ type: 'A', address: '127.0.0.2' }],
  'self.test': txt('v=spf1 include:self.test -all'), 'many.test': txt(`v=spf1 ${Array.from({ length: 11 }, (_, n) => `include:part${n}.many.test`).join(' ')} -all`), ...Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`part${n}.many.test`, txt('v=spf1 ip4:203.0.113.1 -all')])),
  'voids.test': txt('v=spf1 a:v1.test a:v2.test a:v3.test ip4:192.0.2.1 -all'), 'helo.test': txt('v=spf1 ip4:192.0.2.1 -all'),
}
/** address, sender, HELO */
const cases: readonly (readonly [string, string, string])[] = [
  ...Object.keys(zone).filter((name) => /^[a-z-]+\.test$/.test(name)).flatMap((name): [string, string, string][] => ['192.0.2.1', '192.0.2.77', '203.0.113.9', '2001:db8::1', '2001:db9::1'].map((address) => [address, `ann@${name}`, 'helo.test'])),
  ['192.0.2.1', 'bob@macros.test', 'helo.test'], ['192.0.2.1', 'ann@nowhere.test', 'helo.test'], ['192.0.2.1', '', 'helo.test'], ['203.0.113.9', '', 'helo.test'],
]

describe('SPF', () => {
  let dns: Awaited<ReturnType<typeof startDns>>
  const said = new Map<string, string>()
  beforeAll(async () => {
    dns = await startDns(zone)
    const { stdout } = await run('/usr/bin/python3', ['-B', fileURLToPath(new URL('python/sender_policy.py', import.meta.url))], { input: JSON.stringify({ zone, cases }) })
    for (const [i, result] of (JSON.parse(stdout.toString()) as string[]).entries()) said.set(JSON.stringify(cases[i]), result)
  })
  afterAll(() => dns.stop())
  it.each(cases)('%s %s %s', async (remoteAddress, sender, helo) => {
    const { resolve } = makeNameResolver({ servers: [dns.address] })
    const { result } = await makeOrigin({ hostname: 'mx.here.test', resolve: boundedTxt(resolve) })({ remoteAddress, sender, helo })
    expect(result).toBe(said.get(JSON.stringify([remoteAddress, sender, helo])))
  })
  it('there is something of each kind', () => expect(new Set(said.values())).toEqual(new Set(['pass', 'fail', 'softfail', 'neutral', 'none', 'permerror'])))
})
