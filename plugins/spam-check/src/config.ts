// Settings of the check by rspamd and ClamAV.
import { octets, seconds, secret, section } from '@restante/core'
import { z } from 'zod'

const shared = {
  timeout: seconds('4s').describe('Time for an answer; never more than limits.decision.'),
  connections: z.number().int().min(1).max(1000).default(16).describe('Messages that are looked at at once; others wait, within the time.'),
  failure: z.enum(['open', 'closed']).default('open').describe('When there is no answer. open: mail goes on unchecked, and says so. closed: the peer is asked to come again later.'),
}

export const config = z.strictObject({
  rspamd: section({
    url: z.string().regex(/^(https?:\/\/\S+)?$/, 'a URL, for example http://127.0.0.1:11333').default('').describe("rspamd's normal worker, for example http://127.0.0.1:11333. Empty: rspamd is not asked."),
    password: secret().default('').describe('Password of that worker, if it wants one.'),
    reject: z.enum(['refuse', 'junk', 'header']).default('refuse').describe('What follows on its action "reject".'),
    addHeader: z.enum(['junk', 'header']).default('junk').describe('What follows on "add header" and "rewrite subject".'),
    softReject: z.enum(['later', 'header']).default('later').describe('What follows on "soft reject".'),
    greylist: z.enum(['later', 'header']).default('header').describe('What follows on "greylist".'),
    ...shared,
  }).describe('Spam, by rspamd over HTTP.'),
  clamd: section({
    address: z.string().regex(/^(\/\S+|(\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):\d{1,5})?$/, 'a path or host:port, for example /run/clamav/clamd.ctl').default('').describe("ClamAV's daemon, for example /run/clamav/clamd.ctl or 127.0.0.1:3310. Empty: it is not asked."),
    found: z.enum(['refuse', 'junk', 'header']).default('refuse').describe('What follows when it finds something.'),
    ...shared,
  }).describe('Viruses, by ClamAV.'),
  largest: octets('20MiB').describe('Larger messages are not shown to either: they go on unchecked, and say so. ClamAV takes no more than its StreamMaxLength.'),
})
export type Config = z.output<typeof config>
