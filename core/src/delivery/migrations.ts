// Tables of delivery: what still needs a message's octets after its delivery; what holds mail at other stores, and what
// accounts want of it.
import type { Migration } from '../database/migrator.js'

export const deliveryMigrations: readonly Migration[] = [{
  name: 'delivery/0001-holds',
  up: (db) => db.run(`CREATE TABLE holds (message ${db.dialect.types.int} NOT NULL, recipient ${db.dialect.types.int} NOT NULL, n ${db.dialect.types.int} NOT NULL, PRIMARY KEY (message, recipient, n))${db.dialect.clustered}`),
}, {
  name: 'delivery/0002-remote',
  async up(db) {
    const { id, int, text, bytes } = db.dialect.types
    // A pin at another store: the entry in INBOX names it as it would name a recipient of ours, so numbers are of one row
    // with those of recipients. `owes`: 1 silence, 2 un-pin. `confirmed`: its reader has read it, so its sender cannot take it back.
    await db.run(`CREATE TABLE remote_pins (
      id ${id},
      message ${int} NOT NULL,
      account ${int} NOT NULL,
      mailbox ${text} NOT NULL,
      store ${text} NOT NULL,
      identifier ${bytes} NOT NULL,
      digest ${text},
      sender ${text} NOT NULL,
      submitter ${text} NOT NULL,
      received_at ${int} NOT NULL,
      confirmed ${int} NOT NULL,
      owes ${int} NOT NULL,
      owed_since ${int} NOT NULL,
      next_try ${int} NOT NULL)`)
    await db.run('CREATE UNIQUE INDEX remote_pins_identity ON remote_pins (mailbox, store, identifier)')
    await db.run('CREATE INDEX remote_pins_message ON remote_pins (message)')
    await db.run('CREATE INDEX remote_pins_twins ON remote_pins (store, digest) WHERE digest IS NOT NULL')
    await db.run('CREATE INDEX remote_pins_owed ON remote_pins (next_try, store) WHERE owes <> 0')
    await db.run('CREATE INDEX remote_pins_unread ON remote_pins (message) WHERE confirmed = 0')
    // Accounts that want it otherwise than the configuration; null: as configured.
    await db.run(`CREATE TABLE retrieval_choices (account ${int} PRIMARY KEY, collect ${text}, eager_up_to ${int}, keep_after_read ${int})`)
  },
}, {
  name: 'delivery/0003-sent',
  async up(db) {
    const { int, text } = db.dialect.types
    // Copies in Sent mailboxes of what may have been submitted here, by Message-ID.
    await db.run(`CREATE TABLE sent_copies (mailbox ${int} NOT NULL, uid ${int} NOT NULL, account ${int} NOT NULL, message_id ${text} NOT NULL, PRIMARY KEY (mailbox, uid))${db.dialect.clustered}`)
    // Entries of Outbox mailboxes: views of submissions, which hold nothing. Numbers are of one row with those of recipients.
    await db.run(`CREATE TABLE outbox_pins (id ${db.dialect.types.id}, submission ${int} NOT NULL)`)
    await db.run('CREATE INDEX sent_copies_of ON sent_copies (account, message_id)')
  },
}]
