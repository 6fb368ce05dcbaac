// Tables of the bridge: DKIM keys, policies of domains, results of TLS.
import type { Migration } from '@restante/core'

export const migrations: readonly Migration[] = [{
  name: 'smtp-relay/0001-keys',
  up: (db) => db.run(`CREATE TABLE smtp_relay_keys (domain ${db.dialect.types.text} NOT NULL, selector ${db.dialect.types.text} NOT NULL, algorithm ${db.dialect.types.text} NOT NULL, private_key ${db.dialect.types.text} NOT NULL, created_at ${db.dialect.types.int} NOT NULL, PRIMARY KEY (domain, selector))`),
}, {
  name: 'smtp-relay/0002-tls',
  async up(db) {
    const { int, text } = db.dialect.types
    await db.run(`CREATE TABLE smtp_relay_policies (domain ${text} PRIMARY KEY, id ${text} NOT NULL, mode ${text} NOT NULL, mx ${text} NOT NULL, expires_at ${int} NOT NULL)`)
    await db.run('CREATE INDEX smtp_relay_policies_expiry ON smtp_relay_policies (expires_at)')
    await db.run(`CREATE TABLE smtp_relay_tls_results (day ${int} NOT NULL, domain ${text} NOT NULL, policy_type ${text} NOT NULL, policy ${text} NOT NULL, mx ${text} NOT NULL, address ${text} NOT NULL, result ${text} NOT NULL, sessions ${int} NOT NULL,
      PRIMARY KEY (day, domain, policy_type, policy, mx, address, result))`)
  },
}, {
  name: 'smtp-relay/0003-secrets',
  up: (db) => db.run(`CREATE TABLE smtp_relay_secrets (name ${db.dialect.types.text} PRIMARY KEY, secret ${db.dialect.types.text} NOT NULL)`),
}]
