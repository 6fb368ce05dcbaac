// From the settings `im2000.outbound` to what a connection to others needs: for the gateway and for the command line.
import { readFileSync } from 'node:fs'
import { rootCertificates } from 'node:tls'
import type { Settings } from '../config/schema.js'
import { makeAddressGuard } from '../net/address-guard.js'
import { makeNameResolver } from '../net/resolver.js'
import type { ReachParts } from './reach.js'

/** Throws what reading the file of certificate authorities throws. */
export const outboundParts = (outbound: Settings['im2000']['outbound']): Pick<ReachParts, 'permits' | 'dns' | 'options'> => ({
  permits: makeAddressGuard({ allow: outbound.allowNetworks, denyPorts: outbound.denyPorts }).permits,
  dns: makeNameResolver({ servers: outbound.dnsServers, timeoutMs: outbound.dnsTimeout * 1000 }),
  options: {
    tls: outbound.tls, ca: outbound.ca === '' ? undefined : [...rootCertificates, readFileSync(outbound.ca, 'utf8')], answerMs: outbound.answerTimeout * 1000,
    limits: { records: outbound.records, addressesPerRecord: outbound.addressesPerRecord, attempts: outbound.attempts, attemptMs: outbound.connectTimeout * 1000, overallMs: outbound.locateTimeout * 1000 },
  },
})
