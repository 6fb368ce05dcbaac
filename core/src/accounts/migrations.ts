// Tables of accounts, their addresses and the domains served here.
import type { Migration } from '../database/migrator.js'

export const accountsMigrations: readonly Migration[] = [{
  name: 'accounts/0001-accounts',
  async up(db) {
    const { id, int, text, bytes } = db.dialect.types
    await db.run(`CREATE TABLE accounts (
      id ${id},
      name ${text} NOT NULL UNIQUE,
      display_name ${text} NOT NULL,
      enabled ${int} NOT NULL,
      quota_octets ${int} NOT NULL,
      quota_messages ${int} NOT NULL,
      scram_salt ${bytes},
      scram_iterations ${int},
      scram_stored_key ${bytes},
      scram_server_key ${bytes},
      apop_secret ${text},
      created_at ${int} NOT NULL)`)
    await db.run(`CREATE TABLE domains (name ${text} PRIMARY KEY, created_at ${int} NOT NULL)`)
    // local_part '*' is the domain's catch-all; no real local part is a lone asterisk here (names.ts refuses it).
    await db.run(`CREATE TABLE addresses (
      domain ${text} NOT NULL,
      local_part ${text} NOT NULL,
      account ${int} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
      PRIMARY KEY (domain, local_part))${db.dialect.clustered}`)
    await db.run('CREATE INDEX addresses_account ON addresses (account)')
  },
}]
