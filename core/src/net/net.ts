// Puts the parts together: one certificate, one total of sessions, one idle wheel for all listeners.
import { join } from 'node:path'
import type { Clock } from '../base/clock.js'
import type { Settings } from '../config/schema.js'
import type { Log } from '../log/logger.js'
import type { Metrics } from '../metrics/registry.js'
import { networks } from './addresses.js'
import type { Certificate, OwnedNet } from './contract.js'
import { createIdleWheel } from './idle.js'
import { listen } from './listener.js'
import { createTranscripts } from './transcript.js'

export interface NetDeps {
  readonly settings: Pick<Settings, 'limits' | 'transcripts' | 'proxyProtocol'>
  readonly dataFolder: string
  /** From `loadCertificate`; without one there is no TLS. */
  readonly certificate?: Certificate
  readonly metrics: Metrics
  readonly log: Log
  readonly clock: Clock
}

export function createNet({ settings, dataFolder, certificate, metrics, log, clock }: NetDeps): OwnedNet {
  const renewed: ((context: Certificate['context']) => void)[] = []
  const parts = {
    certificate, metrics, log, clock,
    total: { open: 0, max: settings.limits.sessions },
    trustedProxy: networks(settings.proxyProtocol.trusted),
    transcripts: createTranscripts({ mode: settings.transcripts, folder: join(dataFolder, 'transcripts'), octets: settings.limits.transcriptOctets, files: settings.limits.transcriptFiles, clock, log }),
  }
  return {
    listen: (options) => listen(options, parts),
    tlsAvailable: certificate !== undefined,
    get secureContext() { return parts.certificate?.context },
    get certificate() { return parts.certificate },
    onRenewed(listener) { renewed.push(listener) },
    renew(next) {
      parts.certificate = next
      for (const listener of renewed) listener(next.context)
    },
    idle: createIdleWheel(clock),
  }
}
