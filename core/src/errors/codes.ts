// Every error code of the core, once. docs/errors.md lists exactly these (a test compares).
import { RestanteError, type ErrorDefinition } from './define.js'

export const errorCodes = {
  // accounts
  AUTHENTICATION_FAILED: { kind: 'client', sentence: 'Authentication failed' },
  AUTHENTICATION_THROTTLED: { kind: 'temporary', sentence: 'Too many failed logins; try again later' },
  ISSUER_UNREACHABLE: { kind: 'temporary', sentence: 'The issuer of the token cannot be asked' },
  ACCOUNT_DISABLED: { kind: 'client', sentence: 'Authentication failed' },
  ACCOUNT_NOT_FOUND: { kind: 'client', sentence: 'No account {account}' },
  ACCOUNT_EXISTS: { kind: 'client', sentence: 'There is already an account {account}' },
  ADDRESS_EXISTS: { kind: 'client', sentence: 'The address {address} is already in use' },
  ADDRESS_INVALID: { kind: 'client', sentence: 'Not a usable mail address: {address}' },
  ADDRESS_NOT_FOUND: { kind: 'client', sentence: 'No address {address}' },
  NOT_LOCAL: { kind: 'client', sentence: 'The domain of {address} is not served here' },
  SENDER_NOT_OWNED: { kind: 'client', sentence: 'The sender address {address} does not belong to this account' },
  OVER_QUOTA: { kind: 'temporary', sentence: 'The mailbox of {account} is over its quota' },
  NOT_PERMITTED: { kind: 'permanent', sentence: 'Not permitted: {what}' },
  // mailboxes
  MAILBOX_NOT_FOUND: { kind: 'client', sentence: 'No mailbox {mailbox}' },
  MAILBOX_EXISTS: { kind: 'client', sentence: 'There is already a mailbox {mailbox}' },
  MAILBOX_NAME_INVALID: { kind: 'client', sentence: 'Not a usable mailbox name: {why}' },
  MAILBOX_HAS_CHILDREN: { kind: 'client', sentence: 'The mailbox {mailbox} has children; delete them first' },
  MAILBOX_PROTECTED: { kind: 'client', sentence: 'The mailbox {mailbox} cannot be removed or renamed' },
  MAILBOX_READ_ONLY: { kind: 'client', sentence: 'The mailbox is open read-only' },
  RIGHTS_MISSING: { kind: 'client', sentence: 'You may not do this in {mailbox}: the right {right} is missing' },
  RIGHTS_INVALID: { kind: 'client', sentence: 'Not a right, or not a name that can have any: {letter}' },
  MAILBOX_GONE: { kind: 'client', sentence: 'The mailbox was deleted by another session' },
  TOO_MANY_MAILBOXES: { kind: 'permanent', sentence: 'The account has reached its limit of {limit} mailboxes' },
  KEYWORD_INVALID: { kind: 'client', sentence: 'Not a usable keyword: {keyword}' },
  TOO_MANY_KEYWORDS: { kind: 'permanent', sentence: 'A mailbox cannot have more than {limit} keywords' },
  ANNOTATION_TOO_LARGE: { kind: 'permanent', sentence: 'An annotation cannot have more than {limit} octets' },
  TOO_MANY_ANNOTATIONS: { kind: 'permanent', sentence: 'A mailbox cannot have more than {limit} annotations' },
  UID_EXHAUSTED: { kind: 'permanent', sentence: 'The mailbox has no unused UIDs left' },
  MAILDROP_IN_USE: { kind: 'temporary', sentence: 'The maildrop is in use by another session' },
  FILTER_INVALID: { kind: 'client', sentence: 'Not a usable filter file: {why}' },
  // store and agent
  MESSAGE_TOO_LARGE: { kind: 'permanent', sentence: 'The message is larger than {limit} octets' },
  MESSAGE_NOT_FOUND: { kind: 'client', sentence: 'No such message' },
  MESSAGE_REJECTED: { kind: 'permanent', sentence: '{why}' },
  MESSAGE_INCOMPLETE: { kind: 'client', sentence: 'The chunk does not begin where the last one ended' },
  CONTENT_UNAVAILABLE: { kind: 'temporary', sentence: 'The message text cannot be had at the moment' },
  ENVELOPE_EMPTY: { kind: 'client', sentence: 'The envelope has neither recipients nor lists' },
  ENVELOPE_TOO_LARGE: { kind: 'permanent', sentence: 'The envelope has more than {limit} entries' },
  ENVELOPE_REFUSED: { kind: 'permanent', sentence: 'At least one entry of the envelope is not acceptable' },
  LIFETIME_TOO_SHORT: { kind: 'client', sentence: 'The lifetime is shorter than {minimum} seconds' },
  LIST_EXISTS: { kind: 'client', sentence: 'There is already a list {list}' },
  LIST_NOT_FOUND: { kind: 'client', sentence: 'No such list' },
  NOTIFICATION_REFUSED: { kind: 'permanent', sentence: 'The notification is refused by policy' },
  NOTIFICATIONS_FULL: { kind: 'temporary', sentence: 'The notification agent holds as many notifications as it may' },
  // talking to other stores and agents
  PEER_UNREACHABLE: { kind: 'temporary', sentence: 'Cannot connect to {where}: {why}' },
  STORE_UNREACHABLE: { kind: 'temporary', sentence: 'The message store cannot be reached: {why}' },
  MESSAGE_CHANGED: { kind: 'permanent', sentence: 'The store gives other octets than it announced' },
  PEER_REFUSED: { kind: 'client', sentence: 'The peer answered {status}' },
  PEER_GONE: { kind: 'temporary', sentence: 'The session is over: {why}; the command had no effect' },
  PEER_OUTCOME_UNKNOWN: { kind: 'temporary', sentence: 'The session broke ({why}); whether the command took effect is not known' },
  PEER_PROTOCOL_ERROR: { kind: 'permanent', sentence: 'The peer broke the protocol: {why}' },
  // machinery
  NO_ROOM: { kind: 'temporary', sentence: 'There is no room left on the disk' },
  SHUTTING_DOWN: { kind: 'temporary', sentence: 'The gateway is shutting down' },
  CONFIG_INVALID: { kind: 'client', sentence: '{report}' },
  DATA_FOLDER_LOCKED: { kind: 'permanent', sentence: 'The data folder {folder} is in use by another gateway (process {pid})' },
  DATA_FOLDER_UNUSABLE: { kind: 'permanent', sentence: 'The data folder {folder} cannot be used: {why}' },
  DATABASE_NEWER: { kind: 'permanent', sentence: 'The database was written by a newer Restante (it knows {migration}); upgrade this program' },
  DATABASE_FAILED: { kind: 'temporary', sentence: 'The database cannot be used: {why}' },
  LISTENER_FAILED: { kind: 'permanent', sentence: '{name} cannot listen on {address}: {why}' },
  PLUGIN_INVALID: { kind: 'permanent', sentence: 'Plugin {plugin}: {why}' },
  INTERNAL: { kind: 'bug', sentence: 'Internal error' },
} as const satisfies Record<string, ErrorDefinition>

export type ErrorCode = keyof typeof errorCodes

/** Makes the error of a code. `details` fill the sentence's `{names}` and stay readable on the error. */
export function failure(code: ErrorCode, details: Record<string, unknown> = {}, cause?: unknown): RestanteError<ErrorCode> {
  return new RestanteError(code, errorCodes[code], details, cause === undefined ? undefined : { cause })
}

/** Whether something caught is an error of ours, and (if given) of this code. */
export function isFailure(error: unknown, code?: ErrorCode): error is RestanteError<ErrorCode> {
  return error instanceof RestanteError && (code === undefined || error.code === code)
}
