// QUOTA (RFC 9208): one root, "", for all that an account has. Limits are the administration's: SETQUOTA is refused.
import { mailbox, quoted } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { afterLogin, command } from './command.js'

export const getQuota = command({
  name: 'GETQUOTA', states: afterLogin, capabilities: ['QUOTA', 'QUOTA=RES-STORAGE', 'QUOTA=RES-MESSAGE'],
  read: (r) => r.sp().astring('a quota root'),
  async run(session, root) {
    if (root !== '') throw new Refusal('NONEXISTENT', 'There is one quota root, ""')
    await tellQuota(session)
  },
})

export const getQuotaRoot = command({
  name: 'GETQUOTAROOT', states: afterLogin,
  read: (r) => mailbox(r.sp()),
  async run(session, name) {
    session.say.line(`* QUOTAROOT ${session.named(name)} ${quoted('')}`)
    await tellQuota(session)
  },
})

export const setQuota = command({
  name: 'SETQUOTA', states: afterLogin,
  read(r) {
    r.sp().astring('a quota root')
    r.sp().list((x) => [x.atom(), x.sp().number64('a limit')])
  },
  run() { throw new Refusal('NOPERM', 'Quotas are set by the administration') },
})

/** Resources without a limit are not named (RFC 9208 4.2.1). */
async function tellQuota({ say, account, face: { services } }: Session): Promise<void> {
  const { octets, messages, quotaOctets, quotaMessages } = await services.accounts.usage(account.id)
  const resources = [
    ...(quotaOctets > 0 ? [`STORAGE ${Math.ceil(octets / 1024)} ${Math.floor(quotaOctets / 1024)}`] : []),
    ...(quotaMessages > 0 ? [`MESSAGE ${messages} ${quotaMessages}`] : []),
  ]
  say.line(`* QUOTA "" (${resources.join(' ')})`)
}
