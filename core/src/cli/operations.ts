// What administrators can do, as functions of a gateway: the same whether it runs (asked over the control socket) or not
// (opened for this one act). Arguments and results are JSON.
import type { ChoiceChange } from '../delivery/choices.js'
import { statfs } from 'node:fs/promises'
import { failure } from '../errors/codes.js'
import type { Gateway } from '../gateway.js'
import type { WantedAccount } from '../accounts/accounts.js'
import { queueOperations } from './queue-operations.js'

export type Operations = typeof operations
export type OperationName = keyof Operations

export const operations = {
  async 'user.add'(gateway: Gateway, { users }: { users: WantedAccount[] }) {
    return (await gateway.administration.add(users)).map((account) => ({ name: account.name, quotaOctets: account.quotaOctets, quotaMessages: account.quotaMessages }))
  },
  async 'user.list'(gateway: Gateway) {
    return (await gateway.accounts.all()).map(({ name, displayName, enabled, quotaOctets, quotaMessages, usedOctets, usedMessages, createdAt }) =>
      ({ name, displayName, enabled, quotaOctets, quotaMessages, usedOctets, usedMessages, createdAt }))
  },
  async 'user.show'(gateway: Gateway, { name }: { name: string }) {
    const found = (await gateway.accounts.all()).find((account) => account.name === name.toLowerCase())
    if (!found) throw failure('ACCOUNT_NOT_FOUND', { account: name })
    const mailboxes = await gateway.mailboxes.list(found.id)
    return {
      name: found.name, displayName: found.displayName, enabled: found.enabled, quotaOctets: found.quotaOctets, quotaMessages: found.quotaMessages, usedOctets: found.usedOctets, usedMessages: found.usedMessages,
      createdAt: found.createdAt, addresses: await gateway.accounts.addresses(found.name), mailboxes: mailboxes.filter((mailbox) => mailbox.selectable).map((mailbox) => mailbox.name),
    }
  },
  async 'user.passwd'(gateway: Gateway, { name, password }: { name: string; password: string }) {
    await gateway.accounts.setPassword(name, password)
    return { name }
  },
  async 'user.apop'(gateway: Gateway, { name, secret }: { name: string; secret: string | null }) {
    await gateway.accounts.setApopSecret(name, secret)
    return { name, apop: secret !== null }
  },
  async 'user.enable'(gateway: Gateway, { name, enabled }: { name: string; enabled: boolean }) {
    await gateway.accounts.setEnabled(name, enabled)
    return { name, enabled }
  },
  async 'user.quota'(gateway: Gateway, { name, octets, messages }: { name: string; octets?: number; messages?: number }) {
    await gateway.accounts.setQuota(name, { ...(octets === undefined ? {} : { octets }), ...(messages === undefined ? {} : { messages }) })
    return { name }
  },
  /** Mail that lies at other stores; null: as configured. */
  async 'user.retrieval'(gateway: Gateway, { name, ...change }: { name: string } & ChoiceChange) {
    const account = await gateway.accounts.byName(name)
    if (!account) throw failure('ACCOUNT_NOT_FOUND', { account: name })
    await gateway.retrievalChoices.set(account.id, change)
    gateway.collector.wake()
    return { name: account.name, ...await gateway.retrievalChoices.of(account.id) }
  },
  async 'user.remove'(gateway: Gateway, { name }: { name: string }) {
    const account = await gateway.administration.remove(name)
    return { name: account.name }
  },
  async 'address.add'(gateway: Gateway, { name, address }: { name: string; address: string }) {
    await gateway.accounts.addAddress(name, address)
    return { name, address }
  },
  async 'address.list'(gateway: Gateway, { name }: { name: string }) {
    return gateway.accounts.addresses(name)
  },
  async 'address.remove'(gateway: Gateway, { address }: { address: string }) {
    await gateway.accounts.removeAddress(address)
    return { address }
  },
  'domain.list': (gateway: Gateway) => gateway.accounts.domains(),
  async 'domain.add'(gateway: Gateway, { domain }: { domain: string }) {
    await gateway.accounts.addDomain(domain)
    return { domain }
  },
  async 'domain.remove'(gateway: Gateway, { domain }: { domain: string }) {
    await gateway.accounts.removeDomain(domain)
    return { domain }
  },
  async track(gateway: Gateway, { what }: { what: string }) {
    const found = await gateway.store.track(what)
    if (found.length === 0) throw failure('MESSAGE_NOT_FOUND')
    return found
  },
  async cancel(gateway: Gateway, { what }: { what: string }) {
    if ((await gateway.store.track(what)).length === 0) throw failure('MESSAGE_NOT_FOUND')
    return gateway.store.cancel(what)
  },
  ...queueOperations,
  async 'index.status'(gateway: Gateway) {
    return gateway.textIndex.status()
  },
  async 'index.rebuild'(gateway: Gateway) {
    await gateway.textIndex.rebuild()
    return gateway.textIndex.status()
  },
  /** Looks at what only the gateway can see; doctor.ts looks at the rest. */
  async inspect(gateway: Gateway) {
    const started = performance.now()
    await gateway.database.write((tx) => tx.get('SELECT 1'))
    const commitMs = performance.now() - started
    const disk = await statfs(gateway.folder)
    const integrity = gateway.database.dialect.name === 'sqlite' ? (await gateway.database.read.get<{ quick_check: string }>('PRAGMA quick_check(1)'))!.quick_check : 'ok'
    const counts = await gateway.database.read.get('SELECT (SELECT count(*) FROM accounts) AS accounts, (SELECT count(*) FROM mailboxes) AS mailboxes, (SELECT count(*) FROM messages) AS messages')
    return {
      folder: gateway.folder, database: gateway.database.dialect.name, integrity, commitMs: Math.round(commitMs * 10) / 10, freeOctets: disk.bavail * disk.bsize, counts, listeners: gateway.listeners(),
      certificate: { file: gateway.certificate.file, names: gateway.certificate.names, notAfter: gateway.certificate.notAfter.toISOString(), development: gateway.certificate.development },
      parkedJobs: (await gateway.jobs.list()).filter((job) => job.parked).length,
    }
  },
}

/** Core's operations and the plugins', by name. Throws NOT_PERMITTED for others, and whatever the act throws. */
export async function operate(gateway: Gateway, name: string, args: unknown): Promise<unknown> {
  const own = Object.hasOwn(operations, name) ? (operations as Record<string, (gateway: Gateway, args: any) => Promise<unknown>>)[name] : undefined
  if (own) return own(gateway, args)
  const its = gateway.host.operation(name)
  if (!its) throw failure('NOT_PERMITTED', { what: `the operation ${name}` })
  return its(args)
}
