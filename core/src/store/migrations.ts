// Tables of the message store: messages with their summaries, submissions, recipients, lists.
import type { Migration } from '../database/migrator.js'

export const storeMigrations: readonly Migration[] = [{
  name: 'store/0001-store',
  async up(db) {
    const { id, int, text, bytes } = db.dialect.types
    await db.run(`CREATE TABLE messages (
      id ${id},
      size ${int} NOT NULL,
      header_size ${int} NOT NULL,
      ref ${text},
      digest ${text} NOT NULL,
      attachment ${int} NOT NULL,
      created_at ${int} NOT NULL,
      envelope ${text} NOT NULL,
      body ${text} NOT NULL,
      body_structure ${text} NOT NULL,
      headers ${text},
      parts ${text} NOT NULL,
      sort_keys ${text} NOT NULL,
      preview ${text} NOT NULL)`)
    // Messages that may have lost their last holder; the reaper looks at these only.
    await db.run(`CREATE TABLE reapable (message ${id})`)
    // No foreign key to messages: a submission stays as a tombstone for tracking after its message is gone (im2000.md D54).
    await db.run(`CREATE TABLE submissions (
      id ${id},
      message ${int} NOT NULL,
      token ${text} NOT NULL UNIQUE,
      account ${int},
      originator ${text} NOT NULL,
      protocol ${text} NOT NULL,
      message_id ${text} NOT NULL,
      size ${int} NOT NULL,
      submitted_at ${int} NOT NULL,
      expires_at ${int},
      ended_at ${int},
      ended_by ${text})`)
    await db.run('CREATE INDEX submissions_message ON submissions (message)')
    await db.run('CREATE INDEX submissions_message_id ON submissions (message_id)')
    await db.run('CREATE INDEX submissions_account ON submissions (account, submitted_at)')
    await db.run('CREATE INDEX submissions_expiry ON submissions (expires_at) WHERE expires_at IS NOT NULL AND ended_at IS NULL')
    await db.run('CREATE INDEX submissions_ended ON submissions (ended_at) WHERE ended_at IS NOT NULL')
    await db.run(`CREATE TABLE recipients (
      id ${id},
      submission ${int} NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
      address ${text} NOT NULL,
      account ${int},
      identifier ${bytes} NOT NULL UNIQUE,
      notification ${int} NOT NULL,
      read ${int} NOT NULL,
      pinned ${int} NOT NULL)`)
    await db.run('CREATE INDEX recipients_submission ON recipients (submission)')
    await db.run(`CREATE TABLE lists (
      id ${id},
      name ${bytes} NOT NULL UNIQUE,
      readers ${text} NOT NULL,
      writers ${text} NOT NULL,
      retention ${int} NOT NULL,
      last_posted ${int} NOT NULL)`)
    await db.run(`CREATE TABLE postings (
      list ${int} NOT NULL REFERENCES lists (id) ON DELETE CASCADE,
      posted_at ${int} NOT NULL,
      identifier ${bytes} NOT NULL UNIQUE,
      submission ${int} NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
      message ${int} NOT NULL,
      PRIMARY KEY (list, posted_at, identifier))`)
    await db.run('CREATE INDEX postings_message ON postings (message)')
    await db.run('CREATE INDEX postings_submission ON postings (submission)')
  },
}, {
  name: 'store/0002-foreign-pins',
  // What the maximum age is about (D51), without a look at all the rest.
  up: (db) => db.run('CREATE INDEX recipients_foreign ON recipients (submission) WHERE account IS NULL AND pinned = 1'),
}, {
  name: 'store/0003-notifier',
  async up(db) {
    const { int, text } = db.dialect.types
    // The recipients are the queue: when their agent is to be told next, how often the same thing has happened in a row, and what.
    await db.run(`ALTER TABLE recipients ADD COLUMN domain ${text}`)
    await db.run(`ALTER TABLE recipients ADD COLUMN next_attempt ${int}`)
    await db.run(`ALTER TABLE recipients ADD COLUMN attempts ${int} NOT NULL DEFAULT 0`)
    await db.run(`ALTER TABLE recipients ADD COLUMN outcome ${text}`)
    await db.run(`ALTER TABLE recipients ADD COLUMN why ${text}`)
    await db.run('CREATE INDEX recipients_due ON recipients (next_attempt, domain) WHERE next_attempt IS NOT NULL')
    await db.run('CREATE INDEX recipients_of_domain ON recipients (domain, next_attempt) WHERE next_attempt IS NOT NULL')
    await db.run("DELETE FROM jobs WHERE kind = 'notify'")
    // What lies at another store: 1 only the header is here, 2 the octets were here and left the cache; 0 all is here.
    await db.run(`ALTER TABLE messages ADD COLUMN partial ${int} NOT NULL DEFAULT 0`)
    // Domains that were once reached with TLS and are held to it (im2000.md H9).
    await db.run(`CREATE TABLE tls_seen (name ${text} PRIMARY KEY, seen_at ${int} NOT NULL)`)
  },
}, {
  name: 'store/0004-report-wishes',
  // RET, ENVID, NOTIFY and ORCPT (RFC 3461): for most mail nobody says any. And whether the sender was told that it is late.
  async up(db) {
    const { int, text } = db.dialect.types
    await db.run(`ALTER TABLE recipients ADD COLUMN warned ${int} NOT NULL DEFAULT 0`)
    for (const column of ['returns', 'envelope_id']) await db.run(`ALTER TABLE submissions ADD COLUMN ${column} ${text}`)
    for (const column of ['notify', 'original']) await db.run(`ALTER TABLE recipients ADD COLUMN ${column} ${text}`)
  },
}, {
  name: 'store/0005-require-tls',
  up: (db) => db.run(`ALTER TABLE submissions ADD COLUMN require_tls ${db.dialect.types.int} NOT NULL DEFAULT 0`),
}, {
  name: 'store/0006-forwarded-for',
  up: (db) => db.run(`ALTER TABLE submissions ADD COLUMN forwarded_for ${db.dialect.types.text}`),
}, {
  name: 'store/0007-held-recipients',
  async up(db) {
    // When the administrator said that a recipient has to wait; it has no next attempt meanwhile.
    await db.run(`ALTER TABLE recipients ADD COLUMN held ${db.dialect.types.int}`)
    await db.run('CREATE INDEX recipients_held ON recipients (domain) WHERE held IS NOT NULL')
  },
}, {
  name: 'store/0008-windows',
  async up(db) {
    const { int, text } = db.dialect.types
    // Submissions that their sender may still take back before anybody sees them; their recipients are held meanwhile. `until`
    // null: the administrator holds them without end. `lists`: where they will be posted.
    await db.run(`CREATE TABLE windows (submission ${int} PRIMARY KEY REFERENCES submissions (id) ON DELETE CASCADE, until ${int}, lists ${text} NOT NULL)`)
    await db.run('CREATE INDEX windows_due ON windows (until) WHERE until IS NOT NULL')
  },
}]
