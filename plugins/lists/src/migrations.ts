// Tables of the lists plugin: which lists are shown, how far they were read, who subscribed, which addresses post to ours.
import type { Migration } from '@restante/core'

export const migrations: readonly Migration[] = [{
  name: 'lists/0001-lists',
  async up(db) {
    const { int, text, bytes } = db.dialect.types
    // store '': ours.
    await db.run(`CREATE TABLE lists_sources (store ${text} NOT NULL, list ${text} NOT NULL, mailbox ${int} NOT NULL, endtime ${int} NOT NULL, unused_since ${int}, PRIMARY KEY (store, list))${db.dialect.clustered}`)
    await db.run(`CREATE TABLE lists_subscribers (store ${text} NOT NULL, list ${text} NOT NULL, account ${int} NOT NULL REFERENCES accounts (id) ON DELETE CASCADE, PRIMARY KEY (store, list, account))${db.dialect.clustered}`)
    // What was filed of a look that is not over: its endtime is not saved yet.
    await db.run(`CREATE TABLE lists_done (store ${text} NOT NULL, list ${text} NOT NULL, identifier ${bytes} NOT NULL, PRIMARY KEY (store, list, identifier))${db.dialect.clustered}`)
    await db.run(`CREATE TABLE lists_addresses (address ${text} PRIMARY KEY, list ${text} NOT NULL)${db.dialect.clustered}`)
  },
}]
