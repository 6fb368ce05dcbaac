// Tables of the recipient notification agent.
import type { Migration } from '../database/migrator.js'

export const rnaMigrations: readonly Migration[] = [{
  name: 'rna/0001-notifications',
  async up(db) {
    const { id, int, text, bytes } = db.dialect.types
    await db.run(`CREATE TABLE notifications (
      id ${id},
      account ${int} NOT NULL,
      mailbox ${text} NOT NULL,
      store ${text} NOT NULL,
      identifier ${bytes} NOT NULL,
      sender ${text} NOT NULL,
      size ${int},
      submitter_address ${text} NOT NULL,
      submitter_port ${int} NOT NULL,
      submitter_domain ${text},
      received_at ${int} NOT NULL)`)
    // Identity of a notification (im2000.md E.8).
    await db.run('CREATE UNIQUE INDEX notifications_identity ON notifications (mailbox, store, identifier)')
    await db.run('CREATE INDEX notifications_account ON notifications (account, id)')
    // Pairs that were collected: a repeat after un-pinning is not filed again (F.2 step 6, H15).
    await db.run(`CREATE TABLE collected (
      mailbox ${text} NOT NULL, store ${text} NOT NULL, identifier ${bytes} NOT NULL, collected_at ${int} NOT NULL,
      PRIMARY KEY (mailbox, store, identifier))${db.dialect.clustered}`)
    await db.run('CREATE INDEX collected_age ON collected (collected_at)')
    await db.run(`CREATE TABLE notification_policies (account ${int} PRIMARY KEY, rules ${text} NOT NULL)`)
  },
}, {
  name: 'rna/0002-counts',
  // How many are held, per mailbox and, under '', of all: bounds without a count (held.ts).
  async up(db) {
    await db.run(`CREATE TABLE notification_counts (mailbox ${db.dialect.types.text} PRIMARY KEY, held ${db.dialect.types.int} NOT NULL)${db.dialect.clustered}`)
    await db.run("INSERT INTO notification_counts (mailbox, held) SELECT mailbox, count(*) FROM notifications GROUP BY mailbox UNION ALL SELECT '', count(*) FROM notifications")
  },
}, {
  name: 'rna/0003-collecting',
  async up(db) {
    const { int, text, bytes } = db.dialect.types
    await db.run(`ALTER TABLE notifications ADD COLUMN digest ${bytes}`)
    // When the recipient agent tries to collect it (delivery/collect.ts), and since when that has failed, and why.
    await db.run(`ALTER TABLE notifications ADD COLUMN next_try ${int} NOT NULL DEFAULT 0`)
    await db.run(`ALTER TABLE notifications ADD COLUMN failing_since ${int}`)
    await db.run(`ALTER TABLE notifications ADD COLUMN why ${text}`)
    await db.run('CREATE INDEX notifications_next_try ON notifications (next_try)')
  },
}]
