// Error codes to SMTP replies. The only place here that knows both. Enhanced codes: RFC 3463.
import { isFailure, type ErrorCode } from '@restante/core'

export interface Reply {
  readonly code: number
  /** Enhanced status code and text: '5.1.1 No such user'. */
  readonly text: string
}
export const reply = (code: number, text: string): Reply => ({ code, text })

const replies: { readonly [C in ErrorCode]?: Reply } = {
  AUTHENTICATION_FAILED: reply(535, '5.7.8 Authentication failed'),
  ISSUER_UNREACHABLE: reply(454, '4.7.0 The token cannot be checked at the moment; try again later'),
  ACCOUNT_NOT_FOUND: reply(550, '5.1.1 No such user here'),
  ACCOUNT_DISABLED: reply(535, '5.7.8 Authentication failed'),
  AUTHENTICATION_THROTTLED: reply(454, '4.7.0 Too many failed logins; try again later'),
  ADDRESS_INVALID: reply(553, '5.1.3 Not a usable mail address'),
  OVER_QUOTA: reply(452, '4.2.2 The mailbox is over its quota'),
  MESSAGE_TOO_LARGE: reply(552, '5.3.4 The message is too large'),
  NO_ROOM: reply(452, '4.3.1 There is no room at the moment; try again later'),
  ENVELOPE_EMPTY: reply(554, '5.5.1 No valid recipients'),
  ENVELOPE_TOO_LARGE: reply(452, '4.5.3 Too many recipients in one transaction'),
  ENVELOPE_REFUSED: reply(550, '5.7.1 A recipient is not acceptable'),
  LIFETIME_TOO_SHORT: reply(550, '5.7.1 The lifetime is too short'),
  NOT_PERMITTED: reply(550, '5.7.1 Not permitted'),
  NOTIFICATIONS_FULL: reply(452, '4.2.2 The mailbox holds as many notifications as it may'),
  NOTIFICATION_REFUSED: reply(550, '5.7.1 Refused by the recipient\'s policy'),
  SHUTTING_DOWN: reply(421, '4.3.2 The gateway is shutting down'),
  DATABASE_FAILED: reply(451, '4.3.0 Temporary trouble; try again later'),
}

/** Anything not in the table is ours to log; the peer shall try again. */
export const trouble = reply(451, '4.3.0 Temporary trouble; try again later')

export function replyTo(error: unknown): Reply {
  // A recipient's own words: one line, seven bits (RFC 5321 4.2).
  if (isFailure(error, 'MESSAGE_REJECTED')) return reply(550, `5.7.1 ${error.message.replace(/\s+/g, ' ').replace(/[^\x20-\x7e]/g, '?').slice(0, 400)}`)
  return (isFailure(error) && replies[error.code]) || trouble
}

export const said = {
  loginFirst: reply(530, '5.7.0 Log in first'),
  chunksOnly: reply(503, '5.5.1 The message comes by BDAT'),
  cancelled: reply(501, '5.7.0 Authentication cancelled'),
  notBase64: reply(501, '5.5.2 Not base64'),
  tlsFirst: reply(538, '5.7.11 Start TLS first: passwords do not travel in clear'),
  senderNotOwned: (address: string) => reply(550, `5.7.1 ${address ? `<${address}>` : 'The null sender'} does not belong to this account`),
  fromNotOwned: (address: string) => reply(550, `5.7.1 The From address <${address}> does not belong to this account`),
  unknownUser: reply(550, '5.1.1 No such user here'),
  noRelay: reply(550, '5.7.1 Not a domain of ours; mail is not relayed'),
  badDomain: reply(550, '5.1.2 That domain cannot be one'),
  refusedByPolicy: (text: string) => reply(550, `5.7.1 ${text}`),
  laterByPolicy: (text: string) => reply(451, `4.7.1 ${text}`),
  bareLineEnd: reply(554, '5.6.0 The message has bare CR or LF; lines must end in CRLF'),
  nul: reply(554, '5.6.0 The message contains NUL'),
  tooLarge: (limit: number) => reply(552, `5.3.4 The message is larger than ${limit} octets`),
  headerTooLarge: reply(554, '5.6.0 The header is too large'),
  sentTooMuch: (time: 'hour' | 'day') => reply(451, `4.7.1 This account has sent as much as it may in ${time === 'hour' ? 'an hour' : 'a day'}; try again later`),
  tooOften: reply(421, '4.7.0 Too much from your address lately; come back later'),
  tooManyNamed: reply(451, '4.7.1 Too many recipients from your address lately; try again later'),
  heloRefused: reply(550, '5.7.1 Greet with your own full name'),
  noReverseName: reply(550, '5.7.25 Your address has no name in DNS that leads back to it'),
  listed: (address: string, zone: string) => reply(550, `5.7.1 ${address} is listed by ${zone}`),
  greylisted: (seconds: number) => reply(451, `4.7.1 Greylisted; try again in ${seconds} seconds`),
  goodbye: reply(421, '4.3.2 The gateway is shutting down; come back soon'),
  tooManyFailures: reply(421, '4.7.0 Too many failed logins'),
} as const
