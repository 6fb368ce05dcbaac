// The table of what still needs a message's octets after its delivery.
import type { Migration } from '../database/migrator.js'

export const deliveryMigrations: readonly Migration[] = [{
  name: 'delivery/0001-holds',
  up: (db) => db.run(`CREATE TABLE holds (message ${db.dialect.types.int} NOT NULL, recipient ${db.dialect.types.int} NOT NULL, n ${db.dialect.types.int} NOT NULL, PRIMARY KEY (message, recipient, n))${db.dialect.clustered}`),
}]
