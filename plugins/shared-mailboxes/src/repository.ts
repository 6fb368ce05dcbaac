// The rows of sharing: shared accounts, who has which rights to what, groups.
import type { AccountId, Database, MailboxId, Migration, Rights } from '@restante/core'

/** An identifier as it is kept: '#<account>', 'group:<name>' or 'anyone'; with '-' in front it takes away. */
export type Identifier = string

export interface RightsRow {
  readonly owner: AccountId
  /** 0: all mailboxes of the owner. */
  readonly mailbox: MailboxId
  readonly identifier: Identifier
  readonly rights: Rights
  readonly send: SendLeave
}
/** Whether a member may send as the shared address. */
export type SendLeave = 'no' | 'behalf' | 'as'
const sendNumbers: readonly SendLeave[] = ['no', 'behalf', 'as']

export interface SharedAccount { readonly account: AccountId; readonly name: string; readonly ownSeen: boolean; readonly createdAt: number }

export const migrations: readonly Migration[] = [{
  name: 'shared-mailboxes/0001-sharing',
  async up(db) {
    const { int, text } = db.dialect.types
    await db.run(`CREATE TABLE shared_mailboxes_accounts (account ${int} NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE, name ${text} NOT NULL UNIQUE, own_seen ${int} NOT NULL, created_at ${int} NOT NULL)`)
    // `member`: the account that the identifier names, so that its rows go with it.
    await db.run(`CREATE TABLE shared_mailboxes_rights (owner ${int} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, mailbox ${int} NOT NULL, identifier ${text} NOT NULL,
      member ${int} REFERENCES accounts (id) ON DELETE CASCADE, rights ${int} NOT NULL, send ${int} NOT NULL, PRIMARY KEY (owner, mailbox, identifier))${db.dialect.clustered}`)
    await db.run('CREATE INDEX shared_mailboxes_rights_member ON shared_mailboxes_rights (member)')
    await db.run(`CREATE TABLE shared_mailboxes_groups (name ${text} NOT NULL, member ${int} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, PRIMARY KEY (name, member))${db.dialect.clustered}`)
  },
}]

export class Repository {
  readonly #database: Database
  constructor(database: Database) {
    this.#database = database
  }

  async load(): Promise<{ accounts: SharedAccount[]; rights: (RightsRow & { ownerName: string })[]; groups: { name: string; member: AccountId }[] }> {
    const { read } = this.#database
    const [accounts, rights, groups] = await Promise.all([
      read.all('SELECT account, name, own_seen, created_at FROM shared_mailboxes_accounts'),
      read.all('SELECT r.owner, r.mailbox, r.identifier, r.rights, r.send, a.name FROM shared_mailboxes_rights r JOIN accounts a ON a.id = r.owner'),
      read.all<{ name: string; member: AccountId }>('SELECT name, member FROM shared_mailboxes_groups'),
    ])
    return {
      accounts: accounts.map((row) => ({ account: row.account, name: row.name, ownSeen: row.own_seen === 1, createdAt: row.created_at })),
      rights: rights.map((row) => ({ owner: row.owner, mailbox: row.mailbox, identifier: row.identifier, rights: row.rights, send: sendNumbers[row.send], ownerName: row.name })),
      groups,
    }
  }

  /** Each of these in one commit; `done` runs after it, before anyone is answered. */
  async write(changes: { readonly account?: SharedAccount; readonly put?: readonly RightsRow[]; readonly drop?: readonly Pick<RightsRow, 'owner' | 'mailbox' | 'identifier'>[]; readonly join?: { name: string; member: AccountId }; readonly leave?: { name: string; member: AccountId } }, done: () => void): Promise<void> {
    await this.#database.write(async (tx) => {
      const { account, put = [], drop = [], join, leave } = changes
      if (account) await tx.run('INSERT INTO shared_mailboxes_accounts (account, name, own_seen, created_at) VALUES (?, ?, ?, ?)', [account.account, account.name, account.ownSeen ? 1 : 0, account.createdAt])
      if (put.length > 0) {
        await tx.run(
          `INSERT INTO shared_mailboxes_rights (owner, mailbox, identifier, member, rights, send) SELECT r.owner, r.mailbox, r.identifier, r.member, r.rights, r.send
           FROM ${tx.dialect.rows({ owner: 'int', mailbox: 'int', identifier: 'text', member: 'int', rights: 'int', send: 'int' })} AS r WHERE 1 = 1
           ON CONFLICT (owner, mailbox, identifier) DO UPDATE SET rights = excluded.rights, send = excluded.send`,
          [tx.dialect.rowsValue(put.map((row) => [row.owner, row.mailbox, row.identifier, memberOf(row.identifier) ?? null, row.rights, sendNumbers.indexOf(row.send)]))])
      }
      for (const row of drop) await tx.run('DELETE FROM shared_mailboxes_rights WHERE owner = ? AND mailbox = ? AND identifier = ?', [row.owner, row.mailbox, row.identifier])
      if (join) await tx.run('INSERT INTO shared_mailboxes_groups (name, member) VALUES (?, ?) ON CONFLICT DO NOTHING', [join.name, join.member])
      if (leave) await tx.run('DELETE FROM shared_mailboxes_groups WHERE name = ? AND member = ?', [leave.name, leave.member])
      tx.afterCommit(done)
    })
  }
}

/** The account that an identifier names, if it names one. */
export function memberOf(identifier: Identifier): AccountId | undefined {
  const found = /^-?#(\d+)$/.exec(identifier)
  return found ? Number(found[1]) as AccountId : undefined
}
