// The checks at the MX listener as an administrator tries them: swaks, which says with XCLIENT whom it speaks for.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDns } from '../support/dns-server.js'
import { startGateway } from '../support/gateway.js'
import { attempt, portOf, user } from './support/programs.js'

let dns: Awaited<ReturnType<typeof startDns>>
let gateway: Awaited<ReturnType<typeof startGateway>>
beforeAll(async () => {
  dns = await startDns({
    '9.2.0.192.bl.test': [{ type: 'A', address: '127.0.0.2' }], 'bad.test': [{ type: 'TXT', text: 'v=spf1 -all' }], '_dmarc.bad.test': [{ type: 'TXT', text: 'v=DMARC1; p=reject' }],
    'good.test': [{ type: 'TXT', text: 'v=spf1 ip4:192.0.2.0/24 -all' }],
  })
  gateway = await startGateway({ accounts: 1, set: [
    `im2000.outbound.dnsServers=["${dns.address}"]`, 'bridges.smtp-relay={"incoming":{"dmarc":"refuse"}}',
    `plugins.smtp-ingress=${JSON.stringify({ mx: { xclient: ['127.0.0.1'], helo: 'plausible', blockLists: [{ zone: 'bl.test' }], greylist: { enabled: true }, rates: { connections: 3 } } })}`,
  ] })
})
afterAll(async () => {
  await gateway?.stop()
  await dns?.stop()
})

const swaks = async (address: string, ...more: string[]): Promise<string> =>
  (await attempt('swaks', ['--server', `127.0.0.1:${portOf(gateway, 'smtp')}`, '--to', user(1), '--xclient-addr', address, '--helo', 'mx.far.test', ...more])).stdout.toString()

it.each([
  ['a good sender', '192.0.2.1', ['--from', 'eve@good.test'], /<-  250 2\.0\.0 Accepted, id/],
  ['a block list', '192.0.2.9', ['--from', 'eve@good.test'], /<\*\* 550 5\.7\.1 192\.0\.2\.9 is listed by bl\.test/],
  ['greylisting', '198.51.100.1', ['--from', 'eve@far.test'], /<\*\* 451 4\.7\.1 Greylisted; try again in 300 seconds/],
  ['HELO', '192.0.2.2', ['--from', 'eve@good.test', '--helo', 'pc'], /<\*\* 550 5\.7\.1 Greet with your own full name/],
  ['DMARC', '192.0.2.3', ['--from', 'eve@good.test', '--h-From', 'ceo@bad.test'], /<\*\* 550 5\.7\.1 The domain in From/],
])('%s', async (_, address, more, wanted) => expect(await swaks(address, ...more)).toMatch(wanted))
it('rates', async () => {
  for (let n = 0; n < 3; n++) expect(await swaks('192.0.2.50', '--from', 'eve@good.test')).toMatch(/250 2\.0\.0 Accepted/)
  expect(await swaks('192.0.2.50', '--from', 'eve@good.test')).toMatch(/421 4\.7\.0 Too much from your address/)
})
