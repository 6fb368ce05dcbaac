// Every difference between SQLite and PostgreSQL, in one place. No domain SQL.
export interface Dialect { readonly name: 'sqlite' | 'postgresql' }
