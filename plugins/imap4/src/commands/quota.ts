// QUOTA (RFC 9208): one root, "", for all that an account has. The roots of others are named like their accounts: whoever sees a
// mailbox of theirs sees the root; administrators see all, and set limits (QUOTASET).
import { isFailure, type Account } from '@restante/core'
import { mailbox, quoted } from '../grammar/mailbox-name.js'
import { Refusal } from '../replies.js'
import type { Session } from '../session/session.js'
import { BadCommand } from '../wire/reader.js'
import { afterLogin, command } from './command.js'

const isAdministrator = (session: Session): boolean => session.loggedIn && session.face.config.administrators.includes(session.account.name)

export const getQuota = command({
  name: 'GETQUOTA', states: afterLogin, capabilities: ['QUOTA', 'QUOTA=RES-STORAGE', 'QUOTA=RES-MESSAGE', 'QUOTA=RES-MAILBOX'],
  read: (r) => r.sp().astring('a quota root'),
  async run(session, root) { await tellQuota(session, root, await ownerOf(session, root)) },
})

export const getQuotaRoot = command({
  name: 'GETQUOTAROOT', states: afterLogin,
  read: (r) => mailbox(r.sp()),
  async run(session, name) {
    const owner = await ownerOfMailbox(session, name)
    // What nobody pays for: lists of the gateway and the like.
    if (!owner) return session.say.line(`* QUOTAROOT ${session.named(name)}`)
    const root = owner.id === session.account.id ? '' : owner.name
    session.say.line(`* QUOTAROOT ${session.named(name)} ${quoted(root)}`)
    await tellQuota(session, root, owner)
  },
})

export const setQuota = command({
  name: 'SETQUOTA', states: afterLogin, capabilities: (session) => (isAdministrator(session) ? ['QUOTASET'] : []),
  read(r) {
    const root = r.sp().astring('a quota root')
    const limits = new Map<string, number>()
    r.sp().list((x) => limits.set(x.word('a resource'), x.sp().number64('a limit')))
    return { root, limits }
  },
  async run(session, { root, limits }) {
    if (!isAdministrator(session)) throw new Refusal('NOPERM', 'Quotas are set by the administration')
    for (const name of limits.keys()) if (name !== 'STORAGE' && name !== 'MESSAGE') throw new BadCommand(`${name} has no limit of its own`)
    const owner = await ownerOf(session, root)
    // What is not named has no limit any more (RFC 9208 4.1.3). 0 is how we say that, so nobody can be given nothing.
    if ([...limits.values()].includes(0)) throw new Refusal('CANNOT', 'A limit is at least 1')
    await session.face.services.accounts.setQuota(owner.name, { octets: (limits.get('STORAGE') ?? 0) * 1024, messages: limits.get('MESSAGE') ?? 0 })
    await tellQuota(session, root, owner)
  },
})

async function ownerOf(session: Session, root: string): Promise<Account> {
  if (root === '') return session.account
  const owner = await session.face.services.accounts.byName(root.toLowerCase())
  const known = owner && (isAdministrator(session) || (await session.mailboxes.owners(session.account.id)).has(owner.id))
  if (!known) throw new Refusal('NONEXISTENT', 'There is no such quota root')
  return owner
}

/** Whose quota a mailbox counts to; one that is not there would be the account's own (RFC 9208 4.1.2). */
async function ownerOfMailbox(session: Session, name: string): Promise<Account | undefined> {
  try {
    const owner = await session.mailboxes.owner(session.account.id, name)
    return owner === undefined ? undefined : await session.face.services.accounts.byId(owner)
  } catch (error) {
    if (isFailure(error, 'MAILBOX_NOT_FOUND') || isFailure(error, 'MAILBOX_NAME_INVALID')) return session.account
    throw error
  }
}

/** Resources without a limit are not named (RFC 9208 4.2.1). */
async function tellQuota({ say, mailboxes, face: { services } }: Session, root: string, { id }: Account): Promise<void> {
  const { octets, messages, quotaOctets, quotaMessages } = await services.accounts.usage(id)
  const boxes = (await mailboxes.list(id)).filter((box) => box.selectable).length
  const resources = [
    ...(quotaOctets > 0 ? [`STORAGE ${Math.ceil(octets / 1024)} ${Math.floor(quotaOctets / 1024)}`] : []),
    ...(quotaMessages > 0 ? [`MESSAGE ${messages} ${quotaMessages}`] : []),
    `MAILBOX ${boxes} ${services.settings.mailboxes.maxPerAccount}`,
  ]
  say.line(`* QUOTA ${quoted(root)} (${resources.join(' ')})`)
}
