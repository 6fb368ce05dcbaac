// Tables of mailboxes and their entries.
import type { Migration } from '../database/migrator.js'
import { digestOf } from './flags.js'

export const mailboxMigrations: readonly Migration[] = [{
  name: 'mailbox/0001-mailboxes',
  async up(db) {
    const { id, int, text } = db.dialect.types
    await db.run(`CREATE TABLE mailboxes (
      id ${id},
      account ${int} NOT NULL REFERENCES accounts (id),
      name ${text} NOT NULL,
      uid_validity ${int} NOT NULL,
      uid_next ${int} NOT NULL,
      modseq ${int} NOT NULL,
      recent_uid ${int} NOT NULL,
      messages ${int} NOT NULL,
      octets ${int} NOT NULL,
      special_use ${text},
      created_at ${int} NOT NULL,
      UNIQUE (account, name))`)
    // Keywords as interned sets: an entry names one set, a set is written once and never changed. 0 is the empty set.
    await db.run(`CREATE TABLE keyword_sets (id ${id}, names ${text} NOT NULL UNIQUE)`)
    await db.run(`CREATE TABLE entries (
      mailbox ${int} NOT NULL,
      uid ${int} NOT NULL,
      message ${int} NOT NULL,
      flags ${int} NOT NULL,
      keywords ${int} NOT NULL,
      modseq ${int} NOT NULL,
      size ${int} NOT NULL,
      internal_date ${int} NOT NULL,
      save_date ${int} NOT NULL,
      recipient ${int},
      PRIMARY KEY (mailbox, uid))${db.dialect.clustered}`)
    await db.run('CREATE INDEX entries_message ON entries (message)')
    await db.run(`CREATE TABLE expunged (mailbox ${int} NOT NULL, modseq ${int} NOT NULL, uid ${int} NOT NULL, PRIMARY KEY (mailbox, modseq, uid))${db.dialect.clustered}`)
    // By name: a subscription may outlive its mailbox (RFC 3501 6.3.6).
    await db.run(`CREATE TABLE subscriptions (account ${int} NOT NULL REFERENCES accounts (id), name ${text} NOT NULL, PRIMARY KEY (account, name))${db.dialect.clustered}`)
  },
}, {
  name: 'mailbox/0002-keyword-digests',
  async up(db) {
    const { id, text } = db.dialect.types
    const rows = await db.all<{ id: number; names: string }>('SELECT id, names FROM keyword_sets')
    await db.run(`CREATE TABLE digested_sets (id ${id}, names ${text} NOT NULL, digest ${text} NOT NULL UNIQUE)`)
    await db.run(`INSERT INTO digested_sets (id, names, digest) SELECT r.id, r.names, r.digest FROM ${db.dialect.rows({ id: 'int', names: 'text', digest: 'text' })} AS r`,
      [db.dialect.rowsValue(rows.map((row) => [row.id, row.names, digestOf(row.names)]))])
    await db.run('DROP TABLE keyword_sets')
    await db.run('ALTER TABLE digested_sets RENAME TO keyword_sets')
    // Which sets are still named: few entries have keywords.
    await db.run('CREATE INDEX entries_keywords ON entries (keywords) WHERE keywords <> 0')
  },
}, {
  name: 'mailbox/0003-annotations',
  async up(db) {
    const { int, text, bytes } = db.dialect.types
    // Owner 0: shared. Mailbox 0: the server.
    await db.run(`CREATE TABLE annotations (owner ${int} NOT NULL, mailbox ${int} NOT NULL, name ${text} NOT NULL, value ${bytes} NOT NULL, PRIMARY KEY (owner, mailbox, name))${db.dialect.clustered}`)
    await db.run('CREATE INDEX annotations_mailbox ON annotations (mailbox)')
    await db.run(`CREATE TABLE mailbox_keys (account ${int} NOT NULL, mailbox ${int} NOT NULL, secret ${bytes} NOT NULL, PRIMARY KEY (account, mailbox))${db.dialect.clustered}`)
    await db.run('CREATE INDEX mailbox_keys_mailbox ON mailbox_keys (mailbox)')
  },
}, {
  name: 'mailbox/0004-texts',
  async up(db) {
    const { id, int, text } = db.dialect.types
    await db.run(`CREATE TABLE message_texts (message ${id}, whole ${int} NOT NULL, header ${text} NOT NULL, body ${text} NOT NULL)`)
    await db.run('CREATE INDEX message_texts_left_out ON message_texts (message) WHERE whole = 0')
    await db.run(`CREATE TABLE text_index (up_to ${int} NOT NULL)`)
    await db.run('INSERT INTO text_index (up_to) VALUES (0)')
    // Only which messages have a trigram: where it stands says the text itself.
    if (db.dialect.name === 'sqlite') await db.run("CREATE VIRTUAL TABLE message_trigrams USING fts5 (text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1')")
    // Whoever may not have the extension does without: texts are compared one by one then.
    else await db.run(`DO $$ BEGIN
      CREATE EXTENSION IF NOT EXISTS pg_trgm;
      CREATE INDEX message_texts_trigrams ON message_texts USING gin (body gin_trgm_ops, header gin_trgm_ops);
    EXCEPTION WHEN OTHERS THEN NULL; END $$`)
  },
}, {
  name: 'mailbox/0005-own-seen',
  // \Seen where each member of a shared mailbox has its own: rows only where it differs from the entry's. What is expunged leaves
  // its rows behind until the sweep: UIDs are never used again.
  async up(db) {
    await db.run(`CREATE TABLE own_seen (mailbox ${db.dialect.types.int} NOT NULL REFERENCES mailboxes (id) ON DELETE CASCADE, account ${db.dialect.types.int} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    uid ${db.dialect.types.int} NOT NULL, seen ${db.dialect.types.int} NOT NULL, modseq ${db.dialect.types.int} NOT NULL, PRIMARY KEY (mailbox, account, uid))${db.dialect.clustered}`)
    await db.run('CREATE INDEX own_seen_account ON own_seen (account)')
  },
}]
