// What faces ask of accounts: who is this, may this name be sent from, where does this address lead. Types only.
import type { X509Certificate } from 'node:crypto'
import type { AccountId } from '../base/branded.js'

export interface Account {
  readonly id: AccountId
  /** Login name, normally the primary address, in lower case. */
  readonly name: string
  readonly displayName: string
  readonly enabled: boolean
  /** Octets and messages the account may hold; 0 means no limit. */
  readonly quotaOctets: number
  readonly quotaMessages: number
}

/** A SCRAM-SHA-256 conversation, server side (RFC 5802, RFC 7677). One use. */
export interface ScramConversation {
  /** Takes client-first-message, gives server-first-message. Throws AUTHENTICATION_FAILED on malformed input. An unknown user gets made-up, stable salt and count. */
  first(message: string): Promise<string>
  /** Takes client-final-message; gives server-final-message (`v=…`) and the account, or throws AUTHENTICATION_FAILED (after the throttle's delay). */
  final(message: string): Promise<{ readonly message: string; readonly account: Account }>
}

/** Channel binding `tls-exporter` (RFC 9266): both ends know it, and nobody between them. */
export interface ChannelBinding {
  readonly octets: Buffer
  /** Whether the client chose the mechanism with -PLUS. */
  readonly chosen: boolean
}

/** Who tries to log in, for throttling, logs and events. */
export interface LoginAttempt {
  /** 'imap', 'pop3', 'submission', ... */
  readonly service: string
  /** The peer's address, as the listener sees it (after PROXY protocol). */
  readonly remoteAddress: string
}

/** A mechanism that takes an OAuth token: RFC 7628, and Google's. */
export type BearerMechanism = 'OAUTHBEARER' | 'XOAUTH2'

/** What became of a bearer token. */
export type BearerOutcome =
  | { readonly account: Account }
  /** JSON for one more challenge (RFC 7628 3.2.2); whatever the client answers to it, AUTHENTICATION_FAILED comes then. */
  | { readonly challenge: string }

export interface Authenticator {
  /** Checks a password. Unknown name, wrong password and disabled account look and take the same. Throws AUTHENTICATION_FAILED or AUTHENTICATION_THROTTLED. */
  password(name: string, password: string, attempt: LoginAttempt): Promise<Account>
  /** @param binding what the TLS session proves of itself, where the mechanism with -PLUS was offered (RFC 9266) */
  scram(attempt: LoginAttempt, binding?: ChannelBinding): ScramConversation
  /** Mechanisms for OAuth tokens; none where no issuer is configured. They show the token to whoever listens, like PLAIN. */
  readonly bearerMechanisms: readonly BearerMechanism[]
  /** Checks the client's one message. A refusal is counted, and comes after the throttle's delay. Throws AUTHENTICATION_THROTTLED, and ISSUER_UNREACHABLE when nobody knows whether the token is good. */
  bearer(mechanism: BearerMechanism, message: Buffer, attempt: LoginAttempt): Promise<BearerOutcome>
  /** SASL EXTERNAL (RFC 4422 A): the account that a checked client certificate names; `as` chooses where it names several, '' leaves it to us. */
  external(certificate: X509Certificate, as: string, attempt: LoginAttempt): Promise<Account>
  /** APOP (RFC 1939 7): `digest` is hex MD5 of timestamp + secret. Only for accounts that opted in. */
  apop(name: string, timestamp: string, digest: string, attempt: LoginAttempt): Promise<Account>
}

/** What an address leads to. */
export type Resolution =
  | { readonly kind: 'account'; readonly account: Account; readonly address: string; /** By a catch-all: the address is nobody's own. */ readonly gathered?: true }
  /** The domain is ours, the local part is nobody's. */
  | { readonly kind: 'unknown' }
  /** The domain is not ours. */
  | { readonly kind: 'foreign' }

export interface Accounts {
  /** Where mail for `local@domain` goes (aliases, catch-all, domain case). Answered from memory where possible. Throws ADDRESS_INVALID. */
  resolve(address: string): Promise<Resolution>
  /** Several at once, in order: one query for those not in memory. */
  resolveAll(addresses: readonly string[]): Promise<readonly Resolution[]>
  byId(id: AccountId): Promise<Account>
  /** Whether mail for a domain is delivered here. */
  isLocal(domain: string): Promise<boolean>
  byName(name: string): Promise<Account | undefined>
  /** All addresses that lead to the account, without catch-alls. */
  addressesOf(account: AccountId): Promise<readonly string[]>
  /** Whether the account may write `address` as its sender. */
  owns(account: Account, address: string): Promise<boolean>
  /** Whether the account has room for `octets` more in one message; throws OVER_QUOTA. From memory plus at most one query. */
  checkQuota(account: Account, octets: number): Promise<void>
  /** An account that only a plugin uses, to own mailboxes: nobody can log in, it has no address. Made when it is missing. */
  internal(name: string): Promise<AccountId>
  /** Limits of an account by its name; 0 is none, what is absent stays. Throws ACCOUNT_NOT_FOUND. */
  setQuota(name: string, quota: { readonly octets?: number; readonly messages?: number }): Promise<void>
  usage(account: AccountId): Promise<{ readonly octets: number; readonly messages: number; readonly quotaOctets: number; readonly quotaMessages: number }>
}

declare module '../plugin/services.js' {
  interface Services { authenticator: Authenticator; accounts: Accounts }
}
